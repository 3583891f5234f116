/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TREE_H
#define BPFMETAFS_TREE_H

/*
 * Nodes: inode numbers, lookup counts, versions.
 *
 * Every inode is immutable: content, size and attributes never change once it is made; a thing
 * that has changed is a new inode at the next lookup. A directory, and a file whose content
 * changes, is a node. A file whose content never changes is no node but a place in its directory's:
 * its inode number says which.
 *
 * Thread-safe: one lock is held inside each function, and not while anything is sent to the kernel.
 */

#include "catalog.h"
#include "nodes.h"
#include "watch.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* FUSE_ROOT_ID of <linux/fuse.h>. */
#define TREE_ROOT NODES_ROOT

/* Seconds: as long as the kernel can remember. */
#define TREE_FOREVER 1e9

typedef struct Tree Tree;

/* How the attributes of all files are made. */
typedef struct TreeLook {
        bool has_uid; /* everything belongs to uid; else to who loaded the program */
        uid_t uid;
        gid_t gid;
        mode_t mode; /* permission bits of files; directories get x where r is */
} TreeLook;

/* What FUSE wants to know of an entry that was looked up. */
typedef struct TreeEntry {
        uint64_t ino;         /* FUSE's node id; 0: in a listing, an entry without its node */
        struct stat attr;     /* st_ino is for people: shorter than the node id */
        double entry_timeout; /* seconds for which the name may be remembered */
} TreeEntry;

/* @catalog and @watch are borrowed. @watch may be NULL: there are no events. */
Tree *tree_new(Catalog *catalog, Watch *watch, const TreeLook *look);
void tree_free(Tree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, tree_free)

/* Looks up @name in the directory @parent. On success the kernel has one more lookup of the
 * result's inode, until tree_forget(). 0 or -errno. */
int tree_lookup(Tree *tree, uint64_t parent, const char *name, TreeEntry *out);

/* The kernel forgets @n lookups of @ino. */
void tree_forget(Tree *tree, uint64_t ino, uint64_t n);

/* The attributes of @ino: they never change. */
int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr);

/* The kernel is made to forget the attributes of @ino: a listing of its directory brings them back,
 * without a request for them alone. */
void tree_drop_attr(Tree *tree, uint64_t ino);

/* The st_ino of the node id @ino, which is there. */
uint64_t tree_shown_ino(Tree *tree, uint64_t ino);

/* Called for an entry of a listing. @next is where the listing goes on after it. Returns false if
 * it has no room; then the entry counts as not looked up, and the listing ends. */
typedef bool (*TreeListFunc)(const char *name, uint64_t next, const TreeEntry *entry, void *data);

/* Lists the directory from @after on, 0 for the start. If @lookup, each entry that @func took with
 * its node was looked up once. An entry comes without its node, and only the type in its
 * attributes, if the kernel has all of it already, or has to look it up at the next use anyway:
 * then it is not made before somebody does. *@changes: the listing may be another one next time. */
int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes);

/* Appends at most @count bytes of the file from @offset on. 0 or -errno. */
int tree_read(Tree *tree, uint64_t ino, uint64_t offset, size_t count, GString *out);

/* An entry that the kernel may remember and that has to be forgotten. */
typedef struct TreeForgotten {
        uint64_t parent; /* inode of the directory */
        uint64_t child;  /* the entry's inode if it has gone for good; 0: it has to be looked up
                            again */
        char name[16];
} TreeForgotten;

/* For the follower: takes up the events that there are, and appends what has to be forgotten since
 * the last call to @entries (TreeForgotten). *@wait and the result are events_take()'s. */
int tree_follow(Tree *tree, GArray *entries, int *wait);

/* Called, with the lock held, when a request has found that something has to be forgotten. */
void tree_on_gone(Tree *tree, void (*func)(void *data), void *data);

/* Appends the target of the symlink. */
int tree_readlink(Tree *tree, uint64_t ino, GString *out);

#endif
