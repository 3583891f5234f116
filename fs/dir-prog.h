/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_PROG_H
#define BPFMETAFS_DIR_PROG_H

/*
 * A program's directory: its metadata, and maps/ with its maps.
 */

#include "place.h"

/* 131/: its metadata. row->reserves: names that no metadata may have. */
int prog_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int prog_list(Lister *lister);
int prog_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size);

/* 131/maps/: for each map a directory row->each, and a symlink by its name. */
int prog_maps_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int prog_maps_list(Lister *lister);

#endif
