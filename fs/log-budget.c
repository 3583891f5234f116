/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Time to spend. */

#include "log-budget.h"

#include <glib.h>

LogBudget log_budget(int64_t part, int64_t most, int64_t now)
{
        return (LogBudget){ part, most, most, now };
}

bool log_budget_has(LogBudget *budget, int64_t now)
{
        int64_t earned = (now - budget->counted) / budget->part;

        budget->left = MIN(budget->left + earned, budget->most);
        /* What is less than a microsecond is earned the next time. */
        budget->counted += earned * budget->part;
        return budget->left > 0;
}

void log_budget_spend(LogBudget *budget, int64_t microseconds)
{
        budget->left -= microseconds;
}

int64_t log_budget_due(const LogBudget *budget)
{
        return budget->counted + MAX(1 - budget->left, 0) * budget->part;
}
