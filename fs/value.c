/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * BTF-typed bytes to text: what shape a type has, what stands in a directory, its lines.
 *
 * Positions are bit offsets of 64 bits that stop at FAR instead of wrapping. Only put_byte_line()
 * and scalar_put() turn them into reads: both look at the space's size first.
 */

#include "value.h"

#include "scalar.h"
#include "sink.h"

#include <string.h>

/* Behind the last byte of any space, and the start of a byte. */
#define FAR (UINT64_MAX - 7)
/* The depth of a member that stands for all that are too many. */
#define DEPTH_TOO_MANY (VALUE_MAX_DEPTH + 1)

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

static bool is_composite(const struct btf_type *type)
{
        return type && (btf_is_struct(type) || btf_is_union(type));
}

/* A type as an array of elements that are none; a type that is no array has no dimensions. */
typedef struct Shape {
        const struct btf_type *element; /* NULL: there is no such type */
        uint32_t element_id;
        uint32_t n_dims;
        uint32_t dims[VALUE_MAX_DEPTH]; /* elements, the outermost first */
        bool no_length; /* the outermost has a number of elements that can't be told: 0 is in dims
                         */
} Shape;

/* False if there are more dimensions than may stand inside each other. */
static bool shape_of_type(const struct btf *btf, uint32_t id, Shape *shape)
{
        shape->n_dims = 0;
        shape->no_length = false;
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
        return is_composite(element) ? element->size : scalar_size(element);
}

/* The bytes of what stands inside of the first @from dimensions. */
static uint64_t inner_size(const Shape *shape, uint32_t from)
{
        uint64_t size = element_size(shape->element);

        for (uint32_t i = from; i < shape->n_dims; i++)
                size = mul_far(size, shape->dims[i]);
        return size;
}

/* Gives a flexible array the elements that there is room for. */
static void find_length(Shape *shape, const ValueRef *ref)
{
        uint64_t size;

        if (shape->n_dims == 0 || shape->dims[0] > 0 || !shape->element ||
            ref->bit_end == VALUE_NO_END)
                return;
        size = inner_size(shape, 1);
        shape->no_length =
                size == 0 || ref->bit_end == VALUE_UNKNOWN_END || ref->bit_end < ref->bit_offset;
        if (!shape->no_length)
                shape->dims[0] = MIN((ref->bit_end - ref->bit_offset) / 8 / size, UINT32_MAX);
}

/* False if there are more dimensions than may stand inside each other. */
static bool shape_of(const struct btf *btf, const ValueRef *ref, Shape *shape)
{
        if (!shape_of_type(btf, ref->type, shape))
                return false;
        find_length(shape, ref);
        return true;
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

/* ---- Directories ---- */

ValueRef value_of_variable(uint32_t type, uint32_t offset, uint32_t size)
{
        return (ValueRef){
                .type = type,
                .bit_offset = (uint64_t)offset * 8,
                .bit_end = size ? ((uint64_t)offset + size) * 8 : VALUE_UNKNOWN_END,
        };
}

uint64_t value_size(const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;

        return shape_of(space->btf, ref, &shape) && shape.element ? inner_size(&shape, 0) : 0;
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
               shape_of(space->btf, ref, &shape) && is_composite(shape.element) &&
               !shape.no_length && !has_too_many_elements(&shape);
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
        shape_of(space->btf, ref, &shape);
        offset = mul_far(mul_far(inner_size(&shape, 1), 8), index);
        element.bit_offset = add_far(ref->bit_offset, offset);
        if (shape.n_dims > 1 && shape.dims[1] == 0)
                element.bit_end = VALUE_NO_END;
        else if (shape.dims[0] > 1)
                element.bit_end = VALUE_UNKNOWN_END;
        element.depth++;
        return element;
}

static bool is_without_length(const struct btf *btf, uint32_t id)
{
        const struct btf_type *type = look_through(btf, &id);

        return type && btf_is_array(type) && btf_array(type)->nelems == 0;
}

/* The first of the members that are the last thing in a struct or union: all of a union, and of a
 * struct also those before the last that share its place, as several arrays without a length do. */
static uint32_t first_at_end(const struct btf *btf, const struct btf_type *type)
{
        uint32_t n = btf_vlen(type), first = n;

        if (btf_is_union(type))
                return 0;
        while (first > 0 && is_without_length(btf, btf_members(type)[first - 1].type))
                first--;
        return first == n && n > 0 ? n - 1 : first;
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
        uint32_t at_end = first_at_end(btf, type);

        for (uint32_t i = 0; i < btf_vlen(type); i++) {
                const struct btf_member *member = btf_members(type) + i;
                const char *name = btf__name_by_offset(btf, member->name_off);
                ValueRef inner = {
                        .bit_offset = add_far(ref->bit_offset, btf_member_bit_offset(type, i)),
                        .bit_end = ref->bit_end,
                        .type = member->type,
                        .bit_size = btf_member_bitfield_size(type, i),
                        .depth = ref->depth + 1,
                };

                if (i < at_end)
                        inner.bit_end = is_without_length(btf, member->type) ? VALUE_NO_END
                                                                             : VALUE_UNKNOWN_END;
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

        if (btf_is_array(type)) {
                Shape shape;

                shape_of(space->btf, ref, &shape);
                return shape.dims[0];
        }
        value_foreach_member(space, ref, count_member, &n);
        return n;
}

/* ---- Lines ---- */

static void put_name(Sink *sink, const struct btf *btf, uint32_t offset)
{
        const char *name = btf__name_by_offset(btf, offset);

        if (name)
                sink_put_escaped(sink, (const uint8_t *)name, strlen(name), true);
}

static void put_outside(Sink *sink, const ValueSpace *space)
{
        sink_put_format(sink, "(outside of the section's %zu bytes)", space->size);
}

static void put_too_many(Sink *sink, unsigned max)
{
        sink_put_format(sink, "(only %u elements are shown)", max);
}

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

/* Of the elements of one value. */
typedef struct Limit {
        uint32_t max;  /* that are shown of all */
        uint32_t left; /* that may still be shown */
} Limit;

/* A line of text, or of hexadecimal digits: @n elements of a byte each from @offset, but not more
 * than @limit. False if some of them can't be shown, and the line says so. */
static bool put_byte_line(Sink *sink, const ValueSpace *space, Look look, bool one_of_many,
                          uint64_t offset, uint64_t n, Limit limit)
{
        uint64_t first = offset / 8;
        uint64_t there = first < space->size ? space->size - first : 0;
        size_t len = MIN(MIN(n, limit.left), there);
        const uint8_t *bytes = len > 0 ? space->bytes + first : (const uint8_t *)"";
        size_t text_len = strnlen((const char *)bytes, len);

        if (look == LOOK_CHARS) {
                sink_put_escaped(sink, bytes, text_len, one_of_many);
                if (text_len < len)
                        return true;
        } else if (len == n && sink_is_text(bytes, len)) {
                sink_put_escaped(sink, bytes, text_len, true);
        } else {
                sink_put_hex(sink, bytes, len);
        }
        if (len == n)
                return true;

        if (len > 0)
                sink_put(sink, " ", 1);
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
                        sink_put(sink, " ", 1);
                if (i == limit.left) {
                        put_too_many(sink, limit.max);
                        return false;
                }
                if (!scalar_put(sink, space, scalar, add_far(offset, i * scalar->size * 8))) {
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
                sink_put(sink, "\n", 1);
        }
}

/* ---- Values ---- */

/* Why no text stands for a value whose elements are of @type, BTF type id @id. */
static void put_reason(Sink *sink, const ValueSpace *space, const ValueRef *ref,
                       const struct btf_type *type, uint32_t id)
{
        if (!type) {
                sink_put_format(sink, "there is no type %u", id);
                return;
        }
        switch (btf_kind(type)) {
        case BTF_KIND_UNKN:
                sink_put_string(sink, "void");
                break;
        case BTF_KIND_INT:
        case BTF_KIND_ENUM:
        case BTF_KIND_ENUM64:
        case BTF_KIND_FLOAT:
        case BTF_KIND_PTR:
                if (ref->bit_size > 0)
                        sink_put_format(sink, "bit-field of %u bits in a type that has no such",
                                        ref->bit_size);
                else if (btf_is_int(type))
                        sink_put_format(sink, "integer of %u bits in %u bytes", btf_int_bits(type),
                                        type->size);
                else
                        /* A larger float may be x87's, IEEE 754's or a pair: BTF does not tell. */
                        sink_put_format(sink, "%s of %u bytes",
                                        btf_kind(type) == BTF_KIND_FLOAT ? "floating point"
                                                                         : "enum",
                                        type->size);
                break;
        case BTF_KIND_FWD:
                sink_put_format(sink, "forward declaration of %s ",
                                btf_kflag(type) ? "union" : "struct");
                put_name(sink, space->btf, type->name_off);
                break;
        case BTF_KIND_FUNC:
        case BTF_KIND_FUNC_PROTO:
                sink_put_string(sink, "function");
                break;
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_CONST:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
                sink_put_format(sink, "more than %u typedefs and qualifiers in a row",
                                VALUE_MAX_CHAIN);
                break;
        default:
                sink_put_format(sink, "BTF kind %u has no values", btf_kind(type));
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
                if (!scalar_put(sink, space, &scalar, ref->bit_offset))
                        put_outside(sink, space);
                sink_put(sink, "\n", 1);
        }
        return true;
}

static void put_text(Sink *sink, const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;
        bool fits =
                shape_of(space->btf, ref, &shape) && ref->depth + shape.n_dims <= VALUE_MAX_DEPTH;
        bool composite = is_composite(shape.element);
        bool by_bytes = composite || shape.n_dims > 0;

        if (fits && !composite && shape.element && !(by_bytes && ref->bit_offset % 8) &&
            !(by_bytes && ref->bit_size) && !shape.no_length && put_value(sink, space, ref, &shape))
                return;

        sink_put_string(sink, "(cannot be shown: ");
        if (ref->depth == DEPTH_TOO_MANY)
                sink_put_format(sink, "more than %u members", VALUE_MAX_MEMBERS);
        else if (!fits || (composite && ref->depth == VALUE_MAX_DEPTH))
                sink_put_format(sink, "more than %u composites inside each other", VALUE_MAX_DEPTH);
        else if (by_bytes && ref->bit_size)
                sink_put_format(sink, "%s as a bit-field", shape.n_dims > 0 ? "array" : "struct");
        else if (by_bytes && ref->bit_offset % 8)
                sink_put_format(sink, "%s that starts inside of a byte",
                                shape.n_dims > 0 ? "array" : "struct");
        else if (shape.no_length && (composite || element_size(shape.element) > 0))
                sink_put_string(sink, "how many elements there are is not known");
        else if (composite)
                sink_put_format(sink, "more than %u elements", VALUE_MAX_ELEMENTS);
        else
                put_reason(sink, space, ref, shape.element, shape.element_id);
        sink_put_string(sink, ")\n");
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
