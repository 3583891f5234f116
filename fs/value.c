/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * BTF-typed bytes to text: entries of directories, and lines.
 *
 * Only put_byte_line() and scalar_put() turn positions into reads: both look at the space's size
 * first.
 */

#include "value.h"

#include "scalar.h"
#include "sink.h"

#include <string.h>

/* The depth of the member that stands for all members beyond the limit. */
#define DEPTH_TOO_MANY (VALUE_MAX_DEPTH + 1)

/* ---- Directories ---- */

ValueRef value_of_variable(uint32_t type, uint32_t offset, uint32_t size)
{
        return (ValueRef){
                .type = type,
                .bit_offset = (uint64_t)offset * 8,
                .bit_end = size ? ((uint64_t)offset + size) * 8 : VALUE_UNKNOWN_END,
        };
}

const struct btf_type *value_type(const ValueSpace *space, const ValueRef *ref)
{
        uint32_t id = ref->type;

        return shape_look_through(space->btf, &id);
}

uint64_t value_size(const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;

        return shape_of(space->btf, ref, &shape) && shape.element ? shape_inner_size(&shape, 0) : 0;
}

static bool is_struct_directory(const struct btf *btf, const ValueRef *ref)
{
        uint32_t id = ref->type;

        return ref->depth < VALUE_MAX_DEPTH && ref->bit_size == 0 && ref->bit_offset % 8 == 0 &&
               shape_is_composite(shape_look_through(btf, &id));
}

bool value_is_directory(const ValueSpace *space, const ValueRef *ref)
{
        Shape shape;

        return ref->depth < VALUE_MAX_DEPTH && ref->bit_size == 0 && ref->bit_offset % 8 == 0 &&
               shape_of(space->btf, ref, &shape) && shape_is_composite(shape.element) &&
               !shape.no_length && !shape_has_too_many_elements(&shape);
}

bool value_is_array(const ValueSpace *space, const ValueRef *ref)
{
        uint32_t id = ref->type;
        const struct btf_type *type = shape_look_through(space->btf, &id);

        return type && btf_is_array(type);
}

ValueRef value_element(const ValueSpace *space, const ValueRef *ref, uint32_t index)
{
        ValueRef element = *ref;
        uint32_t id = ref->type;
        const struct btf_type *type = shape_look_through(space->btf, &id);
        uint64_t offset;
        Shape shape;

        element.type = btf_array(type)->type;
        shape_of(space->btf, ref, &shape);
        offset = shape_mul(shape_mul(shape_inner_size(&shape, 1), 8), index);
        element.bit_offset = shape_add(ref->bit_offset, offset);
        if (shape.n_dims > 1 && shape.dims[1] == 0)
                element.bit_end = VALUE_NO_END;
        else if (shape.dims[0] > 1)
                element.bit_end = VALUE_UNKNOWN_END;
        element.depth++;
        return element;
}

static bool is_without_length(const struct btf *btf, uint32_t id)
{
        const struct btf_type *type = shape_look_through(btf, &id);

        return type && btf_is_array(type) && btf_array(type)->nelems == 0;
}

/* The first of the members that end a struct or union. In a union these are all members. In a
 * struct they are the last member and those before it at the same place: there may be several
 * arrays without a length. */
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
        const struct btf_type *type = shape_look_through(btf, &id);
        uint32_t at_end = first_at_end(btf, type);

        for (uint32_t i = 0; i < btf_vlen(type); i++) {
                const struct btf_member *member = btf_members(type) + i;
                const char *name = btf__name_by_offset(btf, member->name_off);
                ValueRef inner = {
                        .bit_offset = shape_add(ref->bit_offset, btf_member_bit_offset(type, i)),
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
        const struct btf_type *type = shape_look_through(space->btf, &id);
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
                sink_put_escaped(sink, (const uint8_t *)name, strlen(name), "\t");
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

        if (scalar_is_char(btf, type))
                return LOOK_CHARS;
        if (!btf_is_int(type) || scalar->size != 1 || scalar->shift != 0 || scalar->width != 8 ||
            btf_int_encoding(type) & BTF_INT_BOOL)
                return LOOK_SCALARS;
        return LOOK_BYTES;
}

/* Counts of the elements of one value. */
typedef struct Limit {
        uint32_t max;  /* the most elements that are shown */
        uint32_t left; /* elements that may still be shown */
} Limit;

/* Puts a line of text or of hexadecimal digits: @n elements of a byte each from @offset, but not
 * more than @limit. False if some of them can't be shown; the line says so. */
static bool put_byte_line(Sink *sink, const ValueSpace *space, Look look, bool one_of_many,
                          uint64_t offset, uint64_t n, Limit limit)
{
        uint64_t first = offset / 8;
        uint64_t there = first < space->size ? space->size - first : 0;
        size_t len = MIN(MIN(n, limit.left), there);
        const uint8_t *bytes = len > 0 ? space->bytes + first : (const uint8_t *)"";
        size_t text_len = strnlen((const char *)bytes, len);

        if (look == LOOK_CHARS) {
                sink_put_escaped(sink, bytes, text_len, one_of_many ? "\t" : "\t\n");
                if (text_len < len)
                        return true;
        } else if (len == n && sink_is_text(bytes, len)) {
                sink_put_escaped(sink, bytes, text_len, "\t");
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

/* The same for elements with blanks between them. */
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
                if (!scalar_put(sink, space, scalar, shape_add(offset, i * scalar->size * 8))) {
                        put_outside(sink, space);
                        return false;
                }
        }
        return true;
}

/* Puts a line for each innermost array, up to the first that isn't whole. */
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
                n_lines = shape_mul(n_lines, shape->dims[i]);

        for (uint64_t line = 0; whole && line < n_lines; line++) {
                uint64_t shown = line * n;
                uint64_t at = shape_add(offset, shape_mul(shown * 8, scalar->size));
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

/* Says why there is no text for a value whose elements are of @type, BTF type id @id. */
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

/* Puts the text of a value. False if it can't be shown; then nothing is put. */
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
        bool composite = shape_is_composite(shape.element);
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
        else if (shape.no_length && (composite || shape_element_size(shape.element) > 0))
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
