/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_H
#define BPFMETAFS_PINS_H

/*
 * Observer: the paths at which programs, maps and links are pinned.
 *
 * This is the half that knows. Its only system calls are poll(2) and those that ask the other half,
 * pins-look. Its answers are current: everything that was pinned, renamed or unlinked before
 * pins_update() is in them. Paths in other mount namespaces can't be known.
 */

#include "pins-list.h"

#include <glib.h>
#include <stdint.h>

typedef struct Pins Pins;

/* Brings the list up to date and appends it to @out: calls pins_look_update() and pins_look_list(),
 * here or in another process. 0 or -errno. */
typedef int (*PinsAsk)(void *data, GByteArray *out);

/*
 * @watched is pins_look_fd() of the other half, or a copy of it, and stays the caller's. @ask is
 * called with @data, only within pins_update(). To be called before the sandbox. Never fails: the
 * answers say what can't be looked at.
 */
Pins *pins_new(int watched, PinsAsk ask, void *data);
void pins_free(Pins *pins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pins, pins_free)

/* If something can't be watched, everything is looked at again, but only after this many
 * microseconds. */
#define PINS_REUSE 50000
/* If the other half can't be asked, it is asked again only after this many microseconds, since each
 * question may have to wait. */
#define PINS_RETRY 1000000

/* Brings the list up to date. @now is g_get_monotonic_time(). 0, or -errno if the other half can't
 * be asked: then the old list stays, and a line says so. */
int pins_update(Pins *pins, gint64 now);

/*
 * Appends a line for each path of the object, sorted; @kind is PIN_PROG, PIN_MAP or PIN_LINK. A
 * path is escaped as in text.h, and begins with a slash. A path over which another mount lies is a
 * line in parentheses behind the others. If there is no pin, nothing is appended.
 */
void pins_append_paths(const Pins *pins, PinKind kind, uint32_t id, GString *out);

/* Appends a line in parentheses for each thing that can't be looked at. */
void pins_append_notes(const Pins *pins, GString *out);

/* Appends both. */
void pins_append(const Pins *pins, PinKind kind, uint32_t id, GString *out);

/* @path is escaped as in text.h, and borrowed until the function returns. */
typedef void (*PinFunc)(uint32_t id, const char *path, void *data);

/* Calls @func for each path by which an object of @kind can be reached. */
void pins_foreach(const Pins *pins, PinKind kind, PinFunc func, void *data);

#endif
