/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_CODE_H
#define BPFMETAFS_OBJECT_CODE_H

/*
 * The functions of an object file: which of them are programs, which functions they call, and which
 * maps they use.
 */

#include "object-elf.h"
#include "object-maps.h"

/* How many instructions of a program and the functions that it calls are read: the kernel loads
 * no more (BPF_COMPLEXITY_LIMIT_INSNS of <linux/bpf.h>). */
#define OBJECT_MAX_INSNS 1000000u

/* A program, or a function that programs call. */
typedef struct ObjectFunction {
        ObjectPlace at;
        const char *name;
        uint32_t n_insns;
        bool local;
        guint first_ref; /* in refs */
        guint n_refs;
        guint first_call; /* in calls */
        guint n_calls;
        uint64_t mark;
} ObjectFunction;

typedef struct ObjectCode {
        GArray *functions; /* ObjectFunction, by place */
        GArray *programs; /* uint32_t, indices of functions; the id is one more than the position */
        GArray *refs;     /* uint32_t, ids of maps; for each function in the order of its code */
        GArray *calls;    /* uint32_t, indices of functions, likewise */
        uint64_t mark;
} ObjectCode;

/* Never NULL. Names are borrowed from @elf. */
ObjectCode *object_code_new(const ObjectElf *elf, const ObjectMaps *maps, GPtrArray *problems);
void object_code_free(ObjectCode *code);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectCode, object_code_free)

static inline ObjectFunction *object_code_function(const ObjectCode *code, uint32_t index)
{
        return &g_array_index(code->functions, ObjectFunction, index);
}

/*
 * The function @index and those that it calls, in the order in which libbpf puts them together
 * (bpf_object__reloc_code(), src/libbpf.c): a function is appended at the first call of it, and the
 * functions that it calls follow at once. An array of uint32_t, owned by the caller.
 */
GArray *object_code_linked(ObjectCode *code, uint32_t index);

#endif
