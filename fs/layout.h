/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LAYOUT_H
#define BPFMETAFS_LAYOUT_H

/*
 * Which entries a directory has. Lookup, listing and attributes all come here, and all read the
 * rows of rows.h: so they can't contradict each other.
 */

#include "place.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* To be called once: tells @catalog which names are the filesystem's own. */
void layout_init(Catalog *catalog);

/* The root directory. */
Place layout_root(void);

/* Calls @func for the entries of @place whose keys are above @after, in the order of keys. 0 or
 * -errno; -ENOENT: the directory's object has gone. Entries that vanish meanwhile are left out.
 */
int layout_list(Catalog *catalog, const Place *place, uint64_t after, EntryFunc func, void *data);

/* The entry @name; the name in *@out is @name. 0 or -errno. */
int layout_find(Catalog *catalog, const Place *place, const char *name, Entry *out);

/* Row.content of @place. */
int layout_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size);

/* True if the directory's listing may change, or the directory go, without our being told. */
bool layout_changes(Catalog *catalog, const Place *place);

/* When it was made, and by whom. */
struct timespec layout_time(Catalog *catalog, const Place *place);
uid_t layout_owner(Catalog *catalog, const Place *place);

/* Where the object @id of @kind has its own directory: *@parent is the key in the root of the
 * directory that it is in, 0 for the root itself, and *@key its key there. */
void layout_where(const ObjectKind *kind, uint32_t id, uint64_t *parent, uint64_t *key);

#endif
