/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_INSIDE_H
#define BPFMETAFS_INSIDE_H

/*
 * A mount in another mount namespace.
 *
 * libfuse can't make it: it starts mount(8) or fusermount3, and would find those of the namespace.
 * So a process of its own mounts by mount(2), goes back to its own namespace, and sleeps until it
 * has to unmount. The daemon itself stays where it is, and needs no right to go elsewhere later.
 */

#include "namespace.h"

#include <glib.h>

typedef struct Inside Inside;

typedef struct InsideMount {
        const char *type;
        const char *source;
        const char *mountpoint; /* absolute, in the namespace */
        unsigned long flags;    /* of mount(2) */
        const char *data;       /* for mount(2), besides the options of every FUSE mount */
} InsideMount;

/* Mounts. To be called while there is no other thread. NULL: one sentence in @error. */
Inside *inside_mount(const Namespace *namespace, const InsideMount *how, GError **error);

/* The descriptor of /dev/fuse behind the mount; owned by the caller from now on. */
int inside_take_fd(Inside *inside);

/* Unmounts, if that has not been done; @fd is that descriptor. To be called once, from any thread:
 * it polls, writes and reads, and needs no other right. When the caller's process ends without it,
 * as by SIGKILL, the tree is unmounted too. */
void inside_unmount(Inside *inside, int fd);

/* Without inside_unmount() before, unmounts in the background. */
void inside_free(Inside *inside);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inside, inside_free)

#endif
