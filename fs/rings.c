/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rings in memory. The kernel wrote their records; they are checked as if others had. */

#include "rings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* The room in a silent bell's ring: less than any record. */
#define NO_ROOM (sizeof(struct perf_event_header) - 1)

/* PERF_RECORD_BPF_EVENT, as <linux/perf_event.h> describes it. */
typedef struct BpfRecord {
        struct perf_event_header header;
        uint16_t type; /* enum perf_bpf_event_type */
        uint16_t flags;
        uint32_t id;
        uint8_t tag[8];
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
                munmap(ring->page, with_control(RING_SIZE));
}

GArray *rings_new(void)
{
        GArray *rings = g_array_new(FALSE, FALSE, sizeof(Ring));

        g_array_set_clear_func(rings, ring_clear);
        return rings;
}

static int map_event(int fd, size_t size, int epoll, struct perf_event_mmap_page **out)
{
        /* The kernel reports a ring readable once for what has come since the last time. Only a CPU
         * that went offline hangs its ring up for good: edge-triggered, that wakes once, too. */
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        void *page = mmap(NULL, with_control(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (page == MAP_FAILED)
                return -errno;
        *out = page;
        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int rings_add(GArray *rings, int epoll, int bell, int ring)
{
        Ring added = { 0 };
        int r = map_event(bell, bell_size(), epoll, &added.bell);

        if (r == 0)
                r = map_event(ring, RING_SIZE, epoll, &added.page);
        if (r < 0) {
                ring_clear(&added);
                return r;
        }
        added.records = (const uint8_t *)added.page + sysconf(_SC_PAGESIZE);
        g_array_append_val(rings, added);
        return 0;
}

/* False if it is no record that the kernel writes into this ring: something is missing. */
static bool take_record(const Ring *ring, size_t at, const struct perf_event_header *header,
                        GArray *loads, GArray *unloads)
{
        size_t n = MIN(sizeof(BpfRecord), RING_SIZE - at);
        BpfRecord record;

        /* PERF_RECORD_LOST is another. */
        if (header->type != PERF_RECORD_BPF_EVENT || header->size < sizeof(record))
                return false;
        memcpy(&record, ring->records + at, n);
        memcpy((uint8_t *)&record + n, ring->records, sizeof(record) - n);
        if (record.type == PERF_BPF_EVENT_PROG_LOAD)
                g_array_append_val(loads, record.id);
        else if (record.type == PERF_BPF_EVENT_PROG_UNLOAD)
                g_array_append_val(unloads, record.id);
        return true;
}

bool ring_drain(Ring *ring, GArray *loads, GArray *unloads)
{
        uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
        uint64_t start = ring->tail;
        bool complete = true;

        while (ring->tail != head) {
                uint64_t left = head - ring->tail;
                struct perf_event_header header;
                size_t at = ring->tail % RING_SIZE;

                /* The kernel aligns records to 8 bytes, so a header is never cut in two. */
                if (left < sizeof(header) || left > RING_SIZE || at > RING_SIZE - sizeof(header)) {
                        complete = false;
                        break;
                }
                memcpy(&header, ring->records + at, sizeof(header));
                if (header.size < sizeof(header) || header.size > left) {
                        complete = false;
                        break;
                }
                complete &= take_record(ring, at, &header, loads, unloads);
                ring->tail += header.size;
        }
        if (start == head)
                return true;
        ring->tail = head;
        __atomic_store_n(&ring->page->data_tail, ring->tail, __ATOMIC_SEQ_CST);

        /* A full ring drops records, and says so only before the next record that fits. That a ring
         * has been full shows in how far its head has come since the tail that the kernel could see
         * until now. Half a ring is taken for a full one, since the head that we see may lag behind
         * by a record or two: it costs one comparison after more than a thousand events. */
        head = __atomic_load_n(&ring->page->data_head, __ATOMIC_SEQ_CST);
        return complete && head - start < RING_SIZE / 2;
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

        /* A record that is being written meanwhile can make a full ring look like an empty one;
         * then it rings once more, and is told again. */
        for (guint i = 0; i < rings->len; i++) {
                struct perf_event_mmap_page *bell = g_array_index(rings, Ring, i).bell;
                uint64_t head = __atomic_load_n(&bell->data_head, __ATOMIC_ACQUIRE);

                __atomic_store_n(&bell->data_tail, head + room - size, __ATOMIC_RELEASE);
        }
}
