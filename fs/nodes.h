/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NODES_H
#define BPFMETAFS_NODES_H

/*
 * The table of nodes and their numbers.
 *
 * FUSE's number of an inode has the key of a file that is no node itself in its lower bits, or 0,
 * and above it the node's number: its slot in the table, and how often that slot was used before.
 * So it is found without a search, and a number that was given comes back only after very many
 * others.
 *
 * The inode number that people see (st_ino) has 32 bits, as programs without large-file support
 * need it, if the node's slot and the key are small enough: that holds for all but the most entries
 * of the largest trees.
 */

#include "place.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NODES_KEY_BITS 24
#define NODES_SLOT_BITS 26
#define NODES_USE_BITS 14

/* FUSE_ROOT_ID of <linux/fuse.h>. */
#define NODES_ROOT 1

/* What FUSE's own tools list as the number of an entry whose node does not exist yet. */
#define NODES_UNKNOWN_INO UINT32_MAX

typedef enum NodeType {
        NODE_DIRECTORY,
        NODE_FILE,
        NODE_LINK,
} NodeType;

/* There are some dozens for each program: every byte counts. */
typedef struct Node {
        uint64_t refs; /* lookups of the node and of the files in it */
        uint64_t number : NODES_SLOT_BITS + NODES_USE_BITS;
        uint64_t type : 2;                                  /* NodeType */
        uint64_t current : 1;                               /* a lookup of its place finds it */
        uint64_t bare : 1;                                  /* the kernel has no attributes of it */
        uint64_t parent : NODES_SLOT_BITS + NODES_USE_BITS; /* number of its directory */
        uint32_t key;                                       /* its entry there */
        uint32_t size;                                      /* of content */
        const Row *row; /* the directory's place; of others, that of the directory they are in */
        Object *object;
        union {
                gpointer argument; /* of a directory */
                int64_t since;     /* of a file: since when it is as it is, in nanoseconds */
        };
        char content[]; /* of a file or symlink */
} Node;

/* The place that the node is, or of a file, that it is in; borrowed from the node. */
Place node_place(const Node *node);

typedef struct Nodes Nodes;

/* A table with a root, whose place is @root, which is taken. */
Nodes *nodes_new(Place *root);
void nodes_free(Nodes *nodes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Nodes, nodes_free)

Node *nodes_root(Nodes *nodes);

/* A new node without a lookup, that is the current one of entry @key of @directory. Takes @place.
 * NULL: there are too many. */
Node *nodes_add(Nodes *nodes, NodeType type, Place *place, const char *content, uint32_t size,
                const Node *directory, uint32_t key);

/* FUSE's number of the node; of a file in it that is none, the key is added. */
uint64_t nodes_ino(const Nodes *nodes, const Node *node);
/* The st_ino of the file @key in @node, or of the node itself if that is 0. */
uint64_t nodes_shown_ino(const Nodes *nodes, const Node *node, uint64_t key);

/* The node that @ino is or is in; *@key is the file in it, or 0. NULL: the kernel never saw it, or
 * has forgotten it. */
Node *nodes_find(Nodes *nodes, uint64_t ino, uint64_t *key);
/* The same for a directory's node. */
Node *nodes_find_directory(Nodes *nodes, uint64_t ino);
/* The current node of entry @key of @directory, or NULL. */
Node *nodes_at(Nodes *nodes, const Node *directory, uint64_t key);
/* The directory that @node is in; NULL: it has gone. */
const Node *nodes_parent(const Nodes *nodes, const Node *node);

/* Its place no longer leads to the node. */
void nodes_retire(Nodes *nodes, Node *node);
/* The kernel has forgotten @n lookups of the node or of files in it; with the last one it goes.
 * True if it has gone. */
bool nodes_drop(Nodes *nodes, Node *node, uint64_t n);

#endif
