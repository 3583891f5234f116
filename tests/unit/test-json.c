/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The writer of JSON. */

#include "json.h"

#include <string.h>

static void test_strings(void)
{
        static const struct {
                const char *text;
                const char *json;
        } rows[] = {
                { "", "\"\"" },
                { "/sys/fs/bpf/a b", "\"/sys/fs/bpf/a b\"" },
                { "\xc3\xa4\xe2\x82\xac", "\"\xc3\xa4\xe2\x82\xac\"" },
                { "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
                { "a\nb\tc\r", "\"a\\nb\\tc\\u000d\"" },
                { "\033[31m\x7f", "\"\\u001b[31m\\u007f\"" },
                /* Not UTF-8: alone, cut off, too long for what it says, half of a pair. */
                { "\xff"
                  "a",
                  "\"\\ufffda\"" },
                { "a\xe2\x82", "\"a\\ufffd\\ufffd\"" },
                { "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
                { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
                /* UTF-8 that does not print, or where readers break lines. */
                { "\xc2\x85", "\"\\u0085\"" },
                { "\xe2\x80\xae", "\"\\u202e\"" },
                { "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"" },
                { "\xf3\xa0\x80\x81", "\"\\udb40\\udc01\"" },
                { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GString) out = g_string_new(NULL);
                Json json = json_new(out);

                json_string(&json, rows[i].text, strlen(rows[i].text));
                g_assert_cmpstr(out->str, ==, rows[i].json);
        }
}

static void test_length(void)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);

        /* Nothing behind the end is looked at, also if a character goes on there. */
        json_string(&json, "ab\xc3\xa4", 3);
        json_string(&json, "\0x", 2);
        g_assert_cmpstr(out->str, ==, "\"ab\\ufffd\",\"\\u0000x\"");
}

static void test_numbers(void)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);

        json_uint(&json, 0);
        json_uint(&json, UINT64_MAX);
        json_int(&json, INT64_MIN);
        json_int(&json, INT64_MAX);
        json_bool(&json, true);
        json_bool(&json, false);
        json_raw(&json, "null", 4);
        g_assert_cmpstr(out->str, ==,
                        "0,18446744073709551615,-9223372036854775808,9223372036854775807,"
                        "true,false,null");
}

static void test_nesting(void)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);

        json_begin_array(&json);
        json_end_array(&json);
        json_begin_object(&json);
        json_name(&json, "a\n");
        json_begin_array(&json);
        json_begin_object(&json);
        json_end_object(&json);
        json_uint(&json, 1);
        json_end_array(&json);
        json_name(&json, "b");
        json_bytes(&json, (const uint8_t *)"\x00\xa9", 2);
        json_name(&json, "c");
        json_bytes(&json, NULL, 0);
        json_end_object(&json);
        g_assert_cmpstr(out->str, ==, "[],{\"a\\n\":[{},1],\"b\":[\"0x00\",\"0xa9\"],\"c\":[]}");
}

static void test_lines(void)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);

        json_begin_array(&json);
        json_line(&json);
        json_uint(&json, 1);
        json_line(&json);
        json_begin_object(&json);
        json_end_object(&json);
        json_line(&json);
        json_end_array(&json);
        g_assert_cmpstr(out->str, ==, "[\n1,\n{}\n]");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json/strings", test_strings);
        g_test_add_func("/json/length", test_length);
        g_test_add_func("/json/numbers", test_numbers);
        g_test_add_func("/json/nesting", test_nesting);
        g_test_add_func("/json/lines", test_lines);
        return g_test_run();
}
