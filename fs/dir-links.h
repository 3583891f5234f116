/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_LINKS_H
#define BPFMETAFS_DIR_LINKS_H

/*
 * Links as symlinks: links/7/prog, and 131/info/links/. The directories of links are rows of
 * dir-objects.
 */

#include "place.h"

/* True if links are looked at: not in an object file. */
bool links_are_known(Catalog *catalog, const Place *place, const OwnEntry *own);

/* links/7/: the symlink prog beside its own entries */
int link_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int link_dir_list(Lister *lister);
gint64 link_dir_current(Catalog *catalog, const Place *place);

/* 131/info/links/: a symlink for each link that runs the program */
int prog_links_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int prog_links_list(Lister *lister);

#endif
