/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_OBJECTS_H
#define BPFMETAFS_DIR_OBJECTS_H

/*
 * Directories of objects by id: all objects of a kind (the root, maps/), or those that hold a
 * certain object (maps/30/progs/).
 */

#include "place.h"

/* The key of the object @id in a directory of all objects of its kind. */
#define OBJECTS_KEY(id) (ENTRY_OWN_KEYS + (uint64_t)(id))

/* All objects of row->kind, each as a directory row->each. If there is a row->index, a listing also
 * asks it which objects hold them. */
int objects_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int objects_list(Lister *lister);

/* The objects of row->kind that hold the object of the place, by row->index: symlinks to the
 * root. */
int users_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int users_list(Lister *lister);

/* The directory of an object that can't be looked at: it has a file that says why, and nothing
 * else. */
bool object_is_readable(Catalog *catalog, const Place *place, const OwnEntry *own);
int unreadable_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int unreadable_list(Lister *lister);

#endif
