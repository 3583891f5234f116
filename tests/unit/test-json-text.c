/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Texts of files, keys of info/ and values as JSON. */

#include "info-json.h"
#include "json-text.h"
#include "text.h"
#include "value-json.h"

#include <string.h>

static void test_texts(void)
{
        static const struct {
                const char *text;
                const char *json;
        } rows[] = {
                { "", "\"\"" },
                { "net-team", "\"net-team\"" },
                { "C:\\\\new", "\"C:\\\\new\"" },
                { "\\x1b[31m", "\"\\u001b[31m\"" },
                { "a\\xe2\\x80\\xaeb", "\"a\\u202eb\"" },
                /* Not UTF-8: then it is what the file has. */
                { "a\\\\b\\xff", "\"a\\\\\\\\b\\\\xff\"" },
                /* Nobody writes these. */
                { "a\\", "\"a\\\\\"" },
                { "\\x", "\"\\\\x\"" },
                { "\\xg0", "\"\\\\xg0\"" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GString) out = g_string_new(NULL);
                Json json = json_new(out);

                json_text(&json, rows[i].text, strlen(rows[i].text));
                g_assert_cmpstr(out->str, ==, rows[i].json);
        }
}

/* All bytes come back. */
static void test_unescape(void)
{
        g_autoptr(GString) escaped = g_string_new(NULL), bytes = g_string_new(NULL);
        char all[256];

        for (int i = 0; i < 256; i++)
                all[i] = i;
        text_append_bytes(escaped, all, sizeof(all));
        text_append_unescaped(bytes, escaped->str, escaped->len);
        g_assert_cmpmem(bytes->str, bytes->len, all, sizeof(all));
}

static void test_lines(void)
{
        static const struct {
                const char *text;
                const char *json;
        } rows[] = {
                { "", "[]" },
                { "\n", "[\"\"]" },
                { "a b\n", "[\"a b\"]" },
                { "a\nb", "[\"a\",\"b\"]" },
                { "a\n\n\\x0a\n", "[\"a\",\"\",\"\\n\"]" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(GString) out = g_string_new(NULL);
                Json json = json_new(out);

                json_lines(&json, rows[i].text);
                g_assert_cmpstr(out->str, ==, rows[i].json);
        }
}

static void test_literals(void)
{
        static const char *const literals[] = { "0",    "7",    "-1", "18446744073709551616",
                                                "true", "false" };
        static const char *const others[] = { "",   "-",  "01",   "-01", "1.5",    "0x1",
                                              " 1", "1 ", "True", "+1",  "truely", "null" };

        for (size_t i = 0; i < G_N_ELEMENTS(literals); i++)
                g_assert_true(json_is_literal(literals[i], strlen(literals[i])));
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_false(json_is_literal(others[i], strlen(others[i])));
}

static char *info_text_of(InfoBuilder *builder)
{
        g_autoptr(Info) info = info_builder_end(builder);
        GString *out = g_string_new(NULL);
        Json json = json_new(out);

        json_begin_object(&json);
        info_json(&json, info);
        json_end_object(&json);
        return g_string_free(out, FALSE);
}

static void test_info(void)
{
        InfoBuilder *builder = info_builder_new();
        g_autofree char *text = NULL;

        info_builder_add(builder, "id", "7");
        info_builder_add(builder, "type", "%u", 99);
        info_builder_add(builder, "name", "123");
        info_builder_add(builder, "tag", "0123456789012345");
        info_builder_add(builder, "jited", "true");
        info_builder_add(builder, "dev/ifindex", "3");
        info_builder_add(builder, "dev/ns_inode", "4026531840");
        info_builder_add(builder, "map_ids", "1 2");
        info_builder_add(builder, "sources", "a.c\nb.h");
        info_builder_add(builder, "prio", "-5");
        text = info_text_of(builder);
        g_assert_cmpstr(text, ==,
                        "{\"id\":7,\"type\":99,\"name\":\"123\",\"tag\":\"0123456789012345\","
                        "\"jited\":true,\"dev\":{\"ifindex\":3,\"ns_inode\":4026531840},"
                        "\"map_ids\":[1,2],\"sources\":[\"a.c\",\"b.h\"],\"prio\":-5}");
}

static void test_functions(void)
{
        InfoBuilder *builder = info_builder_new();
        g_autofree char *text = NULL;

        info_builder_add(builder, "func_cnt", "3");
        info_builder_add(builder, "addrs", "18446744073709551615 2 (only 2 elements are shown)");
        info_builder_add(builder, "cookies", "5 6");
        info_builder_add(builder, "btf_ids", "%s", "");
        text = info_text_of(builder);
        g_assert_cmpstr(text, ==,
                        "{\"func_cnt\":3,\"btf_ids\":[],\"funcs\":[{\"addr\":18446744073709551615,"
                        "\"cookie\":5},{\"addr\":2,\"cookie\":6}]}");
}

/* A value is left out as a whole if it takes too much, and no step is without a byte. */
static void test_limit(void)
{
        static const uint8_t bytes[64] = { 1 };
        struct btf *btf = btf__new_empty();
        int number = btf__add_int(btf, "int", 4, BTF_INT_SIGNED), numbers, nothing, nothings;
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out), before = json;
        ValueSpace space = { .btf = btf, .bytes = bytes, .size = sizeof(bytes) };
        ValueRef ref;

        numbers = btf__add_array(btf, number, number, 3);
        nothing = btf__add_struct(btf, "nothing", 0);
        nothings = btf__add_array(btf, number, nothing, 1 << 20);
        ref = value_of_variable(numbers, 0, 12);
        g_assert_true(value_json(&json, &space, &ref, 7));
        g_assert_cmpstr(out->str, ==, "[1,0,0]");
        g_string_truncate(out, 0);
        json = before;
        g_assert_false(value_json(&json, &space, &ref, 6));
        g_string_truncate(out, 0);
        json = before;
        ref = value_of_variable(nothings, 0, 1);
        g_assert_false(value_json(&json, &space, &ref, 1000));
        g_assert_cmpuint(out->len, <, 1100);
        /* Outside of its section. */
        g_string_truncate(out, 0);
        json = before;
        ref = value_of_variable(number, 62, 4);
        g_assert_true(value_json(&json, &space, &ref, 1000));
        g_assert_cmpstr(out->str, ==, "\"(outside of the section's 64 bytes)\"");
        btf__free(btf);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-text/texts", test_texts);
        g_test_add_func("/json-text/unescape", test_unescape);
        g_test_add_func("/json-text/lines", test_lines);
        g_test_add_func("/json-text/literals", test_literals);
        g_test_add_func("/json-text/info", test_info);
        g_test_add_func("/json-text/functions", test_functions);
        g_test_add_func("/json-text/limit", test_limit);
        return g_test_run();
}
