/* SPDX-License-Identifier: GPL-2.0-or-later */

/* BTF-typed bytes to JSON. Each step appends something, so that the limit of bytes bounds the
 * steps, too. */

#include "value-json.h"

#include "json-text.h"
#include "names.h"
#include "scalar.h"

#include <string.h>

typedef struct Writer {
        const ValueSpace *space;
        Json *json;
        size_t end;        /* of the text's length */
        GHashTable *enums; /* BTF type -> Scalar: an enum's names are read once; NULL: none yet */
} Writer;

static bool put_value(Writer *writer, const ValueRef *ref);

static size_t length_of(const Writer *writer)
{
        return writer->json->out->len;
}

/* A string with the text of the value's file, without the newline at its end. */
static bool put_text(Writer *writer, const ValueRef *ref)
{
        g_autoptr(GString) text = g_string_new(NULL);
        size_t room = writer->end - length_of(writer);

        if (value_text(writer->space, ref, 0, room, text) > room)
                return false;
        json_text(writer->json, text->str, text->len - (text->len > 0));
        return true;
}

/* The text is a note in parentheses: no elements are known. */
static bool has_no_elements(Writer *writer, const ValueRef *ref)
{
        g_autoptr(GString) text = g_string_new(NULL);

        value_text(writer->space, ref, 0, 1, text);
        return text->str[0] == '(';
}

static bool put_elements(Writer *writer, const ValueRef *ref)
{
        uint32_t n = value_n_members(writer->space, ref);

        json_begin_array(writer->json);
        for (uint32_t i = 0; i < n; i++) {
                ValueRef element = value_element(writer->space, ref, i);

                if (!put_value(writer, &element))
                        return false;
        }
        json_end_array(writer->json);
        return true;
}

typedef struct Members {
        Writer *writer;
        Names *names;
        bool whole;
} Members;

static bool put_member(const char *name, const ValueRef *ref, void *data)
{
        Members *members = data;
        g_autofree char *key = names_give(members->names, name, name);

        json_name(members->writer->json, key);
        members->whole = put_value(members->writer, ref);
        return members->whole;
}

static bool put_members(Writer *writer, const ValueRef *ref)
{
        g_autoptr(Names) names = names_new(NULL);
        Members members = { writer, names, true };

        json_begin_object(writer->json);
        value_foreach_member(writer->space, ref, put_member, &members);
        json_end_object(writer->json);
        return members.whole;
}

static void free_scalar(gpointer scalar)
{
        scalar_clear(scalar);
        g_free(scalar);
}

/* The way to read values of that enum; NULL: they can't be shown. */
static const Scalar *enum_of(Writer *writer, const struct btf_type *type)
{
        gpointer scalar;

        if (!writer->enums)
                writer->enums = g_hash_table_new_full(NULL, NULL, NULL, free_scalar);
        if (g_hash_table_lookup_extended(writer->enums, type, NULL, &scalar))
                return scalar;
        scalar = g_new0(Scalar, 1);
        if (!scalar_init(scalar, writer->space->btf, type, 0)) {
                free_scalar(scalar);
                /* The table can't hold NULL to be freed. */
                return NULL;
        }
        g_hash_table_insert(writer->enums, (gpointer)type, scalar);
        return scalar;
}

static bool put_scalar(Writer *writer, const ValueRef *ref, const struct btf_type *type)
{
        g_auto(Scalar) once = { 0 };
        const Scalar *scalar = &once;

        if (ref->bit_size == 0 && (btf_is_enum(type) || btf_is_enum64(type)))
                scalar = enum_of(writer, type);
        else if (!scalar_init(&once, writer->space->btf, type, ref->bit_size))
                scalar = NULL;
        return (scalar && scalar_put_json(writer->json, writer->space, scalar, ref->bit_offset)) ||
               put_text(writer, ref);
}

static bool put_array(Writer *writer, const ValueRef *ref)
{
        ValueRef element;
        const struct btf_type *type;

        if (ref->bit_offset % 8 != 0 || ref->bit_size != 0)
                return put_text(writer, ref);
        element = value_element(writer->space, ref, 0);
        type = value_type(writer->space, &element);
        if (type && scalar_is_char(writer->space->btf, type))
                return put_text(writer, ref);
        /* Neither a value in it nor their number can be shown. */
        if (value_size(writer->space, ref) == 0 && has_no_elements(writer, ref))
                return put_text(writer, ref);
        return put_elements(writer, ref);
}

static bool put_value(Writer *writer, const ValueRef *ref)
{
        const struct btf_type *type = value_type(writer->space, ref);

        if (length_of(writer) >= writer->end)
                return false;
        if (value_is_directory(writer->space, ref))
                return value_is_array(writer->space, ref) ? put_elements(writer, ref)
                                                          : put_members(writer, ref);
        if (type && btf_is_array(type) && ref->depth < VALUE_MAX_DEPTH)
                return put_array(writer, ref);
        if (type && scalar_size(type) > 0)
                return put_scalar(writer, ref, type);
        return put_text(writer, ref);
}

bool value_json(Json *json, const ValueSpace *space, const ValueRef *ref, size_t limit)
{
        Writer writer = { .space = space, .json = json, .end = json->out->len + limit };
        bool whole = put_value(&writer, ref) && length_of(&writer) <= writer.end;

        g_clear_pointer(&writer.enums, g_hash_table_unref);
        return whole;
}
