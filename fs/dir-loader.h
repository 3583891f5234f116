/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_LOADER_H
#define BPFMETAFS_DIR_LOADER_H

/*
 * 131/info/loader/: the process that loaded the program.
 */

#include "place.h"

/* True if that process is known. */
bool loader_is_known(Catalog *catalog, const Place *place, const OwnEntry *own);
/* True if the loader of @place's object may become known. */
bool loader_may_come(const Place *place);

int loader_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int loader_list(Lister *lister);
int loader_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size);
/* True until everything is known of it that can be. */
bool loader_changes(const Place *place);

#endif
