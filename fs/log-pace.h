/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_PACE_H
#define BPFMETAFS_LOG_PACE_H

/*
 * When the log of loads looks at a program, and how much time such looks may take.
 *
 * A program whose line waits is looked at three times: for its facts, and for its owner soon after
 * the load and again when the line is due, since metadata may be bound late. Looks take a fixed
 * part of a CPU's time. Those who came first come first, and have stayed; who has gone takes none.
 *
 * In a storm that time is not enough. There is more for last looks: at a program whose line is due.
 * They are for the first lines about a process in a second, so that a storm takes the facts from
 * programs of its own process, and from no other's.
 */

#include "catalog.h"
#include "log-budget.h"
#include "log-program.h"

#include <stdbool.h>
#include <stdint.h>

/* When the line of a load is due, in milliseconds after it, if all is known by then that can be. */
#define LOG_PACE_MS 100

/* Looks take one microsecond of a CPU of so many, and at most so many in a row after a pause. */
#define LOG_PACE_PART 5
#define LOG_PACE_SAVED 10000
/* The same for last looks. */
#define LOG_PACE_LAST_PART 20
#define LOG_PACE_LAST_SAVED 50000
/* Microseconds of a CPU that looks take in one go, during which readers of the tree wait. */
#define LOG_PACE_GO 500

/* Looks at programs of one queue. */
typedef struct LogPace {
        Catalog *catalog;
        NamesReserved reserved; /* names that no metadata may have */
        LogBudget budget;
        LogBudget last;
        int64_t spent; /* microseconds in this go */
        bool looking;  /* at a program that was just loaded: its counts tell only that it is new */
} LogPace;

/* @catalog is borrowed. */
LogPace log_pace(Catalog *catalog, NamesReserved reserved);
/* Another go begins. */
void log_pace_begin(LogPace *pace);

/* When the next look at the program is due (g_get_monotonic_time()), which waits; INT64_MAX:
 * never. */
int64_t log_pace_next(const LogProgram *program);
/* The same, or when there is time for it again. */
int64_t log_pace_due(const LogPace *pace, const LogProgram *program);

/* Makes the looks that are due and for which there is time. */
void log_pace_look(LogPace *pace, LogProgram *program);
/* Makes those that are left, as last looks. Facts cost little: the caller sees to it that there are
 * not many such programs. The way to the owner may be long, and is left out if there is no time. */
void log_pace_look_at_last(LogPace *pace, LogProgram *program);

#endif
