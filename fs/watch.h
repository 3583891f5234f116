/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_WATCH_H
#define BPFMETAFS_WATCH_H

/*
 * Load and unload events: the kernel's own records of the programs that come and go.
 *
 * The kernel writes PERF_RECORD_BPF_EVENT (perf_event_open(2); Linux 5.1) into a ring of the CPU
 * that loads or unloads: a load before BPF_PROG_LOAD returns, an unload before the close() of the
 * last descriptor does. So an answer is current if the rings are read before it is given.
 *
 * Any thread may take up events, one thread at a time. One thread, the follower, does so whenever
 * there are events: it calls watch_take() with @wait, waits for that long with watch_wait(), and
 * calls watch_take() again.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Watch Watch;

#define WATCH_TAG_SIZE 8

/* A program was loaded or unloaded. */
typedef struct WatchEvent {
        bool loaded;
        uint32_t id;
        uint32_t pid;  /* of the process that loaded it, as RingLoad has it; 0 if it was unloaded */
        uint64_t time; /* when: the kernel's CLOCK_BOOTTIME, in nanoseconds */
        const uint8_t *tag; /* its WATCH_TAG_SIZE bytes, borrowed; NULL if it was unloaded */
} WatchEvent;

typedef void (*WatchFunc)(const WatchEvent *event, void *data);

/*
 * Opens the rings of every CPU that is online. *@news is the descriptor of feed_listen(), called
 * before the rings are opened: it tells when another CPU comes online. It is the caller's.
 *
 * On failure, -errno and a sentence in @error: events are not permitted (they need CAP_PERFMON or
 * CAP_SYS_ADMIN) or not known to the kernel, and the caller runs without them.
 */
int watch_new(Watch **out, int *news, GError **error);
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

/*
 * Reads all rings and calls @func for their records: first every load, then every unload. A load
 * that is found only after its unload (they came from two CPUs) is passed over. An id whose unload
 * was reported may be listed for some microseconds more, but can't be opened.
 *
 * *@wait is for the follower alone, and NULL for all others: the milliseconds after which it has to
 * call again at the latest; -1: only when watch_wait() returns. Other callers make no system call
 * here.
 *
 * Returns 1 if nothing is missing. 0 if records may be missing: then the caller compares its
 * programs with the kernel's list. The first call returns 0, for programs came and went while the
 * rings were opened, and so does the first call after rings have been replaced. -errno: there will
 * be no more events, and the caller goes on without them; -EPIPE if the reason is that nobody can
 * open rings for CPUs that come online.
 */
int watch_take(Watch *watch, WatchFunc func, void *data, int *wait);

/* Sleeps until a program has been loaded or unloaded, until watch_wake(), or for @wait
 * milliseconds. Only the first event after a pause wakes: a wake-up costs time of the process that
 * loads or unloads. From one thread, which holds no lock. */
void watch_wait(Watch *watch, int wait);

/* Wakes watch_wait(), now or when it is called next. From any thread. */
void watch_wake(Watch *watch);

/*
 * New rings for all CPUs, from a thread of their own: rings_new(), rings_add() with watch_epoll(),
 * and watch_replace(), which takes @rings. After that, watch_take() reads them instead of the old
 * ones. Or watch_break(): there will be no more rings, and watch_take() returns @error, which is
 * -errno.
 */
int watch_epoll(const Watch *watch);
void watch_replace(Watch *watch, GArray *rings);
void watch_break(Watch *watch, int error);

/* The descriptor that watch_replace() and watch_break() need beside watch_epoll(). */
int watch_waker(const Watch *watch);

#endif
