/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Looks, and their cost. */

#include "log-pace.h"

#include "cpu-time.h"
#include "log-look.h"

#include <errno.h>

/* When metadata is looked for that was bound behind the load, in milliseconds after it: a program
 * may go before its line is due. */
#define FIRST_LOOK_MS 10
/* How many looks there are: at the facts, and twice at the owner. */
#define LOOKS 3

LogPace log_pace(Catalog *catalog, NamesReserved reserved)
{
        int64_t now = g_get_monotonic_time();

        return (LogPace){
                .catalog = catalog,
                .reserved = reserved,
                .budget = log_budget(LOG_PACE_PART, LOG_PACE_SAVED, now),
                .last = log_budget(LOG_PACE_LAST_PART, LOG_PACE_LAST_SAVED, now),
        };
}

void log_pace_begin(LogPace *pace)
{
        pace->spent = 0;
}

int64_t log_pace_next(const LogProgram *program)
{
        static const int after[LOOKS] = { 0, FIRST_LOOK_MS, LOG_PACE_MS };
        const LogWaiting *waiting = program->waiting;

        if (waiting->gone || waiting->looks == LOOKS || (waiting->looks == 2 && !waiting->load))
                return INT64_MAX;
        if (!waiting->load)
                return waiting->since;
        return waiting->since + after[waiting->looks] * G_TIME_SPAN_MILLISECOND;
}

int64_t log_pace_due(const LogPace *pace, const LogProgram *program)
{
        return MAX(log_pace_next(program), log_budget_due(&pace->budget));
}

/* False: it has gone. */
static bool look_at_facts(const LogPace *pace, LogProgram *program)
{
        LogFacts facts;
        int r = log_look_facts(pace->catalog, program->id, &facts);

        if (r < 0)
                return r != -ENOENT;
        g_free(program->facts);
        program->facts = facts.text;
        if (facts.load_time > 0)
                program->load_time = facts.load_time;
        program->waiting->named = facts.named;
        return true;
}

/* Authors may have bound their metadata since the last look, at which rules gave the name. */
static void look_at_owner(const LogPace *pace, LogProgram *program)
{
        char *oncall = log_look_oncall(pace->catalog, program->id, pace->reserved,
                                       program->waiting->loader);

        if (oncall)
                log_program_set_oncall(program, oncall);
}

/* Makes the next look. Returns its cost, which is never 0: a clock may be coarse. While others have
 * the CPU, a look costs nobody anything. */
static int64_t look_once(LogPace *pace, LogProgram *program)
{
        LogWaiting *waiting = program->waiting;
        int64_t start = cpu_time(CLOCK_THREAD_CPUTIME_ID), spent;
        bool due = g_get_monotonic_time() >= waiting->since + LOG_PACE_MS * G_TIME_SPAN_MILLISECOND;

        pace->looking = waiting->load;
        if (waiting->looks++ == 0) {
                if (!look_at_facts(pace, program))
                        waiting->looks = LOOKS;
        } else {
                look_at_owner(pace, program);
                /* Two at the same time would see the same. */
                if (due)
                        waiting->looks = LOOKS;
        }
        pace->looking = false;
        spent = cpu_time(CLOCK_THREAD_CPUTIME_ID) - start;
        return MAX(spent, 1);
}

void log_pace_look(LogPace *pace, LogProgram *program)
{
        int64_t now = g_get_monotonic_time(), spent;

        while (log_pace_next(program) <= now && pace->spent < LOG_PACE_GO &&
               log_budget_has(&pace->budget, now)) {
                spent = look_once(pace, program);
                log_budget_spend(&pace->budget, spent);
                pace->spent += spent;
                now = g_get_monotonic_time();
        }
}

void log_pace_look_at_last(LogPace *pace, LogProgram *program)
{
        int64_t now = g_get_monotonic_time();

        while (log_pace_next(program) <= now &&
               (program->waiting->looks == 0 || log_budget_has(&pace->last, now)))
                log_budget_spend(&pace->last, look_once(pace, program));
}
