/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FDINFO_H
#define BPFMETAFS_FDINFO_H

/*
 * /proc/self/fdinfo of one descriptor: it has numbers that no structure of bpf(2) has, such as
 * memlock, frozen and owner_prog_type (bpf_map_show_fdinfo(), kernel/bpf/syscall.c).
 *
 * To open such a file costs more than to read it. It tells of whatever its number means when it is
 * read (seq_show(), fs/proc/fd.c), and keeps nothing open but itself. Objects get few numbers, as
 * they are closed before others are opened: so files are kept.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct FdInfo {
        char text[1024]; /* begins with a newline, so that each line is found by "\nkey:" */
} FdInfo;

/* As many threads as open objects at the same time have a few each. */
#define FDINFO_FILES 8

/* Files that were read, each at the place of its number modulo n. For one thread at a time, and
 * only for the process that has read them: not across a fork. */
typedef struct FdInfoFiles {
        unsigned n; /* places: at most FDINFO_FILES */
        struct {
                int file; /* below 0: none */
                int fd;   /* the number that it tells of */
        } files[FDINFO_FILES];
} FdInfoFiles;

void fdinfo_init(FdInfoFiles *files, unsigned n);
/* Keeps none of them any more. */
void fdinfo_close(FdInfoFiles *files);

/* Reads the fdinfo of @fd. @info is empty if it can't be read. */
void fdinfo_read(FdInfoFiles *files, FdInfo *info, int fd);

/* Makes @info empty. */
void fdinfo_clear(FdInfo *info);

/* True if the line is there; its number, which the kernel prints in decimal, is in *@value. */
bool fdinfo_get(const FdInfo *info, const char *key, uint64_t *value);

#endif
