/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ENTERING_H
#define BPFMETAFS_ENTERING_H

/*
 * Answers to the kernel about an entry or a node: its number, its attributes, and for how long they
 * may be remembered.
 *
 * The node of an entry is made here, once somebody has looked it up, and found again as long as it
 * stands for the same content or place.
 */

#include "catalog.h"
#include "nodes.h"
#include "versions.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Seconds: as long as the kernel can remember. */
#define TREE_FOREVER 1e9

/* How the attributes of all files are made. */
typedef struct TreeLook {
        bool has_uid; /* everything belongs to uid; else to the user who loaded the program */
        uid_t uid;
        gid_t gid;
        mode_t mode; /* permission bits of files; directories get x where r is */
} TreeLook;

/* The answer to FUSE about an entry that was looked up. */
typedef struct TreeEntry {
        uint64_t ino;         /* FUSE's node id; 0: in a listing, an entry without its node */
        struct stat attr;     /* st_ino is for people: shorter than the node id */
        double attr_timeout;  /* seconds for which the attributes may be remembered */
        double entry_timeout; /* the same for the name */
} TreeEntry;

typedef struct Entering {
        Catalog *catalog; /* borrowed */
        TreeLook look;
        Nodes *nodes;
        Versions *versions; /* of files that may change */
} Entering;

/* @catalog is borrowed. */
void entering_init(Entering *entering, Catalog *catalog, const TreeLook *look);
void entering_clear(Entering *entering);

/* Counts one lookup of @entry of @directory, and describes it. Moves the place out of @entry. 0 or
 * -errno. */
int entering_add(Entering *entering, Node *directory, Entry *entry, TreeEntry *out);

/* Tells the kernel no more of @entry than its type and number: no lookup is counted. */
void entering_mention(Entering *entering, const Node *directory, const Entry *entry,
                      TreeEntry *out);

/* True if a listing mentions @entry only: the kernel has all of it, or has to look it up at its
 * next use anyway. */
bool entering_is_mentioned(Entering *entering, const Node *directory, const Entry *entry);

/* Notes that @node is used, and makes its content if it is late: before its attributes or its
 * content are told. 0 or -errno. */
int entering_make(Entering *entering, Node *node);

/* Notes whether the kernel is without the attributes of the node @ino. */
void entering_set_bare(Entering *entering, uint64_t ino, bool bare);

/* Drops @n lookups of the node. */
void entering_drop(Entering *entering, Node *node, uint64_t n);

/* The attributes of the file @key of @node, or of the node itself, and for how many seconds they
 * may be remembered. 0 or -errno. */
int entering_attributes(Entering *entering, const Node *node, uint64_t key, struct stat *attr,
                        double *timeout);

#endif
