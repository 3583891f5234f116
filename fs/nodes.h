/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NODES_H
#define BPFMETAFS_NODES_H

/*
 * The table of nodes and their numbers.
 *
 * FUSE's number of an inode has two parts. The upper bits are the number of a node: its slot in the
 * table, and how often that slot was used before. The lower bits are 0 for the node itself, or the
 * key of a file in it that is no node. So a node is found without a search, and a number is used
 * again only after very many others.
 *
 * The inode number that people see (st_ino) has 32 bits if the node's slot and the key are small
 * enough, for programs without large-file support need that. Only in the largest trees they are
 * not.
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

/* The number in a listing of an entry whose node does not exist yet. libfuse's own filesystems use
 * the same (FUSE_UNKNOWN_INO, lib/fuse.c). */
#define NODES_UNKNOWN_INO UINT32_MAX

typedef enum NodeType {
        NODE_DIRECTORY,
        NODE_FILE,
        NODE_LINK,
} NodeType;

/* There are some dozens of nodes for each program: every byte counts. */
typedef struct Node {
        uint64_t refs; /* lookups of the node and of the files in it */
        uint64_t number : NODES_SLOT_BITS + NODES_USE_BITS;
        uint64_t type : 2;    /* NodeType */
        uint64_t current : 1; /* a lookup of its place finds it */
        uint64_t bare : 1;    /* the kernel has no attributes of it */
        uint64_t apart : 1;   /* content is a reference to a GBytes that has it */
        uint64_t late : 1;    /* a report that nobody has looked at: its content is to be made */
        uint64_t used : 1;    /* a report that somebody has looked at since it was made last */
        uint64_t parent : NODES_SLOT_BITS + NODES_USE_BITS; /* number of its directory */
        uint32_t key;                                       /* its entry there */
        uint32_t size;                                      /* of content */
        const Row *row; /* of the directory's place; or, for others, of the directory that they are
                           in */
        Object *object;
        union {
                gpointer argument; /* of a directory */
                int64_t since;     /* of a file: the time of its last change, in nanoseconds */
        };
        char content[]; /* of a file or symlink */
} Node;

/* The directory's place, or that of the directory in which the file is; borrowed from the node. */
Place node_place(const Node *node);

typedef struct Nodes Nodes;

/* A table with a root, whose place is @root and is the table's from now on. */
Nodes *nodes_new(Place *root);
void nodes_free(Nodes *nodes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Nodes, nodes_free)

Node *nodes_root(Nodes *nodes);

/* The content of a file or symlink, node->size bytes; borrowed from the node. */
const char *node_content(const Node *node);
/* The same as bytes that may outlive the node, borrowed; NULL: it is too small for that. */
GBytes *node_bytes(const Node *node);

/* A new node without a lookup, which is now the current node of the entry @key of @directory.
 * @place is the node's from now on. @content: of a file or symlink, at most UINT32_MAX bytes; a
 * large one is shared, a small one copied. NULL: there are too many nodes. */
Node *nodes_add(Nodes *nodes, NodeType type, Place *place, GBytes *content, const Node *directory,
                uint32_t key);

/* The same of a file that is late. */
Node *nodes_add_late(Nodes *nodes, Place *place, const Node *directory, uint32_t key);
/* A late node gets its content, which is shared. */
void nodes_fill(Node *node, GBytes *content);

/* FUSE's number of the node. Add the key for a file in it that is no node. */
uint64_t nodes_ino(const Nodes *nodes, const Node *node);
/* The st_ino of the file @key in @node, or of the node itself if that is 0. */
uint64_t nodes_shown_ino(const Nodes *nodes, const Node *node, uint64_t key);

/* The node of @ino; *@key is 0, or the key of a file in the node. NULL: the kernel never got this
 * number, or has forgotten it. */
Node *nodes_find(Nodes *nodes, uint64_t ino, uint64_t *key);
/* The same for a directory's node. */
Node *nodes_find_directory(Nodes *nodes, uint64_t ino);
/* The current node of entry @key of @directory, or NULL. */
Node *nodes_at(Nodes *nodes, const Node *directory, uint64_t key);
/* The directory that @node is in; NULL: it has gone. */
const Node *nodes_parent(const Nodes *nodes, const Node *node);

/* From now on the entry's current node is another, or none. */
void nodes_retire(Nodes *nodes, Node *node);
/* The kernel has forgotten @n lookups of the node or of files in it. With the last lookup the node
 * goes: then true. */
bool nodes_drop(Nodes *nodes, Node *node, uint64_t n);

#endif
