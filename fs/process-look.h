/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROCESS_LOOK_H
#define BPFMETAFS_PROCESS_LOOK_H

/*
 * Looks at a process in /proc, for another process that decodes the result and has no right to
 * look.
 *
 * System calls: openat(2) for reading, read(2), close(2), clock_gettime(2).
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* True if /proc belongs to this process's own pid namespace: then a pid means the same there. To be
 * called before the sandbox. */
bool process_look_can(void);

/*
 * How far the clock of /proc/PID/stat is behind this process's CLOCK_BOOTTIME, in nanoseconds.
 * @offset is that of CLOCK_BOOTTIME from the kernel's (BootTime.offset). Before Linux 5.11 the
 * starts in /proc are the kernel's times, also for a reader in another time namespace. A thread is
 * started and ends again, so this has to be called before the sandbox. PROCESS_LOOK_UNKNOWN if it
 * can't be told.
 */
int64_t process_look_behind(int64_t offset);
/* So far behind that no process seems to have started before anything. */
#define PROCESS_LOOK_UNKNOWN (INT64_MAX / 2)

/* Appends a ProcessText (process.h); all parts of it are of the same process. 0; -ESRCH: there is
 * no such process; or another -errno. */
int process_look(uint32_t pid, GByteArray *out);

/* Appends only the contents of comm and cgroup, each with a NUL at its end, for
 * process_read_names(): of the process whose /proc/PID/fd is open as @directory. 0; -ESRCH:
 * it has gone; or another -errno. */
int process_look_names(int directory, GByteArray *out);

#endif
