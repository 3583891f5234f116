/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_LIMIT_H
#define BPFMETAFS_LOG_LIMIT_H

/*
 * How many lines of the log of loads are written in a storm: in each second the first ones, and at
 * its end one that sums up all others.
 *
 * Pure: the time is a parameter, in microseconds of any clock that never goes back.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most lines in a second. Above the first number they are only about processes of which there
 * were few lines in that second: whoever makes a storm hides nobody else. journald takes 10,000
 * lines of a service in 30 seconds by default, and drops the rest. */
#define LOG_LIMIT_LINES 200u
#define LOG_LIMIT_ALL_LINES 300u
#define LOG_LIMIT_FEW 10u
/* The most names of processes that are counted; the events of all others count only in the sum. */
#define LOG_LIMIT_COMMS 64u

typedef struct LogLimit LogLimit;

LogLimit *log_limit_new(void);
void log_limit_free(LogLimit *limit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogLimit, log_limit_free)

/* True: another line may be written, about a program that the process @pid has loaded; 0: nobody
 * knows which has. */
bool log_limit_take(LogLimit *limit, int64_t now, uint32_t pid);

/* True: log_limit_take() would take one, and it would be among the first LOG_LIMIT_FEW about that
 * process in this second. */
bool log_limit_is_first(const LogLimit *limit, int64_t now, uint32_t pid);

/* So many loads and unloads have no line. @comm is the name of the process that loads, as the text
 * of a file; NULL: not known. */
void log_limit_leave_out(LogLimit *limit, int64_t now, uint64_t loads, uint64_t unloads,
                         const char *comm);

/* When log_limit_end() has a line; -1: nothing was left out. */
int64_t log_limit_due(const LogLimit *limit);

/* Appends the line about what was left out, if it is due at @now or @all. */
void log_limit_end(LogLimit *limit, int64_t now, bool all, GString *out);

#endif
