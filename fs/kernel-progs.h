/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_PROGS_H
#define BPFMETAFS_KERNEL_PROGS_H

/*
 * The calls of kernel.c's source that are about programs; source.h says what they do.
 */

#include "source.h"

int kernel_next_prog(Source *source, uint32_t after, uint32_t *id);
int kernel_prog(Source *source, uint32_t id, SourceProg *out);
int kernel_prog_maps(Source *source, uint32_t id, GArray *ids);
int kernel_prog_counts(Source *source, uint32_t id, SourceCounted *out);
int kernel_prog_look(Source *source, uint32_t id, const SourceLooking *how, SourceLook *out);
void kernel_prog_looked(Source *source, SourceLook *look);
void kernel_prog_looks_end(Source *source);
int kernel_prog_info(Source *source, uint32_t id, bool changing, Info **out);

#endif
