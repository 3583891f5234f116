/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Types of keys to fields. */

#include "key-form.h"

#include "shape.h"

#include <string.h>

static void enumerator_clear(gpointer data)
{
        g_free(((Enumerator *)data)->name);
}

static void field_clear(gpointer data)
{
        Field *field = data;

        g_free(field->name);
        g_clear_pointer(&field->choices, g_array_unref);
}

/* Types */

static bool is_number_size(uint32_t size)
{
        return size == 1 || size == 2 || size == 4 || size == 8;
}

static uint64_t low_bytes(uint64_t value, uint32_t size)
{
        return size == 8 ? value : value & ((UINT64_C(1) << 8 * size) - 1);
}

static bool add_enum(Field *field, const struct btf *btf, const struct btf_type *type)
{
        if (btf_vlen(type) > KEY_FORM_MAX_ENUMERATORS || !is_number_size(type->size))
                return false;
        field->kind = btf_kflag(type) ? FIELD_INT : FIELD_UINT;
        field->size = type->size;
        field->choices = g_array_new(FALSE, FALSE, sizeof(Enumerator));
        g_array_set_clear_func(field->choices, enumerator_clear);
        for (uint32_t i = 0; i < btf_vlen(type); i++) {
                bool wide = btf_is_enum64(type);
                const char *name = btf__name_by_offset(btf, wide ? btf_enum64(type)[i].name_off
                                                                 : btf_enum(type)[i].name_off);
                Enumerator one = {
                        .bits = low_bytes(wide ? btf_enum64_value(&btf_enum64(type)[i])
                                               : (uint64_t)(int64_t)btf_enum(type)[i].val,
                                          type->size),
                };

                if (!name || !*name)
                        continue;
                one.name = g_strdup(name);
                g_array_append_val(field->choices, one);
        }
        return true;
}

static bool add_int(Field *field, const struct btf_type *type)
{
        field->size = type->size;
        if (!is_number_size(type->size) || btf_int_offset(type) != 0 ||
            btf_int_bits(type) != 8 * type->size)
                return false;
        if (btf_int_encoding(type) & BTF_INT_BOOL)
                field->kind = FIELD_BOOL;
        else
                field->kind = btf_int_encoding(type) & BTF_INT_SIGNED ? FIELD_INT : FIELD_UINT;
        return true;
}

static bool add_bytes(Field *field, const struct btf *btf, const struct btf_type *type)
{
        uint32_t id = btf_array(type)->type;
        const struct btf_type *element = shape_look_through(btf, &id);
        const char *name;

        if (!element || !btf_is_int(element) || element->size != 1 || btf_int_bits(element) != 8 ||
            btf_int_offset(element) != 0 || btf_int_encoding(element) & BTF_INT_BOOL ||
            btf_array(type)->nelems == 0)
                return false;
        name = btf__name_by_offset(btf, element->name_off);
        field->kind = btf_int_encoding(element) & BTF_INT_CHAR || g_strcmp0(name, "char") == 0
                              ? FIELD_CHARS
                              : FIELD_BYTES;
        field->size = btf_array(type)->nelems;
        return true;
}

/* False if there is no field for values of that type. */
static bool add_field(KeyForm *form, const struct btf *btf, uint32_t id, uint32_t offset,
                      const char *name)
{
        const struct btf_type *type = shape_look_through(btf, &id);
        Field field = { .offset = offset };
        bool good = false;

        if (type && (btf_is_enum(type) || btf_is_enum64(type))) {
                good = add_enum(&field, btf, type);
        } else if (type && btf_is_int(type)) {
                good = add_int(&field, type);
        } else if (type && btf_is_array(type)) {
                good = add_bytes(&field, btf, type);
        } else if (type && btf_is_ptr(type)) {
                field.kind = FIELD_POINTER;
                field.size = 8;
                good = true;
        }
        if (!good || field.size > form->size || offset > form->size - field.size) {
                field_clear(&field);
                return false;
        }
        field.name = g_strdup(name);
        g_array_append_val(form->fields, field);
        return true;
}

static bool add_members(KeyForm *form, const struct btf *btf, const struct btf_type *type)
{
        if (btf_vlen(type) == 0 || btf_vlen(type) > KEY_FORM_MAX_MEMBERS)
                return false;
        for (uint32_t i = 0; i < btf_vlen(type); i++) {
                uint32_t bits = btf_member_bit_offset(type, i);
                const char *name = btf__name_by_offset(btf, btf_members(type)[i].name_off);

                if (btf_member_bitfield_size(type, i) != 0 || bits % 8 != 0 || !name || !*name ||
                    !add_field(form, btf, btf_members(type)[i].type, bits / 8, name))
                        return false;
        }
        return true;
}

KeyForm *key_form_new(const struct btf *btf, uint32_t type, uint32_t size, bool numbered)
{
        KeyForm *form = g_new0(KeyForm, 1);
        const struct btf_type *found = btf ? shape_look_through(btf, &type) : NULL;
        Field number = { .kind = FIELD_UINT, .size = sizeof(uint32_t) };
        bool good = false;

        form->size = size;
        form->fields = g_array_new(FALSE, FALSE, sizeof(Field));
        g_array_set_clear_func(form->fields, field_clear);
        form->typed = found;
        if (found && btf_is_struct(found)) {
                good = add_members(form, btf, found);
        } else if (found) {
                good = add_field(form, btf, type, 0, NULL);
        } else if (numbered && size == sizeof(uint32_t)) {
                g_array_append_val(form->fields, number);
                good = true;
        }
        if (!good)
                g_clear_pointer(&form->fields, g_array_unref);
        return form;
}

void key_form_free(KeyForm *form)
{
        g_clear_pointer(&form->fields, g_array_unref);
        g_free(form);
}
