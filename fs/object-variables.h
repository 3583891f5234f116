/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_VARIABLES_H
#define BPFMETAFS_OBJECT_VARIABLES_H

/*
 * The places of an object file's variables.
 *
 * BTF lists variables by the name of their section. Compilers leave out the offset in it, several
 * sections may have one name, and a variable may be in a section of another name. So we look for
 * each variable as a linker would. A place that is not certain is unknown, never 0.
 */

#include "object-elf.h"

#include <bpf/btf.h>

/* The most symbols of one name that are told apart. */
#define OBJECT_MAX_NAMESAKES 64u

typedef struct ObjectVariable {
        uint32_t id;      /* type id of the VAR */
        uint32_t datasec; /* type id of the DATASEC that has it */
        uint32_t section; /* the section in which it is. If that is not known, a section of the
                             DATASEC's name or kind, or 0 */
        uint32_t offset;  /* in bytes; SOURCE_UNKNOWN_OFFSET of source.h: that is not known */
        uint32_t size;    /* in bytes */
        bool visible;     /* outside of its object */
        bool contested;   /* another variable seems to have some of its bytes, so its place is not
                             known */
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
 * Finds all variables. @btf is the BTF of @elf, unchanged. It gets another DATASEC for each section
 * that has variables: pointers into it are not valid any more. It may be NULL: then there are no
 * variables. Never NULL.
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
