/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_MAP_H
#define BPFMETAFS_DIR_MAP_H

/*
 * A map's directory: which of its own entries are there, and which may come.
 */

#include "place.h"

/* True if the map that is shown has vars/. */
bool map_has_vars(Catalog *catalog, const Place *place, const OwnEntry *own);

/* maps/30/: entries besides its own */
int map_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int map_list(Lister *lister);

/* True if a map's directory, or its info/, may come to have other entries. */
bool map_changes(const Place *place);
bool map_info_changes(const Place *place);

#endif
