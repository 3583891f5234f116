/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lines in a second, and sums of the rest. */

#include "log-limit.h"

#include "log-text.h"

struct LogLimit {
        int64_t start;           /* of this second */
        guint lines;             /* that were written in it */
        uint64_t loads, unloads; /* that were left out since @left_out */
        int64_t left_out;        /* when the first of these was; 0: none was */
        GHashTable *pids;        /* pid -> how many lines of this second are about it */
        GHashTable *comms;       /* name (owned) -> how many of them, as a pointer */
};

LogLimit *log_limit_new(void)
{
        LogLimit *limit = g_new0(LogLimit, 1);

        limit->pids = g_hash_table_new(NULL, NULL);
        limit->comms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return limit;
}

void log_limit_free(LogLimit *limit)
{
        g_hash_table_unref(limit->pids);
        g_hash_table_unref(limit->comms);
        g_free(limit);
}

static bool is_over(const LogLimit *limit, int64_t now)
{
        return limit->lines == 0 || now >= limit->start + G_USEC_PER_SEC;
}

/* How many lines of this second are about the process. */
static guint lines_about(const LogLimit *limit, uint32_t pid)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(limit->pids, GUINT_TO_POINTER(pid)));
}

bool log_limit_is_first(const LogLimit *limit, int64_t now, uint32_t pid)
{
        return is_over(limit, now) ||
               (limit->lines < LOG_LIMIT_ALL_LINES && lines_about(limit, pid) < LOG_LIMIT_FEW);
}

bool log_limit_take(LogLimit *limit, int64_t now, uint32_t pid)
{
        guint lines;

        if (is_over(limit, now)) {
                limit->start = now;
                limit->lines = 0;
                g_hash_table_remove_all(limit->pids);
        }
        lines = lines_about(limit, pid);
        if (limit->lines >= (lines < LOG_LIMIT_FEW ? LOG_LIMIT_ALL_LINES : LOG_LIMIT_LINES))
                return false;
        limit->lines++;
        g_hash_table_insert(limit->pids, GUINT_TO_POINTER(pid), GUINT_TO_POINTER(lines + 1));
        return true;
}

void log_limit_leave_out(LogLimit *limit, int64_t now, uint64_t loads, uint64_t unloads,
                         const char *comm)
{
        gpointer count;

        if (limit->left_out == 0)
                limit->left_out = now;
        limit->loads += loads;
        limit->unloads += unloads;
        if (!comm)
                return;
        count = g_hash_table_lookup(limit->comms, comm);
        if (count || g_hash_table_size(limit->comms) < LOG_LIMIT_COMMS)
                g_hash_table_insert(limit->comms, g_strdup(comm),
                                    GSIZE_TO_POINTER(GPOINTER_TO_SIZE(count) + loads + unloads));
}

int64_t log_limit_due(const LogLimit *limit)
{
        return limit->left_out == 0 ? -1 : limit->left_out + G_USEC_PER_SEC;
}

void log_limit_end(LogLimit *limit, int64_t now, bool all, GString *out)
{
        const char *most = NULL;
        gsize n_most = 0;
        GHashTableIter iter;
        gpointer comm, count;

        if (limit->left_out == 0 || (!all && now < log_limit_due(limit)))
                return;
        g_hash_table_iter_init(&iter, limit->comms);
        while (g_hash_table_iter_next(&iter, &comm, &count)) {
                if (GPOINTER_TO_SIZE(count) <= n_most)
                        continue;
                most = comm;
                n_most = GPOINTER_TO_SIZE(count);
        }
        log_text_add(out, "event", "storm");
        log_text_add_number(out, "loads", limit->loads);
        log_text_add_number(out, "unloads", limit->unloads);
        log_text_add_seconds(out, "in_s", (now - limit->left_out) * 1000);
        if (most) {
                log_text_add(out, "most_by_comm", most);
                log_text_add_number(out, "most", n_most);
        }
        limit->left_out = 0;
        limit->loads = limit->unloads = 0;
        g_hash_table_remove_all(limit->comms);
}
