/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SCALAR_H
#define BPFMETAFS_SCALAR_H

/*
 * One scalar of BTF to text: an integer, an enum, a floating-point number, a pointer.
 *
 * Pure, and as hostile as the rest of value.h: a scalar outside of the space's bytes is not read.
 */

#include "json.h"
#include "sink.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The types of variables and the bytes of their section. Borrowed, not owned. */
typedef struct ValueSpace {
        const struct btf *btf;
        const uint8_t *bytes;
        size_t size;     /* of bytes */
        bool big_endian; /* the byte order of bytes */
} ValueSpace;

/* The enumerators of an enum by their bits. If several have one value, the first counts. */
typedef struct EnumNames {
        uint64_t *keys; /* the memory of names' keys */
        GHashTable *names;
} EnumNames;

/* The way to read a scalar, found once for all elements of an array. */
typedef struct Scalar {
        const struct btf_type *type;
        unsigned shift; /* bits before the value */
        unsigned width; /* bits */
        uint64_t size;  /* bytes from one element to the next */
        bool bit_field;
        EnumNames names;
} Scalar;

/* An integer of up to 128 bits. */
typedef struct ScalarBits {
        uint64_t high;
        uint64_t low;
} ScalarBits;

/*
 * @width bits (1 to 128) from bit @offset. BTF numbers bits as they lie in memory: in little-endian
 * bytes from the lowest bit of a byte up, and the first is the value's lowest; in big-endian bytes
 * from the highest bit of a byte down, and the first is the value's highest. False: outside.
 */
bool scalar_read_bits(const ValueSpace *space, uint64_t offset, unsigned width, ScalarBits *out);

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

/* Bits as JSON: a string of hexadecimal digits behind "0x". */
void scalar_put_json_bits(Json *json, ScalarBits bits);

/*
 * The same as scalar_put(), as JSON in bpftool's types (btf_dumper.c). Integers of 8, 16, 32 and 64
 * bits and pointers are numbers. Other widths and bit-fields are scalar_put_json_bits(), since most
 * readers have no place for numbers of more than 64 bits. A character is a string of one. bpftool
 * can't print floating-point numbers: here they are numbers, or the string "inf", "-inf" or "nan".
 */
bool scalar_put_json(Json *json, const ValueSpace *space, const Scalar *scalar, uint64_t offset);

/* True if an array of @type, which is looked through, is text. */
bool scalar_is_char(const struct btf *btf, const struct btf_type *type);

#endif
