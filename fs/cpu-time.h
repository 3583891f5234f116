/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CPU_TIME_H
#define BPFMETAFS_CPU_TIME_H

/*
 * The time of a CPU that was taken. What others do meanwhile does not count.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* In microseconds, of CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID. */
static inline int64_t cpu_time(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

/* The end of work by this thread that begins now, and takes so many milliseconds of a CPU at most.
 * While the thread has no CPU nothing is lost: work that was stopped goes on. */
static inline int64_t cpu_time_end(int64_t milliseconds)
{
        return cpu_time(CLOCK_THREAD_CPUTIME_ID) + milliseconds * G_TIME_SPAN_MILLISECOND;
}

/* True if this thread has passed the @end that cpu_time_end() gave it. */
static inline bool cpu_time_is_over(int64_t end)
{
        return cpu_time(CLOCK_THREAD_CPUTIME_ID) > end;
}

#endif
