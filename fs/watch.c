/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Puts load and unload events in order.
 *
 * Two orders need care. A ring belongs to a CPU, so a load and the unload that follows it may stand
 * in two rings, and a pass over the rings can meet the unload first. As program ids are not used
 * again (they count up to 2^31 before they wrap), a load always belongs before the unload of its
 * id; and as the load was written before the unload was, the next pass finds it at the latest. So
 * unloads are remembered for one pass. For the same reason a pass that may have missed an unload
 * spoils the one after it as well.
 *
 * The bells ring at the first record after a pause. The follower then silences them, and takes up
 * events in rounds, until none has come for a while and it sets the bells again. Only the follower
 * does either: a bell that another thread silenced between the record and the ring would never wake
 * it.
 */

#include "watch.h"

#include "feed.h"
#include "rings.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

G_STATIC_ASSERT(FEED_ALARM == RING_SIZE / 2);
G_STATIC_ASSERT(WATCH_TAG_SIZE == RING_TAG_SIZE);

/* While the bells are silent: milliseconds from one look at the rings to the next, and how many
 * looks in a row have to find nothing new before the bells are set again. Looks take time from
 * processes that load and unload. Between two looks, the kernel's cache still has a program that
 * has gone. */
#define ROUND_MS 2
#define QUIET_ROUNDS 2

struct Watch {
        GArray *rings;        /* elements: Ring */
        GArray *loads;        /* of the pass that is being made; elements: RingLoad */
        GArray *unloads;      /* the same; elements: RingUnload */
        GHashTable *unloaded; /* ids whose unload the pass before has met */
        bool spoilt;          /* the pass before may have missed something */
        uint64_t written;     /* rings_written() at the follower's last look */
        guint quiet;          /* looks since then that have found the same */
        int epoll;
        int waker; /* eventfd, in the set */

        _Atomic(GArray *) arrived; /* rings to be used instead; NULL: none */
        atomic_int broken;         /* 0, or -errno: there are no more events */
};

/* Takes up the rings that another thread has left here. */
static void take_arrived(Watch *watch)
{
        GArray *arrived;

        if (!atomic_load_explicit(&watch->arrived, memory_order_relaxed))
                return;
        arrived = atomic_exchange(&watch->arrived, NULL);
        g_array_unref(watch->rings);
        watch->rings = arrived;
        watch->spoilt = true;
        /* Their bells are set. */
        watch->quiet = 0;
}

/* Sets the bells or silences them. Returns the new *@wait. A record that was written while the
 * bells were being set may not have rung, so there is one more look after that. */
static int next_round(Watch *watch)
{
        uint64_t written = rings_written(watch->rings);

        if (written != watch->written)
                watch->quiet = 0;
        else if (watch->quiet <= QUIET_ROUNDS)
                watch->quiet++;
        watch->written = written;

        if (watch->quiet == 0)
                rings_silence(watch->rings, true);
        else if (watch->quiet == QUIET_ROUNDS)
                rings_silence(watch->rings, false);
        return watch->quiet <= QUIET_ROUNDS ? ROUND_MS : -1;
}

int watch_take(Watch *watch, WatchFunc func, void *data, int *wait)
{
        bool complete = true, spoilt;
        int broken = atomic_load_explicit(&watch->broken, memory_order_relaxed);

        if (wait)
                *wait = -1;
        if (broken < 0)
                return broken;
        take_arrived(watch);
        spoilt = watch->spoilt;
        for (guint i = 0; i < watch->rings->len; i++)
                complete &= ring_drain(&g_array_index(watch->rings, Ring, i), watch->loads,
                                       watch->unloads);

        for (guint i = 0; i < watch->loads->len; i++) {
                const RingLoad *load = &g_array_index(watch->loads, RingLoad, i);
                const WatchEvent event = { true, load->id, load->pid, load->time, load->tag };

                if (!g_hash_table_contains(watch->unloaded, GUINT_TO_POINTER(load->id)))
                        func(&event, data);
        }
        if (g_hash_table_size(watch->unloaded) > 0)
                g_hash_table_remove_all(watch->unloaded);
        for (guint i = 0; i < watch->unloads->len; i++) {
                const RingUnload *unload = &g_array_index(watch->unloads, RingUnload, i);
                const WatchEvent event = { .id = unload->id, .time = unload->time };

                g_hash_table_add(watch->unloaded, GUINT_TO_POINTER(event.id));
                func(&event, data);
        }
        g_array_set_size(watch->loads, 0);
        g_array_set_size(watch->unloads, 0);
        watch->spoilt = !complete;
        if (wait)
                *wait = next_round(watch);
        return complete && !spoilt;
}

void watch_wait(Watch *watch, int wait)
{
        struct epoll_event events[16];

        /* Everything in the set is edge-triggered, and this takes the edges. It does no harm if it
         * ends early, by a signal or because there are more. */
        epoll_wait(watch->epoll, events, G_N_ELEMENTS(events), wait);
}

void watch_wake(Watch *watch)
{
        static const uint64_t one = 1;

        /* It can only fail if the counter is full. Each write wakes, whether the last one was read
         * or not. */
        if (write(watch->waker, &one, sizeof(one)) < 0)
                return;
}

int watch_epoll(const Watch *watch)
{
        return watch->epoll;
}

int watch_waker(const Watch *watch)
{
        return watch->waker;
}

void watch_replace(Watch *watch, GArray *rings)
{
        GArray *before = atomic_exchange(&watch->arrived, rings);

        if (before)
                g_array_unref(before);
        watch_wake(watch);
}

void watch_break(Watch *watch, int error)
{
        atomic_store(&watch->broken, error);
        watch_wake(watch);
}

void watch_free(Watch *watch)
{
        if (!watch)
                return;
        if (watch->arrived)
                g_array_unref(watch->arrived);
        g_array_unref(watch->rings);
        g_array_unref(watch->loads);
        g_array_unref(watch->unloads);
        g_hash_table_unref(watch->unloaded);
        if (watch->epoll >= 0)
                close(watch->epoll);
        if (watch->waker >= 0)
                close(watch->waker);
        g_free(watch);
}

/* A watch without rings. */
static Watch *new_empty(void)
{
        Watch *watch = g_new0(Watch, 1);

        watch->rings = rings_new();
        watch->loads = g_array_new(FALSE, FALSE, sizeof(RingLoad));
        watch->unloads = g_array_new(FALSE, FALSE, sizeof(RingUnload));
        watch->unloaded = g_hash_table_new(NULL, NULL);
        watch->spoilt = true;
        watch->epoll = watch->waker = -1;
        return watch;
}

static int add_cpu(int bell, int ring, void *data)
{
        Watch *watch = data;

        return rings_add(watch->rings, watch->epoll, bell, ring);
}

static int watch_open(Watch *watch, int *news)
{
        struct epoll_event event = { .events = EPOLLIN | EPOLLET };
        int r;

        watch->epoll = epoll_create1(EPOLL_CLOEXEC);
        watch->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (watch->epoll < 0 || watch->waker < 0 ||
            epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->waker, &event) < 0)
                return -errno;
        /* This comes first, so that no CPU comes online unnoticed while the rings are opened. */
        *news = feed_listen();
        if (*news < 0)
                return *news;
        r = feed_open(add_cpu, watch);
        if (r < 0)
                close(*news);
        return r;
}

int watch_new(Watch **out, int *news, GError **error)
{
        g_autoptr(Watch) watch = new_empty();
        int r = watch_open(watch, news);

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
