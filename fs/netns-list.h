/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NETNS_LIST_H
#define BPFMETAFS_NETNS_LIST_H

/*
 * The list of programs that are attached in named network namespaces: netns-look makes it, and
 * netns reads it.
 */

#include <stdint.h>

/* The most namespaces that are looked at. */
#define NETNS_MAX 256u
/* When this many microseconds have passed, no other namespace is looked at. */
#define NETNS_MAX_TIME 100000
/* The most bytes of a list. */
#define NETNS_MAX_LIST (4u << 20)

/* The kinds of records, and their bytes. */
typedef enum NetnsKind {
        NETNS_SPACE,     /* a namespace with the inode number @number; the bytes are its name */
        NETNS_INTERFACE, /* an interface of this namespace, with the index @number; the bytes are
                            its name */
        NETNS_PROG,      /* a program in this namespace; the bytes are a NetdevProg */
        NETNS_NOTE,      /* the bytes are a sentence about something that can't be known */
} NetnsKind;

/* A list is a sequence of these, each with @length bytes behind it. Names are the bytes that others
 * chose, unchanged, without a NUL. */
typedef struct NetnsRecord {
        uint64_t number;
        uint32_t kind;
        uint32_t length;
} NetnsRecord;

#endif
