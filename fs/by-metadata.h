/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BY_METADATA_H
#define BPFMETAFS_BY_METADATA_H

/*
 * The metadata of a program as pairs of a key and a text, for by/.
 *
 * A variable that is a file is a pair. Of a struct or union each member is one, and its key is both
 * names with a dot between; arrays of these have none. What rules give is a pair, too.
 */

#include "prog.h"

#include <glib.h>
#include <stdbool.h>

/* The most values of one program that are looked at, structs and their members counted. */
#define BY_MAX_VALUES 256u
/* The longest text in bytes. */
#define BY_MAX_TEXT (16u << 10)
/* How many bytes of values of one program are made texts at a look, for some types take long. */
#define BY_MAX_TRIED (64u << 10)

/* @key is a file name, @text has no newline at its end; both are borrowed until the function
 * returns. */
typedef void (*ByMetadataFunc)(const char *key, const char *text, void *data);

/* For how long what was told holds. */
typedef struct ByMetadataFor {
        bool changes; /* some of the texts may change */
        bool given;   /* rules gave some: these end when a map is bound, without an event */
} ByMetadataFor;

/* Calls @func for the metadata of @prog, which prog_update() has brought up to date. A file name
 * that is @reserved is not used as a key: the variable's full name is, or "~2" follows. False:
 * there is more, which is beyond a limit or can't be read. */
bool by_metadata_foreach(Prog *prog, NamesReserved reserved, ByMetadataFunc func, void *data,
                         ByMetadataFor *out);

#endif
