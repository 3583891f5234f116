/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_VARIABLES_H
#define BPFMETAFS_OBJECT_VARIABLES_H

/*
 * Where the variables of an object file are.
 *
 * BTF has them by the names of sections. Compilers leave out at which byte of the section, several
 * sections may have one name, and a variable may be in a section of another name. So each is looked
 * for in what the linker would go by, and a place that can't be told is unknown, never 0.
 */

#include "object-elf.h"

#include <bpf/btf.h>

/* The most symbols of one name that are told apart. */
#define OBJECT_MAX_NAMESAKES 64u

typedef struct ObjectVariable {
        uint32_t id;      /* type id of the VAR */
        uint32_t datasec; /* type id of the DATASEC that has it */
        uint32_t section; /* where it is. If that is not known, a section of the DATASEC's name or
                             kind, or 0 */
        uint32_t offset;  /* in bytes; SOURCE_UNKNOWN_OFFSET of source.h: that is not known */
        uint32_t size;    /* in bytes */
        bool visible;     /* outside of its object */
        bool contested; /* another one seems to have some of its bytes: where it is, is not known */
} ObjectVariable;

typedef struct ObjectVariables {
        GArray *all;      /* ObjectVariable, by section and offset, those without section first */
        GArray *sections; /* ObjectVariablesOf, by section index */
} ObjectVariables;

/* The variables of a section. */
typedef struct ObjectVariablesOf {
        guint first; /* in all */
        guint n;
        uint32_t datasec; /* type id of a DATASEC that has them, with their offsets in this section;
                             0 if there are none */
} ObjectVariablesOf;

/*
 * Finds all variables. @btf, which is that of @elf as the file has it, gets a DATASEC more for each
 * section that has variables: pointers into it don't hold any more. It may be NULL: then there are
 * no variables. Never NULL.
 */
ObjectVariables *object_variables_new(const ObjectElf *elf, struct btf *btf, GPtrArray *problems);
void object_variables_free(ObjectVariables *variables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectVariables, object_variables_free)

static inline const ObjectVariablesOf *object_variables_of(const ObjectVariables *variables,
                                                           uint32_t section)
{
        return &g_array_index(variables->sections, ObjectVariablesOf, section);
}

static inline const ObjectVariable *object_variable(const ObjectVariables *variables, guint index)
{
        return &g_array_index(variables->all, ObjectVariable, index);
}

/* True if a variable of the section is visible outside of its object. */
bool object_variables_visible(const ObjectVariables *variables, uint32_t section);

#endif
