/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SHAPE_H
#define BPFMETAFS_SHAPE_H

/*
 * Shapes of types: arrays of arrays of elements, and how long they are.
 *
 * A part of value.h, pure and as hostile. Positions are bit offsets of 64 bits that stop at
 * SHAPE_FAR instead of wrapping.
 */

#include "scalar.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A type counts as a cycle after this many typedefs, qualifiers and type tags in a row. */
#define VALUE_MAX_CHAIN 64
/* How many arrays, structs and unions may stand inside each other. */
#define VALUE_MAX_DEPTH 64
/* The most elements of an array that are shown, over all its dimensions. */
#define VALUE_MAX_ELEMENTS (1u << 20)
/* The end of a flexible array can't be told. */
#define VALUE_UNKNOWN_END UINT64_MAX
/* An array of 0 elements is not flexible, but has none. */
#define VALUE_NO_END 0

/* One value: a variable, a member or an element. A plain record, valid in any space of that BTF. */
typedef struct ValueRef {
        uint64_t bit_offset; /* from the first of the space's bytes */
        uint64_t bit_end; /* the end of a flexible array that is the value or ends it: the first bit
                             behind the variable, or one of the above */
        uint32_t type;    /* BTF type id, as written: typedefs and so on not looked through */
        uint16_t bit_size; /* the width of a bit-field; 0: as wide as its type */
        uint16_t depth;    /* composites around it; 0 for a variable */
} ValueRef;

/* Behind the last byte of any space, and the start of a byte. Sums and products stop there. */
#define SHAPE_FAR (UINT64_MAX - 7)

static inline uint64_t shape_add(uint64_t a, uint64_t b)
{
        return a > SHAPE_FAR - b ? SHAPE_FAR : a + b;
}

static inline uint64_t shape_mul(uint64_t a, uint64_t b)
{
        return b && a > SHAPE_FAR / b ? SHAPE_FAR : a * b;
}

/* A type as an array whose elements are no arrays; a type that is no array has no dimensions. */
typedef struct Shape {
        const struct btf_type *element; /* NULL: there is no such type */
        uint32_t element_id;
        uint32_t n_dims;
        uint32_t dims[VALUE_MAX_DEPTH]; /* elements, the outermost first */
        bool no_length; /* the number of the outermost elements can't be told; dims has 0 */
} Shape;

/* The type behind typedefs, qualifiers and type tags; @id becomes its id. NULL if there is none.
 * The result is itself one of those if there are too many in a row. */
const struct btf_type *shape_look_through(const struct btf *btf, uint32_t *id);

/* True for structs and unions; false if @type is NULL. */
bool shape_is_composite(const struct btf_type *type);

/* The shape of the type @id, or of a value, whose flexible array gets as many elements as there is
 * room for. False if there are more dimensions than may stand inside each other. */
bool shape_of_type(const struct btf *btf, uint32_t id, Shape *shape);
bool shape_of(const struct btf *btf, const ValueRef *ref, Shape *shape);

/* The bytes from one element of the innermost dimension to the next. */
uint64_t shape_element_size(const struct btf_type *element);
/* The bytes of one element of the first @from dimensions together. */
uint64_t shape_inner_size(const Shape *shape, uint32_t from);

/* True if there are more elements than are shown. Outer dimensions count even if an inner one is 0:
 * their elements are directories or lines all the same. */
bool shape_has_too_many_elements(const Shape *shape);

#endif
