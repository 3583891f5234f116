/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The texts of source files and functions, from records that may say anything. */

#include "lines.h"

#include <string.h>

/* The text of the key, without its last newline; NULL if it is not there. */
static char *text_of(const Lines *lines, const char *key)
{
        InfoBuilder *builder = info_builder_new();
        g_autoptr(Info) info = NULL;
        const char *text;

        lines_add_keys(lines, builder);
        info = info_builder_end(builder);
        text = info_get(info, key);
        return text ? g_strndup(text, strlen(text) - 1) : NULL;
}

static void assert_text(const Lines *lines, const char *key, const char *expected)
{
        g_autofree char *text = text_of(lines, key);

        g_assert_cmpstr(text, ==, expected);
}

static uint32_t add(struct btf *btf, const char *name)
{
        int offset = btf__add_str(btf, name);

        g_assert_cmpint(offset, >, 0);
        return offset;
}

static void test_plain(void)
{
        struct btf *btf = btf__new_empty();
        uint32_t a = add(btf, "/src/a.c"), b = add(btf, "b.h");
        g_autoptr(Lines) lines = lines_new();

        assert_text(lines, "sources", NULL);
        assert_text(lines, "functions", NULL);
        lines_add_source(lines, btf, a);
        lines_add_source(lines, btf, b);
        lines_add_source(lines, btf, a);
        lines_add_function(lines, "main_one", btf, a, 12);
        lines_add_function(lines, "no_place", btf, 0, 3);
        lines_add_function(lines, NULL, btf, b, 0);
        assert_text(lines, "sources", "/src/a.c\nb.h");
        assert_text(lines, "functions", "main_one /src/a.c:12\nno_place\n(anon) b.h:0");
        btf__free(btf);
}

static void test_hostile(void)
{
        struct btf *btf = btf__new_empty();
        g_autofree char *longest = g_strnfill(LINES_MAX_NAME, 'x');
        g_autofree char *longer = g_strnfill(LINES_MAX_NAME + 1, 'y');
        g_autofree char *expected = NULL;
        g_autoptr(Lines) lines = lines_new();
        uint32_t evil = add(btf, "a\n\033[2Jb\\");

        lines_add_source(lines, btf, evil);
        /* Beyond the strings, and in the middle of one. */
        lines_add_source(lines, btf, UINT32_MAX);
        lines_add_source(lines, btf, 1u << 20);
        lines_add_source(lines, btf, 0);
        lines_add_source(lines, btf, evil + 6);
        lines_add_source(lines, btf, add(btf, longer));
        lines_add_source(lines, btf, add(btf, longest));
        expected = g_strconcat("a\\x0a\\x1b[2Jb\\\\\nb\\\\\n", longest, NULL);
        assert_text(lines, "sources", expected);

        lines_add_function(lines, "f\ng", btf, evil, UINT32_MAX);
        lines_add_function(lines, longer, btf, UINT32_MAX, 1);
        assert_text(lines, "functions", "f\\x0ag a\\x0a\\x1b[2Jb\\\\:4294967295\n(anon)");
        btf__free(btf);
}

static size_t count(const char *text)
{
        size_t n = 1;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static void test_numbers(void)
{
        struct btf *btf = btf__new_empty();
        g_autoptr(Lines) lines = lines_new();
        g_autofree char *sources = NULL, *functions = NULL;

        for (int i = 0; i < 1000; i++) {
                g_autofree char *name = g_strdup_printf("f%d", i);

                lines_add_source(lines, btf, add(btf, name));
                lines_add_function(lines, name, btf, 0, 0);
        }
        sources = text_of(lines, "sources");
        functions = text_of(lines, "functions");
        g_assert_cmpuint(count(sources), ==, LINES_MAX_SOURCES + 1);
        g_assert_true(g_str_has_suffix(sources, "\nf255\n..."));
        g_assert_cmpuint(count(functions), ==, LINES_MAX_FUNCTIONS + 1);
        g_assert_true(g_str_has_suffix(functions, "\nf255\n..."));
        btf__free(btf);
}

/* As long as names may be, and each byte of them grows to four. */
static void test_size(void)
{
        struct btf *btf = btf__new_empty();
        g_autoptr(Lines) lines = lines_new();
        g_autofree char *sources = NULL, *functions = NULL;

        for (int i = 0; i < 200; i++) {
                g_autofree char *fill = g_strnfill(3000, '\001');
                g_autofree char *name = g_strdup_printf("%d%s", i, fill);
                uint32_t offset = add(btf, name);

                lines_add_source(lines, btf, offset);
                lines_add_function(lines, name, btf, offset, i);
                lines_add_function(lines, "short", btf, 0, 0);
        }
        sources = text_of(lines, "sources");
        functions = text_of(lines, "functions");
        g_assert_cmpuint(strlen(sources), <, LINES_MAX_TEXT);
        g_assert_cmpuint(strlen(sources), >, 12000);
        g_assert_true(g_str_has_suffix(sources, "\\x01\n..."));
        /* The first does not fit, and nothing comes behind what was left out. */
        g_assert_cmpstr(functions, ==, "...");
        btf__free(btf);
}

static void test_cut(void)
{
        struct btf *btf = btf__new_empty();
        g_autoptr(Lines) lines = lines_new();

        lines_add_function(lines, "f", btf, 0, 0);
        lines_cut_sources(lines);
        lines_cut_functions(lines);
        lines_cut_functions(lines);
        lines_add_source(lines, btf, add(btf, "late"));
        lines_add_function(lines, "late", btf, 0, 0);
        assert_text(lines, "sources", "...");
        assert_text(lines, "functions", "f\n...");
        btf__free(btf);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/lines/plain", test_plain);
        g_test_add_func("/lines/hostile", test_hostile);
        g_test_add_func("/lines/numbers", test_numbers);
        g_test_add_func("/lines/size", test_size);
        g_test_add_func("/lines/cut", test_cut);
        return g_test_run();
}
