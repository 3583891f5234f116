/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RINGS_H
#define BPFMETAFS_RINGS_H

/*
 * The memory into which the kernel writes load and unload events: for each CPU a ring, which is
 * read, and a bell, which only wakes.
 *
 * To the process that loads or unloads, the record costs little. The wake-up costs more: an
 * interrupt that the CPU sends to itself, and a switch of threads. The bell wakes at the first
 * record, and can be silenced. That takes no system call: we say that its ring is full, and a
 * record that finds no room is not written and wakes nobody. So no descriptor is kept for an
 * ioctl(2), and none has to be allowed.
 */

#include <glib.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes of records in a ring, a power of two. A record has 40 bytes. It is longer if others follow
 * the same events: the kernel also writes the fields that they have asked for. */
#define RING_SIZE 65536u
/* The bytes that may be written from one look to the next. When the ring is full, the kernel
 * overwrites the oldest records, and we can't tell which it is writing at the moment. So this
 * leaves room for a hundred records that we do not see yet. */
#define RING_READABLE (RING_SIZE - 4096u)

/* Memory that the kernel writes and we read. The mapping alone keeps the event and its place in the
 * epoll set: the descriptor is closed, so that a host with many CPUs needs no more descriptors than
 * others. */
typedef struct Ring {
        struct perf_event_mmap_page *bell;
        const struct perf_event_mmap_page *page;
        const uint8_t *records; /* RING_SIZE bytes, after @page */
        uint64_t tail;          /* position up to which we have read */
} Ring;

/* Bytes of a program's tag (BPF_TAG_SIZE of <linux/bpf.h>). */
#define RING_TAG_SIZE 8

/* A program that was loaded. */
typedef struct RingLoad {
        uint32_t id;
        uint32_t pid; /* of the process that loaded it, in the pid namespace of who opened the ring;
                         0 or UINT32_MAX: it has none there */
        uint64_t time; /* when: the kernel's CLOCK_BOOTTIME, in nanoseconds */
        uint8_t tag[RING_TAG_SIZE];
} RingLoad;

/* A program that was unloaded. */
typedef struct RingUnload {
        uint32_t id;
        uint64_t time; /* as above */
} RingUnload;

/* Elements: Ring. To be freed by g_array_unref(), which unmaps them. */
GArray *rings_new(void);

/* Maps a CPU's two events, as feed_open() gives them, and adds them to the set @epoll, where they
 * wake with the data 0. 0 or -errno. */
int rings_add(GArray *rings, int epoll, int bell, int ring);

/* Reads the ring's records: appends to @loads (RingLoad) and @unloads (RingUnload).
 * True if nothing can be missing. Makes no system call. */
bool ring_drain(Ring *ring, GArray *loads, GArray *unloads);

/* How many bytes the kernel has written into all rings so far; wraps. */
uint64_t rings_written(const GArray *rings);

/* From now on the bells are silent, or ring at the next record. */
void rings_silence(const GArray *rings, bool silent);

#endif
