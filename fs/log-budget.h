/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_BUDGET_H
#define BPFMETAFS_LOG_BUDGET_H

/*
 * A part of the time that the log of loads may spend on something.
 *
 * What was not spent is saved, up to a limit. The cost of a look is known only after it: if there
 * was less left than it has cost, the rest is owed, and nothing may be spent until it is made up
 * for.
 *
 * Pure: the time is a parameter, in microseconds of any clock that never goes back.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct LogBudget {
        int64_t part;    /* one microsecond of so many may be spent */
        int64_t most;    /* that is saved, in microseconds */
        int64_t left;    /* below 0: owed */
        int64_t counted; /* the time at which that was left */
} LogBudget;

/* With all that can be saved. */
LogBudget log_budget(int64_t part, int64_t most, int64_t now);
/* True: something may be spent. */
bool log_budget_has(LogBudget *budget, int64_t now);
void log_budget_spend(LogBudget *budget, int64_t microseconds);
/* When log_budget_has() becomes true, or became so. */
int64_t log_budget_due(const LogBudget *budget);

#endif
