/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Load and unload events: with real programs, and with rings made by hand for what no kernel
 * writes. The source is included for the latter. Other processes load programs, too: only our own
 * ids count.
 */

#include "watch.c"
#include "rings.c"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void remember(const WatchEvent *event, void *data)
{
        g_array_append_vals(data, event, 1);
}

/* What one call of watch_take() tells of the program @id: "L", "U", "LU" or "". */
static const char *drain(Watch *watch, uint32_t id, bool *complete)
{
        g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(WatchEvent));
        g_autoptr(GString) text = g_string_new(NULL);

        int r = watch_take(watch, remember, events, NULL);

        g_assert_cmpint(r, >=, 0);
        *complete = r > 0;
        for (guint i = 0; i < events->len; i++)
                if (g_array_index(events, WatchEvent, i).id == id)
                        g_string_append_c(text,
                                          g_array_index(events, WatchEvent, i).loaded ? 'L' : 'U');
        return g_intern_string(text->str);
}

/* The same until the program's unload is told, which the kernel does when nobody looks at it any
 * more: other processes of the machine may. *@complete: so was each pass. */
static const char *drain_unload(Watch *watch, uint32_t id, bool *complete)
{
        g_autoptr(GString) text = g_string_new(NULL);
        int64_t end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;

        *complete = true;
        for (;;) {
                bool is_complete;

                g_string_append(text, drain(watch, id, &is_complete));
                *complete = *complete && is_complete;
                if (g_str_has_suffix(text->str, "U") || g_get_monotonic_time() > end)
                        return g_intern_string(text->str);
                g_usleep(1000);
        }
}

static void assert_drain(Watch *watch, uint32_t id, const char *events, bool complete)
{
        const bool unload = g_str_has_suffix(events, "U");
        bool is_complete;

        g_assert_cmpstr((unload ? drain_unload : drain)(watch, id, &is_complete), ==, events);
        g_assert_cmpint(is_complete, ==, complete);
}

static int load(uint32_t *id)
{
        const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        struct bpf_prog_info info = { 0 };
        uint32_t len = sizeof(info);
        int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "watched", "GPL", insns,
                               G_N_ELEMENTS(insns), NULL);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bpf_obj_get_info_by_fd(fd, &info, &len), ==, 0);
        *id = info.id;
        return fd;
}

/* Waits until the kernel has begun to free what was unloaded. It does so in work items that take
 * the lock of the JIT's memory (bpf_prog_pack_free(), kernel/bpf/core.c). Where more of them wait
 * than a workqueue runs at a time, 1024 for each CPU, and whoever has the lock waits for another
 * work item, Linux 6.18 never loads a program again. */
static void let_kernel_free(void)
{
        syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

static void run_on(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        g_assert_cmpint(sched_setaffinity(0, sizeof(set), &set), ==, 0);
}

static void run_anywhere(void)
{
        cpu_set_t set;

        memset(&set, 0xff, sizeof(set));
        g_assert_cmpint(sched_setaffinity(0, sizeof(set), &set), ==, 0);
}

static bool can_run_on(int cpu)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_ISSET(cpu, &set);
}

static bool readable(int fd, int timeout)
{
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };

        return poll(&pollfd, 1, timeout) == 1;
}

/* True if something wakes the follower in time. */
static bool wakes(Watch *watch, int timeout)
{
        bool woken = readable(watch_epoll(watch), timeout);

        if (woken)
                watch_wait(watch, 0);
        return woken;
}

static void ignore(const WatchEvent *event, void *data)
{
}

/* What the follower does when it wakes. Returns for how long it may sleep. */
static int follow(Watch *watch)
{
        int wait;

        g_assert_cmpint(watch_take(watch, ignore, NULL, &wait), >=, 0);
        return wait;
}

/* A watch that is past its first, incomplete pass. *@news tells of CPUs. */
static Watch *new_watch_with_news(int *news)
{
        Watch *watch;
        g_autoptr(GError) error = NULL;
        int r = watch_new(&watch, news, &error);

        g_assert_no_error(error);
        g_assert_cmpint(r, ==, 0);
        assert_drain(watch, 0, "", false);
        return watch;
}

static Watch *new_watch(void)
{
        int news;
        Watch *watch = new_watch_with_news(&news);

        close(news);
        return watch;
}

typedef struct NewRings {
        Watch *watch;
        GArray *rings;
} NewRings;

static int add_to_new(int bell, int ring, void *data)
{
        NewRings *to = data;

        return rings_add(to->rings, watch_epoll(to->watch), bell, ring);
}

/* As the broker and the receiver do when a CPU has come online. */
static void replace(Watch *watch)
{
        NewRings to = { .watch = watch, .rings = rings_new() };

        g_assert_cmpint(feed_open(add_to_new, &to), ==, 0);
        watch_replace(watch, to.rings);
}

static void test_events(void)
{
        g_autoptr(Watch) watch = new_watch();
        uint32_t id;

        for (int i = 0; i < 200; i++) {
                int fd = load(&id);

                assert_drain(watch, id, "L", true);
                assert_drain(watch, id, "", true);
                close(fd);
                assert_drain(watch, id, "U", true);
                assert_drain(watch, id, "", true);
        }
}

static uint64_t boot_time(void)
{
        struct timespec time;

        clock_gettime(CLOCK_BOOTTIME, &time);
        return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* Loads and ends in a process of its own, after another event of that kind was opened and before.
 */
static void test_who(void)
{
        g_autoptr(Watch) watch = new_watch(), later = NULL;

        for (int i = 0; i < 3; i++) {
                g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(WatchEvent));
                uint64_t before = boot_time();
                guint n_found = 0;
                uint32_t found = 0;
                pid_t pid = fork();

                if (pid == 0) {
                        uint32_t id;

                        load(&id);
                        _exit(0);
                }
                g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
                g_assert_cmpint(watch_take(watch, remember, events, NULL), ==, 1);
                for (guint j = 0; j < events->len; j++) {
                        const WatchEvent *event = &g_array_index(events, WatchEvent, j);

                        if (event->loaded ? event->pid != (uint32_t)pid : event->id != found)
                                continue;
                        g_assert_cmpuint(event->time, >, before);
                        g_assert_cmpuint(event->time, <, boot_time());
                        n_found += event->loaded;
                        found = event->id;
                }
                g_assert_cmpuint(n_found, ==, 1);
                /* From now on, records are longer. */
                if (i == 0)
                        later = new_watch();
        }
}

/* The ring of the unload comes before or after that of the load: the order of events is the same.
 */
static void test_two_cpus(void)
{
        g_autoptr(Watch) watch = new_watch();
        uint32_t id;
        int fd;

        if (!can_run_on(0) || !can_run_on(1)) {
                g_test_skip("needs two CPUs");
                return;
        }
        for (int cpu = 0; cpu < 2; cpu++) {
                run_on(cpu);
                fd = load(&id);
                run_on(!cpu);
                close(fd);
                assert_drain(watch, id, "LU", true);
        }
        run_anywhere();
}

/* Far more events than a ring holds, and none of them read. */
static void test_overflow(void)
{
        g_autoptr(Watch) watch = new_watch();
        uint32_t id, last;
        int fd;

        run_on(0);
        fd = load(&last);
        for (guint i = 0; i < RING_SIZE / sizeof(BpfRecord); i++) {
                close(load(&id));
                if (i % 200 == 0)
                        let_kernel_free();
        }
        close(fd);

        /* Nothing of it can be trusted. */
        assert_drain(watch, last, "", false);
        /* The pass after it, where a load can still come whose unload was lost. */
        fd = load(&id);
        assert_drain(watch, id, "L", false);
        close(fd);
        assert_drain(watch, id, "U", true);
        fd = load(&id);
        assert_drain(watch, id, "L", true);
        close(fd);
        assert_drain(watch, id, "U", true);
        run_anywhere();
}

/* Makes rounds until the bells are set and nothing comes. */
static void settle(Watch *watch)
{
        int wait;

        while ((wait = follow(watch)) >= 0)
                watch_wait(watch, wait);
}

static void test_wakes(void)
{
        g_autoptr(Watch) watch = new_watch();
        bool complete;
        uint32_t id;
        int fd;

        for (int i = 0; i < 20; i++) {
                settle(watch);
                fd = load(&id);
                g_assert_true(wakes(watch, 10000));
                g_assert_cmpstr(drain(watch, id, &complete), ==, "L");
                g_assert_cmpint(follow(watch), >, 0);
                settle(watch);
                close(fd);
                g_assert_true(wakes(watch, 10000));
                g_assert_cmpstr(drain_unload(watch, id, &complete), ==, "U");
                g_assert_cmpint(follow(watch), >, 0);
        }
}

static void take_out_unloaded(const WatchEvent *event, void *data)
{
        if (!event->loaded)
                g_hash_table_remove(data, GUINT_TO_POINTER(event->id));
}

/* The first event of many wakes. The others are found in rounds, and cost nobody a wake-up, until
 * it has been quiet for a while. */
static void test_burst(void)
{
        g_autoptr(Watch) watch = new_watch();
        g_autoptr(GHashTable) loaded = g_hash_table_new(NULL, NULL);

        run_on(0);
        for (int i = 0; i < 10; i++) {
                const struct perf_event_mmap_page *bell;
                guint n_wakes = 0;
                uint64_t rung;
                uint32_t id;
                int wait;

                settle(watch);
                bell = g_array_index(watch->rings, Ring, 0).bell;
                rung = bell->data_head;
                close(load(&id));
                g_assert_cmpuint(bell->data_head, >, rung);
                g_assert_true(wakes(watch, 10000));
                g_assert_cmpint(follow(watch), ==, ROUND_MS);

                rung = bell->data_head;
                for (int j = 0; j < 500; j++) {
                        close(load(&id));
                        g_hash_table_add(loaded, GUINT_TO_POINTER(id));
                        n_wakes += wakes(watch, 0);
                        watch_take(watch, take_out_unloaded, loaded, &wait);
                        g_assert_cmpint(wait, ==, ROUND_MS);
                }
                g_assert_cmpuint(bell->data_head, ==, rung);
                /* The alarm, and on other CPUs what was being written when they were silenced. */
                g_assert_cmpuint(n_wakes, <, 50);
                /* Whoever lists programs may hold one for longer than we do. */
                for (int j = 0; j < 10000 && g_hash_table_size(loaded) > 0; j++) {
                        watch_wait(watch, ROUND_MS);
                        watch_take(watch, take_out_unloaded, loaded, &wait);
                }
                g_assert_cmpuint(g_hash_table_size(loaded), ==, 0);
                let_kernel_free();
        }
        run_anywhere();
}

typedef struct Loader {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        uint32_t id; /* of what was loaded and unloaded; 0: it has been seen, go on */
} Loader;

#define N_PAUSES 1000

/* One program after the other, each at another moment of the rounds that the one before has begun.
 */
static void *load_and_wait(void *data)
{
        Loader *loader = data;

        for (int i = 0; i < N_PAUSES; i++) {
                uint32_t id;

                g_usleep(i % 2 ? i * 6 : 0);
                close(load(&id));
                pthread_mutex_lock(&loader->mutex);
                loader->id = id;
                while (loader->id != 0)
                        pthread_cond_wait(&loader->changed, &loader->mutex);
                pthread_mutex_unlock(&loader->mutex);
        }
        return NULL;
}

static void remember_unloaded(const WatchEvent *event, void *data)
{
        if (!event->loaded)
                g_hash_table_add(data, GUINT_TO_POINTER(event->id));
}

/* No event goes unnoticed, whenever it comes: nobody but this thread takes them up, and it sleeps
 * as long as it is told to. Where others load so many programs that some are lost, that is said. */
static void test_nothing_lost(void)
{
        g_autoptr(Watch) watch = new_watch();
        g_autoptr(GHashTable) unloaded = g_hash_table_new(NULL, NULL);
        Loader loader = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
        int wait = 0, n_seen = 0, n_lost = 0;
        pthread_t thread;

        g_assert_cmpint(pthread_create(&thread, NULL, load_and_wait, &loader), ==, 0);
        while (n_seen < N_PAUSES) {
                bool woken = wakes(watch, wait >= 0 ? wait : 10000);
                int r;

                g_assert_true(woken || wait >= 0);
                r = watch_take(watch, remember_unloaded, unloaded, &wait);
                g_assert_cmpint(r, >=, 0);
                n_lost += r == 0;
                pthread_mutex_lock(&loader.mutex);
                if (loader.id != 0 &&
                    (r == 0 || g_hash_table_contains(unloaded, GUINT_TO_POINTER(loader.id)))) {
                        n_seen++;
                        loader.id = 0;
                        pthread_cond_signal(&loader.changed);
                }
                pthread_mutex_unlock(&loader.mutex);
        }
        pthread_join(thread, NULL);
        g_assert_cmpint(n_lost, <, N_PAUSES / 10);
}

static void put(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
        close(fd);
}

/* The kernel sends the message that is written to a device's uevent file, as if it had happened. */
static void test_news(void)
{
        int news = feed_listen();

        g_assert_cmpint(news, >=, 0);
        put("/sys/devices/virtual/mem/null/uevent", "change");
        put("/sys/devices/virtual/mem/null/uevent", "online");
        put("/sys/devices/system/cpu/cpu0/uevent", "change");
        put("/sys/devices/system/cpu/cpu0/uevent", "offline");
        g_assert_false(readable(news, 0));
        feed_heard(news);

        for (int i = 0; i < 3; i++)
                put("/sys/devices/system/cpu/cpu0/uevent", "online");
        g_assert_true(readable(news, 10000));
        feed_heard(news);
        g_assert_false(readable(news, 0));

        /* More messages than the socket holds. */
        for (int i = 0; i < 3000; i++)
                put("/sys/devices/system/cpu/cpu0/uevent", "online");
        feed_heard(news);
        g_assert_false(readable(news, 0));
        close(news);
}

/* New rings come from another thread while events are followed. */
static void test_replace(void)
{
        g_autoptr(Watch) watch = new_watch();
        uint32_t id, before;
        int fd;

        for (int i = 0; i < 3; i++) {
                before = 0;
                settle(watch);
                fd = i > 0 ? load(&before) : -1;
                /* Once, and twice before anybody looks. */
                for (int j = 0; j <= i % 2; j++)
                        replace(watch);
                g_assert_true(wakes(watch, 10000));
                if (fd >= 0)
                        close(fd);
                /* What the old rings held is lost, and that is said. */
                assert_drain(watch, before, before ? "U" : "", false);
                assert_drain(watch, 0, "", true);

                settle(watch);
                fd = load(&id);
                g_assert_true(wakes(watch, 10000));
                assert_drain(watch, id, "L", true);
                close(fd);
                assert_drain(watch, id, "U", true);
        }
        /* Nobody takes these. */
        replace(watch);
}

static void test_break(void)
{
        g_autoptr(Watch) watch = new_watch();
        int wait = 1;

        settle(watch);
        g_assert_false(wakes(watch, 0));
        watch_wake(watch);
        g_assert_true(wakes(watch, 0));
        g_assert_false(wakes(watch, 0));

        watch_break(watch, -EPIPE);
        g_assert_true(wakes(watch, 0));
        for (int i = 0; i < 2; i++) {
                g_assert_cmpint(watch_take(watch, ignore, NULL, &wait), ==, -EPIPE);
                g_assert_cmpint(wait, ==, -1);
        }
}

/* Takes the second CPU off and on again. Nothing is asserted while it is off: it must come back. */
static void test_hotplug(void)
{
        const char *online = "/sys/devices/system/cpu/cpu1/online";
        int news;
        g_autoptr(Watch) watch = new_watch_with_news(&news);
        bool off, still_wakes = false, complete_off, went_off;
        const char *events_off;
        uint32_t id;
        int fd;

        off = can_run_on(1) && (fd = open(online, O_WRONLY | O_CLOEXEC)) >= 0;
        if (!off) {
                close(news);
                g_test_skip("needs a second CPU that can be taken offline");
                return;
        }
        went_off = write(fd, "0", 1) == 1;
        if (went_off) {
                /* A ring that has hung up neither goes on waking nor spoils the others. */
                for (int i = 0; i < 100 && (still_wakes = wakes(watch, 0)); i++)
                        drain(watch, 0, &complete_off);
                close(load(&id));
                events_off = drain(watch, id, &complete_off);
                pwrite(fd, "1", 1, 0);
        }
        close(fd);
        if (!went_off) {
                close(news);
                g_test_skip("the second CPU cannot be taken offline");
                return;
        }
        g_assert_false(still_wakes);
        g_assert_cmpstr(events_off, ==, "LU");
        g_assert_true(complete_off);

        g_assert_true(readable(news, 10000));
        feed_heard(news);
        close(news);
        replace(watch);
        assert_drain(watch, 0, "", false);
        run_on(1);
        fd = load(&id);
        assert_drain(watch, id, "L", true);
        close(fd);
        assert_drain(watch, id, "U", true);
        run_anywhere();
}

/* Without the right, a sentence and no watch. */
static void test_not_permitted(void)
{
        if (g_test_subprocess()) {
                g_autoptr(GError) error = NULL;
                Watch *watch = NULL;
                int news;

                g_assert_cmpint(setuid(65534), ==, 0);
                g_assert_cmpint(watch_new(&watch, &news, &error), <, 0);
                g_assert_null(watch);
                g_printerr("%s\n", error->message);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*not permitted*CAP_PERFMON*");
}

static void *map_plain_memory(size_t size)
{
        void *memory = mmap(NULL, with_control(size), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        g_assert_true(memory != MAP_FAILED);
        return memory;
}

/* A watch with @n rings of plain memory, past its first pass. */
static Watch *new_fake(guint n)
{
        Watch *watch = new_empty();

        watch->spoilt = false;
        for (guint i = 0; i < n; i++) {
                Ring ring = { 0 };

                ring.page = map_plain_memory(RING_SIZE);
                ring.bell = map_plain_memory(bell_size());
                ring.records = (const uint8_t *)ring.page + sysconf(_SC_PAGESIZE);
                g_array_append_val(watch->rings, ring);
        }
        return watch;
}

static struct perf_event_mmap_page *fake_page(const Ring *ring)
{
        return (struct perf_event_mmap_page *)ring->page;
}

static void append(Watch *watch, guint index, uint32_t type, uint16_t size, uint16_t event,
                   uint32_t id)
{
        Ring *ring = &g_array_index(watch->rings, Ring, index);
        BpfRecord record = { .header = { .type = type, .size = size }, .type = event, .id = id };
        uint8_t *records = (uint8_t *)fake_page(ring) + sysconf(_SC_PAGESIZE);

        for (guint i = 0; i < MIN(size, sizeof(record)); i++)
                records[(ring->page->data_head + i) % RING_SIZE] = ((uint8_t *)&record)[i];
        fake_page(ring)->data_head += size;
}

static void append_event(Watch *watch, guint ring, bool loaded, uint32_t id)
{
        append(watch, ring, PERF_RECORD_BPF_EVENT, sizeof(BpfRecord),
               loaded ? PERF_BPF_EVENT_PROG_LOAD : PERF_BPF_EVENT_PROG_UNLOAD, id);
}

static void assert_emptied(const Watch *watch, guint index)
{
        const Ring *ring = &g_array_index(watch->rings, Ring, index);

        g_assert_cmpuint(ring->tail, ==, ring->page->data_head);
}

/* Positions grow past the ring's end and past 2^64, and records lie across the end. */
static void test_wrap(void)
{
        const uint64_t starts[] = { 0,
                                    RING_SIZE - 8,
                                    RING_SIZE - 16,
                                    RING_SIZE - 24,
                                    RING_SIZE - 32,
                                    (1ull << 40) - 16,
                                    UINT64_MAX - 15 };

        for (guint i = 0; i < G_N_ELEMENTS(starts); i++) {
                g_autoptr(Watch) watch = new_fake(1);
                Ring *ring = &g_array_index(watch->rings, Ring, 0);

                ring->tail = fake_page(ring)->data_head = starts[i];
                append_event(watch, 0, true, 7);
                append_event(watch, 0, true, 8);
                append_event(watch, 0, false, 8);
                assert_drain(watch, 8, "LU", true);
                assert_emptied(watch, 0);
                append_event(watch, 0, false, 7);
                assert_drain(watch, 7, "U", true);
        }
}

/* The load is found one pass after the unload: the program is gone, and must not come back. */
static void test_late_load(void)
{
        g_autoptr(Watch) watch = new_fake(2);

        append_event(watch, 1, false, 5);
        assert_drain(watch, 5, "U", true);
        append_event(watch, 0, true, 5);
        append_event(watch, 0, true, 6);
        assert_drain(watch, 6, "L", true);
        append_event(watch, 1, false, 5);
        append_event(watch, 0, true, 5);
        assert_drain(watch, 5, "LU", true);
        append_event(watch, 0, true, 5);
        assert_drain(watch, 5, "", true);
}

static const char *repeated(const char *text, guint n)
{
        g_autoptr(GString) all = g_string_new(NULL);

        while (n-- > 0)
                g_string_append(all, text);
        return g_intern_string(all->str);
}

static void test_lost(void)
{
        g_autoptr(Watch) watch = new_fake(2);

        append_event(watch, 0, true, 1);
        append(watch, 0, PERF_RECORD_LOST, 24, 0, 0);
        append_event(watch, 0, true, 2);
        assert_drain(watch, 2, "L", false);
        assert_drain(watch, 2, "", false);
        assert_drain(watch, 2, "", true);

        /* As much as can be trusted, and then one more. */
        for (guint i = 0; i < RING_READABLE / sizeof(BpfRecord); i++)
                append_event(watch, 1, true, 3);
        assert_drain(watch, 3, repeated("L", RING_READABLE / sizeof(BpfRecord)), true);
        for (guint i = 0; i <= RING_READABLE / sizeof(BpfRecord); i++)
                append_event(watch, 1, true, 3);
        append_event(watch, 0, true, 4);
        assert_drain(watch, 4, "L", false);
        append_event(watch, 1, true, 3);
        assert_drain(watch, 3, "L", false);
        assert_drain(watch, 3, "", true);
}

static void test_hostile(void)
{
        const uint16_t sizes[] = { 0, 1, 7, 32, 2048, UINT16_MAX };

        for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
                g_autoptr(Watch) watch = new_fake(1);
                Ring *ring = &g_array_index(watch->rings, Ring, 0);

                append_event(watch, 0, true, 1);
                append(watch, 0, PERF_RECORD_BPF_EVENT, sizes[i], PERF_BPF_EVENT_PROG_LOAD, 2);
                fake_page(ring)->data_head = 2 * sizeof(BpfRecord);
                ((struct perf_event_header *)(ring->records + sizeof(BpfRecord)))->size = sizes[i];
                assert_drain(watch, 1, "L", false);
                assert_emptied(watch, 0);
                /* From a position that no record begins at on to proper ones. */
                assert_drain(watch, 1, "", false);
                append_event(watch, 0, false, 1);
                assert_drain(watch, 1, "U", true);
        }
        for (guint i = 1; i < 24; i++) {
                g_autoptr(Watch) watch = new_fake(1);
                Ring *ring = &g_array_index(watch->rings, Ring, 0);

                /* The position is odd, or a whole ring and more is said to be there. */
                ring->tail = RING_SIZE - i;
                fake_page(ring)->data_head = RING_SIZE + (i % 2 ? 8 : RING_SIZE);
                assert_drain(watch, 1, "", false);
                assert_emptied(watch, 0);
        }
        {
                g_autoptr(Watch) watch = new_fake(1);

                /* Too short for what it says it is; a kind that is not known; an event likewise. */
                append(watch, 0, PERF_RECORD_BPF_EVENT, 16, PERF_BPF_EVENT_PROG_LOAD, 1);
                append(watch, 0, PERF_RECORD_BPF_EVENT, 24, PERF_BPF_EVENT_PROG_LOAD, 1);
                append(watch, 0, 99, sizeof(BpfRecord), PERF_BPF_EVENT_PROG_LOAD, 1);
                append(watch, 0, PERF_RECORD_BPF_EVENT, sizeof(BpfRecord), 99, 1);
                append(watch, 0, PERF_RECORD_BPF_EVENT, 64, PERF_BPF_EVENT_PROG_LOAD, 1);
                assert_drain(watch, 1, "L", false);
        }
}

/* As the kernel reckons it. */
static uint64_t room(const struct perf_event_mmap_page *bell)
{
        return (bell->data_tail - bell->data_head - 1) % bell_size();
}

static void assert_silent(const Watch *watch, bool silent)
{
        for (guint i = 0; i < watch->rings->len; i++)
                g_assert_cmpuint(room(g_array_index(watch->rings, Ring, i).bell), ==,
                                 silent ? NO_ROOM - 1 : bell_size() - 1);
}

/* When the bells are silent, and when they are set again. */
static void test_rounds(void)
{
        g_autoptr(Watch) watch = new_fake(2);
        bool complete;

        for (int i = 0; i < 3; i++) {
                append_event(watch, i % 2, true, 1);
                /* A request may be the first to read it. It leaves the bells alone. */
                if (i == 0)
                        drain(watch, 1, &complete);
                assert_silent(watch, false);
                for (guint j = 0; j < 2; j++)
                        g_array_index(watch->rings, Ring, j).bell->data_head += 24;
                for (guint quiet = 0; quiet <= QUIET_ROUNDS; quiet++) {
                        g_assert_cmpint(follow(watch), ==, ROUND_MS);
                        assert_silent(watch, quiet < QUIET_ROUNDS);
                        /* Nor do requests make the rounds shorter. */
                        for (int j = 0; j < 10; j++)
                                drain(watch, 1, &complete);
                        assert_silent(watch, quiet < QUIET_ROUNDS);
                }
                g_assert_cmpint(follow(watch), ==, -1);
                g_assert_cmpint(follow(watch), ==, -1);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/watch/events", test_events);
        g_test_add_func("/watch/who", test_who);
        g_test_add_func("/watch/two-cpus", test_two_cpus);
        g_test_add_func("/watch/overflow", test_overflow);
        g_test_add_func("/watch/wakes", test_wakes);
        g_test_add_func("/watch/burst", test_burst);
        g_test_add_func("/watch/nothing-lost", test_nothing_lost);
        g_test_add_func("/watch/news", test_news);
        g_test_add_func("/watch/replace", test_replace);
        g_test_add_func("/watch/break", test_break);
        g_test_add_func("/watch/hotplug", test_hotplug);
        g_test_add_func("/watch/not-permitted", test_not_permitted);
        g_test_add_func("/watch/wrap", test_wrap);
        g_test_add_func("/watch/late-load", test_late_load);
        g_test_add_func("/watch/lost", test_lost);
        g_test_add_func("/watch/hostile", test_hostile);
        g_test_add_func("/watch/rounds", test_rounds);
        return g_test_run();
}
