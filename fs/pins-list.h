/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_LIST_H
#define BPFMETAFS_PINS_LIST_H

/*
 * The list of pins: pins-look makes it, and pins reads it.
 */

#include <stdint.h>

/* The most pins and directories that are looked at, and the greatest depth. */
#define PINS_MAX 8192u
#define PINS_MAX_DIRECTORIES 4096u
#define PINS_MAX_DEPTH 64u
/* The most mounts. */
#define PINS_MAX_MOUNTS 1024u
/* The most bytes of a list. */
#define PINS_MAX_LIST (4u << 20)

/* The kinds of records of a list. */
typedef enum PinKind {
        PIN_PROG,
        PIN_MAP,
        PIN_LINK,
        PIN_NOTE,      /* no pin: the bytes say what can't be known */
        PIN_UNWATCHED, /* no pin: something can't be watched, and has to be looked at again */
} PinKind;

/* A list is a sequence of these, each with the @length bytes of its path behind it: the bytes that
 * others chose, unchanged, without a NUL. Numbers are in the byte order of the machine. */
typedef struct PinRecord {
        uint32_t kind;
        uint32_t id;
        uint32_t hidden; /* 1: another mount lies over the path */
        uint32_t length;
} PinRecord;

#endif
