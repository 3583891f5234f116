/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_JSON_H
#define BPFMETAFS_JSON_H

/*
 * Writes JSON (RFC 8259) into a string that grows.
 *
 * Pure. Whatever bytes a name or a text has, the result is valid: bytes that are not UTF-8 become
 * U+FFFD each, and characters that do not print are \uXXXX, so that none can do anything to a
 * terminal. The writer puts the commas. The caller puts values only where JSON allows them, and
 * ends every object and array.
 */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Json {
        GString *out; /* borrowed */
        bool follows; /* a value stands before this place: a comma comes first */
        bool line;    /* a line begins here */
} Json;

static inline Json json_new(GString *out)
{
        return (Json){ .out = out };
}

void json_begin_object(Json *json);
void json_end_object(Json *json);
void json_begin_array(Json *json);
void json_end_array(Json *json);

/* The name of the next value, which is a member of an object. */
void json_name(Json *json, const char *name);

/* Values */
void json_string(Json *json, const char *text, size_t length);
void json_uint(Json *json, uint64_t value);
void json_int(Json *json, int64_t value);
void json_bool(Json *json, bool value);
/* @text is one whole value in JSON already. */
void json_raw(Json *json, const char *text, size_t length);
/* An array of the bytes, each a string such as "0x0a", as bpftool has them. */
void json_bytes(Json *json, const uint8_t *bytes, size_t length);

/* The next value, or the end of the object or array, stands on a line of its own. */
void json_line(Json *json);

#endif
