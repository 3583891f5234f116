/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SCALAR_H
#define BPFMETAFS_SCALAR_H

/*
 * One scalar of BTF to text: an integer, an enum, a floating-point number, a pointer.
 *
 * Pure, and as hostile as the rest of value.h: a scalar outside of the space's bytes is not read.
 */

#include "sink.h"
#include "value.h"

/* The enumerators of an enum by their bits. The first of a value counts, as C's own reader would
 * have it. */
typedef struct EnumNames {
        uint64_t *keys; /* the memory of names' keys */
        GHashTable *names;
} EnumNames;

/* How a scalar is read: once for all elements of an array. */
typedef struct Scalar {
        const struct btf_type *type;
        unsigned shift; /* bits before the value */
        unsigned width; /* bits */
        uint64_t size;  /* bytes from one element to the next */
        EnumNames names;
} Scalar;

/* The bytes of a scalar; 0 for a type that is none. */
uint64_t scalar_size(const struct btf_type *type);

/* @type is looked through, @bit_size as in a ValueRef. False: the type has no values, or none that
 * can be shown. */
bool scalar_init(Scalar *scalar, const struct btf *btf, const struct btf_type *type,
                 unsigned bit_size);
void scalar_clear(Scalar *scalar);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scalar, scalar_clear)

/* The scalar at bit @offset. False if it lies outside, and then nothing is put. */
bool scalar_put(Sink *sink, const ValueSpace *space, const Scalar *scalar, uint64_t offset);

#endif
