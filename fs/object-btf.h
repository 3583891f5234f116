/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_BTF_H
#define BPFMETAFS_OBJECT_BTF_H

/*
 * The BTF of an object file: its variables, map definitions, and the source lines of .BTF.ext.
 *
 * All of it is hostile: libbpf's parser checks neither type ids nor names.
 */

#include "object-elf.h"
#include "object-variables.h"

#include <bpf/btf.h>

/* The largest BTF that is read: the kernel takes no larger one (BTF_MAX_SIZE of
 * kernel/bpf/btf.c). */
#define OBJECT_MAX_BTF (16u << 20)
/* The most members of a map definition: a real one has fewer. */
#define OBJECT_MAX_MEMBERS 64u

typedef struct ObjectBtf {
        struct btf *btf; /* NULL if there is none that can be read */
        bool broken;     /* there is one, but it cannot be read */
        ObjectVariables *variables;
        GArray *lines; /* ObjectLine, by place */
} ObjectBtf;

/* A record of .BTF.ext: the source line of the instructions from here on. */
typedef struct ObjectLine {
        ObjectPlace at;
        uint32_t file; /* offset of its name in the BTF's strings */
        uint32_t line;
} ObjectLine;

/* The parts of a definition that are not understood. */
typedef enum ObjectUnclear {
        OBJECT_UNCLEAR_TYPE = 1 << 0, /* or there is none */
        OBJECT_UNCLEAR_FLAGS = 1 << 1,
        OBJECT_UNCLEAR_KEY = 1 << 2,
        OBJECT_UNCLEAR_VALUE = 1 << 3,
        OBJECT_UNCLEAR_ENTRIES = 1 << 4,
        OBJECT_UNCLEAR_OTHER = 1 << 5,
} ObjectUnclear;

/* The numbers of a definition in .maps; 0 for those that it does not have. */
typedef struct ObjectDefinition {
        uint32_t type;
        uint32_t flags;
        uint32_t key_size;
        uint32_t value_size;
        uint32_t max_entries;
        uint32_t numa_node;
        uint32_t pinning;
        uint64_t extra;
        unsigned unclear;    /* ObjectUnclear */
        const char *strange; /* the first attribute that is not understood, borrowed; NULL: none */
} ObjectDefinition;

/* Never NULL. Strings are borrowed from it, and @elf may be freed before it. */
ObjectBtf *object_btf_new(const ObjectElf *elf, GPtrArray *problems);
void object_btf_free(ObjectBtf *btf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectBtf, object_btf_free)

/* The name of the type @id, which must be there; "" if it has none that can be used. */
const char *object_btf_name(const ObjectBtf *btf, uint32_t id);

/* The type id of the DATASEC of that name as the file has it; 0 if there is none. */
uint32_t object_btf_datasec(const ObjectBtf *btf, const char *name);

/* Called for each variable of a DATASEC; @type is the type id of its value. */
typedef void (*ObjectVariableFunc)(const char *name, uint32_t type, void *data);
void object_btf_foreach_variable(const ObjectBtf *btf, uint32_t datasec, ObjectVariableFunc func,
                                 void *data);

/* The type @id without typedefs and qualifiers; NULL if that is none. */
const struct btf_type *object_btf_resolve(const ObjectBtf *btf, uint32_t id);

/*
 * Reads the map definition that is the struct @type. Returns the struct that defines its inner
 * maps; NULL if it has none.
 */
const struct btf_type *object_btf_definition(const ObjectBtf *btf, const struct btf_type *type,
                                             ObjectDefinition *out);

#endif
