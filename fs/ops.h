/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OPS_H
#define BPFMETAFS_OPS_H

/*
 * FUSE low-level operations: check, ask the tree, reply once.
 */

#include "tree.h"

#include <fuse_lowlevel.h>

/* The data of the operations: the session's user data. */
typedef struct Ops {
        Tree *tree;
        struct fuse_session *session;
        void (*ready)(void *data); /* called by the first operation; may be NULL */
        void *data;                /* for @ready */
} Ops;

extern const struct fuse_lowlevel_ops ops_table;

#endif
