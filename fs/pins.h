/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_H
#define BPFMETAFS_PINS_H

/*
 * Observer: where programs, maps and links are pinned.
 *
 * The half that knows. It makes no system call but poll(2) and what the other half, pins-look,
 * needs to be asked. What it says is current: what was pinned, renamed or unlinked before
 * pins_update() is in it. Paths of other mount namespaces can't be known.
 */

#include "pins-look.h"

#include <glib.h>
#include <stdint.h>

typedef struct Pins Pins;

/* Brings the list up to date and appends it to @out: pins_look_update() and pins_look_list(),
 * wherever they are called. 0 or -errno. */
typedef int (*PinsAsk)(void *data, GByteArray *out);

/*
 * @watched is pins_look_fd() of the other half, or a copy of it, and stays the caller's. @ask is
 * called with @data, only within pins_update(). To be called before the sandbox; never fails: what
 * can't be looked at becomes part of the answers.
 */
Pins *pins_new(int watched, PinsAsk ask, void *data);
void pins_free(Pins *pins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pins, pins_free)

/* Where something can't be watched, everything is looked at again, but not more often than this: in
 * microseconds. */
#define PINS_REUSE 50000
/* If the other half can't be asked, it isn't again for this long, for each question may have to
 * wait: in microseconds. */
#define PINS_RETRY 1000000

/* Brings what is known up to date. @now is g_get_monotonic_time(). 0, or -errno if the other half
 * can't be asked: then what was known stays, and a line says so. */
int pins_update(Pins *pins, gint64 now);

/*
 * Appends a line for each path of the object, sorted; @kind is PIN_PROG, PIN_MAP or PIN_LINK. A
 * path is escaped as in text.h. A path that another mount lies over, and then what can't be looked
 * at, are lines in parentheses; paths begin with a slash. Nothing is appended if there is nothing.
 */
void pins_append(const Pins *pins, PinKind kind, uint32_t id, GString *out);

#endif
