/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rings in memory. The kernel writes their records, but they are checked as if others did. */

#include "rings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* The room in a silent bell's ring: less than any record. */
#define NO_ROOM (sizeof(struct perf_event_header) - 1)

/* PERF_RECORD_BPF_EVENT, as <linux/perf_event.h> describes it, with the fields that feed.c has
 * asked for. These stand right behind the tag (perf_event_bpf_output(), kernel/events/core.c), and
 * the record may be longer. */
typedef struct BpfRecord {
        struct perf_event_header header;
        uint16_t type; /* enum perf_bpf_event_type */
        uint16_t flags;
        uint32_t id;
        uint8_t tag[RING_TAG_SIZE];
        uint32_t pid;
        uint32_t tid;
        uint64_t time;
} BpfRecord;

/* Nothing reads a bell's records: a page is enough, the smallest that the kernel maps. */
static size_t bell_size(void)
{
        return sysconf(_SC_PAGESIZE);
}

/* A mapping has a control page before the records. */
static size_t with_control(size_t size)
{
        return sysconf(_SC_PAGESIZE) + size;
}

static void ring_clear(void *data)
{
        Ring *ring = data;

        if (ring->bell)
                munmap(ring->bell, with_control(bell_size()));
        if (ring->page)
                munmap((void *)ring->page, with_control(RING_SIZE));
}

GArray *rings_new(void)
{
        GArray *rings = g_array_new(FALSE, FALSE, sizeof(Ring));

        g_array_set_clear_func(rings, ring_clear);
        return rings;
}

static int map_event(int fd, size_t size, int protection, int epoll,
                     struct perf_event_mmap_page **out)
{
        /* The kernel reports a ring as readable once for all records since the last report. Only
         * the ring of a CPU that went offline stays hung up: as the set is edge-triggered, that
         * wakes once, too. */
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        void *page = mmap(NULL, with_control(size), protection, MAP_SHARED, fd, 0);

        if (page == MAP_FAILED)
                return -errno;
        *out = page;
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/*
 * If we can't write a ring, the kernel overwrites it when it is full. If we could, the kernel would
 * drop records instead, and write one that says so. Before Linux 6.3 it then writes over its own
 * memory if the event tells of processes (perf_event_bpf_output(), "Fix perf_output_begin parameter
 * is incorrectly invoked"). So a ring must be mapped read-only.
 */
int rings_add(GArray *rings, int epoll, int bell, int ring)
{
        struct perf_event_mmap_page *page = NULL;
        Ring added = { 0 };
        int r = map_event(bell, bell_size(), PROT_READ | PROT_WRITE, epoll, &added.bell);

        if (r == 0)
                r = map_event(ring, RING_SIZE, PROT_READ, epoll, &page);
        added.page = page;
        if (r < 0) {
                ring_clear(&added);
                return r;
        }
        added.records = (const uint8_t *)added.page + sysconf(_SC_PAGESIZE);
        g_array_append_val(rings, added);
        return 0;
}

/* False if the kernel does not write such records into this ring: then something is missing. */
static bool take_record(const Ring *ring, size_t at, const struct perf_event_header *header,
                        GArray *loads, GArray *unloads)
{
        size_t n = MIN(sizeof(BpfRecord), RING_SIZE - at);
        BpfRecord record;
        RingUnload unload;
        RingLoad load;

        if (header->type != PERF_RECORD_BPF_EVENT || header->size < sizeof(record))
                return false;
        memcpy(&record, ring->records + at, n);
        memcpy((uint8_t *)&record + n, ring->records, sizeof(record) - n);
        load = (RingLoad){ record.id, record.pid, record.time, { 0 } };
        memcpy(load.tag, record.tag, sizeof(load.tag));
        unload = (RingUnload){ record.id, record.time };
        if (record.type == PERF_BPF_EVENT_PROG_LOAD)
                g_array_append_val(loads, load);
        else if (record.type == PERF_BPF_EVENT_PROG_UNLOAD)
                g_array_append_val(unloads, unload);
        return true;
}

/* Reads the records from the tail to @head. False if something is missing. */
static bool take_records(Ring *ring, uint64_t head, GArray *loads, GArray *unloads)
{
        bool complete = true;

        while (ring->tail != head) {
                uint64_t left = head - ring->tail;
                struct perf_event_header header;
                size_t at = ring->tail % RING_SIZE;

                /* The kernel aligns records to 8 bytes, so a header is never cut in two. */
                if (left < sizeof(header) || at > RING_SIZE - sizeof(header))
                        return false;
                memcpy(&header, ring->records + at, sizeof(header));
                if (header.size < sizeof(header) || header.size > left)
                        return false;
                complete &= take_record(ring, at, &header, loads, unloads);
                ring->tail += header.size;
        }
        return complete;
}

bool ring_drain(Ring *ring, GArray *loads, GArray *unloads)
{
        uint64_t start = ring->tail;
        uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
        guint n_loads = loads->len, n_unloads = unloads->len;
        bool complete;

        if (start == head)
                return true;
        complete = head - start <= RING_READABLE && take_records(ring, head, loads, unloads);
        ring->tail = head;

        /* A record that was overwritten while it was read may say anything. */
        __sync_synchronize();
        head = __atomic_load_n(&ring->page->data_head, __ATOMIC_RELAXED);
        if (head - start <= RING_READABLE)
                return complete;
        g_array_set_size(loads, n_loads);
        g_array_set_size(unloads, n_unloads);
        return false;
}

uint64_t rings_written(const GArray *rings)
{
        uint64_t written = 0;

        for (guint i = 0; i < rings->len; i++)
                written += __atomic_load_n(&g_array_index(rings, Ring, i).page->data_head,
                                           __ATOMIC_RELAXED);
        return written;
}

void rings_silence(const GArray *rings, bool silent)
{
        uint64_t size = bell_size();
        uint64_t room = silent ? NO_ROOM : size;

        /* If a record is being written at the same time, a full ring can look like an empty one.
         * Then it rings once more, and is silenced again. */
        for (guint i = 0; i < rings->len; i++) {
                struct perf_event_mmap_page *bell = g_array_index(rings, Ring, i).bell;
                uint64_t head = __atomic_load_n(&bell->data_head, __ATOMIC_ACQUIRE);

                __atomic_store_n(&bell->data_tail, head + room - size, __ATOMIC_RELEASE);
        }
}
