/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_H
#define BPFMETAFS_PROG_H

/*
 * A program as an object of the catalog: what is known of it, its maps, and the entries of its
 * metadata.
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
        uint32_t first;   /* its entries: the first one's index, */
        uint32_t entries; /* and how many they are */
        bool settled;     /* the link is final */
        uint8_t state;    /* what the map was like when names were given; 0: it had none yet */
} ProgMap;

typedef struct Prog {
        Object object;
        SourceProg facts;
        Info *info;    /* its fixed keys; NULL until asked for */
        ProgMap *maps; /* in the order in which they were bound */
        ProgEntry *entries;
        uint32_t n_maps;
        uint32_t n_entries;
        bool examined;  /* all maps and entries have been looked for */
        bool unsettled; /* some map may come to have metadata */
} Prog;

extern const ObjectKind prog_kind;

static inline Prog *prog_of(Object *object)
{
        return (Prog *)object;
}

/* catalog_get() for a program. */
int prog_get(Catalog *catalog, uint32_t id, Prog **out);
static inline void prog_unref(Prog *prog)
{
        object_unref(&prog->object);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Prog, prog_unref)

/* Brings maps and entries up to date. @reserved: names that no entry may have. 0 or -errno; a map
 * that can't be looked at hides nothing of the others. */
int prog_update(Prog *prog, NamesReserved reserved);

#endif
