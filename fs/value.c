/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * BTF-typed bytes to text: what shape a type has, its scalars, its lines.
 *
 * Positions are bit offsets of 64 bits that stop at FAR instead of wrapping, and only here_bytes()
 * and read_bits() turn them into reads: both look at the space's size first.
 */

#include "value.h"

#include <float.h>
#include <string.h>

/* Behind the last byte of any space, and the start of a byte. */
#define FAR (UINT64_MAX - 7)
/* The depth of a member that stands for all that are too many. */
#define DEPTH_TOO_MANY (VALUE_MAX_DEPTH + 1)
/* The widest integer of BTF, in bits. */
#define INT_MAX_BITS 128

static uint64_t add_far(uint64_t a, uint64_t b)
{
        return a > FAR - b ? FAR : a + b;
}

static uint64_t mul_far(uint64_t a, uint64_t b)
{
        return b && a > FAR / b ? FAR : a * b;
}

/* ---- Types ---- */

/* The type behind typedefs, qualifiers and type tags; @id becomes its id. NULL if there is none.
 * The result is itself one of those if there are too many in a row. */
static const struct btf_type *look_through(const struct btf *btf, uint32_t *id)
{
        const struct btf_type *type = btf__type_by_id(btf, *id);

        for (unsigned i = 0; type && i < VALUE_MAX_CHAIN; i++) {
                switch (btf_kind(type)) {
                case BTF_KIND_TYPEDEF:
                case BTF_KIND_CONST:
                case BTF_KIND_VOLATILE:
                case BTF_KIND_RESTRICT:
                case BTF_KIND_TYPE_TAG:
                        *id = type->type;
                        type = btf__type_by_id(btf, *id);
                        break;
                default:
                        return type;
                }
        }
        return type;
}

/* A type as an array of elements that are none; a type that is no array has no dimensions. */
typedef struct Shape {
        const struct btf_type *element; /* NULL: there is no such type */
        uint32_t element_id;
        uint32_t n_dims;
        uint32_t dims[VALUE_MAX_DEPTH]; /* elements, the outermost first */
} Shape;

/* False if there are more dimensions than may stand inside each other. */
static bool shape_of(const struct btf *btf, uint32_t id, Shape *shape)
{
        shape->n_dims = 0;
        for (;;) {
                shape->element = look_through(btf, &id);
                shape->element_id = id;
                if (!shape->element || !btf_is_array(shape->element))
                        return true;
                if (shape->n_dims == VALUE_MAX_DEPTH)
                        return false;
                shape->dims[shape->n_dims++] = btf_array(shape->element)->nelems;
                id = btf_array(shape->element)->type;
        }
}

/* The bytes from one element of the innermost dimension to the next. */
static uint64_t element_size(const struct btf_type *element)
{
        switch (btf_kind(element)) {
        case BTF_KIND_PTR:
                return 8; /* BPF's, whatever this machine's are */
        case BTF_KIND_INT:
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
        case BTF_KIND_FLOAT:
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
                return element->size;
        default:
                return 0;
        }
}

/* The bytes of what stands inside of the first @from dimensions. */
static uint64_t inner_size(const Shape *shape, uint32_t from)
{
        uint64_t size = element_size(shape->element);

        for (uint32_t i = from; i < shape->n_dims; i++)
                size = mul_far(size, shape->dims[i]);
        return size;
}

/* Outer dimensions count even if an inner one is 0: they are directories or lines all the same. */
static bool has_too_many_elements(const Shape *shape)
{
        uint64_t n = 1;

        for (uint32_t i = 0; i < shape->n_dims; i++) {
                n *= shape->dims[i];
                if (n > VALUE_MAX_ELEMENTS)
                        return true;
        }
        return false;
}

static bool is_composite(const struct btf_type *type)
{
        return type && (btf_is_struct(type) || btf_is_union(type));
}

/* ---- Directories ---- */

ValueRef value_of_variable(uint32_t type, uint32_t offset)
{
        return (ValueRef){ .type = type, .bit_offset = (uint64_t)offset * 8 };
}

static bool is_struct_directory(const struct btf *btf, const ValueRef *ref)
{
        uint32_t id = ref->type;

        return ref->depth < VALUE_MAX_DEPTH && ref->bit_size == 0 && ref->bit_offset % 8 == 0 &&
               is_composite(look_through(btf, &id));
}

bool value_is_directory(const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;

        return ref->depth < VALUE_MAX_DEPTH && ref->bit_size == 0 && ref->bit_offset % 8 == 0 &&
               shape_of(space->btf, ref->type, &shape) && is_composite(shape.element) &&
               !has_too_many_elements(&shape);
}

bool value_is_array(const ValueSpace *space, const ValueRef *ref)
{
        uint32_t id = ref->type;
        const struct btf_type *type = look_through(space->btf, &id);

        return type && btf_is_array(type);
}

ValueRef value_element(const ValueSpace *space, const ValueRef *ref, uint32_t index)
{
        ValueRef element = *ref;
        uint32_t id = ref->type;
        const struct btf_type *type = look_through(space->btf, &id);
        uint64_t offset;
        Shape shape;

        element.type = btf_array(type)->type;
        shape_of(space->btf, ref->type, &shape);
        offset = mul_far(mul_far(inner_size(&shape, 1), 8), index);
        element.bit_offset = add_far(ref->bit_offset, offset);
        element.depth++;
        return element;
}

typedef struct Walk {
        const ValueSpace *space;
        ValueMemberFunc func;
        void *data;
        uint32_t n; /* members seen, the anonymous ones that were folded included */
} Walk;

/* False if the walk is to end. */
static bool walk_members(Walk *walk, const ValueRef *ref)
{
        const struct btf *btf = walk->space->btf;
        uint32_t id = ref->type;
        const struct btf_type *type = look_through(btf, &id);

        for (uint32_t i = 0; i < btf_vlen(type); i++) {
                const struct btf_member *member = btf_members(type) + i;
                const char *name = btf__name_by_offset(btf, member->name_off);
                ValueRef inner = {
                        .bit_offset = add_far(ref->bit_offset, btf_member_bit_offset(type, i)),
                        .type = member->type,
                        .bit_size = btf_member_bitfield_size(type, i),
                        .depth = ref->depth + 1,
                };

                if (!name)
                        name = "";
                if (walk->n++ == VALUE_MAX_MEMBERS) {
                        inner.depth = DEPTH_TOO_MANY;
                        walk->func(name, &inner, walk->data);
                        return false;
                }
                if (!*name && is_struct_directory(btf, &inner)) {
                        if (!walk_members(walk, &inner))
                                return false;
                } else if (!walk->func(name, &inner, walk->data)) {
                        return false;
                }
        }
        return true;
}

void value_foreach_member(const ValueSpace *space, const ValueRef *ref, ValueMemberFunc func,
                          void *data)
{
        Walk walk = { .space = space, .func = func, .data = data };

        walk_members(&walk, ref);
}

static bool count_member(const char *name, const ValueRef *member, void *data)
{
        uint32_t *n = data;

        (*n)++;
        return true;
}

uint32_t value_n_members(const ValueSpace *space, const ValueRef *ref)
{
        uint32_t id = ref->type;
        const struct btf_type *type = look_through(space->btf, &id);
        uint32_t n = 0;

        if (btf_is_array(type))
                return btf_array(type)->nelems;
        value_foreach_member(space, ref, count_member, &n);
        return n;
}

/* ---- Text ---- */

/* Counts all that is put in and keeps what lies in the window. */
typedef struct Sink {
        GString *out;
        uint64_t start; /* of the window */
        uint64_t end;
        uint64_t length;
} Sink;

static void put(Sink *sink, const char *text, size_t len)
{
        uint64_t at = sink->length;
        uint64_t from = MAX(at, sink->start);
        uint64_t to = MIN(at + len, sink->end);

        sink->length += len;
        if (from < to)
                g_string_append_len(sink->out, text + (from - at), to - from);
}

static void put_string(Sink *sink, const char *text)
{
        put(sink, text, strlen(text));
}

G_GNUC_PRINTF(2, 3) static void put_format(Sink *sink, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        put_string(sink, text);
}

static bool prints(gunichar c)
{
        switch (g_unichar_type(c)) {
        case G_UNICODE_LINE_SEPARATOR:
        case G_UNICODE_PARAGRAPH_SEPARATOR:
                return false; /* they print, but some readers break lines at them */
        default:
                return g_unichar_isprint(c);
        }
}

static bool is_plain(uint8_t c)
{
        return c >= ' ' && c < 0x7f && c != '\\';
}

/* Digits only for the bytes that are in the window. */
static void put_hex(Sink *sink, const uint8_t *bytes, size_t len)
{
        static const char digits[] = "0123456789abcdef";
        uint64_t at = sink->length;
        uint64_t from = MAX(at, sink->start);
        uint64_t to = MIN(at + 2 * (uint64_t)len, sink->end);

        sink->length += 2 * (uint64_t)len;
        for (; from < to; from++) {
                uint8_t byte = bytes[(from - at) / 2];

                g_string_append_c(sink->out, digits[(from - at) % 2 ? byte & 15 : byte >> 4]);
        }
}

static void put_hex_escapes(Sink *sink, const uint8_t *bytes, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                put(sink, "\\x", 2);
                put_hex(sink, bytes + i, 1);
        }
}

/* Text that can't do anything to a terminal; @one_line: nor to the lines around it. */
static void put_escaped(Sink *sink, const uint8_t *text, size_t len, bool one_line)
{
        size_t i = 0;

        while (i < len) {
                const char *p = (const char *)text + i;
                size_t n = 0;
                gunichar c;

                while (i + n < len && is_plain(p[n]))
                        n++;
                if (n > 0) {
                        put(sink, p, n);
                        i += n;
                        continue;
                }

                c = g_utf8_get_char_validated(p, len - i);
                if (c < (gunichar)-2)
                        n = g_unichar_to_utf8(c, NULL);
                else
                        n = 1; /* not UTF-8 */

                if (c == '\\')
                        put(sink, "\\\\", 2);
                else if (c == '\t' || (c == '\n' && !one_line) || (c < (gunichar)-2 && prints(c)))
                        put(sink, p, n);
                else
                        put_hex_escapes(sink, text + i, n);
                i += n;
        }
}

static void put_name(Sink *sink, const struct btf *btf, uint32_t offset)
{
        const char *name = btf__name_by_offset(btf, offset);

        if (name)
                put_escaped(sink, (const uint8_t *)name, strlen(name), true);
}

static void put_outside(Sink *sink, const ValueSpace *space)
{
        put_format(sink, "(outside of the section's %zu bytes)", space->size);
}

static void put_too_many(Sink *sink, unsigned max)
{
        put_format(sink, "(only %u elements are shown)", max);
}

/* ---- Scalars ---- */

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
        put(sink, p, text + sizeof(text) - p);
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
                put_string(sink, "nan");
                return;
        }
        if (negative)
                put(sink, "-", 1);
        if (!is_finite) {
                put_string(sink, "inf");
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
        put_string(sink, text);
}

/* The enumerators of an enum that fit into @width bits: bits -> name. The first of a value counts,
 * as C's own reader would have it. */
typedef struct EnumNames {
        uint64_t *keys;
        GHashTable *names;
} EnumNames;

static void enum_names_clear(EnumNames *names)
{
        g_clear_pointer(&names->names, g_hash_table_unref);
        g_clear_pointer(&names->keys, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EnumNames, enum_names_clear)

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

/* How the elements of a text are read: all of one type and one width. */
typedef struct Scalar {
        const struct btf_type *type;
        unsigned shift; /* bits before the value */
        unsigned width; /* bits */
        uint64_t size;  /* bytes from one element to the next */
        EnumNames names;
} Scalar;

static void scalar_clear(Scalar *scalar)
{
        enum_names_clear(&scalar->names);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scalar, scalar_clear)

/* @bit_size as in a ValueRef. False: the type has no values, or none that can be shown. */
static bool scalar_init(Scalar *scalar, const struct btf *btf, const struct btf_type *type,
                        unsigned bit_size)
{
        *scalar = (Scalar){ .type = type, .size = element_size(type) };
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

/* False if it lies outside, and then nothing is put. */
static bool put_scalar(Sink *sink, const ValueSpace *space, const Scalar *scalar, uint64_t offset)
{
        unsigned encoding;
        const char *name;
        Bits bits;

        if (!read_bits(space, add_far(offset, scalar->shift), scalar->width, &bits))
                return false;

        switch (btf_kind(scalar->type)) {
        case BTF_KIND_INT:
                encoding = btf_int_encoding(scalar->type);
                if (encoding & BTF_INT_BOOL)
                        put_string(sink, bits.high || bits.low ? "true" : "false");
                else
                        put_decimal(sink, bits, scalar->width, encoding & BTF_INT_SIGNED);
                break;
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
                name = g_hash_table_lookup(scalar->names.names, &bits.low);
                if (name)
                        put_escaped(sink, (const uint8_t *)name, strlen(name), true);
                else
                        put_decimal(sink, bits, scalar->width, btf_kflag(scalar->type));
                break;
        case BTF_KIND_FLOAT:
                put_float(sink, bits.low, scalar->width);
                break;
        case BTF_KIND_PTR:
                put_format(sink, "0x%" G_GINT64_MODIFIER "x", (guint64)bits.low);
                break;
        default:
                g_assert_not_reached();
        }
        return true;
}

/* ---- Lines ---- */

typedef enum Look {
        LOOK_SCALARS,
        LOOK_CHARS, /* text */
        LOOK_BYTES, /* text or a digest */
} Look;

static Look look_of(const struct btf *btf, const Scalar *scalar)
{
        const struct btf_type *type = scalar->type;
        const char *name;

        if (!btf_is_int(type) || scalar->size != 1 || scalar->shift != 0 || scalar->width != 8 ||
            btf_int_encoding(type) & BTF_INT_BOOL)
                return LOOK_SCALARS;
        /* clang writes plain char as a signed integer: only its name tells. */
        name = btf__name_by_offset(btf, type->name_off);
        if (btf_int_encoding(type) & BTF_INT_CHAR || (name && strcmp(name, "char") == 0))
                return LOOK_CHARS;
        return LOOK_BYTES;
}

/* One or more printable ASCII characters, then one or more NULs, and nothing else. */
static bool is_ascii_text(const uint8_t *bytes, size_t len)
{
        size_t i = 0;

        while (i < len && bytes[i] >= ' ' && bytes[i] < 0x7f)
                i++;
        if (i == 0 || i == len)
                return false;
        while (i < len && bytes[i] == 0)
                i++;
        return i == len;
}

/* Of the elements of one value. */
typedef struct Limit {
        uint32_t max;  /* that are shown of all */
        uint32_t left; /* that may still be shown */
} Limit;

/* A line of text, or of hexadecimal digits: @n elements of a byte each from @offset, but not more
 * than
 * @limit. False if some of them can't be shown, and the line says so. */
static bool put_byte_line(Sink *sink, const ValueSpace *space, Look look, bool one_of_many,
                          uint64_t offset, uint64_t n, Limit limit)
{
        uint64_t first = offset / 8;
        uint64_t there = first < space->size ? space->size - first : 0;
        size_t len = MIN(MIN(n, limit.left), there);
        const uint8_t *bytes = len > 0 ? space->bytes + first : (const uint8_t *)"";
        size_t text_len = strnlen((const char *)bytes, len);

        if (look == LOOK_CHARS) {
                put_escaped(sink, bytes, text_len, one_of_many);
                if (text_len < len)
                        return true;
        } else if (len == n && is_ascii_text(bytes, len)) {
                put_escaped(sink, bytes, text_len, true);
        } else {
                put_hex(sink, bytes, len);
        }
        if (len == n)
                return true;

        if (len > 0)
                put(sink, " ", 1);
        if (len == limit.left)
                put_too_many(sink, limit.max);
        else
                put_outside(sink, space);
        return false;
}

/* The same for elements that stand with blanks between. */
static bool put_scalar_line(Sink *sink, const ValueSpace *space, const Scalar *scalar,
                            uint64_t offset, uint64_t n, Limit limit)
{
        for (uint64_t i = 0; i < n; i++) {
                if (i > 0)
                        put(sink, " ", 1);
                if (i == limit.left) {
                        put_too_many(sink, limit.max);
                        return false;
                }
                if (!put_scalar(sink, space, scalar, add_far(offset, i * scalar->size * 8))) {
                        put_outside(sink, space);
                        return false;
                }
        }
        return true;
}

/* A line for each innermost array, up to the first that isn't whole. */
static void put_lines(Sink *sink, const ValueSpace *space, const Scalar *scalar, const Shape *shape,
                      uint64_t offset)
{
        Look look = look_of(space->btf, scalar);
        uint64_t n = shape->dims[shape->n_dims - 1];
        uint64_t n_lines = 1;
        uint32_t max =
                btf_kind(scalar->type) == BTF_KIND_FLOAT ? VALUE_MAX_FLOATS : VALUE_MAX_ELEMENTS;
        bool whole = true;

        for (uint32_t i = 0; i + 1 < shape->n_dims; i++)
                n_lines = mul_far(n_lines, shape->dims[i]);

        for (uint64_t line = 0; whole && line < n_lines; line++) {
                uint64_t shown = line * n;
                uint64_t at = add_far(offset, mul_far(shown * 8, scalar->size));
                Limit limit = { .max = max, .left = max - shown };

                if (line == max) {
                        put_too_many(sink, max);
                        whole = false;
                } else if (look == LOOK_SCALARS) {
                        whole = put_scalar_line(sink, space, scalar, at, n, limit);
                } else {
                        whole = put_byte_line(sink, space, look, shape->n_dims > 1, at, n, limit);
                }
                put(sink, "\n", 1);
        }
}

/* ---- Values ---- */

/* Why no text stands for a value whose elements are of @type, BTF type id @id. */
static void put_reason(Sink *sink, const ValueSpace *space, const ValueRef *ref,
                       const struct btf_type *type, uint32_t id)
{
        if (!type) {
                put_format(sink, "there is no type %u", id);
                return;
        }
        switch (btf_kind(type)) {
        case BTF_KIND_UNKN:
                put_string(sink, "void");
                break;
        case BTF_KIND_INT:
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
        case BTF_KIND_FLOAT:
        case BTF_KIND_PTR:
                if (ref->bit_size > 0)
                        put_format(sink, "bit-field of %u bits in a type that has no such",
                                   ref->bit_size);
                else if (btf_is_int(type))
                        put_format(sink, "integer of %u bits in %u bytes", btf_int_bits(type),
                                   type->size);
                else
                        /* A larger float may be x87's, IEEE 754's or a pair: BTF does not tell. */
                        put_format(sink, "%s of %u bytes",
                                   btf_kind(type) == BTF_KIND_FLOAT ? "floating point" : "enum",
                                   type->size);
                break;
        case BTF_KIND_FWD:
                put_format(sink, "forward declaration of %s ",
                           btf_kflag(type) ? "union" : "struct");
                put_name(sink, space->btf, type->name_off);
                break;
        case BTF_KIND_FUNC:
        case BTF_KIND_FUNC_PROTO:
                put_string(sink, "function");
                break;
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_CONST:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
                put_format(sink, "more than %u typedefs and qualifiers in a row", VALUE_MAX_CHAIN);
                break;
        default:
                put_format(sink, "BTF kind %u has no values", btf_kind(type));
        }
}

/* The text of a value that can be shown. False: it can't, and nothing was put. */
static bool put_value(Sink *sink, const ValueSpace *space, const ValueRef *ref, const Shape *shape)
{
        g_auto(Scalar) scalar = { 0 };

        if (!scalar_init(&scalar, space->btf, shape->element, ref->bit_size))
                return false;
        if (shape->n_dims > 0) {
                put_lines(sink, space, &scalar, shape, ref->bit_offset);
        } else {
                if (!put_scalar(sink, space, &scalar, ref->bit_offset))
                        put_outside(sink, space);
                put(sink, "\n", 1);
        }
        return true;
}

static void put_text(Sink *sink, const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;
        bool fits = shape_of(space->btf, ref->type, &shape) &&
                    ref->depth + shape.n_dims <= VALUE_MAX_DEPTH;
        bool composite = is_composite(shape.element);
        bool by_bytes = composite || shape.n_dims > 0;

        if (fits && !composite && shape.element && !(by_bytes && ref->bit_offset % 8) &&
            !(by_bytes && ref->bit_size) && put_value(sink, space, ref, &shape))
                return;

        put_string(sink, "(cannot be shown: ");
        if (ref->depth == DEPTH_TOO_MANY)
                put_format(sink, "more than %u members", VALUE_MAX_MEMBERS);
        else if (!fits || (composite && ref->depth == VALUE_MAX_DEPTH))
                put_format(sink, "more than %u composites inside each other", VALUE_MAX_DEPTH);
        else if (by_bytes && ref->bit_size)
                put_format(sink, "%s as a bit-field", shape.n_dims > 0 ? "array" : "struct");
        else if (by_bytes && ref->bit_offset % 8)
                put_format(sink, "%s that starts inside of a byte",
                           shape.n_dims > 0 ? "array" : "struct");
        else if (composite)
                put_format(sink, "more than %u elements", VALUE_MAX_ELEMENTS);
        else
                put_reason(sink, space, ref, shape.element, shape.element_id);
        put_string(sink, ")\n");
}

uint64_t value_text(const ValueSpace *space, const ValueRef *ref, uint64_t offset, size_t count,
                    GString *out)
{
        Sink sink = {
                .out = out,
                .start = offset,
                .end = offset > UINT64_MAX - count ? UINT64_MAX : offset + count,
        };

        put_text(&sink, space, ref);
        return sink.length;
}
