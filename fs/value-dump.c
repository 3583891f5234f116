/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The walk through a type, and its scalars. */

#include "value-dump.h"

#include "scalar.h"
#include "shape.h"

#include <string.h>

typedef struct Writer {
        ValueDumper *dumper;
        Json *json;
        const ValueSpace *space;
        size_t limit;
} Writer;

/* A place in the space. */
typedef struct Spot {
        uint32_t type;
        uint64_t bit_offset;
        unsigned bit_size; /* of a bit-field; 0: none */
        unsigned depth;
} Spot;

static bool put_spot(const Writer *writer, const Spot *spot);

static const char *name_of(const Writer *writer, uint32_t offset)
{
        const char *name = btf__name_by_offset(writer->space->btf, offset);

        return name ? name : "";
}

/* The text of value_text(), which may also say why nothing is shown. */
static void put_note(const Writer *writer, const Spot *spot)
{
        g_autoptr(GString) text = g_string_new(NULL);
        ValueRef ref = {
                .bit_offset = spot->bit_offset,
                .bit_end = VALUE_NO_END,
                .type = spot->type,
                .bit_size = spot->bit_size,
                .depth = MIN(spot->depth, VALUE_MAX_DEPTH),
        };

        value_text(writer->space, &ref, 0, 256, text);
        if (text->len > 0 && text->str[text->len - 1] == '\n')
                g_string_truncate(text, text->len - 1);
        json_string(writer->json, text->str, text->len);
}

/* The bytes of a whole scalar, NULL if it does not lie there as such. */
static const uint8_t *plain_bytes(const Writer *writer, const Spot *spot, uint32_t size)
{
        uint64_t first = spot->bit_offset / 8;

        if (spot->bit_offset % 8 || spot->bit_size || first > writer->space->size ||
            size > writer->space->size - first)
                return NULL;
        return writer->space->bytes + first;
}

static bool is_number_size(uint32_t size)
{
        return size == 1 || size == 2 || size == 4 || size == 8;
}

/* As many bytes as a number of this machine has: the kernel's values are in its order. */
static uint64_t read_number(const ValueSpace *space, const uint8_t *bytes, uint32_t size)
{
        uint64_t value = 0;

        for (uint32_t i = 0; i < size; i++)
                value = value << 8 | bytes[space->big_endian ? i : size - 1 - i];
        return value;
}

static int64_t with_sign(uint64_t value, uint32_t size)
{
        unsigned shift = 64 - 8 * size;

        return (int64_t)(value << shift) >> shift;
}

/* Bit-fields, and numbers wider than 64 bits, are raw bits. */
static void put_bits(const Writer *writer, const Spot *spot, unsigned shift, unsigned width)
{
        ScalarBits bits;

        if (scalar_read_bits(writer->space, spot->bit_offset + shift, width, &bits))
                scalar_put_json_bits(writer->json, bits);
        else
                put_note(writer, spot);
}

/* bpftool takes a byte for a character of Latin-1. */
static void put_char(const Writer *writer, uint8_t c)
{
        char text[6];

        json_string(writer->json, text, g_unichar_to_utf8(c, text));
}

static void put_int(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        unsigned width = spot->bit_size ? spot->bit_size : btf_int_bits(type);
        unsigned encoding = btf_int_encoding(type);
        const uint8_t *bytes = plain_bytes(writer, spot, type->size);
        uint64_t value;

        if (!bytes || btf_int_offset(type) != 0 || width != 8 * type->size ||
            !is_number_size(type->size)) {
                if (width == 0 || width > 128)
                        put_note(writer, spot);
                else
                        put_bits(writer, spot, btf_int_offset(type), width);
                return;
        }
        value = read_number(writer->space, bytes, type->size);
        if (encoding & BTF_INT_BOOL)
                json_bool(writer->json, value != 0);
        else if (encoding & BTF_INT_CHAR && type->size == 1)
                put_char(writer, value);
        else if (encoding & BTF_INT_SIGNED)
                json_int(writer->json, with_sign(value, type->size));
        else
                json_uint(writer->json, value);
}

static void free_scalar(gpointer scalar)
{
        scalar_clear(scalar);
        g_free(scalar);
}

/* The names of an enum; NULL if it can't be shown. */
static const Scalar *enum_of(const Writer *writer, const struct btf_type *type)
{
        ValueDumper *dumper = writer->dumper;
        Scalar *scalar;

        if (!dumper->enums)
                dumper->enums = g_hash_table_new_full(NULL, NULL, NULL, free_scalar);
        scalar = g_hash_table_lookup(dumper->enums, type);
        if (scalar)
                return scalar;
        scalar = g_new0(Scalar, 1);
        if (!scalar_init(scalar, writer->space->btf, type, 0)) {
                free_scalar(scalar);
                return NULL;
        }
        g_hash_table_insert(dumper->enums, (gpointer)type, scalar);
        return scalar;
}

static void put_enum(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        const uint8_t *bytes = plain_bytes(writer, spot, type->size);
        const Scalar *scalar = NULL;
        const char *name;
        uint64_t value;

        if (spot->bit_size && spot->bit_size <= 128) {
                put_bits(writer, spot, 0, spot->bit_size);
                return;
        }
        if (bytes && is_number_size(type->size))
                scalar = enum_of(writer, type);
        if (!scalar) {
                put_note(writer, spot);
                return;
        }
        value = read_number(writer->space, bytes, type->size);
        name = g_hash_table_lookup(scalar->names.names, &value);
        if (name)
                json_string(writer->json, name, strlen(name));
        else if (btf_is_enum64(type) && !btf_kflag(type))
                json_uint(writer->json, value);
        else
                json_int(writer->json, with_sign(value, type->size));
}

static void put_pointer(const Writer *writer, const Spot *spot)
{
        const uint8_t *bytes = plain_bytes(writer, spot, 8);

        if (bytes)
                json_uint(writer->json, read_number(writer->space, bytes, 8));
        else
                put_note(writer, spot);
}

static void put_float(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        g_autoptr(GString) text = g_string_new(NULL);
        Sink sink = { .out = text, .end = UINT64_MAX };
        g_auto(Scalar) scalar = { 0 };

        if (!scalar_init(&scalar, writer->space->btf, type, spot->bit_size) ||
            !scalar_put(&sink, writer->space, &scalar, spot->bit_offset))
                put_note(writer, spot);
        else if (g_ascii_isdigit(text->str[text->len - 1]))
                json_raw(writer->json, text->str, text->len);
        else
                json_string(writer->json, text->str, text->len);
}

/* ---- Composites ---- */

/* A text is an array of char with a NUL in it, up to which all is printable ASCII. A typedef of
 * char is no char, as in bpftool. */
static bool is_text(const Writer *writer, const struct btf_array *array, const uint8_t *bytes)
{
        const struct btf_type *element = btf__type_by_id(writer->space->btf, array->type);

        for (unsigned i = 0; element && btf_is_mod(element) && i < VALUE_MAX_CHAIN; i++)
                element = btf__type_by_id(writer->space->btf, element->type);
        if (!element || !btf_is_int(element) || element->size != 1 || !bytes)
                return false;
        if (btf_int_encoding(element) != BTF_INT_CHAR &&
            strcmp(name_of(writer, element->name_off), "char") != 0)
                return false;
        for (uint32_t i = 0; i < array->nelems; i++) {
                if (bytes[i] == 0)
                        return true;
                if (bytes[i] < ' ' || bytes[i] >= 0x7f)
                        return false;
        }
        return false;
}

static bool put_array(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        const struct btf_array *array = btf_array(type);
        const uint8_t *bytes = plain_bytes(writer, spot, array->nelems);
        int64_t size = btf__resolve_size(writer->space->btf, array->type);
        bool good = true;

        if (size < 0 || (size == 0 && array->nelems > VALUE_MAX_ELEMENTS)) {
                put_note(writer, spot);
                return true;
        }
        if (is_text(writer, array, bytes)) {
                json_string(writer->json, (const char *)bytes, strlen((const char *)bytes));
                return true;
        }
        json_begin_array(writer->json);
        for (uint32_t i = 0; good && i < array->nelems; i++) {
                Spot element = {
                        .type = array->type,
                        .bit_offset = spot->bit_offset + (uint64_t)i * size * 8,
                        .depth = spot->depth + 1,
                };

                good = put_spot(writer, &element);
        }
        json_end_array(writer->json);
        return good;
}

static bool put_members(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        bool good = true;

        json_begin_object(writer->json);
        for (uint32_t i = 0; good && i < btf_vlen(type); i++) {
                Spot member = {
                        .type = btf_members(type)[i].type,
                        .bit_offset = spot->bit_offset + btf_member_bit_offset(type, i),
                        .bit_size = btf_member_bitfield_size(type, i),
                        .depth = spot->depth + 1,
                };

                json_name(writer->json, name_of(writer, btf_members(type)[i].name_off));
                good = put_spot(writer, &member);
        }
        json_end_object(writer->json);
        return good;
}

/* Global data: an array of its variables, each an object with its name. */
static bool put_section(const Writer *writer, const Spot *spot, const struct btf_type *type)
{
        bool good = true;

        json_begin_object(writer->json);
        json_name(writer->json, name_of(writer, type->name_off));
        json_begin_array(writer->json);
        for (uint32_t i = 0; good && i < btf_vlen(type); i++) {
                const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;
                const struct btf_type *variable = btf__type_by_id(writer->space->btf, info->type);
                Spot value = {
                        .type = variable ? variable->type : 0,
                        .bit_offset = spot->bit_offset + (uint64_t)info->offset * 8,
                        .depth = spot->depth + 1,
                };

                json_begin_object(writer->json);
                json_name(writer->json, variable ? name_of(writer, variable->name_off) : "");
                good = put_spot(writer, &value);
                json_end_object(writer->json);
        }
        json_end_array(writer->json);
        json_end_object(writer->json);
        return good;
}

static bool put_spot(const Writer *writer, const Spot *spot)
{
        uint32_t id = spot->type;
        const struct btf_type *type = shape_look_through(writer->space->btf, &id);

        if (writer->json->out->len > writer->limit)
                return false;
        switch (type ? btf_kind(type) : BTF_KIND_UNKN) {
        case BTF_KIND_INT:
                put_int(writer, spot, type);
                return true;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
                put_enum(writer, spot, type);
                return true;
        case BTF_KIND_PTR:
                put_pointer(writer, spot);
                return true;
        case BTF_KIND_FLOAT:
                put_float(writer, spot, type);
                return true;
        case BTF_KIND_ARRAY:
                if (spot->bit_size || spot->bit_offset % 8 || spot->depth >= VALUE_MAX_DEPTH)
                        break;
                return put_array(writer, spot, type);
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
                if (spot->bit_size || spot->depth >= VALUE_MAX_DEPTH)
                        break;
                return put_members(writer, spot, type);
        case BTF_KIND_DATASEC:
                if (spot->depth > 0)
                        break;
                return put_section(writer, spot, type);
        default:
                break;
        }
        put_note(writer, spot);
        return true;
}

void value_dumper_clear(ValueDumper *dumper)
{
        g_clear_pointer(&dumper->enums, g_hash_table_unref);
}

bool value_dump(ValueDumper *dumper, Json *json, const ValueSpace *space, uint32_t type,
                size_t limit)
{
        Writer writer = { dumper, json, space, limit };
        Spot spot = { .type = type };

        return put_spot(&writer, &spot) && json->out->len <= limit;
}
