/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROCESS_H
#define BPFMETAFS_PROCESS_H

/*
 * Facts of a process in /proc (proc(5)): from the texts of its files to keys.
 *
 * Pure. A process chooses its name, and others its cgroup: both are hostile text.
 */

#include "info.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most bytes of a ProcessText. */
#define PROCESS_MAX_TEXT 8192u

/* The result of process_look(): this struct, and behind it the contents of schedstat, stat, comm
 * and cgroup, each with a NUL at its end. They are unchanged, but cut if they are too long. */
typedef struct ProcessText {
        uint64_t seen; /* nanoseconds of the looking process's CLOCK_BOOTTIME, after schedstat was
                          read */
        uint64_t tick; /* nanoseconds, the unit of the start in stat */
} ProcessText;

/* A process as it was seen. */
typedef struct ProcessSeen {
        uint64_t start; /* it started at this time or later, in nanoseconds since boot by the clock
                           of /proc/PID/stat, see process_look_behind(); */
        uint64_t until; /* and not later than this */
        uint64_t older; /* nor later than this by CLOCK_BOOTTIME of the process that has looked */
        const char *comm;
        const char *cgroup; /* the whole file */
} ProcessSeen;

/* Reads the @size bytes of a ProcessText, which @out borrows. 0, or -EPROTO if they are none. */
int process_read(const uint8_t *text, size_t size, ProcessSeen *out);

/* The same of what process_look_names() has found: nothing is known of the start. */
int process_read_names(const uint8_t *text, size_t size, ProcessSeen *out);

/* True if the process was certainly there at @time, by CLOCK_BOOTTIME of the process that has
 * looked; @behind is process_look_behind()'s result there. If the time is just behind its start, a
 * clock that counts ticks leaves a doubt. */
bool process_was_there(const ProcessSeen *seen, uint64_t time, int64_t behind);

/* The keys pid, comm, cgroup, unit, user_unit and container, as far as they are known. @seen may be
 * NULL; nothing of it is borrowed. */
Info *process_info(uint32_t pid, const ProcessSeen *seen);

#endif
