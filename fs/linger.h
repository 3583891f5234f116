/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LINGER_H
#define BPFMETAFS_LINGER_H

/*
 * Waits for the next request: stays awake for it for a moment, or sleeps.
 *
 * A process that works through a tree sends the next request some microseconds after the answer. To
 * be woken for it takes several times as long as most requests, above all if the CPU sleeps by then
 * and is a virtual one. So while requests come that fast, we look for the next one for a moment
 * before we sleep.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* All zero at first. */
typedef struct Linger {
        int64_t rest_until; /* g_get_monotonic_time() before which we do not linger */
        bool brisk;         /* the next request is expected soon after the last answer */
        int64_t start;      /* when we began to wait for this one */
        int64_t waited;     /* microseconds since then */
} Linger;

/* Begins to wait for a request. */
void linger_begin(Linger *linger);

/* Waits until @fd is readable, with the signal mask @signals. Positive: it is. 0: not yet. -EINTR:
 * a signal came; or another -errno. */
int linger_poll(Linger *linger, int fd, const sigset_t *signals);

/* The request has come, or we do not wait for it any more. */
void linger_end(Linger *linger);

#endif
