/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The window of a value's text, and escapes. */

#include "sink.h"

#include <string.h>

void sink_put(Sink *sink, const char *text, size_t len)
{
        uint64_t at = sink->length;
        uint64_t from = MAX(at, sink->start);
        uint64_t to = MIN(at + len, sink->end);

        sink->length += len;
        if (from < to)
                g_string_append_len(sink->out, text + (from - at), to - from);
}

void sink_put_string(Sink *sink, const char *text)
{
        sink_put(sink, text, strlen(text));
}

void sink_put_format(Sink *sink, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        sink_put_string(sink, text);
}

static bool prints(gunichar c)
{
        switch (g_unichar_type(c)) {
        case G_UNICODE_LINE_SEPARATOR:
        case G_UNICODE_PARAGRAPH_SEPARATOR:
                return false; /* they print, but some readers break lines at them */
        default:
                return g_unichar_isprint(c);
        }
}

static bool is_plain(uint8_t c)
{
        return c >= ' ' && c < 0x7f && c != '\\';
}

void sink_put_hex(Sink *sink, const uint8_t *bytes, size_t len)
{
        static const char digits[] = "0123456789abcdef";
        uint64_t at = sink->length;
        uint64_t from = MAX(at, sink->start);
        uint64_t to = MIN(at + 2 * (uint64_t)len, sink->end);

        sink->length += 2 * (uint64_t)len;
        for (; from < to; from++) {
                uint8_t byte = bytes[(from - at) / 2];

                g_string_append_c(sink->out, digits[(from - at) % 2 ? byte & 15 : byte >> 4]);
        }
}

static void put_hex_escapes(Sink *sink, const uint8_t *bytes, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                sink_put(sink, "\\x", 2);
                sink_put_hex(sink, bytes + i, 1);
        }
}

void sink_put_escaped(Sink *sink, const uint8_t *text, size_t len, const char *kept)
{
        size_t i = 0;

        while (i < len) {
                const char *p = (const char *)text + i;
                size_t n = 0;
                gunichar c;

                while (i + n < len && is_plain(p[n]))
                        n++;
                if (n > 0) {
                        sink_put(sink, p, n);
                        i += n;
                        continue;
                }

                c = g_utf8_get_char_validated(p, len - i);
                if (c < (gunichar)-2)
                        n = g_unichar_to_utf8(c, NULL);
                else
                        n = 1; /* not UTF-8 */

                if (c == '\\')
                        sink_put(sink, "\\\\", 2);
                else if (c < (gunichar)-2 &&
                         (prints(c) || (c > 0 && c < ' ' && strchr(kept, (int)c))))
                        sink_put(sink, p, n);
                else
                        put_hex_escapes(sink, text + i, n);
                i += n;
        }
}

bool sink_is_text(const uint8_t *bytes, size_t len)
{
        const char *p = (const char *)bytes;
        size_t text_len = strnlen(p, len);
        const char *end = p + text_len;

        if (text_len == 0)
                return false;
        while (p < end) {
                gunichar c = g_utf8_get_char_validated(p, end - p);

                /* -1 and -2 stand for what is not UTF-8. */
                if (c >= (gunichar)-2 || !prints(c))
                        return false;
                p = g_utf8_next_char(p);
        }
        for (size_t i = text_len; i < len; i++)
                if (bytes[i] != 0)
                        return false;
        return true;
}
