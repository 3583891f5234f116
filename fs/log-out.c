/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which lines are written, and when. */

#include "log-out.h"

#include "log-brief.h"
#include "log-limit.h"
#include "log-text.h"

#include <syslog.h>

/* At most one line in so many milliseconds says that events were lost. */
#define GAP_MS 1000

struct LogOut {
        const LogOutOps *ops;
        void *data;
        LogLimit *limit;
        LogBrief *brief;
        bool gap;        /* events were lost, and no line has said so */
        int64_t gap_due; /* not before this time (g_get_monotonic_time()) */
        bool ended;
};

LogOut *log_out_new(const LogOutOps *ops, void *data)
{
        LogOut *out = g_new(LogOut, 1);

        *out = (LogOut){ ops, data, log_limit_new(), log_brief_new(), false, 0, false };
        return out;
}

void log_out_free(LogOut *out)
{
        log_limit_free(out->limit);
        log_brief_free(out->brief);
        g_free(out);
}

bool log_out_has_ended(const LogOut *out)
{
        return out->ended;
}

static void put(LogOut *out, int priority, const char *line)
{
        if (!out->ended && !out->ops->put(out->data, priority, line))
                out->ended = true;
}

bool log_out_is_first(const LogOut *out, uint32_t pid)
{
        return log_limit_is_first(out->limit, g_get_monotonic_time(), pid);
}

void log_out_leave_out(LogOut *out, guint loads, guint unloads, const char *comm)
{
        log_limit_leave_out(out->limit, g_get_monotonic_time(), loads, unloads, comm);
}

/* Puts a line about @program, if it is not one too many. */
static void put_line(LogOut *out, const LogProgram *program, bool load)
{
        g_autofree char *line = NULL;

        if (!log_limit_take(out->limit, g_get_monotonic_time(), program->pid)) {
                log_out_leave_out(out, load, !load, program->comm);
                return;
        }
        line = load ? log_program_load_line(program) : log_program_unload_line(program);
        put(out, LOG_INFO, line);
}

/* Takes the line about @n programs of the process @pid, likewise. */
static void put_brief(LogOut *out, char *line, guint n, uint32_t pid)
{
        if (log_limit_take(out->limit, g_get_monotonic_time(), pid))
                put(out, LOG_INFO, line);
        else
                log_out_leave_out(out, n, n, NULL);
        g_free(line);
}

/* A program that was loaded and has gone at once, and nobody knows a name of it. */
static bool is_brief(const LogProgram *program)
{
        const LogWaiting *waiting = program->waiting;

        return waiting->load && waiting->gone && !waiting->named &&
               waiting->gone_at < program->load_time + LOG_OUT_BRIEF_MS * UINT64_C(1000000);
}

static void add_brief(LogOut *out, const LogProgram *program)
{
        if (!log_brief_add(out->brief, g_get_monotonic_time(), program->pid,
                           program->process ? program->process : "", program->id,
                           program->waiting->tag))
                log_out_leave_out(out, 1, 1, program->comm);
}

void log_out_program(LogOut *out, const LogProgram *program)
{
        const LogWaiting *waiting = program->waiting;

        if (is_brief(program)) {
                add_brief(out, program);
                return;
        }
        if (waiting->load)
                put_line(out, program, true);
        if (waiting->gone)
                put_line(out, program, false);
}

void log_out_gap(LogOut *out)
{
        out->gap = true;
}

void log_out_start(LogOut *out, guint programs)
{
        g_autoptr(GString) line = g_string_new("event=start");

        log_text_add_number(line, "programs", programs);
        put(out, LOG_INFO, line->str);
}

void log_out_stop(LogOut *out, int error)
{
        g_autoptr(GString) line = g_string_new("event=stop");

        if (error < 0)
                log_text_add(line, "error", g_strerror(-error));
        put(out, error < 0 ? LOG_WARNING : LOG_INFO, line->str);
}

int64_t log_out_sums(LogOut *out, int64_t now, bool all)
{
        g_autoptr(GString) storm = g_string_new(NULL);
        int64_t next = INT64_MAX;
        char *brief;
        uint32_t pid;
        guint n;

        while ((brief = log_brief_end(out->brief, now, all, &n, &pid)))
                put_brief(out, brief, n, pid);
        log_limit_end(out->limit, now, all, storm);
        if (storm->len > 0)
                put(out, LOG_NOTICE, storm->str);
        if (out->gap && (all || now >= out->gap_due)) {
                put(out, LOG_WARNING, "event=gap");
                out->gap = false;
                out->gap_due = now + GAP_MS * G_TIME_SPAN_MILLISECOND;
        }
        if (out->gap)
                next = out->gap_due;
        if (log_brief_due(out->brief) >= 0)
                next = MIN(next, log_brief_due(out->brief));
        if (log_limit_due(out->limit) >= 0)
                next = MIN(next, log_limit_due(out->limit));
        return next;
}
