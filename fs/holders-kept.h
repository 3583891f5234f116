/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_KEPT_H
#define BPFMETAFS_HOLDERS_KEPT_H

/*
 * What looks have seen of processes that have not run since: a process with one thread gets and
 * closes descriptors only while it runs. For holders-look, to look at fewer descriptors.
 *
 * What a process holds can change in two other ways. Another one may share its table of descriptors
 * (CLONE_FILES of clone(2), without CLONE_THREAD), which nothing tells: so after HOLDERS_KEPT_MS
 * each process is looked at anew. And a link may get another program: so its descriptors are looked
 * at each time.
 *
 * Without ticks (nohz_full) the kernel counts the time of a process that never pauses late, once a
 * second: for so long what it does may not be seen.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* For how many milliseconds what was seen of a process is used, at most. */
#define HOLDERS_KEPT_MS 2000
/* Of so many processes at most. */
#define HOLDERS_KEPT_MAX 65536

/* Tells whether a process has run: its times on a CPU and in the queue for one, and how often it
 * got one (/proc/PID/schedstat; the kernel's Documentation/scheduler/sched-stats.rst). */
typedef struct HoldersStamp {
        char text[64];
} HoldersStamp;

/* Reads the present stamp of the process whose /proc/PID/fd is @fds. False: nothing tells. */
bool holders_stamp_read(int fds, HoldersStamp *out);

/* What was seen of a process. */
typedef struct HoldersSaw {
        gint64 began;       /* the look at it, g_get_monotonic_time() */
        HoldersStamp stamp; /* before that */
        GByteArray *list;   /* records of the programs and maps, see holders-list.h */
        GArray *links;      /* the numbers of the descriptors of links (uint32_t) */
} HoldersSaw;

/* A look begins at a process: nothing was seen of it. NULL: its descriptors can change while it
 * does not run, for it has other threads, or nothing tells whether it runs. @stamp was read just
 * now. */
HoldersSaw *holders_saw_new(int fds, const HoldersStamp *stamp, gint64 now);
void holders_saw_free(HoldersSaw *saw);

typedef struct HoldersKept HoldersKept;

HoldersKept *holders_kept_new(void);
void holders_kept_free(HoldersKept *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoldersKept, holders_kept_free)

/* Forgets what is too old to be used. */
void holders_kept_sweep(HoldersKept *kept, gint64 now);

/* What was seen of the process @pid, if it has not run since then; borrowed until the next call of
 * another function. NULL: it is to be looked at. @stamp was read just now. */
const HoldersSaw *holders_kept_find(const HoldersKept *kept, uint32_t pid,
                                    const HoldersStamp *stamp, gint64 now);

/* Keeps @saw, which is the table's from now on, in place of what was seen of the process before. */
void holders_kept_add(HoldersKept *kept, uint32_t pid, HoldersSaw *saw);

#endif
