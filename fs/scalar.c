/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Scalars of BTF to text. Only scalar_read_bits() reads the space's bytes, and it checks first that
 * they are there.
 */

#include "scalar.h"

#include "float-text.h"

#include <string.h>

/* The widest integer of BTF, in bits. */
#define INT_MAX_BITS 128

static ScalarBits shift_in(ScalarBits bits, unsigned width, unsigned value)
{
        return (ScalarBits){ .high = bits.high << width | bits.low >> (64 - width),
                             .low = bits.low << width | value };
}

bool scalar_read_bits(const ValueSpace *space, uint64_t offset, unsigned width, ScalarBits *out)
{
        uint64_t first = offset / 8;
        unsigned shift = offset % 8;
        const uint8_t *bytes;
        ScalarBits bits = { 0 };

        if (first >= space->size || (shift + width + 7) / 8 > space->size - first)
                return false;

        bytes = space->bytes + first;
        if (shift == 0 && width % 8 == 0) {
                unsigned n = width / 8;

                for (unsigned i = 0; i < n; i++)
                        bits = shift_in(bits, 8, bytes[space->big_endian ? i : n - 1 - i]);
        } else {
                for (unsigned i = 0; i < width; i++) {
                        unsigned at = shift + (space->big_endian ? i : width - 1 - i);
                        unsigned in_byte = space->big_endian ? 7 - at % 8 : at % 8;

                        bits = shift_in(bits, 1, bytes[at / 8] >> in_byte & 1);
                }
        }
        *out = bits;
        return true;
}

static uint64_t low_bits(uint64_t value, unsigned width)
{
        return width >= 64 ? value : value & ((UINT64_C(1) << width) - 1);
}

/* The lowest @width bits of @value, as a two's complement. */
static uint64_t sign_extend(uint64_t value, unsigned width)
{
        uint64_t sign = UINT64_C(1) << (width - 1);

        return width >= 64 ? value : (value ^ sign) - sign;
}

static void put_decimal(Sink *sink, ScalarBits bits, unsigned width, bool is_signed)
{
        char text[1 + 39];
        char *p = text + sizeof(text);
        bool negative = false;

        if (is_signed) {
                if (width <= 64) {
                        bits.low = sign_extend(bits.low, width);
                        bits.high = bits.low >> 63 ? UINT64_MAX : 0;
                } else {
                        bits.high = sign_extend(bits.high, width - 64);
                }
                negative = bits.high >> 63;
        }
        if (negative) {
                bits.low = -bits.low;
                bits.high = ~bits.high + (bits.low == 0);
        }
        while (bits.high) {
                /* Long division by ten, 32 bits at a time. */
                uint64_t a = bits.high >> 32;
                uint64_t b = (a % 10) << 32 | (bits.high & UINT32_MAX);
                uint64_t c = (b % 10) << 32 | bits.low >> 32;
                uint64_t d = (c % 10) << 32 | (bits.low & UINT32_MAX);

                bits.high = (a / 10) << 32 | b / 10;
                bits.low = (c / 10) << 32 | d / 10;
                *--p = '0' + d % 10;
        }
        do {
                *--p = '0' + bits.low % 10;
                bits.low /= 10;
        } while (bits.low);
        if (negative)
                *--p = '-';
        sink_put(sink, p, text + sizeof(text) - p);
}

static void enum_names_init(EnumNames *names, const struct btf *btf, const struct btf_type *type,
                            unsigned width)
{
        uint32_t n = btf_vlen(type);
        bool is_signed = btf_kflag(type);
        uint64_t *next;

        names->keys = next = g_new(uint64_t, 2 * n);
        names->names = g_hash_table_new(g_int64_hash, g_int64_equal);
        /* Compilers that do not know signed enums in BTF write -1 into an unsigned one. So a number
         * without an enumerator is looked for again as a signed number. */
        for (int pass = is_signed; pass < 2; pass++) {
                bool extend = pass == 1;

                for (uint32_t i = 0; i < n; i++) {
                        uint32_t name_off;
                        uint64_t value;
                        uint64_t key;
                        const char *name;

                        if (btf_is_enum64(type)) {
                                name_off = btf_enum64(type)[i].name_off;
                                value = btf_enum64_value(&btf_enum64(type)[i]);
                        } else {
                                name_off = btf_enum(type)[i].name_off;
                                value = extend ? (uint64_t)(int64_t)btf_enum(type)[i].val
                                               : (uint32_t)btf_enum(type)[i].val;
                        }
                        key = low_bits(value, width);
                        if ((extend ? sign_extend(key, width) : key) != value)
                                continue;
                        name = btf__name_by_offset(btf, name_off);
                        if (!name || !*name || g_hash_table_contains(names->names, &key))
                                continue;
                        *next = key;
                        g_hash_table_insert(names->names, next++, (void *)name);
                }
        }
}

void scalar_clear(Scalar *scalar)
{
        g_clear_pointer(&scalar->names.names, g_hash_table_unref);
        g_clear_pointer(&scalar->names.keys, g_free);
}

uint64_t scalar_size(const struct btf_type *type)
{
        switch (btf_kind(type)) {
        case BTF_KIND_PTR:
                return 8; /* BPF's, whatever this machine's are */
        case BTF_KIND_INT:
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
        case BTF_KIND_FLOAT:
                return type->size;
        default:
                return 0;
        }
}

bool scalar_init(Scalar *scalar, const struct btf *btf, const struct btf_type *type,
                 unsigned bit_size)
{
        *scalar = (Scalar){ .type = type, .size = scalar_size(type) };
        switch (btf_kind(type)) {
        case BTF_KIND_INT:
                scalar->shift = btf_int_offset(type);
                scalar->width = btf_int_bits(type);
                if (scalar->width == 0 ||
                    scalar->shift + scalar->width > MIN(scalar->size * 8, INT_MAX_BITS))
                        return false;
                break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
                if (scalar->size != 1 && scalar->size != 2 && scalar->size != 4 &&
                    scalar->size != 8)
                        return false;
                scalar->width = scalar->size * 8;
                break;
        case BTF_KIND_FLOAT:
                if (scalar->size > 8 || !float_text_has(scalar->size * 8) || bit_size > 0)
                        return false;
                scalar->width = scalar->size * 8;
                break;
        case BTF_KIND_PTR:
                if (bit_size > 0)
                        return false;
                scalar->width = 64;
                break;
        default:
                return false;
        }
        if (bit_size > scalar->width)
                return false;
        scalar->bit_field = bit_size > 0;
        if (bit_size > 0)
                scalar->width = bit_size;
        if (btf_is_enum(type) || btf_is_enum64(type))
                enum_names_init(&scalar->names, btf, type, scalar->width);
        return true;
}

static bool read_scalar(const ValueSpace *space, const Scalar *scalar, uint64_t offset,
                        ScalarBits *bits)
{
        return offset / 8 < space->size &&
               scalar_read_bits(space, offset + scalar->shift, scalar->width, bits);
}

bool scalar_put(Sink *sink, const ValueSpace *space, const Scalar *scalar, uint64_t offset)
{
        unsigned encoding;
        const char *name;
        ScalarBits bits;

        if (!read_scalar(space, scalar, offset, &bits))
                return false;

        switch (btf_kind(scalar->type)) {
        case BTF_KIND_INT:
                encoding = btf_int_encoding(scalar->type);
                if (encoding & BTF_INT_BOOL)
                        sink_put_string(sink, bits.high || bits.low ? "true" : "false");
                else
                        put_decimal(sink, bits, scalar->width, encoding & BTF_INT_SIGNED);
                break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
                name = g_hash_table_lookup(scalar->names.names, &bits.low);
                if (name)
                        sink_put_escaped(sink, (const uint8_t *)name, strlen(name), "\t");
                else
                        put_decimal(sink, bits, scalar->width, btf_kflag(scalar->type));
                break;
        case BTF_KIND_FLOAT:
                float_text_put(sink, bits.low, scalar->width);
                break;
        case BTF_KIND_PTR:
                sink_put_format(sink, "0x%" G_GINT64_MODIFIER "x", (guint64)bits.low);
                break;
        default:
                g_assert_not_reached();
        }
        return true;
}

/* ---- JSON ---- */

void scalar_put_json_bits(Json *json, ScalarBits bits)
{
        char text[2 + 32 + 1];

        if (bits.high)
                g_snprintf(text, sizeof(text),
                           "0x%" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x",
                           (guint64)bits.high, (guint64)bits.low);
        else
                g_snprintf(text, sizeof(text), "0x%" G_GINT64_MODIFIER "x", (guint64)bits.low);
        json_string(json, text, strlen(text));
}

/* Of at most 64 bits. */
static void put_number(Json *json, ScalarBits bits, unsigned width, bool is_signed)
{
        if (is_signed)
                json_int(json, sign_extend(bits.low, width));
        else
                json_uint(json, bits.low);
}

static void put_int(Json *json, const Scalar *scalar, ScalarBits bits)
{
        unsigned encoding = btf_int_encoding(scalar->type);
        unsigned width = scalar->width;
        char utf8[6] = { 0 };

        if (encoding & BTF_INT_BOOL && !scalar->bit_field)
                json_bool(json, bits.low);
        else if (scalar->bit_field || scalar->shift || width % 8 || width > 64)
                scalar_put_json_bits(json, bits);
        else if (encoding & BTF_INT_CHAR && width == 8)
                json_string(json, utf8, bits.low ? g_unichar_to_utf8(bits.low, utf8) : 1);
        else
                put_number(json, bits, width, encoding & BTF_INT_SIGNED);
}

static void put_enum(Json *json, const Scalar *scalar, ScalarBits bits)
{
        const char *name = g_hash_table_lookup(scalar->names.names, &bits.low);

        if (scalar->bit_field)
                scalar_put_json_bits(json, bits);
        else if (name)
                json_string(json, name, strlen(name));
        else
                put_number(json, bits, scalar->width, btf_kflag(scalar->type));
}

static void put_json_float(Json *json, const Scalar *scalar, ScalarBits bits)
{
        g_autoptr(GString) text = g_string_new(NULL);
        Sink sink = { .out = text, .end = UINT64_MAX };

        float_text_put(&sink, bits.low, scalar->width);
        if (g_ascii_isdigit(text->str[text->len - 1]))
                json_raw(json, text->str, text->len);
        else
                json_string(json, text->str, text->len);
}

bool scalar_put_json(Json *json, const ValueSpace *space, const Scalar *scalar, uint64_t offset)
{
        ScalarBits bits;

        if (!read_scalar(space, scalar, offset, &bits))
                return false;
        switch (btf_kind(scalar->type)) {
        case BTF_KIND_INT:
                put_int(json, scalar, bits);
                break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
                put_enum(json, scalar, bits);
                break;
        case BTF_KIND_FLOAT:
                put_json_float(json, scalar, bits);
                break;
        case BTF_KIND_PTR:
                json_uint(json, bits.low);
                break;
        default:
                g_assert_not_reached();
        }
        return true;
}

bool scalar_is_char(const struct btf *btf, const struct btf_type *type)
{
        const char *name;

        if (!btf_is_int(type) || type->size != 1 || btf_int_offset(type) != 0 ||
            btf_int_bits(type) != 8 || btf_int_encoding(type) & BTF_INT_BOOL)
                return false;
        /* clang writes plain char as a signed integer: only its name tells. */
        name = btf__name_by_offset(btf, type->name_off);
        return btf_int_encoding(type) & BTF_INT_CHAR || (name && strcmp(name, "char") == 0);
}
