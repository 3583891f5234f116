/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SESSION_H
#define BPFMETAFS_SESSION_H

/*
 * The session with the kernel's FUSE: it is mounted, serves requests one at a time, and is
 * unmounted.
 */

#include "namespace.h"
#include "tree.h"

#include <glib.h>
#include <stdbool.h>

typedef struct Session Session;

/* Called once in the loop, when the kernel's first request has come: from now on the tree
 * answers. */
typedef void (*SessionReadyFunc)(void *data);

typedef struct SessionMount {
        const char *program; /* argv[0], for libfuse's messages */
        const char *source;  /* the source that findmnt(8) shows */
        const char *mountpoint;
        const char *options;        /* for mount(2), comma-separated words */
        unsigned long flags;        /* the same as bits */
        const GPtrArray *labels;    /* of char *: more such words, with commas in them; or NULL */
        const Namespace *namespace; /* where @mountpoint is, or NULL if that is here */
        bool allow_other;
        bool debug; /* libfuse prints each request on stderr */
} SessionMount;

/* Makes a session and mounts it. @tree is borrowed. NULL: the sentence is in @error. */
Session *session_mount(const SessionMount *mount, Tree *tree, SessionReadyFunc ready, void *data,
                       GError **error);

/* Serves until unmounted or told to end by SIGTERM, SIGINT or SIGHUP: 0; or -errno. These signals
 * stay blocked. */
int session_serve(Session *session);

/* After session_serve() has returned: goes on serving until @fd is readable. */
void session_serve_until(Session *session, int fd);

/* Makes the kernel forget the entry @name of the directory @parent, and all below it. @child is the
 * inode of an entry that has gone for good, whose watchers are told so; else 0. May block until
 * requests on @parent have been answered; so no lock may be held. From any thread. */
void session_forget_entry(Session *session, uint64_t parent, uint64_t child, const char *name);

/* Unmounts if that has not been done, which needs the right to do so, and frees everything. */
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

/* The descriptor of /dev/fuse. */
int session_fd(const Session *session);

/* False once the tree is not mounted any more, by whatever way. */
bool session_is_mounted(const Session *session);

/* Unmounts a tree that session_mount() has mounted in another mount namespace. False: it is in
 * ours, and somebody else unmounts it. */
bool session_unmount_inside(Session *session);

#endif
