/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_OUT_H
#define BPFMETAFS_LOG_OUT_H

/*
 * The lines of the log of loads on their way out: bounded in a storm, and those that are about more
 * than one program.
 */

#include "log-program.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A program without a name that lives shorter than that counts among the brief ones, see
 * log-brief.h. */
#define LOG_OUT_BRIEF_MS 100

typedef struct LogOutOps {
        /* Takes a line without a newline, and does not wait; @priority is syslog(3)'s. False:
         * nobody takes lines any more. */
        bool (*put)(void *data, int priority, const char *line);
} LogOutOps;

typedef struct LogOut LogOut;

/* @ops is borrowed, and called with @data. */
LogOut *log_out_new(const LogOutOps *ops, void *data);
void log_out_free(LogOut *out);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogOut, log_out_free)

/* Writes the lines that @program waits for. */
void log_out_program(LogOut *out, const LogProgram *program);
/* log_limit_is_first() now. */
bool log_out_is_first(const LogOut *out, uint32_t pid);
/* So many loads and unloads will have no lines. */
void log_out_leave_out(LogOut *out, guint loads, guint unloads, const char *comm);
/* Events were lost. */
void log_out_gap(LogOut *out);
/* The log begins, with so many programs; or it ends, @error being the -errno for which, or 0. */
void log_out_start(LogOut *out, guint programs);
void log_out_stop(LogOut *out, int error);

/* Writes the lines about more than one program that are due at @now (g_get_monotonic_time()), or
 * @all. Returns when the next one is due; INT64_MAX: there is none. */
int64_t log_out_sums(LogOut *out, int64_t now, bool all);

/* Nobody takes lines any more. */
bool log_out_has_ended(const LogOut *out);

#endif
