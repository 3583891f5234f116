/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_BY_H
#define BPFMETAFS_DIR_BY_H

/*
 * by/: programs by key and value, as symlinks to the root. by.h knows who has what.
 */

#include "place.h"

/* The arguments of by/KEY/ and of by/KEY/VALUE/. */
extern const ArgumentKind by_key_argument, by_value_argument;

/* row->reserves: names that no metadata may have. */
int by_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int by_list(Lister *lister);
int by_key_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int by_key_dir_list(Lister *lister);
int by_value_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int by_value_dir_list(Lister *lister);
int by_value_dir_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                         size_t count, GString *out, uint64_t *size);

/* Of an entry that the kernel has to forget: the keys on the way to it from by/, and its own, are
 * appended to @path (uint64_t). @text is room for a number; the result is its name, borrowed. */
const char *by_where(const Forgotten *forgotten, GArray *path, char text[CATALOG_NAME_MAX]);

#endif
