/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_WATCH_H
#define BPFMETAFS_WATCH_H

/*
 * Load and unload events: the kernel's own records of the programs that come and go.
 *
 * The kernel writes PERF_RECORD_BPF_EVENT (perf_event_open(2); Linux 5.1) into a ring of the CPU
 * that loads or unloads: a load before BPF_PROG_LOAD returns, an unload before the close() of the
 * last descriptor does. So rings that are read before an answer is given make the answer current.
 *
 * Any thread may take up events, one at a time. One thread, the follower, does so whenever there
 * are any: it calls watch_take() with @wait, waits with watch_wait() for as long as that said, and
 * calls watch_take() again.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Watch Watch;

typedef void (*WatchFunc)(bool loaded, uint32_t prog_id, void *data);

/*
 * Opens the rings of every CPU that is online. *@news is feed_listen()'s descriptor: it tells when
 * another one is, from before the rings were opened on. It is the caller's.
 *
 * On failure, -errno and a sentence in @error: events are not permitted (they need CAP_PERFMON or
 * CAP_SYS_ADMIN) or not known to the kernel, and the caller runs without them.
 */
int watch_new(Watch **out, int *news, GError **error);
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

/*
 * Reads all rings and calls @func for what they held: first every load, then every unload. A load
 * that is found only after its unload (they came from two CPUs) is passed over. An id whose unload
 * was reported may be listed for some microseconds more, but can't be opened.
 *
 * *@wait is for the follower alone, and NULL for all others: in how many milliseconds it wants to
 * call again at the latest, even if watch_wait() has nothing to wake it for; -1: only then. Others
 * make no system call here.
 *
 * Returns 1 if nothing is missing. 0 if records may be: the caller then compares what it knows with
 * the kernel's list. The first call returns 0, for programs came and went while the rings were
 * opened, and so does the first call after rings have been replaced. -errno: there are no more
 * events, now and from now on, and the caller goes on without; -EPIPE if that is so because nobody
 * is there to open rings for CPUs that come online.
 */
int watch_take(Watch *watch, WatchFunc func, void *data, int *wait);

/* Sleeps until a program has been loaded or unloaded, until watch_wake(), or for @wait
 * milliseconds. Only the first event after a pause wakes, for it is the waking that costs whoever
 * loads or unloads. From one thread, which holds no lock. */
void watch_wait(Watch *watch, int wait);

/* Wakes watch_wait(), now or when it is called next. From any thread. */
void watch_wake(Watch *watch);

/*
 * New rings for all CPUs, from a thread of their own: rings_new(), rings_add() with watch_epoll(),
 * and watch_replace(), which takes @rings. From its return on watch_take() reads them instead of
 * those that there are. Or watch_break(): there will be no more, and watch_take() returns @error,
 * which is -errno.
 */
int watch_epoll(const Watch *watch);
void watch_replace(Watch *watch, GArray *rings);
void watch_break(Watch *watch, int error);

/* The descriptor that watch_replace() and watch_break() need beside watch_epoll(). */
int watch_waker(const Watch *watch);

#endif
