/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs from their load to their unload, and when to look at them. */

#include "load-log.h"

#include "log-look.h"
#include "log-pace.h"

#include <errno.h>
#include <time.h>

/* Microseconds after which those whose lines are due wait for the next go. */
#define GO 2000
/* Milliseconds after which programs are looked at whose lines had no time for looks. */
#define LATER_MS 1000

/* Programs that wait, in the order of their events. */
typedef struct Queue {
        GPtrArray *programs; /* of LogProgram, references */
        LogPace pace;
} Queue;

struct LoadLog {
        Catalog *catalog;
        int64_t offset;
        LogOut *out;
        LogRecent *recent;
        GHashTable *programs; /* id -> LogProgram, a reference */
        Queue waiting;
        Queue old;     /* those whose load has no line any more: they hold up nobody who comes */
        int64_t later; /* when to look at programs that were not; INT64_MAX: there are none */
        bool compare;  /* the kernel's list has to be looked at */
        bool listed;   /* that was done once */
        bool stopped;  /* the last line was written */
        int error;     /* -errno: there are no more events */
};

/* The kernel's CLOCK_BOOTTIME. */
static uint64_t kernel_now(const LoadLog *log)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec - log->offset;
}

/* Programs */

static LogProgram *find(const LoadLog *log, uint32_t id)
{
        return g_hash_table_lookup(log->programs, GUINT_TO_POINTER(id));
}

static LogProgram *add(LoadLog *log, uint32_t id)
{
        LogProgram *program = log_program_new(id);

        g_hash_table_insert(log->programs, GUINT_TO_POINTER(id), program);
        return program;
}

/* The program waits in @queue from now on, if it does not yet wait. NULL: too many do. */
static LogWaiting *wait_in(Queue *queue, guint most, LogProgram *program)
{
        if (program->waiting || queue->programs->len >= most)
                return program->waiting;
        g_ptr_array_add(queue->programs, log_program_ref(program));
        program->waiting = g_new0(LogWaiting, 1);
        program->waiting->since = g_get_monotonic_time();
        return program->waiting;
}

/* Some program is still to be looked at, when there is time. */
static void look_later(LoadLog *log)
{
        if (log->later == INT64_MAX)
                log->later = g_get_monotonic_time() + LATER_MS * G_TIME_SPAN_MILLISECOND;
}

/* Writes the lines that the program waits for. */
static void put_lines(LoadLog *log, LogProgram *program)
{
        program->looked = program->waiting->looks > 1;
        if (!program->looked && !program->waiting->gone)
                look_later(log);
        log_program_take_loader(program, log->recent);
        log_out_program(log->out, program);
        g_clear_pointer(&program->waiting, log_waiting_free);
}

/* Only what others have asked for tells more of the counts than that the program is new. */
static void take_counts(uint32_t id, const SourceCounts *counts, void *data)
{
        LoadLog *log = data;
        bool looking = log->waiting.pace.looking || log->old.pace.looking;
        LogProgram *program = looking ? NULL : find(log, id);

        if (!program)
                return;
        program->run_time_ns = counts->run_time_ns;
        program->run_cnt = counts->run_cnt;
        program->counted_at = kernel_now(log);
}

/* When the lines are written; after the last look. */
static int64_t lines_due(const LogProgram *program)
{
        const LogWaiting *waiting = program->waiting;
        Loader *loader = waiting->loader;
        bool settled = !loader || loader_is_settled(loader);

        if (!waiting->load)
                return waiting->since;
        /* There is nothing more to be seen. If the process is not known, another line may tell who
         * it was (log-recent.h). */
        if (waiting->gone && (!loader || (settled && info_get(loader_info(loader), "comm"))))
                return waiting->since;
        return waiting->since +
               (settled ? LOG_PACE_MS : LOAD_LOG_LOADER_MS) * G_TIME_SPAN_MILLISECOND;
}

static bool is_late(const LogProgram *program, int64_t now)
{
        const LogWaiting *waiting = program->waiting;

        return waiting->load && now >= waiting->since + LOAD_LOG_LATE_MS * G_TIME_SPAN_MILLISECOND;
}

/* Returns when the program has to be looked at again; -1: it waits for nothing any more. */
static int64_t step(LoadLog *log, Queue *queue, LogProgram *program)
{
        int64_t due = lines_due(program), now;

        log_pace_look(&queue->pace, program);
        now = g_get_monotonic_time();
        if (program->waiting->load && due <= now && log_out_is_first(log->out, program->pid))
                log_pace_look_at_last(&queue->pace, program);
        if (log_pace_next(program) != INT64_MAX && !is_late(program, now))
                return log_pace_due(&queue->pace, program);
        if (due > now)
                return due;
        put_lines(log, program);
        return -1;
}

/* Steps all that wait in @queue, or as many as there is time for. Returns when to do that again;
 * INT64_MAX: nothing waits. */
static int64_t step_all(LoadLog *log, Queue *queue)
{
        GPtrArray *list = queue->programs;
        int64_t next = INT64_MAX, end = g_get_monotonic_time() + GO;
        guint n = 0;

        log_pace_begin(&queue->pace);
        for (guint i = 0; i < list->len; i++) {
                LogProgram *program = list->pdata[i];
                int64_t now = g_get_monotonic_time();
                int64_t at = now < end ? step(log, queue, program) : now + GO;

                if (at >= 0) {
                        list->pdata[n++] = program;
                        next = MIN(next, at);
                } else {
                        log_program_unref(program);
                }
        }
        g_ptr_array_set_size(list, n);
        return next;
}

/* Events */

void load_log_came(LoadLog *log, uint32_t id, uint32_t pid, uint64_t time, const uint8_t *tag,
                   guint n_tag)
{
        const Observers *observers = catalog_observers(log->catalog);
        LogProgram *program = find(log, id);
        LogWaiting *waiting;

        if (log->stopped || (program && program->seen))
                return;
        if (!program)
                program = add(log, id);
        program->seen = true;
        program->pid = pid;
        program->load_time = time;
        waiting = wait_in(&log->waiting, LOAD_LOG_WAITING, program);
        if (!waiting) {
                log_out_leave_out(log->out, 1, 0, NULL);
                look_later(log);
                return;
        }
        waiting->load = true;
        if (tag)
                log_program_set_tag(program, tag, n_tag);
        if (!waiting->loader)
                waiting->loader = observers_known_loader(observers, id);
}

void load_log_went(LoadLog *log, uint32_t id, uint64_t time)
{
        LogProgram *program = find(log, id);
        LogWaiting *waiting;
        char *oncall;

        if (log->stopped || !program)
                return;
        /* Others may have looked later than we. */
        oncall = log_look_kept_oncall(log->catalog, id);
        if (oncall)
                log_program_set_oncall(program, oncall);
        waiting = wait_in(&log->waiting, LOAD_LOG_WAITING, program);
        if (waiting) {
                waiting->gone = true;
                waiting->gone_at = time;
        } else {
                log_out_leave_out(log->out, 0, 1, program->comm);
        }
        g_hash_table_remove(log->programs, GUINT_TO_POINTER(id));
}

void load_log_compare(LoadLog *log)
{
        log->compare = true;
}

void load_log_stop(LoadLog *log, int error)
{
        log->error = error;
}

/* Programs that the log has not seen come. If it was there before them, their loads are logged. */
static void take_listed(LoadLog *log, GHashTable *listed)
{
        Queue *queue = log->listed ? &log->waiting : &log->old;
        GHashTableIter iter;
        gpointer id;

        g_hash_table_iter_init(&iter, listed);
        while (g_hash_table_iter_next(&iter, &id, NULL)) {
                if (!find(log, GPOINTER_TO_UINT(id)))
                        wait_in(queue, G_MAXUINT, add(log, GPOINTER_TO_UINT(id)))->load =
                                log->listed;
        }
}

static void drop_unlisted(LoadLog *log, GHashTable *listed)
{
        g_autoptr(GList) ids = g_hash_table_get_keys(log->programs);
        /* It was some time before. */
        uint64_t now = kernel_now(log);

        for (GList *at = ids; at; at = at->next)
                if (!g_hash_table_contains(listed, at->data))
                        load_log_went(log, GPOINTER_TO_UINT(at->data), now);
}

/* Takes up what came and went unseen. */
static void compare(LoadLog *log)
{
        g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);
        Source *source = catalog_source(log->catalog);
        uint32_t id = 0;
        int r;

        while ((r = source_next_prog(source, id, &id)) == 0)
                g_hash_table_add(listed, GUINT_TO_POINTER(id));
        if (r != -ENOENT)
                return;
        log->compare = false;
        if (!log->listed)
                log_out_start(log->out, g_hash_table_size(listed));
        else
                log_out_gap(log->out);
        take_listed(log, listed);
        drop_unlisted(log, listed);
        log->listed = true;
}

/* Following */

/* Programs whose lines had no time for looks, or that had no lines: their unload has one. */
static void take_later(LoadLog *log)
{
        GHashTableIter iter;
        gpointer program;

        log->later = INT64_MAX;
        g_hash_table_iter_init(&iter, log->programs);
        while (g_hash_table_iter_next(&iter, NULL, &program))
                if (!((LogProgram *)program)->looked && !((LogProgram *)program)->waiting)
                        wait_in(&log->old, G_MAXUINT, program);
}

static void end_queue(LoadLog *log, Queue *queue)
{
        for (guint i = 0; i < queue->programs->len; i++) {
                put_lines(log, queue->programs->pdata[i]);
                log_program_unref(queue->programs->pdata[i]);
        }
        g_ptr_array_set_size(queue->programs, 0);
}

/* Nothing waits any more. */
static void stop(LoadLog *log)
{
        end_queue(log, &log->waiting);
        end_queue(log, &log->old);
        g_hash_table_remove_all(log->programs);
        log_out_sums(log->out, g_get_monotonic_time(), true);
        log_out_stop(log->out, log->error);
        log->stopped = true;
}

int load_log_follow(LoadLog *log)
{
        int64_t now, next, next_old, next_sums;

        if (!log->stopped && log->error < 0)
                stop(log);
        if (log->stopped)
                return -1;
        if (log->compare)
                compare(log);
        if (g_get_monotonic_time() >= log->later)
                take_later(log);
        next = step_all(log, &log->waiting);
        next_old = step_all(log, &log->old);
        now = g_get_monotonic_time();
        next_sums = log_out_sums(log->out, now, false);
        next = MIN(MIN(next, next_old), MIN(log->later, next_sums));
        if (log_out_has_ended(log->out)) {
                stop(log);
                return -EPIPE;
        }
        if (next == INT64_MAX)
                return -1;
        return next <= now ? 1 : (next - now) / G_TIME_SPAN_MILLISECOND + 1;
}

static void unref_program(gpointer program)
{
        log_program_unref(program);
}

LoadLog *load_log_new(Catalog *catalog, NamesReserved reserved, int64_t offset,
                      const LogOutOps *ops, void *data)
{
        LoadLog *log = g_new(LoadLog, 1);
        Source *source = catalog_source(catalog);
        LogPace pace = log_pace(catalog, reserved);

        *log = (LoadLog){
                .catalog = catalog,
                .offset = offset,
                .out = log_out_new(ops, data),
                .recent = log_recent_new(),
                .programs = g_hash_table_new_full(NULL, NULL, NULL, unref_program),
                .waiting = { .programs = g_ptr_array_new(), .pace = pace },
                .old = { .programs = g_ptr_array_new(), .pace = pace },
                .later = INT64_MAX,
        };
        source->counted = take_counts;
        source->counted_data = log;
        return log;
}

void load_log_free(LoadLog *log)
{
        Source *source = catalog_source(log->catalog);

        if (!log->stopped)
                stop(log);
        source->counted = NULL;
        g_hash_table_unref(log->programs);
        g_ptr_array_unref(log->waiting.programs);
        g_ptr_array_unref(log->old.programs);
        log_out_free(log->out);
        log_recent_free(log->recent);
        g_free(log);
}
