/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_ENTRIES_H
#define BPFMETAFS_KERNEL_ENTRIES_H

/*
 * Reads the entries of a map of the kernel's.
 *
 * A part of kernel.c, which opens the map, read-only, and hands it in. Nothing here changes a map.
 */

#include "source.h"

#include <glib.h>
#include <stdint.h>

/* The entry of @key of the map that @fd is open on: map_shape_entry_size() bytes at @value. @key is
 * ignored if the map has no keys. 0 or -errno; -ENOENT: there is none. */
int kernel_entries_get(int fd, const MapShape *shape, const void *key, void *value);

/* SourceOps.walk on @fd. */
int kernel_entries_walk(int fd, const MapShape *shape, const SourceWalk *walk);

/* The ids of the programs in the program array that @fd is open on, uint32_t by number, 0 where
 * there is none; owned by the caller. NULL if it is not read. */
GArray *kernel_entries_progs(int fd, const MapShape *shape);

/* Walks through the result of kernel_entries_progs(). */
int kernel_entries_walk_progs(const GArray *progs, const SourceWalk *walk);

#endif
