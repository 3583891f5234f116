/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VALUE_H
#define BPFMETAFS_VALUE_H

/*
 * BTF-typed bytes to text: the values of variables and of their members.
 *
 * Pure: BTF and bytes come in, text goes out; no kernel is called and no state is kept. Everything
 * that comes in is hostile: each offset is checked against the bytes that are there, and the
 * limits below bound what depth, counts and sizes may cost. A value that is beyond them, or has a
 * type that no text stands for, is a text that says so; it never fails and never spoils its
 * neighbours.
 */

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* How many typedefs, qualifiers and type tags are looked through before a type counts as a cycle.
 */
#define VALUE_MAX_CHAIN 64
/* How many arrays, structs and unions may stand inside each other. */
#define VALUE_MAX_DEPTH 64
/* The most elements of an array that are shown, over all its dimensions. */
#define VALUE_MAX_ELEMENTS (1u << 20)
/* The same for floating point: to find the shortest decimal takes fifty times as long as to write
 * an integer. */
#define VALUE_MAX_FLOATS (1u << 14)
/* The most members of a struct or union that are shown, those of anonymous members and these
 * themselves counted; one more then stands for all others, and its text says so. */
#define VALUE_MAX_MEMBERS 65536u

/* What variables are made of: their types and the bytes of their section. Borrowed, not owned. */
typedef struct ValueSpace {
        const struct btf *btf;
        const uint8_t *bytes;
        size_t size;     /* of bytes */
        bool big_endian; /* the byte order of bytes */
} ValueSpace;

/* Nobody can tell where a flexible array ends. */
#define VALUE_UNKNOWN_END UINT64_MAX
/* An array of 0 elements is not flexible, but has none. */
#define VALUE_NO_END 0

/* One value: a variable, a member or an element. A plain record, valid in any space of that BTF. */
typedef struct ValueRef {
        uint64_t bit_offset; /* from the first of the space's bytes */
        uint64_t bit_end;  /* where a flexible array ends, if it is the value or the last in it: the
                              first bit behind the variable, or one of the above */
        uint32_t type;     /* BTF type id, as written: typedefs and so on not looked through */
        uint16_t bit_size; /* the width of a bit-field; 0: as wide as its type */
        uint16_t depth;    /* composites around it; 0 for a variable */
} ValueRef;

/*
 * The value of a whole variable that starts at byte @offset, has BTF type @type, and takes @size
 * bytes of its section; 0: that is not known.
 *
 * An array without a length, which in BTF is one of 0 elements, is flexible if it is the variable
 * or the last member of a struct or any of a union, and that is the last thing in the variable: it
 * has as many elements as there is room for, padding counted. Inside of an array of several
 * structs, or before another member, nobody can tell how many it has.
 */
ValueRef value_of_variable(uint32_t type, uint32_t offset, uint32_t size);

/* How many bytes the value takes, from its first to its last; 0 if its type has no values. */
uint64_t value_size(const ValueSpace *space, const ValueRef *ref);

/* True if the value is shown as a directory (struct, union, or an array of them that has no more
 * than VALUE_MAX_ELEMENTS elements, not nested too deep), false if it is shown as a text. */
bool value_is_directory(const ValueSpace *space, const ValueRef *ref);

/* How many entries the directory has: elements, or members with those of anonymous ones folded in.
 * Elements are O(1), members are counted. */
uint32_t value_n_members(const ValueSpace *space, const ValueRef *ref);

/* True if the directory is an array: its entries are named 0, 1, 2 ..., all by value_element(). */
bool value_is_array(const ValueSpace *space, const ValueRef *ref);

/* The element @index of an array directory; @index must be below value_n_members(). O(1). */
ValueRef value_element(const ValueSpace *space, const ValueRef *ref, uint32_t index);

/* Called for each member in order. @name is BTF's, borrowed, "" if it has none. Return false to
 * stop. */
typedef bool (*ValueMemberFunc)(const char *name, const ValueRef *member, void *data);

/* Calls @func for each member of a struct or union directory, in the order of BTF. */
void value_foreach_member(const ValueSpace *space, const ValueRef *ref, ValueMemberFunc func,
                          void *data);

/*
 * The text of a value that is not a directory, or the part of it from @offset that is at most
 * @count bytes long, is appended to @out (which may be NULL if @count is 0). The text is a line for
 * each innermost array, and one line for any other value, each ended by a newline: it is empty only
 * for an array of arrays of which there are none, such as one of 0 strings. Elements that lie
 * outside of the space, or are more than are shown, end the text with a note in their place.
 * Returns the length in bytes of the whole text. Memory is bounded by @count, not by the text; time
 * by the text, whatever the part.
 */
uint64_t value_text(const ValueSpace *space, const ValueRef *ref, uint64_t offset, size_t count,
                    GString *out);

#endif
