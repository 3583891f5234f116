/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_STRUCT_OPS_H
#define BPFMETAFS_STRUCT_OPS_H

/*
 * Maps of type struct_ops: their programs, and for which operation each program stands there.
 *
 * The map itself is attached: by a link or, with older loaders, without one. In the map's value the
 * kernel shows the ids of the programs in place of pointers.
 */

#include "kernel-btf.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The largest value that is read. */
#define STRUCT_OPS_MAX_VALUE 65536u

typedef struct StructOpsProg {
        uint32_t prog_id;
        char *operation; /* "tcp_congestion_ops.cong_avoid", escaped; owned by the array */
} StructOpsProg;

typedef struct StructOps StructOps;

/* @btf has to live longer than the result. */
StructOps *struct_ops_new(KernelBtf *btf);
void struct_ops_free(StructOps *ops);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StructOps, struct_ops_free)

/*
 * Finds the programs of the map @map_id: *@progs has StructOpsProg and is borrowed until the next
 * call; NULL if the map has no programs yet, or they can't be read. *@alone: the map is attached
 * without a link. 0 or -errno: -ENOENT if the map has gone, -EINVAL if it is no such map.
 */
int struct_ops_look(StructOps *ops, uint32_t map_id, const GArray **progs, bool *alone);

#endif
