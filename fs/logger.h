/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOGGER_H
#define BPFMETAFS_LOGGER_H

/*
 * The logger: a process that writes lines to the system's log.
 *
 * Whoever writes to /dev/log may have to wait for the receiver, and has to open a socket anew when
 * the receiver was restarted. The serving process must not do the first and may not do the second.
 * So it only puts lines into a socket, and drops them if that is full; they are counted, and the
 * logger says how many.
 */

#include "logger-process.h"

#include <glib.h>
#include <stdbool.h>

typedef struct Logger Logger;

/* Starts the logger and waits until it has given up its rights. The calling process has one thread,
 * and no child that it still waits for. 0; or -errno and a sentence in @error. */
int logger_new(Logger **out, const LoggerWork *work, GError **error);

/* Hands over a line without a newline; @priority is syslog(3)'s, of the facility daemon. Does not
 * wait. False: the logger has ended. From any thread. */
bool logger_put(Logger *logger, int priority, const char *line);

/* Ends the logger, after it has written what it can in a fraction of a second. */
void logger_free(Logger *logger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Logger, logger_free)

#endif
