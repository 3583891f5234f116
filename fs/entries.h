/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ENTRIES_H
#define BPFMETAFS_ENTRIES_H

/*
 * A program: its facts, its maps, and the entries of its metadata. This module names the entries
 * and the maps' symlinks.
 *
 * Maps and entries are in the order in which they were found, and only grow: a position means the
 * same as long as the program is known, and is a key in a listing.
 */

#include "map.h"
#include "names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most metadata entries of one program. */
#define PROG_MAX_ENTRIES (1u << 20)

/* An entry of a program's directory that is metadata. */
typedef struct ProgEntry {
        char *name; /* file name, a GRefString */
        Map *map;   /* borrowed from the program */
        uint32_t variable;
        bool settled; /* the name is final */
} ProgEntry;

/* A map that is bound to a program. */
typedef struct ProgMap {
        Map *map;         /* owned */
        char *link;       /* the file name of its symlink, a GRefString; NULL: it has none */
        uint32_t first;   /* the index of its first entry */
        uint32_t entries; /* the number of its entries */
        bool settled;     /* the link is final */
        uint8_t state;    /* the map's state when names were given; 0: it has no names yet */
} ProgMap;

typedef struct Prog {
        Object object;
        SourceProg facts;
        ProgMap *maps; /* in the order in which they were bound */
        ProgEntry *entries;
        Loader *loader;     /* NULL until asked for, or if nobody knows */
        GArray *candidates; /* values of rules that it may have, see rules_candidates(); NULL until
                               needed */
        uint32_t n_maps;
        uint32_t n_entries;
        bool examined;  /* all maps and entries have been looked for */
        bool unsettled; /* some map may still come to have metadata */
        uint32_t named; /* how often names were given to the entries */
} Prog;

static inline Prog *prog_of(Object *object)
{
        return (Prog *)object;
}

static inline void prog_unref(Prog *prog)
{
        object_unref(&prog->object);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Prog, prog_unref)

/* Adds the entries of maps that have come to have metadata. If a map has changed that can change a
 * name, all entries are named anew. @reserved: names that no entry may have. */
void entries_update(Prog *prog, NamesReserved reserved);

/* Releases all names. */
void entries_clear_names(Prog *prog);

#endif
