/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FDINFO_H
#define BPFMETAFS_FDINFO_H

/*
 * /proc/self/fdinfo of one descriptor: it has numbers that no structure of bpf(2) has, such as
 * memlock, frozen and owner_prog_type (bpf_map_show_fdinfo(), kernel/bpf/syscall.c).
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct FdInfo {
        char text[1024]; /* begins with a newline, so that each line is found by "\nkey:" */
} FdInfo;

/* Reads the fdinfo of @fd. @info is empty if it can't be read. */
void fdinfo_read(FdInfo *info, int fd);

/* Makes @info empty. */
void fdinfo_clear(FdInfo *info);

/* True if the line is there; its number, which the kernel prints in decimal, is in *@value. */
bool fdinfo_get(const FdInfo *info, const char *key, uint64_t *value);

#endif
