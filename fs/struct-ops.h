/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_STRUCT_OPS_H
#define BPFMETAFS_STRUCT_OPS_H

/*
 * Maps of type struct_ops: which programs stand in them, and for which operation.
 *
 * Such a map is what is attached, by a link or, as older loaders do, by itself. The kernel shows
 * the ids of its programs in the map's value, in place of pointers.
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

/* @btf has to outlive what is returned. */
StructOps *struct_ops_new(KernelBtf *btf);
void struct_ops_free(StructOps *ops);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StructOps, struct_ops_free)

/*
 * The programs of the map @map_id (elements: StructOpsProg) in *@progs, borrowed until the next
 * call; NULL if it has none yet, or they can't be read. *@alone: the map is attached without a
 * link. 0 or -errno: -ENOENT if the map has gone, -EINVAL if it is no such map.
 */
int struct_ops_look(StructOps *ops, uint32_t map_id, const GArray **progs, bool *alone);

#endif
