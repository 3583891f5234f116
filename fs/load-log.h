/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOAD_LOG_H
#define BPFMETAFS_LOAD_LOG_H

/*
 * The log of loads: a line for each program that is loaded or unloaded.
 *
 * A line waits a moment for what becomes known late: who loaded the program, and metadata that is
 * bound after the load. Meanwhile the program may go: then both lines are written, with what was
 * seen of it. The follower of events looks at programs, for a fixed part of the time at most, and
 * writes all lines; to take up an event asks nothing and writes nothing.
 *
 * Not thread-safe: the tree's lock is held around every call.
 */

#include "catalog.h"
#include "log-out.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* How long after the load its line is written at most, in milliseconds, if the process that loaded
 * it is not known when it is due (LOG_PACE_MS), or if there are many programs to be looked at. */
#define LOAD_LOG_LOADER_MS 400
#define LOAD_LOG_LATE_MS 1000
/* The most programs of which lines wait. Of those above, only the number is told. */
#define LOAD_LOG_WAITING 4096u

typedef struct LoadLog LoadLog;

/* @reserved: names that no metadata may have. @offset is BootTime.offset. @ops is called with
 * @data. All are borrowed, and the source of @catalog tells its counts from now on. */
LoadLog *load_log_new(Catalog *catalog, NamesReserved reserved, int64_t offset,
                      const LogOutOps *ops, void *data);
/* Writes what waits, and that the log ends. */
void load_log_free(LoadLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LoadLog, load_log_free)

/* Events: @pid has loaded a program at @time, see WatchEvent, and its tag is the @n_tag bytes at
 * @tag; or it was unloaded at @time. The observers have been told that it came, and not yet that it
 * went. */
void load_log_came(LoadLog *log, uint32_t id, uint32_t pid, uint64_t time, const uint8_t *tag,
                   guint n_tag);
void load_log_went(LoadLog *log, uint32_t id, uint64_t time);
/* Events may have been lost, or the first ones are to come. */
void load_log_compare(LoadLog *log);
/* There will be no more events: @error is -errno. */
void load_log_stop(LoadLog *log, int error);

/* For the follower: looks and writes. A request begins (contents_begin()). Returns the milliseconds
 * after which it has to be called again; -1: after the next event. -EPIPE, once: nobody takes lines
 * any more. */
int load_log_follow(LoadLog *log);

#endif
