/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LANDLOCK_H
#define BPFMETAFS_LANDLOCK_H

/*
 * Landlock: which files a thread may open (Linux 5.13).
 */

#include <stdbool.h>
#include <stddef.h>

/* A directory beneath which things may be opened for reading. */
typedef struct LandlockRule {
        int fd;     /* of the directory; -1: no rule */
        bool files; /* files may be read */
        bool lists; /* directories may be listed */
} LandlockRule;

/*
 * From now on the calling thread can open only what one of the @n rules allows. The descriptors
 * have to stay open: a rule holds for an inode, and inodes of /proc are made anew after they have
 * been dropped from memory.
 *
 * 0, also where the kernel has no Landlock; or -errno.
 */
int landlock_enter(const LandlockRule *rules, size_t n);

#endif
