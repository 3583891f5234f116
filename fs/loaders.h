/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOADERS_H
#define BPFMETAFS_LOADERS_H

/*
 * Observer: the process that loaded a program.
 *
 * This is the half that knows. Load events tell the pid. Another process, which has the right to
 * look, is asked for the process's name and cgroup (process-look.h). It is asked as soon as the
 * event is seen, and only readers of the answer wait for it. Facts that were seen in time stay
 * known as long as the program is loaded.
 */

#include "info.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Loaders Loaders;
typedef struct Loader Loader;

/* The way to ask about a process. Answers come in the order of the questions. */
typedef struct LoadersOps {
        /* Asks about the process @pid, and does not wait. *@number is the question's number, above
         * 0. 0; -ETIMEDOUT: not now; another -errno: there will be no more answers. */
        int (*ask)(void *data, uint32_t pid, uint32_t *number);
        /* Waits for the next answer for at most @wait milliseconds. 0: *@number is the question's
         * number, and the result of process_look() was appended to @out, or nothing if it failed.
         * -ETIMEDOUT: there is none. Another -errno: there will be none. */
        int (*hear)(void *data, int wait, uint32_t *number, GByteArray *out);
} LoadersOps;

/* The most questions that are asked before one is answered. */
#define LOADERS_MAX_ASKED 8u
/* How long to wait for an answer, in milliseconds. */
#define LOADERS_PATIENCE 300

/* @offset is the offset of this process's CLOCK_BOOTTIME, and of the looking one's, from the
 * kernel's (BootTime.offset); @behind is process_look_behind()'s result there. @ops is called with
 * @data. NULL: nobody can be asked, and only pids are known. */
Loaders *loaders_new(const LoadersOps *ops, void *data, int64_t offset, int64_t behind);
void loaders_free(Loaders *loaders);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loaders, loaders_free)

/* Events: a program was loaded by @pid, at @time of the kernel's CLOCK_BOOTTIME; or unloaded. These
 * functions ask nothing. */
void loaders_came(Loaders *loaders, uint32_t prog, uint32_t pid, uint64_t time);
void loaders_went(Loaders *loaders, uint32_t prog);
/* Events were lost: forgets the programs for which @is_there returns false. */
void loaders_compare(Loaders *loaders, bool (*is_there)(uint32_t prog, void *data), void *data);

/* For the follower of events: takes the answers that have come, and asks the questions that are
 * due; waits for nothing. True if an answer can be expected soon. */
bool loaders_follow(Loaders *loaders);

/* Calls @func for each program whose loader is known, with its loader_info(), after waiting for the
 * facts of all: no longer than loaders_wait() waits for those of one. @info is borrowed until the
 * function returns. */
typedef void (*LoadersFunc)(uint32_t prog, const Info *info, void *data);
void loaders_foreach(Loaders *loaders, LoadersFunc func, void *data);

/* The loader of the program; the caller gets a reference, with which the loader also becomes
 * settled after its program has gone. NULL if it is not known. */
Loader *loaders_get(const Loaders *loaders, uint32_t prog);
bool loaders_has(const Loaders *loaders, uint32_t prog);
/* Waits until everything is known that can be, but no longer than LOADERS_PATIENCE. Others that
 * come meanwhile wait for the rest of that time. */
void loaders_wait(Loaders *loaders, Loader *loader);

/* True if loader_info() is final. */
bool loader_is_settled(const Loader *loader);
/* The keys of process_info(), in that order; only pid if nothing more is known. Borrowed until
 * loaders_wait(), loaders_follow() or loader_unref(). */
const Info *loader_info(Loader *loader);
Loader *loader_ref(Loader *loader);
void loader_unref(Loader *loader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Loader, loader_unref)

#endif
