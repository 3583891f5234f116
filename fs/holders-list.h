/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_LIST_H
#define BPFMETAFS_HOLDERS_LIST_H

/*
 * The list of processes that hold BPF objects: holders-look makes it, and holders reads it.
 */

#include <stdint.h>

/* The most bytes of a list. */
#define HOLDERS_MAX_LIST (4u << 20)
/* The most descriptors of a process that are looked at, from the lowest numbers on. */
#define HOLDERS_MAX_FDS 16384u
/* The most milliseconds of a look: processes that come later are left out. */
#define HOLDERS_LOOK_MS 200u

/* The kinds of records of a list. */
typedef enum HolderKind {
        HOLDER_PROG,
        HOLDER_MAP,
        HOLDER_LINK,
        HOLDER_PROCESS, /* no object: the process that holds the objects behind it, with its names:
                           see process.h */
        HOLDER_NOTE,    /* no object: the bytes are a note about something that can't be known */
} HolderKind;

/* A list is a sequence of these, each with @length bytes behind it: the bytes that others chose,
 * unchanged. Numbers are in the byte order of the machine. */
typedef struct HolderRecord {
        uint32_t kind;
        uint32_t id; /* of the object or the process; 0 for a note */
        uint32_t length;
} HolderRecord;

#endif
