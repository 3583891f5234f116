/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MAP_H
#define BPFMETAFS_MAP_H

/*
 * A map as an object of the catalog: its facts, its variables, and the programs that hold it.
 */

#include "catalog.h"
#include "key-form.h"
#include "variables.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Map {
        Object object;
        SourceMap facts;
        Variables *variables; /* NULL until asked for */
        KeyForm *keys;        /* NULL until asked for */
        uint64_t updated;     /* the request in which it was last looked at */
} Map;

extern const ObjectKind map_kind;

static inline Map *map_of(Object *object)
{
        return (Map *)object;
}

/* catalog_get() for a map. */
int map_get(Catalog *catalog, uint32_t id, Map **out);
static inline void map_unref(Map *map)
{
        object_unref(&map->object);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_unref)

/* Looks again, once in each request, whether the map is there and whether it has been frozen, as
 * far as that can have changed. 0 or -errno. */
int map_update(Map *map);

/* The first: true if its variables are shown in vars/. The second: true if its metadata is shown in
 * its programs' directories. Once true, always true. */
bool map_is_shown(const Map *map);
bool map_is_metadata(const Map *map);
/* True if it may come to have metadata, or may have some that we can't see yet. */
bool map_may_become_metadata(const Map *map);
/* True if no value of it can change any more. */
bool map_is_immutable(const Map *map);

/* Its variables, borrowed from @map; empty if it is no global-data map. 0 or -errno. */
int map_variables(Map *map, Variables **out);
/* contents_value(), contents_text() and contents_members() of this map. */
int map_value(Map *map, const SourceValue **out);
int map_text(Map *map, const ValueRef *ref, uint64_t offset, size_t count, GString *out,
             uint64_t *size);
const GArray *map_members(Map *map, const ValueSpace *space, const ValueRef *ref);

/* So many dumps fit into the memory that there is: old versions are kept while they are open, and
 * the last part is for other files. */
#define MAP_DUMPS 5
/* passes_dump() within its part of the memory. */
int map_dump(Map *map, GBytes **out, uint32_t *shown);

/* The index of maps: the programs that hold each of them. */
Index *map_holders(Catalog *catalog);
/* The program that guards the map, see index_guardian(); 0 if none is known. */
uint32_t map_guardian(const Map *map);

#endif
