/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CPU_TIME_H
#define BPFMETAFS_CPU_TIME_H

/*
 * The time of a CPU that was taken. What others do meanwhile does not count.
 */

#include <glib.h>
#include <stdint.h>
#include <time.h>

/* In microseconds, of CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID. */
static inline int64_t cpu_time(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

#endif
