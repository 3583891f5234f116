/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_LINES_H
#define BPFMETAFS_KERNEL_LINES_H

/*
 * The name in full, source files and functions of a loaded program, from its BTF.
 *
 * A part of kernel.c, which opens the program and hands it in.
 */

#include "info.h"

#include <bpf/btf.h>
#include <linux/bpf.h>
#include <stdint.h>

/* The most line records that are read of one program. Source files beyond them are not listed. */
#define KERNEL_MAX_LINES 65536u

/* The BTF of a program that was parsed last: the programs of an object are read in a row and share
 * it. Zero-initialized; cleared by parsed_btf_clear(). */
typedef struct ParsedBtf {
        struct btf *btf;
        uint32_t id;
} ParsedBtf;

/* Parses the BTF @id, unless it is the one that is there. 0 or -errno: -E2BIG if it has more than
 * SOURCE_MAX_BTF bytes, -ENOENT if it has gone. */
int parsed_btf_load(ParsedBtf *btf, uint32_t id);
void parsed_btf_clear(ParsedBtf *btf);

/* Room for the records of most programs: they come with the info, by the same system call. */
typedef struct KernelRecords {
        struct bpf_func_info funcs[32];
        struct bpf_line_info lines[256];
} KernelRecords;

/* Makes the next call for @info ask for them. */
void kernel_records_want(KernelRecords *records, struct bpf_prog_info *info);

/* The records of one program. */
typedef struct KernelLines KernelLines;

/*
 * Asks for the records of the program that @fd is open on; @info is its info. NULL if it has none
 * that can be used. @records, which came with @info, spare the call if there was room for all;
 * NULL: none came. They are borrowed, and so is @btf, which keeps the program's BTF, and must not
 * be loaded again: both until kernel_lines_free().
 */
KernelLines *kernel_lines_new(ParsedBtf *btf, int fd, const struct bpf_prog_info *info,
                              const KernelRecords *records);
void kernel_lines_free(KernelLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelLines, kernel_lines_free)

/* The name of the main function, borrowed from the BTF, if it begins like @name, which the kernel
 * has cut. NULL if not. */
const char *kernel_lines_name(const KernelLines *lines, const char *name);

/* Adds the keys "sources" and "functions", as in lines.h. */
void kernel_lines_add_keys(const KernelLines *lines, InfoBuilder *builder);

#endif
