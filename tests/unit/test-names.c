/* SPDX-License-Identifier: GPL-2.0-or-later */

/* File names as a user of a directory sees them. */

#include "names.h"

#include <string.h>

static bool reserves_info_and_maps(const char *name)
{
        return strcmp(name, "info") == 0 || strcmp(name, "maps") == 0;
}

static char *repeat(const char *text, size_t n)
{
        GString *out = g_string_new(NULL);

        for (size_t i = 0; i < n; i++)
                g_string_append(out, text);
        return g_string_free(out, FALSE);
}

static char *given(const char *preferred, const char *full)
{
        g_autoptr(Names) names = names_new(reserves_info_and_maps);

        return names_give(names, preferred, full);
}

/* What one request gives in an empty directory. */
static void test_single(void)
{
        static const struct {
                const char *preferred;
                const char *full;
                const char *name;
        } rows[] = {
                { "oncall", "bpf_metadata_oncall", "oncall" },
                { NULL, "plain", "plain" },
                { "", "bpf_metadata_", "bpf_metadata_" },
                { ".", "bpf_metadata_.", "bpf_metadata_." },
                { "..", "bpf_metadata_..", "bpf_metadata_.." },
                { "...", "bpf_metadata_...", "..." },
                { ".x", "bpf_metadata_.x", ".x" },
                { "info", "bpf_metadata_info", "bpf_metadata_info" },
                { "maps", "bpf_metadata_maps", "bpf_metadata_maps" },
                { "information", "x", "information" },
                { "131", "bpf_metadata_131", "131" },
                { NULL, "", "anon" },
                { "", "", "anon" },
                { NULL, ".", "%2E" },
                { "..", "..", "%2E%2E" },
                { "info", "info", "info~2" },
                { NULL, "maps", "maps~2" },
                { "a/b", "x", "a%2Fb" },
                { "../../etc/passwd", "x", "..%2F..%2Fetc%2Fpasswd" },
                { "/", "x", "%2F" },
                { "100%", "x", "100%25" },
                { "%2F", "x", "%252F" },
                { "a b", "x", "a b" },
                { "a\tb\nc", "x", "a%09b%0Ac" },
                { "\033[31m\177", "x", "%1B[31m%7F" },
                { "gr\u00fc\u00dfe", "x", "gr\u00fc\u00dfe" },
                { "\xff\xc3", "x", "%FF%C3" },
                { "\xc0\xaf", "x", "%C0%AF" },
                { "\xed\xa0\x80", "x", "%ED%A0%80" },
                { "a\xe2\x82", "x", "a%E2%82" },
                /* a control sequence introducer, and what turns the direction of text */
                { "\xc2\x9b"
                  "31m",
                  "x", "%C2%9B31m" },
                { "\u202efdp.exe", "x", "%E2%80%AEfdp.exe" },
                { "a~2", "x", "a~2" },
                { "-rf", "x", "-rf" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *name = given(rows[i].preferred, rows[i].full);

                g_assert_cmpstr(name, ==, rows[i].name);
        }
}

/* Requests of one directory, in order. */
static void test_duplicates(void)
{
        static const struct {
                const char *preferred;
                const char *full;
                const char *name;
        } rows[] = {
                { "oncall", "bpf_metadata_oncall", "oncall" },
                { "oncall", "bpf_metadata_oncall", "oncall~2" },
                { "oncall", "bpf_metadata_oncall", "oncall~3" },
                { "bpf_metadata_oncall", "bpf_metadata_bpf_metadata_oncall",
                  "bpf_metadata_oncall" },
                { "a~2", "x", "a~2" },
                { "a", "x", "a" },
                { "a", "x", "a~3" },
                { "a~2", "x", "a~2~2" },
                { "a", "x", "a~4" },
                { "info", "info", "info~2" },
                { "info", "info", "info~3" },
                { "info~2", "x", "info~2~2" },
                { NULL, "", "anon" },
                { "anon", "x", "anon~2" },
                { NULL, "", "anon~3" },
                { "%2F", "x", "%252F" },
                { "/", "x", "%2F" },
        };
        g_autoptr(Names) names = names_new(reserves_info_and_maps);

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *name = names_give(names, rows[i].preferred, rows[i].full);

                g_assert_cmpstr(name, ==, rows[i].name);
        }
}

static void test_nothing_reserved(void)
{
        g_autoptr(Names) names = names_new(NULL);
        g_autofree char *info = names_give(names, "info", "x");
        g_autofree char *dot = names_give(names, ".", "bpf_metadata_.");

        g_assert_cmpstr(info, ==, "info");
        g_assert_cmpstr(dot, ==, "bpf_metadata_.");
}

static void assert_cut(const char *name, const char *start, const char *suffix)
{
        size_t suffix_len = strlen(suffix);
        size_t hash = strlen(name) - suffix_len - 16;

        g_assert_cmpuint(strlen(name), <=, NAMES_MAX);
        g_assert_true(g_utf8_validate(name, -1, NULL));
        g_assert_true(g_str_has_prefix(name, start));
        g_assert_true(g_str_has_suffix(name, suffix));
        g_assert_cmpint(name[hash - 1], ==, '~');
        g_assert_cmpuint(strspn(name + hash, "0123456789abcdef"), ==, 16);
}

static void test_long(void)
{
        g_autoptr(Names) names = names_new(NULL);
        g_autofree char *fits = repeat("x", NAMES_MAX);
        g_autofree char *start = repeat("x", NAMES_MAX - 17);
        g_autofree char *long_a = g_strconcat(fits, "a", NULL);
        g_autofree char *long_b = g_strconcat(fits, "b", NULL);
        g_autofree char *whole = names_give(names, fits, fits);
        g_autofree char *a = names_give(names, long_a, long_a);
        g_autofree char *b = names_give(names, long_b, long_b);
        g_autofree char *a_again = names_give(names, long_a, long_a);
        g_autofree char *whole_again = names_give(names, fits, fits);
        g_autofree char *alone = given(long_a, long_a);

        g_assert_cmpstr(whole, ==, fits);
        assert_cut(a, start, "");
        assert_cut(b, start, "");
        g_assert_cmpuint(strlen(a), ==, NAMES_MAX);
        g_assert_cmpstr(a, !=, b);
        g_assert_cmpstr(alone, ==, a);
        assert_cut(a_again, "xxx", "~2");
        g_assert_cmpuint(strlen(a_again), ==, NAMES_MAX);
        assert_cut(whole_again, "xxx", "~2");
        g_assert_cmpstr(whole_again, !=, a_again);
}

/* Neither a character nor an escape is torn, wherever the cut falls. */
static void test_cut(void)
{
        static const char *const units[] = { "\u20ac", "\xff", "\U0001f642" };
        static const size_t widths[] = { 3, 3, 4 };

        for (size_t unit = 0; unit < G_N_ELEMENTS(units); unit++) {
                for (size_t shift = 0; shift < 4; shift++) {
                        g_autofree char *ascii = repeat("x", shift);
                        g_autofree char *rest = repeat(units[unit], 200);
                        g_autofree char *full = g_strconcat(ascii, rest, NULL);
                        g_autofree char *name = given(NULL, full);
                        size_t kept = strlen(name) - 17 - shift;

                        assert_cut(name, ascii, "");
                        g_assert_cmpuint(kept % widths[unit], ==, 0);
                        g_assert_cmpuint(strlen(name), >, NAMES_MAX - widths[unit]);
                }
        }
}

/* Were each of them to count from 2 again, this would be 20,000,000,000 look-ups. */
static void test_many(void)
{
        g_autoptr(Names) names = names_new(NULL);
        g_autofree char *last = NULL;

        for (int i = 0; i < 200000; i++) {
                g_free(last);
                last = names_give(names, "oncall", "oncall");
        }
        g_assert_cmpstr(last, ==, "oncall~200000");
}

static void test_is_id(void)
{
        static const char *const ids[] = { "0", "30", "18446744073709551616" };
        static const char *const others[] = { "", "a", "3a", "a3", "-1", "+1", " 1", "1~2", "1." };
        g_autoptr(Names) names = names_new(names_is_id);
        g_autofree char *id = names_give(names, "30", "30");
        g_autofree char *twice = names_give(names, "30", "30");

        for (size_t i = 0; i < G_N_ELEMENTS(ids); i++)
                g_assert_true(names_is_id(ids[i]));
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                g_assert_false(names_is_id(others[i]));
        g_assert_cmpstr(id, ==, "30~2");
        g_assert_cmpstr(twice, ==, "30~3");
}

/* Whatever is asked for: a name that a directory can hold, and that it does not hold yet. */
static void test_any(void)
{
        static const char *const pieces[] = { "a",  ".",    "/",        "%",  "~",    "2",
                                              "",   "info", "\xff",     "\n", "\xe2", "\u20ac",
                                              "~2", "maps", "\xc2\x80", " " };
        g_autoptr(Names) names = names_new(reserves_info_and_maps);
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(GRand) rand = g_rand_new_with_seed(1);

        for (int i = 0; i < 20000; i++) {
                g_autoptr(GString) full = g_string_new(NULL);
                int n = g_rand_int_range(rand, 0, i % 100 == 0 ? 300 : 5);
                char *name;

                for (int j = 0; j < n; j++)
                        g_string_append(full,
                                        pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
                name = names_give(names, g_rand_boolean(rand) ? full->str : NULL, full->str);
                g_assert_cmpuint(strlen(name), >, 0);
                g_assert_cmpuint(strlen(name), <=, NAMES_MAX);
                g_assert_null(strchr(name, '/'));
                g_assert_true(g_utf8_validate(name, -1, NULL));
                for (const char *p = name; *p; p = g_utf8_next_char(p))
                        g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
                g_assert_cmpstr(name, !=, ".");
                g_assert_cmpstr(name, !=, "..");
                g_assert_false(reserves_info_and_maps(name));
                g_assert_true(g_hash_table_add(seen, name));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/names/single", test_single);
        g_test_add_func("/names/duplicates", test_duplicates);
        g_test_add_func("/names/nothing-reserved", test_nothing_reserved);
        g_test_add_func("/names/long", test_long);
        g_test_add_func("/names/cut", test_cut);
        g_test_add_func("/names/many", test_many);
        g_test_add_func("/names/is-id", test_is_id);
        g_test_add_func("/names/any", test_any);
        return g_test_run();
}
