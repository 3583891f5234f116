/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Others' text as a part of a line. */

#include "text.h"

static void test_rows(void)
{
        static const struct {
                const char *text;
                const char *shown;
        } rows[] = {
                { "", "" },
                { "/sys/fs/bpf/a b", "/sys/fs/bpf/a b" },
                { "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
                { "C:\\x", "C:\\\\x" },
                { "a\nb\tc\r", "a\\x0ab\\x09c\\x0d" },
                { "\033[31m\x7f", "\\x1b[31m\\x7f" },
                /* Not UTF-8: alone, cut off, too long for what it says. */
                { "\xff"
                  "a",
                  "\\xffa" },
                { "a\xe2\x82", "a\\xe2\\x82" },
                { "\xc0\xaf", "\\xc0\\xaf" },
                /* UTF-8 that does not print, or where readers break lines. */
                { "\xc2\x85", "\\xc2\\x85" },
                { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
                { "\xe2\x80\xa8\xe2\x80\xa9", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GString) out = g_string_new("-");

                text_append(out, rows[i].text);
                g_assert_cmpstr(out->str + 1, ==, rows[i].shown);
        }
}

static void test_length(void)
{
        g_autoptr(GString) out = g_string_new(NULL);

        /* Nothing behind the end is looked at, also if a character goes on there. */
        text_append_bytes(out, "ab\xc3\xa4", 3);
        text_append_bytes(out, "\0x", 2);
        g_assert_cmpstr(out->str, ==, "ab\\xc3\\x00x");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/text/rows", test_rows);
        g_test_add_func("/text/length", test_length);
        return g_test_run();
}
