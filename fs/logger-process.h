/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOGGER_PROCESS_H
#define BPFMETAFS_LOGGER_PROCESS_H

/*
 * The logger's process, and what it shares with the serving one. A part of logger.c, which forks
 * it.
 */

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct LoggerWork {
        const char *name;  /* of the daemon, as it stands in front of lines */
        int device;        /* of /dev/fuse: the logger must not keep it open; or -1 */
        bool keeps_output; /* lines go to standard error as well */
        char **arguments;  /* as in ChildLook */
} LoggerWork;

/* Milliseconds that it tries to write after the serving process has ended. */
#define LOGGER_GRACE 500
/* How long a line waits for a receiver that is not there, in milliseconds. */
#define LOGGER_PATIENCE 5000
/* The longest line in bytes; the rest is cut off. */
#define LOGGER_MAX_LINE 4096u

/* In front of a line in its message. */
typedef struct LoggerLine {
        int64_t time; /* seconds since the epoch */
        int32_t priority;
} LoggerLine;

/* Memory that both processes have. */
typedef struct LoggerShared {
        atomic_uint_fast64_t lost; /* lines for which the socket had no room */
} LoggerShared;

/* Gives up rights, sends 0 or -errno (int32_t) into the socket @lines when that is done, and writes
 * the lines that come from there until its other end is closed. Does not return. */
void logger_process_run(const LoggerWork *work, int lines, LoggerShared *shared) G_GNUC_NORETURN;

#endif
