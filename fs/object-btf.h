/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_BTF_H
#define BPFMETAFS_OBJECT_BTF_H

/*
 * The BTF of an object file: completed like libbpf completes it before it loads, map definitions,
 * and the source lines of .BTF.ext.
 *
 * All of it is hostile: libbpf's parser checks neither type ids nor names.
 */

#include "object-elf.h"

#include <bpf/btf.h>

/* The largest BTF that is read: the kernel takes no larger one (BTF_MAX_SIZE of
 * kernel/bpf/btf.c). */
#define OBJECT_MAX_BTF (16u << 20)
/* The most members of a map definition: there are not that many things to define. */
#define OBJECT_MAX_MEMBERS 64u

typedef struct ObjectBtf {
        struct btf *btf;             /* NULL if there is none that can be read */
        bool broken;                 /* there is one, but it cannot be read */
        GHashTable *datasec_by_name; /* const char * to type id; the first of a name */
        GArray *lines;               /* ObjectLine, by place */
} ObjectBtf;

/* A record of .BTF.ext: the source line of the instructions from here on. */
typedef struct ObjectLine {
        ObjectPlace at;
        uint32_t file; /* offset of its name in the BTF's strings */
        uint32_t line;
} ObjectLine;

/* What a definition in .maps says; 0 where it says nothing. */
typedef struct ObjectDefinition {
        uint32_t type;
        uint32_t flags;
        uint32_t key_size;
        uint32_t value_size;
        uint32_t max_entries;
        uint32_t numa_node;
        uint32_t pinning;
        uint64_t extra;
} ObjectDefinition;

/* Never NULL. @elf may be freed before it. */
ObjectBtf *object_btf_new(const ObjectElf *elf);
void object_btf_free(ObjectBtf *btf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectBtf, object_btf_free)

/* The type id of the DATASEC of that name; 0 if there is none. */
uint32_t object_btf_datasec(const ObjectBtf *btf, const char *name);

/* Called for each variable of a DATASEC, by offset; @type is the type id of its value. */
typedef void (*ObjectVariableFunc)(const char *name, uint32_t type, uint32_t offset, void *data);
void object_btf_foreach_variable(const ObjectBtf *btf, uint32_t datasec, ObjectVariableFunc func,
                                 void *data);

/* True if a variable of the DATASEC is visible outside of its object. */
bool object_btf_has_global(const ObjectBtf *btf, uint32_t datasec);

/* The type @id without typedefs and qualifiers; NULL if that is none. */
const struct btf_type *object_btf_resolve(const ObjectBtf *btf, uint32_t id);

/*
 * Reads the map definition that is the struct @type. Returns the struct that defines its inner
 * maps; NULL if it has none.
 */
const struct btf_type *object_btf_definition(const ObjectBtf *btf, const struct btf_type *type,
                                             ObjectDefinition *out);

#endif
