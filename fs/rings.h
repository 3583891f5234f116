/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RINGS_H
#define BPFMETAFS_RINGS_H

/*
 * The memory into which the kernel writes load and unload events: for each CPU a ring, which is
 * read, and a bell, which only wakes.
 *
 * For the process that loads or unloads, the record costs little. The wake-up is the cost: an
 * interrupt that the CPU sends to itself and a switch of threads. The bell wakes at the first
 * record, and can be silenced. That takes no system call: we say that its ring is full, and a
 * record that finds no room is not written and wakes nobody. So no descriptor is kept for an
 * ioctl(2), and none has to be allowed.
 */

#include <glib.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes of records in a ring, a power of two. A record is 24 bytes long, and longer if others
 * follow the same events: the kernel adds up what each of them asked for. */
#define RING_SIZE 65536u

/* Memory that the kernel writes and we read. The mapping alone keeps the event and its place in the
 * epoll set: the descriptor is closed, so that a host with many CPUs needs no more descriptors than
 * others. */
typedef struct Ring {
        struct perf_event_mmap_page *bell;
        struct perf_event_mmap_page *page;
        const uint8_t *records; /* RING_SIZE bytes, after @page */
        uint64_t tail;          /* position up to which we have read */
} Ring;

/* Elements: Ring. To be freed by g_array_unref(), which unmaps them. */
GArray *rings_new(void);

/* Maps a CPU's two events, as feed_open() gives them, and adds them to the set @epoll, where they
 * wake with the data 0. 0 or -errno. */
int rings_add(GArray *rings, int epoll, int bell, int ring);

/* Reads what the ring holds: the ids of programs are appended to @loads and @unloads (uint32_t).
 * True if nothing can be missing. Makes no system call. */
bool ring_drain(Ring *ring, GArray *loads, GArray *unloads);

/* How many bytes the kernel has written into all rings so far; wraps. */
uint64_t rings_written(const GArray *rings);

/* From now on the bells are silent, or ring at the next record. */
void rings_silence(const GArray *rings, bool silent);

#endif
