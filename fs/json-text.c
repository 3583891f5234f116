/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Texts of files of the tree as JSON. */

#include "json-text.h"

#include "text.h"

#include <string.h>

void json_text(Json *json, const char *text, size_t length)
{
        g_autoptr(GString) bytes = NULL;

        if (!memchr(text, '\\', length)) {
                json_string(json, text, length);
                return;
        }
        bytes = g_string_new(NULL);
        text_append_unescaped(bytes, text, length);
        if (g_utf8_validate_len(bytes->str, bytes->len, NULL))
                json_string(json, bytes->str, bytes->len);
        else
                json_string(json, text, length);
}

void json_lines(Json *json, const char *text)
{
        json_begin_array(json);
        while (*text) {
                size_t length = strcspn(text, "\n");

                json_text(json, text, length);
                text += length + (text[length] == '\n');
        }
        json_end_array(json);
}

void json_note(Json *json, const char *text)
{
        json_string(json, text, strlen(text));
}

static bool is_word(const char *text, size_t length, const char *word)
{
        return length == strlen(word) && memcmp(text, word, length) == 0;
}

bool json_is_literal(const char *text, size_t length)
{
        size_t i = length > 0 && text[0] == '-';

        if (is_word(text, length, "true") || is_word(text, length, "false"))
                return true;
        /* JSON allows no zeros in front of a number. */
        if (i == length || (text[i] == '0' && length > i + 1))
                return false;
        while (i < length && g_ascii_isdigit(text[i]))
                i++;
        return i == length;
}
