/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VALUE_JSON_H
#define BPFMETAFS_VALUE_JSON_H

/*
 * BTF-typed bytes to JSON: value.h does the same for text.
 *
 * Pure, and as hostile as the rest of value.h. The types are those of bpftool: scalars are as in
 * scalar.h, structs and unions are objects, arrays are arrays; but an array of char is always a
 * string. A value that can't be shown is a string with the text of its file. Members have the names
 * of their files.
 */

#include "json.h"
#include "value.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the value. False if it takes more than @limit bytes: then the caller sets @json and its
 * text back to their earlier state. @limit bounds the time, too. */
bool value_json(Json *json, const ValueSpace *space, const ValueRef *ref, size_t limit);

#endif
