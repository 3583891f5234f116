/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_ENTRIES_H
#define BPFMETAFS_DIR_ENTRIES_H

/*
 * entries/ of a map, and entries.json. They are there with the option contents.
 *
 * A lookup asks for the one key of that name. A listing shows the keys of one pass.
 */

#include "place.h"

/* True if the map that is shown has entries/: a value in each entry, or one for each CPU. */
bool map_has_entries(Catalog *catalog, const Place *place, const OwnEntry *own);
bool map_has_cpu_entries(Catalog *catalog, const Place *place, const OwnEntry *own);

int entries_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int entries_list(Lister *lister);

/* The name of the only element of a queue or stack that can be read. */
#define ENTRIES_NEXT "next"

/* entries.json in the directory of a map. -ENOENT: contents are not shown. */
#define ENTRIES_JSON "entries.json"
int entries_json_find(Catalog *catalog, const Place *place, Entry *out);
void entries_json_list(Lister *lister);

#endif
