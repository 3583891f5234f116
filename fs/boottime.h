/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BOOTTIME_H
#define BPFMETAFS_BOOTTIME_H

/*
 * The kernel's times since boot as times of day.
 *
 * The kernel's times are by its own CLOCK_BOOTTIME, that of the first time namespace. A process in
 * another one reads the same clock with an offset (time_namespaces(7)).
 */

#include <stdint.h>
#include <time.h>

typedef struct BootTime {
        int64_t offset;  /* of this process's CLOCK_BOOTTIME from the kernel's, in nanoseconds */
        int64_t at_boot; /* CLOCK_REALTIME at boot, in nanoseconds */
} BootTime;

/* Reads the offset from /proc, which the sandbox hides later. It can't change: a namespace's
 * offsets can't change once a process is in it. */
void boottime_init(BootTime *boot);

/* The offset of CLOCK_BOOTTIME in the text of /proc/PID/timens_offsets, in nanoseconds; 0 if there
 * is none. */
int64_t boottime_parse_offset(const char *text);

/* The CLOCK_REALTIME at which the kernel's CLOCK_BOOTTIME was @since_boot nanoseconds. */
struct timespec boottime_to_real(BootTime *boot, uint64_t since_boot);

#endif
