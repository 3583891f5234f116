/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Decides when to linger. */

#include "linger.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <sched.h>
#include <time.h>

/* For how many microseconds. */
#define LINGER 50

/* If a process that we yield to keeps the CPU for long, others that wait for it are served sooner
 * when we sleep. So we do not linger for this many times as long. */
#define REST 100

static void yield(Linger *linger)
{
        int64_t before = g_get_monotonic_time(), after;

        sched_yield();
        after = g_get_monotonic_time();
        if (after - before > LINGER)
                linger->rest_until = after + REST * (after - before);
}

void linger_begin(Linger *linger)
{
        linger->start = g_get_monotonic_time();
        linger->waited = 0;
}

int linger_poll(Linger *linger, int fd, const sigset_t *signals)
{
        static const struct timespec at_once = { 0 };
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };
        bool lingers = linger->brisk && linger->waited < LINGER;
        int ready = ppoll(&pollfd, 1, lingers ? &at_once : NULL, signals), r;

        r = ready < 0 ? -errno : ready;
        linger->waited = g_get_monotonic_time() - linger->start;
        if (ready == 0)
                yield(linger);
        return r;
}

void linger_end(Linger *linger)
{
        /* If we slept, we were woken late, and the request may have come soon enough. So lingering
         * is worth a try; but after a try in vain we do not try the next time. */
        linger->brisk =
                linger->start + linger->waited >= linger->rest_until &&
                (linger->waited < LINGER || (!linger->brisk && linger->waited < 2 * LINGER));
}
