/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_TREE_H
#define BPFMETAFS_PINS_TREE_H

/*
 * The directories of one bpffs and what is pinned in them.
 *
 * A part of pins-look: it knows nothing of mounts but the one path by which it is let in.
 */

#include "pins-look.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct PinTree PinTree;

/* What all trees share. */
typedef struct PinWatches {
        int fd;           /* of inotify, or -1 */
        GHashTable *dirs; /* watch number -> PinDir, borrowed */
        uint32_t n_pins;  /* of all trees */
        uint32_t n_dirs;
} PinWatches;

/* Something with a name in a bpffs that is neither directory nor symlink. */
typedef struct Pin {
        PinKind kind;
        uint32_t id;
        int error; /* an errno: it can't be looked at, and the others say nothing */
} Pin;

typedef struct PinDir {
        PinTree *tree;
        char *path;          /* below the top: "", "a", "a/b" */
        int watch;           /* -1: it isn't watched */
        int error;           /* an errno: it can't be read */
        GHashTable *pins;    /* char * -> Pin */
        GHashTable *changed; /* char *: names that have to be looked at again */
} PinDir;

struct PinTree {
        PinWatches *watches;
        dev_t dev;
        char *root; /* the top in its filesystem: "/", or "/a" if that is all that is mounted */
        GHashTable *dirs; /* path -> PinDir */
        bool stale;       /* everything has to be looked at again */
        bool changed;     /* something is in a directory's changed */
        bool unwatched;   /* a directory isn't watched */
        bool more;        /* than the limits allow */
        int error;        /* an errno: it can't be looked at; ESTALE: by this mount */
};

/* @watches must live longer. */
PinTree *pin_tree_new(PinWatches *watches, dev_t dev, const char *root);
void pin_tree_free(PinTree *tree);

/* Says that the name has come or gone, or is something else now. */
void pin_dir_change(PinDir *dir, const char *name);

/*
 * Looks at what is stale or has changed, by the mount at @path. tree->error is ENOSYS if the kernel
 * (before Linux 5.12) has no means to look without changing times of access. Leaves the working
 * directory anywhere in the filesystem: the caller has to leave it at once, or what is pinned there
 * will stay.
 */
void pin_tree_update(PinTree *tree, const char *path);

#endif
