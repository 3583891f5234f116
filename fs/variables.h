/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VARIABLES_H
#define BPFMETAFS_VARIABLES_H

/*
 * The variables of one global-data map, decoded once and shared by all programs of the object.
 *
 * A small value that cannot change is kept as text, so that the BTF and the bytes can be dropped.
 * For all other values only the place is kept, and the text is made again from the source when it
 * is asked for.
 */

#include "source.h"
#include "value.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The longest text of a value that is kept, the most values that are kept of one map, and how many
 * bytes of values are tried for that, since some types take long. */
#define VARIABLES_MAX_TEXT (16u << 10)
#define VARIABLES_MAX_KEPT 1024u
#define VARIABLES_MAX_TRIED (64u << 10)

/* A value: a variable or a member. */
typedef struct Decoded {
        char *name; /* its file name: in vars/, or in the directory of the struct. An element: NULL
                     */
        ValueRef ref;
        char *text;              /* NULL if it is not kept */
        uint64_t size;           /* of the text in bytes, if it is kept */
        struct Decoded *members; /* NULL if they are not kept */
        uint32_t n_members;
        bool directory;
} Decoded;

/* A variable of the map. */
typedef struct Variable {
        Decoded value;
        char *declared; /* its name in the BTF */
        char *entry;    /* the name that metadata.h prefers for its entry; NULL: not metadata */
} Variable;

typedef struct Variables {
        uint32_t refs;
        uint32_t n;
        size_t bytes; /* of memory, roughly */
        Variable items[];
} Variables;

/* The room that is left for texts. */
typedef struct DecodeBudget {
        size_t bytes; /* of memory */
        uint32_t values;
        size_t tried; /* bytes of values */
} DecodeBudget;

/* The variables of the DATASEC @datasec in @value. Texts are kept as far as @budget allows, and
 * count against it. The caller gets one reference. Never NULL. */
Variables *variables_new(const SourceValue *value, uint32_t datasec, DecodeBudget *budget);
/* The same for a map that can't be read, with a negative errno: one file that says why. */
Variables *variables_unreadable(int error);
Variables *variables_ref(Variables *variables);
void variables_unref(Variables *variables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Variables, variables_unref)

/* True if any variable is metadata. */
bool variables_have_metadata(const Variables *variables);

/* The space that value.h works on; borrowed from @value. */
ValueSpace variables_space(const SourceValue *value);

/* The value at @ref, with its text or members as far as @budget allows. @name is owned by the
 * result, and may be NULL. */
Decoded decoded_value(const ValueSpace *space, const ValueRef *ref, char *name,
                      DecodeBudget *budget);

/* The members of a struct or union, with their names and places only: an array of Decoded, whose
 * elements are cleared with it. */
GArray *decoded_members(const ValueSpace *space, const ValueRef *ref);

void decoded_clear(Decoded *decoded);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Decoded, decoded_clear)

#endif
