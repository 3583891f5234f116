/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OPS_H
#define BPFMETAFS_OPS_H

/*
 * FUSE low-level operations: check, ask the tree, reply once.
 *
 * The only module that knows libfuse: it makes the session, mounts it, and runs its loop.
 */

#include "namespace.h"
#include "tree.h"

#include <glib.h>
#include <stdbool.h>

typedef struct Ops Ops;

/* Called once in the loop, when the kernel and the daemon have agreed: the tree answers now. */
typedef void (*OpsReadyFunc)(void *data);

typedef struct OpsMount {
        const char *program; /* argv[0], for libfuse's messages */
        const char *source;  /* what findmnt shows as the source */
        const char *mountpoint;
        const char *options;        /* for mount(2), comma-separated words */
        unsigned long flags;        /* the same as bits */
        const GPtrArray *labels;    /* of char *: more such words, with commas in them; or NULL */
        const Namespace *namespace; /* where @mountpoint is, or NULL if that is here */
        bool allow_other;
        bool debug; /* libfuse prints each request on stderr */
} OpsMount;

/* Makes a session and mounts it. @tree is borrowed. NULL: the sentence is in @error. */
Ops *ops_mount(const OpsMount *mount, Tree *tree, OpsReadyFunc ready, void *data, GError **error);

/* Serves until unmounted or told to end by SIGTERM, SIGINT or SIGHUP: 0; or -errno. These signals
 * stay blocked. */
int ops_serve(Ops *ops);

/* After ops_serve() has returned: goes on serving until @fd is readable. */
void ops_serve_until(Ops *ops, int fd);

/* Makes the kernel forget the entry @name of the directory @parent, and all below it. @child is the
 * inode of an entry that has gone for good, whose watchers are told so; else 0. May block until
 * requests on @parent have been answered; so no lock may be held. From any thread. */
void ops_forget_entry(Ops *ops, uint64_t parent, uint64_t child, const char *name);

/* Unmounts if that has not been done, which takes the right to do so, and frees everything. */
void ops_free(Ops *ops);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ops, ops_free)

/* The descriptor of /dev/fuse. */
int ops_fd(const Ops *ops);

/* False once the tree is not mounted any more, whoever has unmounted it. */
bool ops_is_mounted(const Ops *ops);

/* Unmounts a tree that ops_mount() has mounted in another mount namespace. False: it is in ours,
 * and somebody else unmounts it. */
bool ops_unmount_inside(Ops *ops);

#endif
