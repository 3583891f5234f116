/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A table of processes by pid. A pid that is used again has another stamp. */

#include "holders-kept.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The links of /proc/PID/task of a process with one thread: one each for "." and for its own name,
 * and one a thread (proc_task_getattr() of the kernel's fs/proc/base.c). */
#define LINKS_OF_ONE_THREAD 3

struct HoldersKept {
        GHashTable *processes; /* by pid: owned HoldersSaw */
};

bool holders_stamp_read(int fds, HoldersStamp *out)
{
        int fd = openat(fds, "../schedstat", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, out->text, sizeof(out->text) - 1);

        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return false;
        memset(out->text + n, 0, sizeof(out->text) - n);
        /* So it stands there if nobody counts (proc_pid_schedstat() of fs/proc/base.c). */
        return strcmp(out->text, "0 0 0\n") != 0;
}

/* The stamp is that of the first thread. It is older than this: a thread that was made after it was
 * read makes it another one. */
static bool has_one_thread(int fds)
{
        struct stat attr;

        return fstatat(fds, "../task", &attr, 0) == 0 && attr.st_nlink == LINKS_OF_ONE_THREAD;
}

HoldersSaw *holders_saw_new(int fds, const HoldersStamp *stamp, gint64 now)
{
        HoldersSaw *saw;

        if (!has_one_thread(fds))
                return NULL;
        saw = g_new0(HoldersSaw, 1);
        saw->began = now;
        saw->stamp = *stamp;
        saw->list = g_byte_array_new();
        saw->links = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        return saw;
}

void holders_saw_free(HoldersSaw *saw)
{
        if (!saw)
                return;
        g_byte_array_unref(saw->list);
        g_array_unref(saw->links);
        g_free(saw);
}

static void free_saw(gpointer saw)
{
        holders_saw_free(saw);
}

HoldersKept *holders_kept_new(void)
{
        HoldersKept *kept = g_new0(HoldersKept, 1);

        kept->processes = g_hash_table_new_full(NULL, NULL, NULL, free_saw);
        return kept;
}

void holders_kept_free(HoldersKept *kept)
{
        g_hash_table_unref(kept->processes);
        g_free(kept);
}

/* Half of the time at least, and not the same for all: they are not looked at anew at once. */
static bool is_old(uint32_t pid, const HoldersSaw *saw, gint64 now)
{
        gint64 most = (HOLDERS_KEPT_MS / 2 + pid % (HOLDERS_KEPT_MS / 2)) * G_TIME_SPAN_MILLISECOND;

        return now - saw->began > most;
}

static gboolean is_old_entry(gpointer pid, gpointer saw, gpointer now)
{
        return is_old(GPOINTER_TO_UINT(pid), saw, *(const gint64 *)now);
}

void holders_kept_sweep(HoldersKept *kept, gint64 now)
{
        g_hash_table_foreach_remove(kept->processes, is_old_entry, &now);
}

const HoldersSaw *holders_kept_find(const HoldersKept *kept, uint32_t pid,
                                    const HoldersStamp *stamp, gint64 now)
{
        const HoldersSaw *saw = g_hash_table_lookup(kept->processes, GUINT_TO_POINTER(pid));

        return saw && !is_old(pid, saw, now) && strcmp(saw->stamp.text, stamp->text) == 0 ? saw
                                                                                          : NULL;
}

void holders_kept_add(HoldersKept *kept, uint32_t pid, HoldersSaw *saw)
{
        gpointer key = GUINT_TO_POINTER(pid);

        if (g_hash_table_size(kept->processes) >= HOLDERS_KEPT_MAX &&
            !g_hash_table_contains(kept->processes, key))
                holders_saw_free(saw);
        else
                g_hash_table_insert(kept->processes, key, saw);
}
