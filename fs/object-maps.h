/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_MAPS_H
#define BPFMETAFS_OBJECT_MAPS_H

/*
 * The maps that libbpf creates for an object file, in its order: those that .maps defines, one for
 * each section of global data, .kconfig, and struct_ops.
 */

#include "object-btf.h"
#include "object-elf.h"

/* The most maps of a file; others are left out. */
#define OBJECT_MAX_MAPS 65536u

/* The text for a part of a definition that libbpf does not understand. */
#define OBJECT_NOT_UNDERSTOOD "unknown: its definition is not understood"

typedef struct ObjectMap {
        const char *name;
        ObjectDefinition definition;
        const char *unknown; /* why there is no definition; NULL if there is one */
        bool has_inner;
        ObjectDefinition inner;
        uint32_t section; /* the section of its definition, or of its bytes; 0 if that is not known
                           */
        uint64_t offset;
        bool global_data; /* the bytes of the section are its value */
        bool rodata;
        bool frozen;
        uint32_t datasec; /* of global data, type id of the DATASEC of its value; 0 if no BTF
                             describes it */
        uint64_t mark;    /* for the user's use; 0 at first */
} ObjectMap;

typedef struct ObjectMaps {
        GArray *maps;              /* ObjectMap; the id is one more than the position */
        GArray *of_section;        /* uint32_t, by section index: the map that it is, or 0 */
        GHashTable *by_definition; /* ObjectMap *, by section and offset */
        GHashTable *kconfig;       /* names of the variables of .kconfig */
        uint32_t kconfig_map;      /* the map that they are in; 0 if none */
        GStringChunk *names;       /* the names that are not in the file */
} ObjectMaps;

/* Never NULL. @file is the name or path of the file. Names in the result are borrowed
 * from @elf and @btf. */
ObjectMaps *object_maps_new(const ObjectElf *elf, const ObjectBtf *btf, const char *file,
                            GPtrArray *problems);
void object_maps_free(ObjectMaps *maps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectMaps, object_maps_free)

/* @id is from 1 to the number of maps. */
static inline ObjectMap *object_maps_get(const ObjectMaps *maps, uint32_t id)
{
        return &g_array_index(maps->maps, ObjectMap, id - 1);
}

/* The id of the map to which an instruction refers by the symbol and the number that it adds to it;
 * 0 if that is no map. */
uint32_t object_maps_of_symbol(const ObjectMaps *maps, const ObjectSymbol *symbol, int32_t addend);

#endif
