/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MAP_ENTRIES_H
#define BPFMETAFS_MAP_ENTRIES_H

/*
 * One entry of a map of a source that shows contents, by its key.
 */

#include "map.h"

#include <glib.h>
#include <stdint.h>

/* The form of its keys, borrowed from @map. 0 or -errno. */
int map_key_form(Map *map, const KeyForm **out);
/* The value of the entry @key for the CPU @cpu, as contents_entry() returns it. */
int map_read_entry(Map *map, GBytes *key, uint32_t cpu, ValueSpace *space);

#endif
