/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Values, names and commas of JSON. */

#include "json.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static void begin_line(Json *json)
{
        if (json->line)
                g_string_append_c(json->out, '\n');
        json->line = false;
}

static void begin_value(Json *json)
{
        if (json->follows)
                g_string_append_c(json->out, ',');
        json->follows = true;
        begin_line(json);
}

static void begin(Json *json, char bracket)
{
        begin_value(json);
        g_string_append_c(json->out, bracket);
        json->follows = false;
}

static void end(Json *json, char bracket)
{
        begin_line(json);
        g_string_append_c(json->out, bracket);
        json->follows = true;
}

void json_begin_object(Json *json)
{
        begin(json, '{');
}

void json_end_object(Json *json)
{
        end(json, '}');
}

void json_begin_array(Json *json)
{
        begin(json, '[');
}

void json_end_array(Json *json)
{
        end(json, ']');
}

static void put_unit(GString *out, unsigned unit)
{
        const char text[] = { '\\',
                              'u',
                              digits[unit >> 12 & 15],
                              digits[unit >> 8 & 15],
                              digits[unit >> 4 & 15],
                              digits[unit & 15] };

        g_string_append_len(out, text, sizeof(text));
}

/* A character above U+FFFF is two units of UTF-16 (RFC 8259, 7). */
static void put_escaped(GString *out, gunichar c)
{
        if (c > 0xffff) {
                put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
                put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
        } else {
                put_unit(out, c);
        }
}

/* A line separator prints, but some readers break lines at it. */
static bool stands_as_it_is(gunichar c)
{
        GUnicodeType type = g_unichar_type(c);

        return g_unichar_isprint(c) && type != G_UNICODE_LINE_SEPARATOR &&
               type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Appends one character that is not plain ASCII. Returns the number of its bytes. */
static size_t put_character(GString *out, const char *text, size_t length)
{
        gunichar c = g_utf8_get_char_validated(text, length);
        size_t n = 1;

        /* -1 and -2 stand for what is not UTF-8; GLib takes a NUL for the end of the text. */
        if (c >= (gunichar)-2 && *text) {
                put_unit(out, 0xfffd);
        } else if (c == '"' || c == '\\') {
                g_string_append_c(out, '\\');
                g_string_append_c(out, c);
        } else if (c == '\n') {
                g_string_append(out, "\\n");
        } else if (c == '\t') {
                g_string_append(out, "\\t");
        } else if (!*text || c < ' ') {
                put_unit(out, (uint8_t)*text);
        } else {
                n = g_utf8_next_char(text) - text;
                if (stands_as_it_is(c))
                        g_string_append_len(out, text, n);
                else
                        put_escaped(out, c);
        }
        return n;
}

static bool is_plain(char c)
{
        return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void put_string(Json *json, const char *text, size_t length)
{
        size_t i = 0;

        g_string_append_c(json->out, '"');
        while (i < length) {
                size_t n = 0;

                while (i + n < length && is_plain(text[i + n]))
                        n++;
                g_string_append_len(json->out, text + i, n);
                i += n;
                if (i < length)
                        i += put_character(json->out, text + i, length - i);
        }
        g_string_append_c(json->out, '"');
}

void json_name(Json *json, const char *name)
{
        begin_value(json);
        put_string(json, name, strlen(name));
        g_string_append_c(json->out, ':');
        json->follows = false;
}

void json_string(Json *json, const char *text, size_t length)
{
        begin_value(json);
        put_string(json, text, length);
}

static void put_number(Json *json, uint64_t value, bool negative)
{
        char text[1 + 20];
        char *p = text + sizeof(text);

        do {
                *--p = '0' + value % 10;
                value /= 10;
        } while (value);
        if (negative)
                *--p = '-';
        begin_value(json);
        g_string_append_len(json->out, p, text + sizeof(text) - p);
}

void json_uint(Json *json, uint64_t value)
{
        put_number(json, value, false);
}

void json_int(Json *json, int64_t value)
{
        put_number(json, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
}

void json_bool(Json *json, bool value)
{
        json_raw(json, value ? "true" : "false", value ? 4 : 5);
}

void json_raw(Json *json, const char *text, size_t length)
{
        begin_value(json);
        g_string_append_len(json->out, text, length);
}

void json_bytes(Json *json, const uint8_t *bytes, size_t length)
{
        gsize start;
        char *p;

        json_begin_array(json);
        if (length > 0) {
                /* Seven characters each: "0xHH" and a comma, but for the last. */
                start = json->out->len;
                g_string_set_size(json->out, start + 7 * length - 1);
                p = json->out->str + start;
                for (size_t i = 0; i < length; i++) {
                        if (i > 0)
                                *p++ = ',';
                        *p++ = '"';
                        *p++ = '0';
                        *p++ = 'x';
                        *p++ = digits[bytes[i] >> 4];
                        *p++ = digits[bytes[i] & 15];
                        *p++ = '"';
                }
        }
        json_end_array(json);
}

void json_line(Json *json)
{
        json->line = true;
}
