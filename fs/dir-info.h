/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_INFO_H
#define BPFMETAFS_DIR_INFO_H

/*
 * info/ of an object, and its subdirectories (row->sub): the keys that the object's kind has.
 */

#include "place.h"

int info_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int info_list(Lister *lister);
int info_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size);

/* True if there are keys in the subdirectory @own. */
bool info_has_sub(Catalog *catalog, const Place *place, const OwnEntry *own);

#endif
