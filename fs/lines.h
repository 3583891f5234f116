/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LINES_H
#define BPFMETAFS_LINES_H

/*
 * The source files and functions of a program's code: the texts of info/sources and info/functions.
 *
 * Pure. Names are offsets in the strings of the program's BTF, as line records have them
 * (Documentation/bpf/btf.rst); all of them are hostile.
 */

#include "info.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most source files of one program that are named, and the most functions: the kernel takes no
 * more (BPF_MAX_SUBPROGS of kernel/bpf/verifier.c). */
#define LINES_MAX_SOURCES 256u
#define LINES_MAX_FUNCTIONS 256u
/* The most bytes of either text: it is kept as long as the program is known. */
#define LINES_MAX_TEXT (16u << 10)
/* A longer name counts as none. Compilers' paths and mangled names are shorter. */
#define LINES_MAX_NAME 4095u

/* The sources and functions of one program that have been collected. */
typedef struct Lines Lines;

Lines *lines_new(void);
void lines_free(Lines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Lines, lines_free)

/* Adds a source file, by the offset of its name in the strings of @btf, which must be the same in
 * all calls. It may have been added before. */
void lines_add_source(Lines *lines, const struct btf *btf, uint32_t file);

/* Adds a function. @name may be NULL: it has none. @file is 0 if its place is not known. */
void lines_add_function(Lines *lines, const char *name, const struct btf *btf, uint32_t file,
                        uint32_t line);

/* Says that there are more than were added. */
void lines_cut_sources(Lines *lines);
void lines_cut_functions(Lines *lines);

/*
 * Adds two keys to @builder: "sources" has a line for each file, in the order in which they were
 * added; "functions" has a line `NAME FILE:LINE` for each function, or `NAME` if its place is not
 * known. A key without a line is left out. A last line "..." stands for those that pass a limit.
 */
void lines_add_keys(const Lines *lines, InfoBuilder *builder);

#endif
