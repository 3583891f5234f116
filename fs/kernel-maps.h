/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_MAPS_H
#define BPFMETAFS_KERNEL_MAPS_H

/*
 * The calls of kernel.c's source that are about maps; source.h says what they do. And looks at
 * maps for other parts of it.
 */

#include "kernel-source.h"

#include <stdbool.h>
#include <stdint.h>

int kernel_next_map(Source *source, uint32_t after, uint32_t *id);
int kernel_map(Source *source, uint32_t id, SourceMap *out);
int kernel_map_info(Source *source, uint32_t id, bool changing, Info **out);
int kernel_map_all_info(Source *source, uint32_t id, Info **out);
int kernel_map_value(Source *source, uint32_t id, SourceValue *out);

/* A descriptor of the map, for reading, or -errno. Not for a program array: see kernel-arrays.h. */
int kernel_open_map(uint32_t id);

/* Opens the map, or takes what is known of a program array at rest. To read fdinfo costs more than
 * all the rest: it is read if @fdinfo is true, if it matters whether the map is frozen, or if the
 * map is such an array. 0 or -errno. */
int kernel_look_at_map(KernelSource *kernel, uint32_t id, bool fdinfo, MapFacts *out);

/* The programs in the array @id when it was opened last, as a reference of the caller's, which may
 * be there on failure as well. 0 or -errno. */
int kernel_array_progs(KernelSource *kernel, uint32_t id, GArray **out);

/*
 * A part of SourceOps.prog_look: looks at some of the program's maps that the look @before, if it
 * is not NULL, does not have as well, so that they need not be asked for when its turn comes. Of
 * @kernel it uses only what has a lock.
 */
void kernel_look_at_maps(KernelSource *kernel, FdInfoFiles *fdinfo, const SourceLook *before,
                         SourceLook *look);
/* The maps of @look, if it has seen some, will be asked for next. */
void kernel_take_looked(KernelSource *kernel, SourceLook *look);

/* Frees what was read by the way. */
void kernel_maps_clear(KernelSource *kernel);

#endif
