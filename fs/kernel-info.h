/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_INFO_H
#define BPFMETAFS_KERNEL_INFO_H

/*
 * Makes the keys of `info/` of a program or a map from the kernel's answers. Keys and texts are
 * bpftool's.
 *
 * Pure: no function here asks the kernel.
 */

#include "fdinfo.h"
#include "info.h"
#include "kernel-lines.h"

#include <glib.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <time.h>

/* The kernel's answers about a program. */
typedef struct ProgFacts {
        const struct bpf_prog_info *info;
        uint32_t size;             /* how many bytes of info this kernel knows */
        struct timespec loaded_at; /* since the epoch */
        const FdInfo *fdinfo;
        const KernelLines *lines; /* NULL: it has no line info */
} ProgFacts;

/* Keys that never change. */
void kernel_info_add_fixed_prog(InfoBuilder *builder, const ProgFacts *facts);
/* Keys that may change. @size is how many bytes of @info this kernel knows; @map_ids has
 * uint32_t. */
void kernel_info_add_changing_prog(InfoBuilder *builder, const struct bpf_prog_info *info,
                                   uint32_t size, const GArray *map_ids);

/* The same of a map. */
void kernel_info_add_fixed_map(InfoBuilder *builder, const struct bpf_map_info *info,
                               const FdInfo *fdinfo);
void kernel_info_add_changing_map(InfoBuilder *builder, const struct bpf_map_info *info,
                                  const FdInfo *fdinfo);
/* Both, each key once. */
void kernel_info_add_map(InfoBuilder *builder, const struct bpf_map_info *info,
                         const FdInfo *fdinfo);

#endif
