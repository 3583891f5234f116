/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Maps the rings that the broker hands over.
 *
 * A process that reads the rings has to map them, and a CPU may come online long after the process
 * has been shut in. But a process that may map a descriptor can also map a BPF map, and so write
 * it: a filter sees only the number of a descriptor, not the object behind it. These ways were
 * tried and given up:
 *
 * - Map rings for all CPUs at the start: the kernel opens none for a CPU that is offline. An event
 *   of a task may name such a CPU, and other events can be sent into its ring later. But as long as
 *   there is such an event, each switch of tasks in the whole system takes longer.
 * - Let the broker read the rings and copy the records into shared memory: then an answer is as old
 *   as the broker's last look, and nothing tells how old that is.
 * - Allow mmap(2) for one number of a descriptor: an attacker who makes a process open a BPF map
 *   can also choose its number, by leaving other descriptors open.
 *
 * So a thread does it that has a table of descriptors of its own (unshare(2), CLONE_FILES). In this
 * table are the sockets and event counters below, which can't be mapped, and the rings that the
 * broker sends. The thread has no bpf(2), and no other way to get a descriptor. It shares memory
 * with the serving thread: an attacker who controls that thread controls this one, too, but gains
 * no more than a mapping of a ring.
 */

#include "receiver.h"

#include "handover.h"
#include "rings.h"
#include "sandbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

struct Receiver {
        Watch *watch;
        pthread_t thread;
        bool started;
        int socket;
        int stop;    /* eventfd */
        sem_t ready; /* the thread is shut in, or could not be */
        int result;
};

static int shut_in(Receiver *receiver)
{
        int fds[] = {
                receiver->socket,
                receiver->stop,
                watch_epoll(receiver->watch),
                watch_waker(receiver->watch),
        };

        prctl(PR_SET_NAME, "bpfmeta-rings", 0, 0, 0);
        if (unshare(CLONE_FILES) < 0)
                return -errno;
        sandbox_close_all_but(fds, G_N_ELEMENTS(fds));
        return sandbox_enter(SANDBOX_RECEIVER, NULL, NULL);
}

/* Takes one set to the watch. */
static int receive_set(Receiver *receiver)
{
        g_autoptr(GArray) rings = rings_new();
        int bell, ring, r;

        while ((r = handover_receive(receiver->socket, &bell, &ring)) > 0) {
                r = rings_add(rings, watch_epoll(receiver->watch), bell, ring);
                close(bell);
                close(ring);
                if (r < 0)
                        break;
        }
        if (r == 0)
                watch_replace(receiver->watch, g_steal_pointer(&rings));
        return r;
}

static void *receive(void *data)
{
        Receiver *receiver = data;
        struct pollfd fds[] = {
                { .fd = receiver->socket, .events = POLLIN },
                { .fd = receiver->stop, .events = POLLIN },
        };
        int r = shut_in(receiver);

        receiver->result = r;
        sem_post(&receiver->ready);
        while (r == 0) {
                if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
                        continue;
                if (fds[1].revents)
                        return NULL;
                r = receive_set(receiver);
        }
        watch_break(receiver->watch, r);
        return NULL;
}

static int start_thread(Receiver *receiver)
{
        sigset_t all, before;
        int r;

        receiver->stop = eventfd(0, EFD_CLOEXEC);
        if (receiver->stop < 0)
                return -errno;
        /* Signals are for the thread that serves. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&receiver->thread, NULL, receive, receiver);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        receiver->started = true;
        while (sem_wait(&receiver->ready) < 0)
                ;
        return receiver->result;
}

int receiver_new(Receiver **out, Watch *watch, int socket, GError **error)
{
        g_autoptr(Receiver) receiver = g_new0(Receiver, 1);
        int r;

        receiver->watch = watch;
        receiver->socket = socket;
        receiver->stop = -1;
        sem_init(&receiver->ready, 0, 0);
        r = start_thread(receiver);
        if (r < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot start the thread that takes event rings: %s", g_strerror(-r));
                return r;
        }
        *out = g_steal_pointer(&receiver);
        return 0;
}

void receiver_free(Receiver *receiver)
{
        static const uint64_t one = 1;

        if (!receiver)
                return;
        /* It fails only if the counter is full. */
        if (receiver->started && write(receiver->stop, &one, sizeof(one)) == sizeof(one))
                pthread_join(receiver->thread, NULL);
        if (receiver->stop >= 0)
                close(receiver->stop);
        /* It was kept open until now, so that its number does not mean two things in two tables. */
        close(receiver->socket);
        sem_destroy(&receiver->ready);
        g_free(receiver);
}
