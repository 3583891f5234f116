/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names as a part of a line: nothing in them acts on a terminal or begins another line. */

#include "text.h"

/* Line and paragraph separators print, but some readers break lines at them. */
static gboolean prints(gunichar c)
{
        GUnicodeType type = g_unichar_type(c);

        return type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR &&
               g_unichar_isprint(c);
}

void text_append(GString *out, const char *text)
{
        for (const char *p = text; *p;) {
                gunichar c = g_utf8_get_char_validated(p, -1);
                gboolean valid = c < (gunichar)-2;
                gssize len = valid ? g_unichar_to_utf8(c, NULL) : 1;

                if (c == '\\')
                        g_string_append(out, "\\\\");
                else if (c == '\t' || (valid && prints(c)))
                        g_string_append_len(out, p, len);
                else
                        for (gssize i = 0; i < len; i++)
                                g_string_append_printf(out, "\\x%02x", (guint8)p[i]);
                p += len;
        }
}

char *text_escape(const char *text)
{
        GString *out = g_string_new(NULL);

        text_append(out, text);
        return g_string_free(out, FALSE);
}
