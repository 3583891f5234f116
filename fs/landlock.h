/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LANDLOCK_H
#define BPFMETAFS_LANDLOCK_H

/*
 * Landlock: which files a thread may open (Linux 5.13).
 */

#include <stdbool.h>

/*
 * From now on the calling thread opens no file but those beneath the directory @readable, for
 * reading; none if that is -1. @list: it may list directories beneath it, too. The descriptor has
 * to stay open: a rule holds for an inode, and those of /proc are made anew when they have been
 * dropped from memory.
 *
 * 0, also where the kernel has no Landlock; or -errno.
 */
int landlock_enter(int readable, bool list);

#endif
