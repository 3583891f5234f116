/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_TREE_H
#define BPFMETAFS_PINS_TREE_H

/*
 * The directories of one bpffs, and the pins in them.
 *
 * A part of pins-look. Of mounts it knows only the one path by which it enters the filesystem.
 */

#include "pins-list.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct PinTree PinTree;

/* Shared by all trees. */
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
        int error; /* an errno: it can't be looked at, and the other members mean nothing */
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
        char *root; /* the top directory, as a path in its filesystem: "/", or "/a" if only that
                       part is mounted */
        GHashTable *dirs; /* path -> PinDir */
        bool stale;       /* everything has to be looked at again */
        bool changed;     /* some directory has names in its changed */
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
 * Looks again at directories and names that are stale or have changed, by way of the mount at
 * @path. tree->error is ENOSYS if the kernel (before Linux 5.12) has no way to look without
 * changing times of access. Afterwards the working directory is anywhere in the filesystem: the
 * caller has to leave it at once, for it keeps the pins that are there.
 */
void pin_tree_update(PinTree *tree, const char *path);

#endif
