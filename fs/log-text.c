/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Pairs of a key and a value in a line. */

#include "log-text.h"

#include "text.h"

#include <stdbool.h>
#include <string.h>

/* The length of the escape at @text (text.h); 0: there is none. */
static size_t escape_at(const char *text, const char *end)
{
        if (end - text >= 2 && text[0] == '\\' && text[1] == '\\')
                return 2;
        if (end - text >= 4 && text[0] == '\\' && text[1] == 'x' && g_ascii_isxdigit(text[2]) &&
            g_ascii_isxdigit(text[3]))
                return 4;
        return 0;
}

/* Escapes stay; everything else that can't stand in a line becomes one. */
static void append_escaped(GString *out, const char *text, const char *end)
{
        while (text < end) {
                size_t n = escape_at(text, end);

                if (n > 0) {
                        g_string_append_len(out, text, n);
                } else if (*text == '"') {
                        n = 1;
                        g_string_append(out, "\\x22");
                } else {
                        /* A backslash that begins no escape is doubled, as any other text is. */
                        for (n = 1; text + n < end && text[n] != '"' && text[n] != '\\';)
                                n++;
                        text_append_bytes(out, text, n);
                }
                text += n;
        }
}

/* Where the escaped @text has to be cut: neither within a character nor within an escape. */
static size_t length_shown(const GString *text)
{
        const char *at = text->str, *end = text->str + text->len;

        while (at < end) {
                size_t n = escape_at(at, end);
                const char *next = n > 0 ? at + n : g_utf8_next_char(at);

                if (next - text->str > LOG_TEXT_MAX_VALUE)
                        break;
                at = next;
        }
        return at - text->str;
}

static void begin(GString *out, const char *key)
{
        if (out->len > 0)
                g_string_append_c(out, ' ');
        g_string_append_printf(out, "%s=", key);
}

void log_text_add(GString *out, const char *key, const char *text)
{
        g_autoptr(GString) value = NULL;
        size_t length;
        bool quoted;

        if (!text)
                return;
        length = strlen(text);
        if (length > 0 && text[length - 1] == '\n')
                length--;
        value = g_string_new(NULL);
        append_escaped(value, text, text + length);
        length = length_shown(value);
        if (length < value->len) {
                g_string_truncate(value, length);
                g_string_append(value, "...");
        }
        quoted = value->len == 0 || strpbrk(value->str, " =");
        begin(out, key);
        g_string_append_printf(out, quoted ? "\"%s\"" : "%s", value->str);
}

void log_text_add_number(GString *out, const char *key, uint64_t number)
{
        begin(out, key);
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, (guint64)number);
}

void log_text_add_seconds(GString *out, const char *key, uint64_t nanoseconds)
{
        uint64_t milliseconds = nanoseconds / 1000000;

        begin(out, key);
        g_string_append_printf(out, "%" G_GUINT64_FORMAT ".%03u", (guint64)(milliseconds / 1000),
                               (unsigned int)(milliseconds % 1000));
}
