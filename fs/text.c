/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Others' text as a part of a line. */

#include "text.h"

#include "sink.h"

#include <stdint.h>
#include <string.h>

void text_append_bytes(GString *out, const char *text, size_t length)
{
        Sink sink = { .out = out, .end = UINT64_MAX };

        sink_put_escaped(&sink, (const uint8_t *)text, length, "");
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

void text_append_unescaped(GString *out, const char *text, size_t length)
{
        const char *end = text + length;

        while (text < end) {
                const char *slash = memchr(text, '\\', end - text);
                size_t plain = (slash ? slash : end) - text;

                g_string_append_len(out, text, plain);
                text += plain;
                if (!slash)
                        break;
                if (end - text >= 4 && text[1] == 'x' && g_ascii_isxdigit(text[2]) &&
                    g_ascii_isxdigit(text[3])) {
                        g_string_append_c(out, g_ascii_xdigit_value(text[2]) << 4 |
                                                       g_ascii_xdigit_value(text[3]));
                        text += 4;
                } else {
                        g_string_append_c(out, '\\');
                        text += end - text >= 2 && text[1] == '\\' ? 2 : 1;
                }
        }
}
