/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes by pid; a new one takes the place of the one that was added first. */

#include "log-recent.h"

typedef struct Seen {
        uint32_t pid; /* 0: nobody */
        uint64_t time;
        char *process;
        char *comm;
} Seen;

struct LogRecent {
        Seen seen[LOG_RECENT_PROCESSES];
        guint next; /* whose place is taken */
};

LogRecent *log_recent_new(void)
{
        return g_new0(LogRecent, 1);
}

static void clear(Seen *seen)
{
        g_free(seen->process);
        g_free(seen->comm);
}

void log_recent_free(LogRecent *recent)
{
        for (guint i = 0; i < LOG_RECENT_PROCESSES; i++)
                clear(&recent->seen[i]);
        g_free(recent);
}

static Seen *find(const LogRecent *recent, uint32_t pid)
{
        for (guint i = 0; pid > 0 && i < LOG_RECENT_PROCESSES; i++)
                if (recent->seen[i].pid == pid)
                        return (Seen *)&recent->seen[i];
        return NULL;
}

void log_recent_add(LogRecent *recent, uint32_t pid, uint64_t time, const char *process,
                    const char *comm)
{
        Seen *seen = find(recent, pid);

        if (!seen) {
                seen = &recent->seen[recent->next];
                recent->next = (recent->next + 1) % LOG_RECENT_PROCESSES;
        }
        clear(seen);
        *seen = (Seen){ pid, time, g_strdup(process), g_strdup(comm) };
}

bool log_recent_find(const LogRecent *recent, uint32_t pid, uint64_t time, const char **process,
                     const char **comm, uint64_t *age)
{
        const Seen *seen = find(recent, pid);

        if (!seen || seen->time > time || time - seen->time > LOG_RECENT_NS)
                return false;
        *process = seen->process;
        *comm = seen->comm;
        *age = time - seen->time;
        return true;
}
