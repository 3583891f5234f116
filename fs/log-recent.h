/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_RECENT_H
#define BPFMETAFS_LOG_RECENT_H

/*
 * Processes that were seen to load programs a moment ago.
 *
 * A command such as bpftool(8) loads some programs in a row and ends: then its last one, which
 * matters most, is loaded by a process that nobody can look at any more. A line says instead who
 * had that pid at an earlier load, and how long before. It was the same process, unless all pids
 * went round in that time, or somebody chose the pid.
 *
 * Pure.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most processes that are remembered, and for how long, in nanoseconds. */
#define LOG_RECENT_PROCESSES 32u
#define LOG_RECENT_NS UINT64_C(1000000000)

typedef struct LogRecent LogRecent;

LogRecent *log_recent_new(void);
void log_recent_free(LogRecent *recent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogRecent, log_recent_free)

/* @pid was seen to load a program at @time, in nanoseconds; @process has the pairs of log-text.h
 * that tell of it, and @comm the text of its name. */
void log_recent_add(LogRecent *recent, uint32_t pid, uint64_t time, const char *process,
                    const char *comm);

/* Who had that pid at a load shortly before @time. The texts are borrowed until the next
 * log_recent_add(), *@age is in nanoseconds. False: nobody knows. */
bool log_recent_find(const LogRecent *recent, uint32_t pid, uint64_t time, const char **process,
                     const char **comm, uint64_t *age);

#endif
