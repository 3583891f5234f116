/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Fields of keys to text and back. */

#include "key-name.h"

#include "names.h"
#include "sink.h"

#include <string.h>

/* No name of another form begins so, but for a pointer's, which always leads back. */
#define HEX_PREFIX "0x"

/* Bytes to text */

static uint64_t read_number(const uint8_t *bytes, uint32_t size)
{
        uint64_t value = 0;
        uint32_t word;
        uint16_t half;

        switch (size) {
        case 1:
                return *bytes;
        case 2:
                memcpy(&half, bytes, sizeof(half));
                return half;
        case 4:
                memcpy(&word, bytes, sizeof(word));
                return word;
        default:
                memcpy(&value, bytes, sizeof(value));
                return value;
        }
}

static int64_t with_sign(uint64_t value, uint32_t size)
{
        unsigned shift = 64 - 8 * size;

        return (int64_t)(value << shift) >> shift;
}

static const char *find_choice(const Field *field, uint64_t bits)
{
        for (guint i = 0; field->choices && i < field->choices->len; i++) {
                const Enumerator *one = &g_array_index(field->choices, Enumerator, i);

                if (one->bits == bits)
                        return one->name;
        }
        return NULL;
}

static void put_hex(GString *out, const uint8_t *bytes, uint32_t size)
{
        Sink sink = { .out = out, .end = UINT64_MAX };

        sink_put_hex(&sink, bytes, size);
}

static void put_number(GString *out, const Field *field, uint64_t value)
{
        const char *choice = find_choice(field, value);

        if (choice)
                g_string_append(out, choice);
        else if (field->kind == FIELD_BOOL)
                g_string_append(out, value ? "true" : "false");
        else if (field->kind == FIELD_POINTER)
                g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", (guint64)value);
        else if (field->kind == FIELD_INT)
                g_string_append_printf(out, "%" G_GINT64_FORMAT, with_sign(value, field->size));
        else
                g_string_append_printf(out, "%" G_GUINT64_FORMAT, (guint64)value);
}

static void put_field(GString *out, const Field *field, const uint8_t *key)
{
        const uint8_t *bytes = key + field->offset;

        if (field->kind == FIELD_CHARS ||
            (field->kind == FIELD_BYTES && sink_is_text(bytes, field->size)))
                g_string_append_len(out, (const char *)bytes,
                                    strnlen((const char *)bytes, field->size));
        else if (field->kind == FIELD_BYTES)
                put_hex(out, bytes, field->size);
        else
                put_number(out, field, read_number(bytes, field->size));
}

/* Text to bytes */

static void write_number(uint8_t *bytes, uint32_t size, uint64_t value)
{
        uint32_t word = value;
        uint16_t half = value;

        switch (size) {
        case 1:
                *bytes = value;
                break;
        case 2:
                memcpy(bytes, &half, sizeof(half));
                break;
        case 4:
                memcpy(bytes, &word, sizeof(word));
                break;
        default:
                memcpy(bytes, &value, sizeof(value));
        }
}

/* Other ways to write the number are found out when the name is made again. */
static bool take_number(const Field *field, const char *text, uint8_t *bytes)
{
        uint64_t value;
        char *end;

        for (guint i = 0; field->choices && i < field->choices->len; i++) {
                const Enumerator *one = &g_array_index(field->choices, Enumerator, i);

                if (strcmp(one->name, text) == 0) {
                        write_number(bytes, field->size, one->bits);
                        return true;
                }
        }
        if (field->kind == FIELD_BOOL)
                value = strcmp(text, "true") == 0;
        else if (field->kind == FIELD_INT)
                value = g_ascii_strtoll(text, &end, 10);
        else
                value = g_ascii_strtoull(text, &end, field->kind == FIELD_POINTER ? 16 : 10);
        write_number(bytes, field->size, value);
        return true;
}

static bool take_hex(const char *text, size_t length, uint8_t *bytes, uint32_t size)
{
        if (length != 2 * (size_t)size)
                return false;
        for (uint32_t i = 0; i < size; i++) {
                int high = g_ascii_xdigit_value(text[2 * i]);
                int low = g_ascii_xdigit_value(text[2 * i + 1]);

                if (high < 0 || low < 0)
                        return false;
                bytes[i] = high << 4 | low;
        }
        return true;
}

static bool take_field(const Field *field, const char *text, uint8_t *key)
{
        uint8_t *bytes = key + field->offset;
        size_t length = strlen(text);

        if (field->kind != FIELD_CHARS && field->kind != FIELD_BYTES)
                return take_number(field, text, bytes);
        if (field->kind == FIELD_BYTES && take_hex(text, length, bytes, field->size))
                return true;
        if (length > field->size)
                return false;
        memcpy(bytes, text, length);
        return true;
}

/* The value of the field @i in *@text, without its name; owned by the caller. *@text goes on behind
 * it. NULL: the text does not have this form. */
static char *cut_field(const KeyForm *form, guint i, const char **text)
{
        const Field *field = &g_array_index(form->fields, Field, i);
        const char *start = *text, *end;
        g_autofree char *next = NULL;

        if (field->name) {
                size_t length = strlen(field->name);

                if (strncmp(start, field->name, length) != 0 || start[length] != '=')
                        return NULL;
                start += length + 1;
        }
        end = start + strlen(start);
        if (i + 1 < form->fields->len) {
                next = g_strdup_printf(",%s=", (field + 1)->name);
                end = strstr(start, next);
                if (!end)
                        return NULL;
        }
        *text = *end ? end + 1 : end;
        return g_strndup(start, end - start);
}

static bool take_fields(const KeyForm *form, const char *text, uint8_t *key)
{
        memset(key, 0, form->size);
        for (guint i = 0; i < form->fields->len; i++) {
                g_autofree char *value = cut_field(form, i, &text);

                if (!value || !take_field(&g_array_index(form->fields, Field, i), value, key))
                        return false;
        }
        return true;
}

/* Names */

/* A single number always leads back. */
static bool is_plain_number(const KeyForm *form)
{
        const Field *field = &g_array_index(form->fields, Field, 0);

        return form->fields->len == 1 && !field->choices && field->size == form->size &&
               (field->kind == FIELD_UINT || field->kind == FIELD_INT);
}

/* The name by fields, not escaped; NULL: it does not lead back. */
static char *name_by_fields(const KeyForm *form, const uint8_t *key)
{
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree uint8_t *back = NULL;

        for (guint i = 0; i < form->fields->len; i++) {
                const Field *field = &g_array_index(form->fields, Field, i);

                if (field->name)
                        g_string_append_printf(text, "%s%s=", i ? "," : "", field->name);
                put_field(text, field, key);
        }
        if (!is_plain_number(form)) {
                const Field *field = &g_array_index(form->fields, Field, 0);

                /* The filesystem's own remarks are in parentheses. */
                if (text->len == 0 || *text->str == '(' ||
                    (field->kind != FIELD_POINTER && g_str_has_prefix(text->str, HEX_PREFIX)))
                        return NULL;
                back = g_malloc(form->size);
                if (!take_fields(form, text->str, back) || memcmp(back, key, form->size) != 0)
                        return NULL;
        }
        return g_strdup(text->str);
}

char *key_name(const KeyForm *form, const uint8_t *key)
{
        g_autofree char *text = form->fields ? name_by_fields(form, key) : NULL;
        GString *hex;

        if (text)
                return names_alone(text);
        hex = g_string_new(form->typed ? HEX_PREFIX : NULL);
        put_hex(hex, key, form->size);
        text = g_string_free(hex, FALSE);
        return names_alone(text);
}

/* The text that names_alone() has escaped, owned by the caller; NULL if it can't have made this. */
static char *unescape(const char *name)
{
        GString *text = g_string_new(NULL);

        for (const char *p = name; *p; p++) {
                int high = *p == '%' ? g_ascii_xdigit_value(p[1]) : 0;
                int low = *p == '%' && high >= 0 ? g_ascii_xdigit_value(p[2]) : 0;

                if (high < 0 || low < 0 || (*p == '%' && high == 0 && low == 0)) {
                        g_string_free(text, TRUE);
                        return NULL;
                }
                g_string_append_c(text, *p == '%' ? high << 4 | low : *p);
                if (*p == '%')
                        p += 2;
        }
        return g_string_free(text, FALSE);
}

static bool take_digits(const KeyForm *form, const char *text, uint8_t *key)
{
        if (form->typed) {
                if (!g_str_has_prefix(text, HEX_PREFIX))
                        return false;
                text += strlen(HEX_PREFIX);
        }
        return take_hex(text, strlen(text), key, form->size);
}

static bool leads_back(const KeyForm *form, const uint8_t *key, const char *name)
{
        g_autofree char *again = key_name(form, key);

        return strcmp(again, name) == 0;
}

bool key_of_name(const KeyForm *form, const char *name, uint8_t *key)
{
        g_autofree char *text = unescape(name);

        if (!text)
                return false;
        if (form->fields && take_fields(form, text, key) && leads_back(form, key, name))
                return true;
        return take_digits(form, text, key) && leads_back(form, key, name);
}

bool key_name_is_cut(const char *name)
{
        size_t length = strlen(name);

        /* A cut leaves off less than the longest step: one character. */
        return length > NAMES_MAX - 8 && length <= NAMES_MAX;
}
