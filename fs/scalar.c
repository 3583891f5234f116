/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Scalars of BTF to text. Only read_bits() reads the space's bytes, and it looks at their number
 * first.
 */

#include "scalar.h"

#include <float.h>
#include <string.h>

/* The widest integer of BTF, in bits. */
#define INT_MAX_BITS 128

/* An integer of up to 128 bits. */
typedef struct Bits {
        uint64_t high;
        uint64_t low;
} Bits;

static Bits shift_in(Bits bits, unsigned width, unsigned value)
{
        return (Bits){ .high = bits.high << width | bits.low >> (64 - width),
                       .low = bits.low << width | value };
}

/*
 * @width bits (1 to 128) from bit @offset. BTF numbers bits as they lie in memory: in little-endian
 * bytes from the lowest bit of a byte up, and the first is the value's lowest; in big-endian bytes
 * from the highest bit of a byte down, and the first is the value's highest. False: outside.
 */
static bool read_bits(const ValueSpace *space, uint64_t offset, unsigned width, Bits *out)
{
        uint64_t first = offset / 8;
        unsigned shift = offset % 8;
        const uint8_t *bytes;
        Bits bits = { 0 };

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

static void put_decimal(Sink *sink, Bits bits, unsigned width, bool is_signed)
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

/* An IEEE 754 half without its sign: 5 exponent and 10 fraction bits. What would be infinity is
 * 2^16, the next step above the largest number. */
static double from_half(unsigned bits)
{
        unsigned exponent = bits >> 10;
        double fraction = bits & 1023;

        return exponent ? (1024 + fraction) * (double)(1u << exponent) * 0x1p-25
                        : fraction * 0x1p-24;
}

static double from_single(uint32_t bits)
{
        float value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

static double from_double(uint64_t bits)
{
        double value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

/* True if a reader that rounds to the nearest half, and ties to even, takes @read for @bits. */
static bool rounds_to_half(double read, unsigned bits)
{
        double value = from_half(bits);
        double low = bits > 0 ? (from_half(bits - 1) + value) / 2 : 0;
        double high = (value + from_half(bits + 1)) / 2;

        return bits % 2 ? low < read && read < high : low <= read && read <= high;
}

typedef struct FloatFormat {
        unsigned width; /* bits */
        unsigned exponent_bits;
        int max_digits; /* so many digits tell any two numbers of it apart */
} FloatFormat;

static const FloatFormat float_formats[] = {
        { 16, 5, 5 },
        { 32, 8, FLT_DECIMAL_DIG },
        { 64, 11, DBL_DECIMAL_DIG },
};

static const FloatFormat *find_float_format(unsigned width)
{
        for (size_t i = 0; i < G_N_ELEMENTS(float_formats); i++) {
                if (float_formats[i].width == width)
                        return &float_formats[i];
        }
        return NULL;
}

/* The value of a finite number without its sign. */
static double to_double(uint64_t bits, unsigned width)
{
        switch (width) {
        case 16:
                return from_half(bits);
        case 32:
                return from_single(bits);
        default:
                return from_double(bits);
        }
}

static bool reads_back(const char *text, uint64_t bits, unsigned width)
{
        double read = g_ascii_strtod(text, NULL);

        switch (width) {
        case 16:
                return rounds_to_half(read, bits);
        case 32:
                return (float)read == from_single(bits);
        default:
                return read == from_double(bits);
        }
}

/* Into @digits digits, of which zeros at the end are dropped or, if @all, stay. */
static void format_float(char text[G_ASCII_DTOSTR_BUF_SIZE], int digits, bool all, double value)
{
        char format[8];

        g_snprintf(format, sizeof(format), "%%%s.%dg", all ? "#" : "", digits);
        g_ascii_formatd(text, G_ASCII_DTOSTR_BUF_SIZE, format, value);
}

/* False if it is 9: the next decimal then has fewer digits. */
static bool raise_last_digit(char *text)
{
        size_t last = strcspn(text, "e") - 1;

        if (!g_ascii_isdigit(text[last]) || text[last] == '9')
                return false;
        text[last]++;
        return true;
}

static unsigned bit_length(uint64_t value)
{
        return value ? 64 - __builtin_clzll(value) : 0;
}

/* The most decimal digits that still read the same after they were rounded to @bits binary ones. */
static int surviving_digits(unsigned bits)
{
        return ((int)bits - 1) * 0.30102999566398120; /* the decimal logarithm of 2 */
}

static void put_float(Sink *sink, uint64_t bits, unsigned width)
{
        const FloatFormat *format = find_float_format(width);
        unsigned fraction_bits = width - 1 - format->exponent_bits;
        uint64_t fraction = low_bits(bits, fraction_bits);
        uint64_t exponent = low_bits(bits >> fraction_bits, format->exponent_bits);
        bool negative = bits >> (width - 1) & 1;
        bool is_finite = exponent != low_bits(UINT64_MAX, format->exponent_bits);
        char text[G_ASCII_DTOSTR_BUF_SIZE];
        int digits;

        if (!is_finite && fraction != 0) {
                sink_put_string(sink, "nan");
                return;
        }
        if (negative)
                sink_put(sink, "-", 1);
        if (!is_finite) {
                sink_put_string(sink, "inf");
                return;
        }

        /* %g drops trailing zeros, so the digits that survive in any number of so many bits are the
         * first worth a try. */
        bits = low_bits(bits, width - 1);
        digits = MAX(1, surviving_digits(exponent ? fraction_bits + 1 : bit_length(fraction)));
        for (;; digits++) {
                format_float(text, digits, false, to_double(bits, width));
                if (digits == format->max_digits || reads_back(text, bits, width))
                        break;
                /* The neighbour below a power of two is half as far as the one above: if the
                 * nearest decimal is too low to read back, the next one may. */
                if (fraction == 0) {
                        format_float(text, digits, true, to_double(bits, width));
                        if (raise_last_digit(text) && reads_back(text, bits, width))
                                break;
                }
        }
        sink_put_string(sink, text);
}

static void enum_names_init(EnumNames *names, const struct btf *btf, const struct btf_type *type,
                            unsigned width)
{
        uint32_t n = btf_vlen(type);
        bool is_signed = btf_kflag(type);
        uint64_t *next;

        names->keys = next = g_new(uint64_t, 2 * n);
        names->names = g_hash_table_new(g_int64_hash, g_int64_equal);
        /* Compilers that know no signed enums in BTF write -1 as an unsigned one: what no
         * enumerator stands for without a sign is looked for with one. */
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
                if (scalar->size > 8 || !find_float_format(scalar->size * 8) || bit_size > 0)
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
        if (bit_size > 0)
                scalar->width = bit_size;
        if (btf_is_enum(type) || btf_is_enum64(type))
                enum_names_init(&scalar->names, btf, type, scalar->width);
        return true;
}

bool scalar_put(Sink *sink, const ValueSpace *space, const Scalar *scalar, uint64_t offset)
{
        unsigned encoding;
        const char *name;
        Bits bits;

        if (offset / 8 >= space->size ||
            !read_bits(space, offset + scalar->shift, scalar->width, &bits))
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
                        sink_put_escaped(sink, (const uint8_t *)name, strlen(name), true);
                else
                        put_decimal(sink, bits, scalar->width, btf_kflag(scalar->type));
                break;
        case BTF_KIND_FLOAT:
                put_float(sink, bits.low, scalar->width);
                break;
        case BTF_KIND_PTR:
                sink_put_format(sink, "0x%" G_GINT64_MODIFIER "x", (guint64)bits.low);
                break;
        default:
                g_assert_not_reached();
        }
        return true;
}
