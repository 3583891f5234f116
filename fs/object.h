/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_H
#define BPFMETAFS_OBJECT_H

/*
 * A BPF ELF object file as a source: the programs and maps that libbpf would load from it. Nothing
 * is loaded.
 *
 * Programs and maps have the numbers 1, 2, 3 ... in the order in which libbpf creates them. The
 * maps of a program are in the order in which the kernel would list them, so that names that depend
 * on that order are the same in the file as in the kernel.
 *
 * Info of a program: type and attach_type as libbpf derives them from the section's name (type is
 * "unspec" where it cannot; no attach_type where the type has none), name, section, license (none
 * if the file has none), gpl_compatible, insns (the program's own, without the functions that it
 * calls), sources and functions of it and of these as in lines.h, btf ("present", "none" or
 * "unreadable") and problems (for what a loader would refuse the object, one a line; none if
 * nothing was found). Info of a map: bpftool's keys; then, where they apply, map_extra, numa_node,
 * pinning and inner/ as its definition has them, section for global data (map names are cut), and
 * btf. max_entries is the file's number: if that is 0 or no power of two, libbpf takes another,
 * which depends on the host. A value that cannot be known without BTF, or is not understood, is a
 * text that says so.
 *
 * .kconfig is listed, but without variables, since their values come from the running kernel. A
 * ".metadata" section is not listed, since libbpf makes no map of it.
 */

#include "source.h"

/* The most programs of a file. Other limits are in object-elf.h, object-btf.h, object-variables.h,
 * object-maps.h, object-code.h, object-problems.h and lines.h. */
#define OBJECT_MAX_PROGRAMS 65536u

/*
 * A source for the object that @fd is open on, to be freed by its ops->free. @fd must be readable;
 * it is read once, from its beginning, and stays the caller's. @name is the file's name or path: it
 * begins each sentence, and libbpf makes the names of global-data maps from its last component. On
 * failure, -errno and one sentence in @error.
 */
int object_source_new(int fd, const char *name, Source **out, GError **error);

#endif
