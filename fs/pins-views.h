/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_VIEWS_H
#define BPFMETAFS_PINS_VIEWS_H

/*
 * The bpffs mounts of a mount namespace, each as a view of a tree.
 *
 * A part of pins-look. The same filesystem may be mounted at several paths, whole or in part. It is
 * looked at once, from the topmost directory that can be reached, and each mount is a view of that
 * tree.
 */

#include "mounts.h"
#include "pins-tree.h"

#include <glib.h>
#include <stdbool.h>

/* A mount of a bpffs. */
typedef struct View {
        PinTree *tree;     /* NULL: it can't be reached */
        char *path;        /* where it is mounted */
        char *inside;      /* the directory of the tree that is seen there: "", "a/b" */
        bool hidden;       /* another mount lies over it */
        bool remote;       /* the path leads through a filesystem that may not answer */
        GPtrArray *covers; /* char *: paths in it that are below other mounts */
} View;

typedef struct Views {
        GPtrArray *trees; /* PinTree */
        GPtrArray *all;   /* View */
        bool more;        /* there are more mounts than PINS_MAX_MOUNTS */
} Views;

void views_init(Views *views);
void views_clear(Views *views);

/* Makes the views of these mounts. A tree that one of them shows, as before, is kept. New ones are
 * made with @watches, which must live longer than @views. */
void views_take(Views *views, const Mounts *mounts, PinWatches *watches);

/* False if its path can't be walked: it leads somewhere else, or may not answer. */
bool view_is_usable(const View *view);

/* True if another mount lies over @path, which is relative to the view. */
bool view_hides(const View *view, const char *path);

#endif
