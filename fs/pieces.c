/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Both threads take the first piece that nobody has taken.
 *
 * In a virtual machine the kernel takes a sleeping CPU for one that its host has taken away
 * (available_idle_cpu() in kernel/sched), and wakes a thread where it ran last. If that is the
 * caller's CPU, the second thread leaves it.
 */

#include "pieces.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

/* How often the caller yields before it sleeps until a piece is done: to be woken takes longer than
 * most pieces do. */
#define YIELDS 200

struct Pieces {
        pthread_mutex_t lock;
        pthread_cond_t work; /* there is some, or the end */
        pthread_cond_t done; /* the second thread has done a piece */
        pthread_t thread;
        bool tried; /* to start it */
        bool started;
        bool stop;
        PieceFunc func;
        void *data;
        guint n;
        guint next;   /* the first piece that nobody has taken */
        guint waited; /* the last piece that was waited for */
        bool sleeps;  /* the second thread, and nobody has woken it */
        guint busy;   /* what the second thread does: a piece + 1, or 0 */
        int cpu;      /* where the second thread ran last; below 0: not known */
        int caller;   /* where the caller began the work */
};

Pieces *pieces_new(void)
{
        Pieces *pieces = g_new0(Pieces, 1);

        pieces->cpu = -1;
        pthread_mutex_init(&pieces->lock, NULL);
        pthread_cond_init(&pieces->work, NULL);
        pthread_cond_init(&pieces->done, NULL);
        return pieces;
}

/* Moves this thread to another CPU if it is on that one. It does no harm if it can't be done. */
static void leave(int cpu)
{
        cpu_set_t all, others;

        if (cpu < 0 || sched_getcpu() != cpu || sched_getaffinity(0, sizeof(all), &all) < 0)
                return;
        others = all;
        CPU_CLR(cpu, &others);
        if (sched_setaffinity(0, sizeof(others), &others) == 0)
                sched_setaffinity(0, sizeof(all), &all);
}

/* The caller holds the lock, and gets it back. */
static void sleep_until_work(Pieces *pieces)
{
        int caller;

        pieces->cpu = sched_getcpu();
        pieces->sleeps = true;
        pthread_cond_wait(&pieces->work, &pieces->lock);
        pieces->sleeps = false;
        caller = pieces->caller;
        pthread_mutex_unlock(&pieces->lock);
        leave(caller);
        pthread_mutex_lock(&pieces->lock);
}

static void *work(void *data)
{
        Pieces *pieces = data;

        prctl(PR_SET_NAME, "bpfmeta-pieces", 0, 0, 0);
        pthread_mutex_lock(&pieces->lock);
        while (!pieces->stop) {
                if (pieces->next == pieces->n || pieces->next >= pieces->waited + PIECES_AHEAD) {
                        sleep_until_work(pieces);
                        continue;
                }
                pieces->busy = ++pieces->next;
                pthread_mutex_unlock(&pieces->lock);
                pieces->func(pieces->busy - 1, 1, pieces->data);
                pthread_mutex_lock(&pieces->lock);
                pieces->busy = 0;
                pthread_cond_signal(&pieces->done);
        }
        pthread_mutex_unlock(&pieces->lock);
        return NULL;
}

static void start(Pieces *pieces)
{
        sigset_t all, before;

        pieces->tried = true;
        if (g_get_num_processors() < 2)
                return;
        /* Signals are for the thread that serves. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pieces->started = pthread_create(&pieces->thread, NULL, work, pieces) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void pieces_free(Pieces *pieces)
{
        pthread_mutex_lock(&pieces->lock);
        pieces->stop = true;
        pthread_cond_signal(&pieces->work);
        pthread_mutex_unlock(&pieces->lock);
        if (pieces->started)
                pthread_join(pieces->thread, NULL);
        pthread_cond_destroy(&pieces->work);
        pthread_cond_destroy(&pieces->done);
        pthread_mutex_destroy(&pieces->lock);
        g_free(pieces);
}

/* The caller holds the lock. */
static void wake(Pieces *pieces)
{
        pieces->sleeps = false;
        pthread_cond_signal(&pieces->work);
}

void pieces_begin(Pieces *pieces, guint n, PieceFunc func, void *data)
{
        bool wakes = n >= PIECES_FEW, is_here;

        if (!pieces->tried && wakes)
                start(pieces);
        pthread_mutex_lock(&pieces->lock);
        pieces->func = func;
        pieces->data = data;
        pieces->n = n;
        pieces->next = 0;
        pieces->waited = 0;
        pieces->caller = sched_getcpu();
        is_here = pieces->started && pieces->cpu >= 0 && pieces->cpu == pieces->caller;
        if (wakes)
                wake(pieces);
        pthread_mutex_unlock(&pieces->lock);
        /* It can leave only when it runs. */
        if (wakes && is_here)
                sched_yield();
}

/* The caller holds the lock, and gets it back. The second thread takes pieces in their order, and
 * so does the caller: all before the one that it does have been done. */
static void wait_for(Pieces *pieces, guint piece)
{
        for (guint i = 0; pieces->busy == piece + 1 && i < YIELDS; i++) {
                pthread_mutex_unlock(&pieces->lock);
                sched_yield();
                pthread_mutex_lock(&pieces->lock);
        }
        while (pieces->busy == piece + 1)
                pthread_cond_wait(&pieces->done, &pieces->lock);
}

/* The caller holds the lock. The second thread is woken if there is work for a while. */
static void note_waited(Pieces *pieces, guint piece)
{
        pieces->waited = MAX(pieces->waited, piece);
        if (pieces->sleeps && pieces->n >= PIECES_FEW && pieces->next < pieces->n &&
            pieces->next < pieces->waited + PIECES_AHEAD / 2)
                wake(pieces);
}

void pieces_wait(Pieces *pieces, guint piece)
{
        pthread_mutex_lock(&pieces->lock);
        note_waited(pieces, piece);
        while (pieces->next < pieces->n &&
               (pieces->next <= piece ||
                (pieces->busy == piece + 1 && pieces->next < piece + PIECES_AHEAD))) {
                guint own = pieces->next++;

                pthread_mutex_unlock(&pieces->lock);
                pieces->func(own, 0, pieces->data);
                pthread_mutex_lock(&pieces->lock);
        }
        wait_for(pieces, piece);
        pthread_mutex_unlock(&pieces->lock);
}

void pieces_end(Pieces *pieces)
{
        pthread_mutex_lock(&pieces->lock);
        pieces->next = pieces->n;
        if (pieces->busy > 0)
                wait_for(pieces, pieces->busy - 1);
        pthread_mutex_unlock(&pieces->lock);
}
