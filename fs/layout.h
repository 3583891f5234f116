/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LAYOUT_H
#define BPFMETAFS_LAYOUT_H

/*
 * Which entries a directory has. Lookup, listing and attributes all use these functions, and these
 * read the rows of rows.h: so they can't contradict each other.
 */

#include "place.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* To be called once: tells @catalog which names are the filesystem's own. */
void layout_init(Catalog *catalog);

/* The names that no metadata of a program may have. */
NamesReserved layout_metadata_reserved(void);

/* The root directory. */
Place layout_root(void);

/* Calls @func for the entries of @place whose keys are above @after, in the order of keys. 0 or
 * -errno; -ENOENT: the directory's object has gone. Entries that vanish meanwhile are left out.
 */
int layout_list(Catalog *catalog, const Place *place, uint64_t after, EntryFunc func, void *data);

/* The entry @name; the name in *@out is @name. 0 or -errno. */
int layout_find(Catalog *catalog, const Place *place, const char *name, Entry *out);

/* The text of the report that is the own entry @key of @row, see report_look(). 0 or -errno. */
int layout_report(Catalog *catalog, const Row *row, uint64_t key, GBytes **out, int64_t *since);
/* The same of report_is_current(). */
bool layout_report_is_current(Catalog *catalog, const Row *row, uint64_t key, int64_t since);

/* Row.content of @place. */
int layout_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size);

/* See Row.current; INT64_MAX: it is no snapshot. */
gint64 layout_current(Catalog *catalog, const Place *place);

/* True if the listing may change, or the directory go, without an event that tells us. */
bool layout_changes(Catalog *catalog, const Place *place);

/* The time and the owner of the place's object, or the source's; and the time at which one of all
 * objects of a kind came or went last. */
struct timespec layout_time(Catalog *catalog, const Place *place);
uid_t layout_owner(Catalog *catalog, const Place *place);

/* For how many milliseconds layout_time() may be remembered; -1: for ever. */
int layout_time_lag(Catalog *catalog, const Place *place);

/* Where the entry is that the kernel has to forget: the keys on the way to it from the root, and
 * its own, are appended to @path (uint64_t). @text is room for a number; the result is its name,
 * borrowed. */
const char *layout_where(const Forgotten *forgotten, GArray *path, char text[CATALOG_NAME_MAX]);

#endif
