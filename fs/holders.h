/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_H
#define BPFMETAFS_HOLDERS_H

/*
 * Observer: the processes that have descriptors of programs, maps and links.
 *
 * This is the half that knows. Its only system calls ask the other half, holders-look. No event
 * tells of a descriptor that is passed on, so all processes are looked at again; but the results of
 * one look are used for HOLDERS_REUSE_MS. A look at very many processes is cut, and the next one
 * goes on there.
 */

#include "holders-list.h"
#include "info.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Holders Holders;

/* The other half, holders-look, in another process. */
typedef struct HoldersOps {
        /* Begins a look at the processes from the pid @from on, and does not wait. 0 or -errno. */
        int (*begin)(void *data, uint32_t from);
        /* Appends the list of the look that was begun last, and tells when it ended
         * (g_get_monotonic_time()). Waits for it for at most @wait milliseconds. 0 or -errno;
         * -ETIMEDOUT: there is none yet. Called for a look until there is another answer. */
        int (*hear)(void *data, int wait, GByteArray *out, gint64 *ended);
} HoldersOps;

/* For how many milliseconds the results of a look are used, from its end on. */
#define HOLDERS_REUSE_MS 100
/* If somebody asks when less than so many are left, the next look begins, and nobody waits for it.
 * After a short look, it is twice as many as that has taken. */
#define HOLDERS_AHEAD_MS 50
/* What was seen of a process is used on if the next looks do not come to it in time, but not for
 * more milliseconds than this, from the beginning of its look on. */
#define HOLDERS_KEEP_MS 2000
/* A look is waited for no longer than this many milliseconds; and if nothing is known, all looks
 * that are needed to see every process no longer than so many. */
#define HOLDERS_WAIT_MS 300
#define HOLDERS_FIRST_MS 1000
/* If it was waited for in vain, nobody waits again for this many milliseconds. */
#define HOLDERS_RETRY_MS 1000

/* @ops are called with @data, only within holders_update(). */
Holders *holders_new(const HoldersOps *ops, void *data);
void holders_free(Holders *holders);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Holders, holders_free)

/* Looks again if the last look is older than HOLDERS_REUSE_MS. @now is g_get_monotonic_time(). 0;
 * or -errno if the other half can't be asked and not all is known: then a note says so. If it is
 * called steadily, looks follow each other, and no call waits but the first. */
int holders_update(Holders *holders, gint64 now);
/* The time until which what is known is used, g_get_monotonic_time(): if it has passed, it is used
 * no longer than until the next holders_update(). */
gint64 holders_until(const Holders *holders);

/* True if the last look was not longer ago than @max_age microseconds. */
bool holders_know(const Holders *holders, gint64 now, gint64 max_age);

/* Appends the pids (uint32_t) of the processes that hold the object, ascending. @kind is
 * HOLDER_PROG, HOLDER_MAP or HOLDER_LINK. A process that holds a link holds its program as well. */
void holders_append(const Holders *holders, HolderKind kind, uint32_t id, GArray *pids);
bool holders_has(const Holders *holders, HolderKind kind, uint32_t id, uint32_t pid);
/* Calls @func for each object of that kind and each process that holds it. */
typedef void (*HoldersFunc)(uint32_t id, uint32_t pid, void *data);
void holders_foreach(const Holders *holders, HolderKind kind, HoldersFunc func, void *data);

/* The keys of process_info(), for a pid that holders_append() has given; owned by the caller. NULL:
 * there is no such process. */
Info *holders_process(const Holders *holders, uint32_t pid);

/* Appends a line in parentheses for each thing that is not seen. */
void holders_append_notes(const Holders *holders, GString *out);

#endif
