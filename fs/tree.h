/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TREE_H
#define BPFMETAFS_TREE_H

/*
 * The tree as the kernel sees it: lookups, listings, attributes and contents, by inode numbers.
 *
 * Every inode is immutable: its content, size and attributes never change. If a thing has changed,
 * it is a new inode at the next lookup. Directories, symlinks and files whose content may change
 * are nodes. A file whose content never changes is no node, but a key in its directory's node: its
 * inode number has both.
 *
 * Thread-safe: one lock is held inside each function, and not while anything is sent to the kernel.
 */

#include "catalog.h"
#include "entering.h"
#include "load-log.h"
#include "watch.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct Tree Tree;

/* @catalog and @watch are borrowed. @watch may be NULL: there are no events. */
Tree *tree_new(Catalog *catalog, Watch *watch, const TreeLook *look);
void tree_free(Tree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tree, tree_free)

/* The log is told of events from now on; it is borrowed, and NULL for none. */
void tree_set_log(Tree *tree, LoadLog *log);

/* Looks up @name in the directory @parent. On success the kernel has one more lookup of the
 * result's inode, until tree_forget(). 0 or -errno; -ESTALE: @parent was forgotten when events
 * ended, and its path may lead to another directory. */
int tree_lookup(Tree *tree, uint64_t parent, const char *name, TreeEntry *out);

/* The kernel forgets @n lookups of @ino. */
void tree_forget(Tree *tree, uint64_t ino, uint64_t n);

/* The attributes of @ino, and for how many seconds they may be remembered. They never change, but
 * for the time of a directory that lists all objects of a kind. */
int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr, double *timeout);

/* The kernel is made to forget the attributes of @ino. The next listing of its parent directory
 * brings them back, without a request of their own. */
void tree_drop_attr(Tree *tree, uint64_t ino);

/* The st_ino of the node id @ino, which is there. */
uint64_t tree_shown_ino(Tree *tree, uint64_t ino);

/* Called for an entry of a listing. @next is where the listing goes on after it. Returns false if
 * it has no room; then the entry counts as not looked up, and the listing ends. */
typedef bool (*TreeListFunc)(const char *name, uint64_t next, const TreeEntry *entry, void *data);

/* Lists the directory from @after on, 0 for the start. If @lookup, each entry that @func took with
 * its node was looked up once. An entry comes without its node, and with only its type in the
 * attributes, if the kernel has all of it already, or has to look it up at its next use anyway:
 * then that lookup makes it. *@changes: the listing may be another one next time. */
int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes);

/* Appends at most @count bytes of the file from @offset on to @out; or puts them into *@bytes, as a
 * reference of the caller's, if they need not be copied. @bytes: NULL, or *@bytes is NULL. 0 or
 * -errno. */
int tree_read(Tree *tree, uint64_t ino, uint64_t offset, size_t count, GString *out,
              GBytes **bytes);

/* An entry that the kernel may remember and that has to be forgotten. */
typedef struct TreeForgotten {
        uint64_t parent; /* inode of the directory */
        uint64_t child;  /* the entry's inode if it has gone for good; 0: it has to be looked up
                            again */
        char *name;      /* owned */
} TreeForgotten;

void tree_forgotten_clear(TreeForgotten *forgotten);

/* For the follower: takes up all events, and appends the entries that have to be forgotten since
 * the last call to @entries (TreeForgotten). *@wait and the result are events_take()'s. */
int tree_follow(Tree *tree, GArray *entries, int *wait);

/* For the follower, after tree_follow(): load_log_follow(); -1 if there is no log. */
int tree_log(Tree *tree);

/* Called, with the lock held, when a request has found that something has to be forgotten. */
void tree_on_gone(Tree *tree, void (*func)(void *data), void *data);

/* Appends the target of the symlink. */
int tree_readlink(Tree *tree, uint64_t ino, GString *out);

#endif
