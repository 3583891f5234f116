/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_LIST_H
#define BPFMETAFS_HOLDERS_LIST_H

/*
 * The list of processes that hold BPF objects: holders-look makes it, and holders reads it.
 *
 * A list is of the processes from a pid on, ascending: to the end, or to where the look was cut.
 */

#include <stdint.h>

/* The most bytes of a list. */
#define HOLDERS_MAX_LIST (4u << 20)
/* The most descriptors of a process that are looked at, from the lowest numbers on. */
#define HOLDERS_MAX_FDS 16384u
/* A look is cut after so many milliseconds of the looking process's CPU time, or so many by the
 * clock: on a busy machine the clock goes on while nothing is done. The next look goes on from
 * there. Each look comes to the end of one process at least. */
#define HOLDERS_LOOK_MS 200
#define HOLDERS_LOOK_MAX_MS 1000

/* The kinds of records of a list. */
typedef enum HolderKind {
        HOLDER_PROG,
        HOLDER_MAP,
        HOLDER_LINK,
        HOLDER_PROCESS, /* the process that holds the objects behind it, with its names: see
                           process.h */
        HOLDER_CLOSED,  /* a process that can't be looked at; the bytes are an errno, int32_t */
        HOLDER_LARGE,   /* a process with more than HOLDERS_MAX_FDS descriptors */
        HOLDER_CUT,     /* the last record: the look was cut, and this process comes next */
        HOLDER_FULL,    /* the last record: there is no room for this process and those behind it */
} HolderKind;

/* A list is a sequence of these, each with @length bytes behind it: the bytes that others chose,
 * unchanged. Numbers are in the byte order of the machine. */
typedef struct HolderRecord {
        uint32_t kind;
        uint32_t id; /* of the object, or the pid */
        uint32_t length;
} HolderRecord;

#endif
