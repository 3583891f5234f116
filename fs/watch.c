/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Load and unload events.
 *
 * Two orders need care. A ring belongs to a CPU, so a load and the unload that follows it may stand
 * in two rings, and a pass over the rings can meet the unload first. As program ids are not used
 * again (they count up to 2^31 before they wrap), a load always belongs before the unload of its
 * id; and as the load was written before the unload was, the next pass finds it at the latest. So
 * unloads are remembered for one pass. For the same reason a pass that may have missed an unload
 * spoils the one after it as well.
 *
 * What an event costs whoever loads or unloads is not the record: it is the wake-up, an interrupt
 * that the CPU sends to itself and a switch of threads. So each CPU has a second event, the bell.
 * Its ring is not read; it wakes us at the first record, and is silent from then on until no event
 * has come for a while. Meanwhile the records are looked for in rounds. It is silenced without a
 * system call, by saying that its ring is full: what finds no room neither is written nor wakes. So
 * no descriptor is kept for an ioctl(2), and none has to be allowed to a daemon that is shut in.
 */

#include "watch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bytes of records in a ring, a power of two. A record is 24 bytes long, and longer if others
 * follow the same events: the kernel adds up what each of them asked for. A bell needs no more than
 * a page. But then there would be mappings of a second, small length that the sandbox had to allow,
 * and any BPF map that is as long can be mapped in their place. */
#define RING_SIZE 65536u

/* Records wake us once they have filled that much of a ring since the last time, bell or no bell.
 */
#define ALARM (RING_SIZE / 2)

/* What a silent bell's ring has room for: less than any record. */
#define NO_ROOM (sizeof(struct perf_event_header) - 1)

/* While the bells are silent: milliseconds from one look at the rings to the next, and how many
 * looks in a row have to find nothing new before the bells are set again. Looks take time from
 * those who load and unload; between two of them, the kernel's cache still has a program that has
 * gone. */
#define ROUND_MS 2
#define QUIET_ROUNDS 2

/* The beginning of the message that the kernel sends when a CPU has come online. The filter
 * compares it in words: its length is a multiple of 4. */
#define ONLINE_MESSAGE "online@/devices/system/cpu/c"
#define ONLINE_WORDS ((sizeof(ONLINE_MESSAGE) - 1) / 4)
G_STATIC_ASSERT((sizeof(ONLINE_MESSAGE) - 1) % 4 == 0);

/* A descriptor that is closed when it goes out of scope. */
#define autoclose __attribute__((cleanup(close_fd)))

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

/* PERF_RECORD_BPF_EVENT, as <linux/perf_event.h> describes it. */
typedef struct BpfRecord {
        struct perf_event_header header;
        uint16_t type; /* enum perf_bpf_event_type */
        uint16_t flags;
        uint32_t id;
        uint8_t tag[8];
} BpfRecord;

/* What the kernel writes and we read. The mapping alone keeps the event and its place in the epoll
 * set: the descriptor is closed, so that a host with many CPUs needs no more descriptors than
 * others. */
typedef struct Ring {
        struct perf_event_mmap_page *bell;
        struct perf_event_mmap_page *page;
        const uint8_t *records; /* RING_SIZE bytes, after @page */
        uint64_t tail;          /* position up to which we have read */
} Ring;

struct Watch {
        GArray *rings;        /* elements: Ring */
        GArray *loads;        /* of the pass that is being made; elements: uint32_t */
        GArray *unloads;      /* the same */
        GHashTable *unloaded; /* ids whose unload the pass before has met */
        bool spoilt;          /* the pass before has missed something */
        uint64_t written;     /* sum of all heads at the last look */
        guint quiet;          /* looks since then that have found the same */
        int epoll;
        int uevents;
};

static void ring_clear(void *data)
{
        Ring *ring = data;

        if (ring->bell)
                munmap(ring->bell, watch_mapping_length());
        if (ring->page)
                munmap(ring->page, watch_mapping_length());
}

/* Tells the kernel how much room there is in @bell's ring. A record that is being written meanwhile
 * can make a full ring look like an empty one; then it rings once more, and is told again. */
static void bell_set_room(struct perf_event_mmap_page *bell, uint64_t room)
{
        uint64_t head = __atomic_load_n(&bell->data_head, __ATOMIC_ACQUIRE);

        __atomic_store_n(&bell->data_tail, head + room - RING_SIZE, __ATOMIC_RELEASE);
}

static void set_rooms(Watch *watch, uint64_t room)
{
        for (guint i = 0; i < watch->rings->len; i++)
                bell_set_room(g_array_index(watch->rings, Ring, i).bell, room);
}

/* True if nothing can be missing. The records are appended to @watch's loads and unloads. */
static bool ring_drain(Ring *ring, Watch *watch)
{
        uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
        uint64_t start = ring->tail;
        bool complete = true;

        while (ring->tail != head) {
                uint64_t left = head - ring->tail;
                BpfRecord record;
                size_t at = ring->tail % RING_SIZE, n;

                /* The kernel aligns records to 8 bytes, so a header is never cut in two. */
                if (left < sizeof(record.header) || left > RING_SIZE ||
                    at > RING_SIZE - sizeof(record.header)) {
                        complete = false;
                        break;
                }
                memcpy(&record.header, ring->records + at, sizeof(record.header));
                if (record.header.size < sizeof(record.header) || record.header.size > left) {
                        complete = false;
                        break;
                }
                if (record.header.type == PERF_RECORD_BPF_EVENT &&
                    record.header.size >= sizeof(record)) {
                        n = MIN(sizeof(record), RING_SIZE - at);
                        memcpy(&record, ring->records + at, n);
                        memcpy((uint8_t *)&record + n, ring->records, sizeof(record) - n);
                        if (record.type == PERF_BPF_EVENT_PROG_LOAD)
                                g_array_append_val(watch->loads, record.id);
                        else if (record.type == PERF_BPF_EVENT_PROG_UNLOAD)
                                g_array_append_val(watch->unloads, record.id);
                } else {
                        /* PERF_RECORD_LOST, or what no kernel writes into this ring. */
                        complete = false;
                }
                ring->tail += record.header.size;
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

bool watch_drain(Watch *watch, WatchFunc func, void *data)
{
        bool complete = watch->rings->len > 0, spoilt = watch->spoilt;

        for (guint i = 0; i < watch->rings->len; i++)
                complete &= ring_drain(&g_array_index(watch->rings, Ring, i), watch);

        for (guint i = 0; i < watch->loads->len; i++) {
                uint32_t id = g_array_index(watch->loads, uint32_t, i);

                if (!g_hash_table_contains(watch->unloaded, GUINT_TO_POINTER(id)))
                        func(true, id, data);
        }
        if (g_hash_table_size(watch->unloaded) > 0)
                g_hash_table_remove_all(watch->unloaded);
        for (guint i = 0; i < watch->unloads->len; i++) {
                uint32_t id = g_array_index(watch->unloads, uint32_t, i);

                g_hash_table_add(watch->unloaded, GUINT_TO_POINTER(id));
                func(false, id, data);
        }
        g_array_set_size(watch->loads, 0);
        g_array_set_size(watch->unloads, 0);
        watch->spoilt = !complete;
        return complete && !spoilt;
}

/* Opens an event of @cpu that wakes when @watermark bytes have been written into its ring. */
static int open_event(Watch *watch, int cpu, uint32_t watermark, struct perf_event_mmap_page **out)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_DUMMY,
                .bpf_event = 1,
                /* The other way, wakeup_events, counts samples, and there are none. */
                .watermark = 1,
                .wakeup_watermark = watermark,
        };
        /* The kernel reports a ring readable once for what has come since the last time. Only a CPU
         * that went offline hangs its ring up for good: edge-triggered, that wakes once, too. */
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        autoclose int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        void *page;

        if (fd < 0)
                return -errno;
        page = mmap(NULL, watch_mapping_length(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
                return -errno;
        *out = page;
        return epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* -ENODEV: the CPU is not online. -EINVAL: there can be no CPU of that number, or, if that is 0,
 * the kernel does not know what is asked for. */
static int open_ring(Watch *watch, int cpu)
{
        Ring ring = { 0 };
        int r;

        /* The kernel writes to the event that was opened last first: so the record is there when
         * the bell rings. Nothing depends on it but that the first round finds the record. */
        r = open_event(watch, cpu, 1, &ring.bell);
        if (r == 0)
                r = open_event(watch, cpu, ALARM, &ring.page);
        if (r < 0) {
                ring_clear(&ring);
                return r;
        }
        ring.records = (const uint8_t *)ring.page + sysconf(_SC_PAGESIZE);
        g_array_append_val(watch->rings, ring);
        return 0;
}

/* The kernel's records of a CPU stop for good when it goes offline, also if it comes back. */
static int open_rings(Watch *watch)
{
        int r = 0;

        g_array_set_size(watch->rings, 0);
        for (int cpu = 0; r == 0 || r == -ENODEV; cpu++) {
                r = open_ring(watch, cpu);
                if (r == -EINVAL && cpu > 0 && watch->rings->len > 0) {
                        watch->spoilt = true;
                        return 0;
                }
        }
        g_array_set_size(watch->rings, 0);
        return r;
}

/* The kernel multicasts a message for everything that happens to any device; of these, only those
 * of CPUs that have come online may wake us. */
static int open_uevents(void)
{
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        struct sock_filter filter[2 * ONLINE_WORDS + 2];
        struct sock_fprog program = { .len = G_N_ELEMENTS(filter), .filter = filter };
        int fd, r;

        for (guint i = 0; i < ONLINE_WORDS; i++) {
                uint32_t word;

                memcpy(&word, &ONLINE_MESSAGE[4 * i], sizeof(word));
                filter[2 * i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 * i);
                filter[2 * i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                                 GUINT32_FROM_BE(word), 0,
                                                                 2 * (ONLINE_WORDS - i) - 1);
        }
        filter[2 * ONLINE_WORDS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
        filter[2 * ONLINE_WORDS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

/* Sets the bells or silences them. @changed: something has woken us, or the rings are new. Returns
 * what watch_dispatch() does. A record that is written while the bells are being set may not ring:
 * it is found by one more look after that. */
static int next_round(Watch *watch, bool changed)
{
        uint64_t written = 0;

        for (guint i = 0; i < watch->rings->len; i++)
                written += __atomic_load_n(&g_array_index(watch->rings, Ring, i).page->data_head,
                                           __ATOMIC_RELAXED);
        if (changed || written != watch->written)
                watch->quiet = 0;
        else if (watch->quiet <= QUIET_ROUNDS)
                watch->quiet++;
        watch->written = written;

        if (watch->quiet == 0)
                set_rooms(watch, NO_ROOM);
        else if (watch->quiet == QUIET_ROUNDS)
                set_rooms(watch, RING_SIZE);
        return watch->quiet <= QUIET_ROUNDS ? ROUND_MS : 0;
}

int watch_dispatch(Watch *watch)
{
        struct epoll_event events[16];
        bool changed = false, online = false;
        char byte;
        int r;

        /* Takes the edges of the rings, so that a ring that has hung up does not stay readable. */
        do {
                r = epoll_wait(watch->epoll, events, G_N_ELEMENTS(events), 0);
                changed |= r > 0;
                for (int i = 0; i < r; i++)
                        online |= events[i].data.u32 != 0;
        } while (r == G_N_ELEMENTS(events) && !online);
        if (online) {
                /* That messages came is all there is to know: ENOBUFS, too, says so. Each read
                 * takes one. */
                while (read(watch->uevents, &byte, sizeof(byte)) > 0 || errno == EINTR ||
                       errno == ENOBUFS)
                        ;
                r = open_rings(watch);
                if (r < 0)
                        return r;
        }
        return next_round(watch, changed);
}

int watch_fd(const Watch *watch)
{
        return watch->epoll;
}

size_t watch_mapping_length(void)
{
        return sysconf(_SC_PAGESIZE) + RING_SIZE;
}

void watch_free(Watch *watch)
{
        if (!watch)
                return;
        g_array_unref(watch->rings);
        g_array_unref(watch->loads);
        g_array_unref(watch->unloads);
        g_hash_table_unref(watch->unloaded);
        close_fd(&watch->epoll);
        close_fd(&watch->uevents);
        g_free(watch);
}

static int watch_open(Watch *watch)
{
        /* The rings' events carry 0. */
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = 1 };

        watch->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (watch->epoll < 0)
                return -errno;
        /* First, so that no CPU comes online unnoticed while the rings are opened. */
        watch->uevents = open_uevents();
        if (watch->uevents < 0)
                return watch->uevents;
        if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->uevents, &event) < 0)
                return -errno;
        return open_rings(watch);
}

int watch_new(Watch **out, GError **error)
{
        g_autoptr(Watch) watch = g_new0(Watch, 1);
        int r;

        watch->rings = g_array_new(FALSE, FALSE, sizeof(Ring));
        g_array_set_clear_func(watch->rings, ring_clear);
        watch->loads = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        watch->unloads = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        watch->unloaded = g_hash_table_new(NULL, NULL);
        watch->epoll = -1;
        watch->uevents = -1;

        r = watch_open(watch);
        if (r == -EPERM || r == -EACCES)
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "following BPF events is not permitted: it needs CAP_PERFMON or "
                            "CAP_SYS_ADMIN, and a container or a security policy may forbid it");
        else if (r == -EINVAL || r == -ENOSYS)
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "this kernel has no BPF events (they came with Linux 5.1)");
        else if (r < 0)
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot follow BPF events: %s", g_strerror(-r));
        if (r < 0)
                return r;
        *out = g_steal_pointer(&watch);
        return 0;
}
