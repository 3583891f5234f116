/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_BRIEF_H
#define BPFMETAFS_LOG_BRIEF_H

/*
 * Programs that lived for a moment, and of which no name is known: one line for those of each
 * process.
 *
 * Libraries load such programs to see what the kernel can do. But nothing tells a probe from a
 * program that somebody hides by unloading it at once: so the line has ids and tags.
 *
 * Pure: the time is a parameter, in microseconds of any clock that never goes back.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* For how long programs of a process are collected, in milliseconds. */
#define LOG_BRIEF_MS 1000
/* The most processes of which programs are collected, and the most ids and tags in a line. */
#define LOG_BRIEF_PROCESSES 64u
#define LOG_BRIEF_IDS 8u

typedef struct LogBrief LogBrief;

LogBrief *log_brief_new(void);
void log_brief_free(LogBrief *brief);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogBrief, log_brief_free)

/* Adds a program that the process @pid has loaded. @process has pairs of log-text.h that tell of
 * it: of programs of one process, of the one of which most is known. @tag is in hexadecimal digits.
 * False: there are too many processes, and nothing was added. */
bool log_brief_add(LogBrief *brief, int64_t now, uint32_t pid, const char *process, uint32_t id,
                   const char *tag);

/* When log_brief_end() has a line; -1: there is nothing. */
int64_t log_brief_due(const LogBrief *brief);

/* The next line that is due at @now, or with @all the next line, owned by the caller; NULL: none
 * is. *@n is how many programs it is about, and *@pid which process. */
char *log_brief_end(LogBrief *brief, int64_t now, bool all, guint *n, uint32_t *pid);

#endif
