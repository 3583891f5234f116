/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Others' text as a part of a line. */

#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool prints(gunichar c)
{
        GUnicodeType type;

        if (c == (gunichar)-1 || c == (gunichar)-2)
                return false;
        type = g_unichar_type(c);
        return type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR &&
               g_unichar_isprint(c);
}

static bool is_plain(char c)
{
        return c >= ' ' && c < 0x7f && c != '\\';
}

void text_append_bytes(GString *out, const char *text, size_t length)
{
        const char *end = text + length;

        while (text < end) {
                const char *next = text;
                gunichar c;

                while (next < end && is_plain(*next))
                        next++;
                g_string_append_len(out, text, next - text);
                text = next;
                if (text == end)
                        break;
                c = g_utf8_get_char_validated(text, end - text);
                if (!prints(c)) {
                        g_string_append_printf(out, "\\x%02x", (uint8_t)*text++);
                        continue;
                }
                next = g_utf8_next_char(text);
                if (c == '\\')
                        g_string_append_c(out, '\\');
                g_string_append_len(out, text, next - text);
                text = next;
        }
}

void text_append(GString *out, const char *text)
{
        text_append_bytes(out, text, strlen(text));
}

char *text_escape(const char *text)
{
        GString *out = g_string_new(NULL);

        text_append(out, text);
        return g_string_free(out, FALSE);
}
