/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VALUE_H
#define BPFMETAFS_VALUE_H

/*
 * BTF-typed bytes to text: the values of variables and of their members.
 *
 * Pure: BTF and bytes come in, text goes out; no kernel is called and no state is kept. Everything
 * that comes in is hostile: each offset is checked against the bytes that are there, and the limits
 * here and in shape.h bound what depth, counts and sizes may cost. If a value is beyond them, or
 * there is no text for its type, its text says so. It never fails, and never spoils its neighbours.
 */

#include "shape.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most floating-point elements of an array that are shown: the shortest decimal takes fifty
 * times as long as an integer. */
#define VALUE_MAX_FLOATS (1u << 14)
/* The most members of a struct or union that are shown. Anonymous members count, and so do their
 * own members. If there are more, one more entry stands for all others, and its text says so. */
#define VALUE_MAX_MEMBERS 65536u

/*
 * The value of a whole variable that starts at byte @offset, has BTF type @type, and takes @size
 * bytes of its section; 0: that is not known.
 *
 * An array without a length has 0 elements in BTF. It is flexible if it is the whole variable; or
 * if it is the last member of a struct, or any member of a union, that ends the variable. Then it
 * has as many elements as there is room for, padding counted. Inside of an array of several
 * structs, or in front of another member, the number of its elements can't be told.
 */
ValueRef value_of_variable(uint32_t type, uint32_t offset, uint32_t size);

/* Its type, without typedefs, qualifiers and type tags in front. NULL if there is none; one of
 * these if they are too many. */
const struct btf_type *value_type(const ValueSpace *space, const ValueRef *ref);

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
 * Appends the text of a value that is not a directory to @out (which may be NULL if @count is 0):
 * at most @count bytes of it, from @offset on. The text has a line for each innermost array, and
 * one line for any other value, each ended by a newline. It is empty only if there are no innermost
 * arrays, as in an array of 0 strings. If elements lie outside of the space, or are more than are
 * shown, a note in their place ends the text. Returns the length in bytes of the whole text. Memory
 * is bounded by @count, not by the text; time by the text, whatever the part.
 */
uint64_t value_text(const ValueSpace *space, const ValueRef *ref, uint64_t offset, size_t count,
                    GString *out);

#endif
