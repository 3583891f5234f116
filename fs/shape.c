/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "shape.h"

#include "scalar.h"

const struct btf_type *shape_look_through(const struct btf *btf, uint32_t *id)
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

bool shape_is_composite(const struct btf_type *type)
{
        return type && (btf_is_struct(type) || btf_is_union(type));
}

bool shape_of_type(const struct btf *btf, uint32_t id, Shape *shape)
{
        shape->n_dims = 0;
        shape->no_length = false;
        for (;;) {
                shape->element = shape_look_through(btf, &id);
                shape->element_id = id;
                if (!shape->element || !btf_is_array(shape->element))
                        return true;
                if (shape->n_dims == VALUE_MAX_DEPTH)
                        return false;
                shape->dims[shape->n_dims++] = btf_array(shape->element)->nelems;
                id = btf_array(shape->element)->type;
        }
}

uint64_t shape_element_size(const struct btf_type *element)
{
        if (!element)
                return 0;
        return shape_is_composite(element) ? element->size : scalar_size(element);
}

uint64_t shape_inner_size(const Shape *shape, uint32_t from)
{
        uint64_t size = shape_element_size(shape->element);

        for (uint32_t i = from; i < shape->n_dims; i++)
                size = shape_mul(size, shape->dims[i]);
        return size;
}

/* Gives a flexible array as many elements as there is room for. */
static void find_length(Shape *shape, const ValueRef *ref)
{
        uint64_t size;

        if (shape->n_dims == 0 || shape->dims[0] > 0 || !shape->element ||
            ref->bit_end == VALUE_NO_END)
                return;
        size = shape_inner_size(shape, 1);
        shape->no_length =
                size == 0 || ref->bit_end == VALUE_UNKNOWN_END || ref->bit_end < ref->bit_offset;
        if (!shape->no_length)
                shape->dims[0] = MIN((ref->bit_end - ref->bit_offset) / 8 / size, UINT32_MAX);
}

bool shape_of(const struct btf *btf, const ValueRef *ref, Shape *shape)
{
        if (!shape_of_type(btf, ref->type, shape))
                return false;
        find_length(shape, ref);
        return true;
}

bool shape_has_too_many_elements(const Shape *shape)
{
        uint64_t n = 1;

        for (uint32_t i = 0; i < shape->n_dims; i++) {
                n *= shape->dims[i];
                if (n > VALUE_MAX_ELEMENTS)
                        return true;
        }
        return false;
}
