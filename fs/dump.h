/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DUMP_H
#define BPFMETAFS_DUMP_H

/*
 * All entries of a map as JSON, in the schema of `bpftool -j map dump`, one entry a line.
 */

#include "source.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* The most bytes of a dump, and the most milliseconds of a CPU that it takes to read the map.
 * Entries beyond these limits are left out. Then the last element of the array, an object with the
 * key "error", says so. */
#define DUMP_MAX_BYTES (16u << 20)
#define DUMP_MAX_MS 500

/* The entries of the map @id as far as @max bytes and DUMP_MAX_BYTES allow; owned by the caller.
 * *@shown is their number. If the entries of the map are not read, the array has such an object
 * only. 0 or -errno; -ENOENT: the map has gone. */
int dump_map(Source *source, uint32_t id, const MapShape *shape, size_t max, GBytes **out,
             uint32_t *shown);

#endif
