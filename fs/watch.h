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
 * All functions may be called from any thread, but not from two at once.
 */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Watch Watch;

typedef void (*WatchFunc)(bool loaded, uint32_t prog_id, void *data);

/*
 * Opens the rings of every CPU that is online. On failure, -errno and a sentence in @error: events
 * are not permitted (they need CAP_PERFMON or CAP_SYS_ADMIN) or not known to the kernel, and the
 * caller runs without them.
 */
int watch_new(Watch **out, GError **error);
void watch_free(Watch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watch, watch_free)

/*
 * A descriptor that polls readable when there may be records to drain, or when a CPU has come
 * online. It is @watch's. When it is readable, call watch_dispatch(), then watch_drain(). It does
 * not become readable again for records that are already there: drain once before the first wait.
 *
 * It becomes readable for the first record after a pause, and not for those that follow closely,
 * for it is the waking that costs whoever loads or unloads: see what watch_dispatch() returns.
 */
int watch_fd(const Watch *watch);

/*
 * Does what a readable watch_fd() asks for beside draining; may also be called when it is not. When
 * a CPU has come online, all rings are opened anew, and the next watch_drain() returns false.
 *
 * Returns 0: wait for watch_fd(). Or a number of milliseconds: events are coming, and what comes
 * next may not wake; wait for watch_fd(), but no longer than that, and then call this and
 * watch_drain() again, in this order. Some milliseconds after the last event it is 0 again.
 *
 * Or -errno: the rings could not be opened anew, and there are none any more. watch_drain() returns
 * false from then on, and the caller goes on without events.
 */
int watch_dispatch(Watch *watch);

/*
 * Reads all rings and calls @func for what they held: first every load, then every unload. A load
 * that is found only after its unload (they came from two CPUs) is passed over. Makes no system
 * call.
 *
 * False if records may be missing: the caller then compares what it knows with the kernel's list.
 * The first call after watch_new() returns false, for programs came and went while the rings were
 * opened. An id whose unload was reported may be listed for some microseconds more, but can't be
 * opened.
 */
bool watch_drain(Watch *watch, WatchFunc func, void *data);

/* The length in bytes of each ring's mapping, with its control page: all writable shared mappings
 * that watch_dispatch() asks for are of this length. */
size_t watch_mapping_length(void);

#endif
