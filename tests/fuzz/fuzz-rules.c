/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any two files of rules, and a program that says of itself what stands between them. */

#include "rules.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char **lines(void *data, RulesKey key)
{
        return data;
}

static char **process(void *data, uint32_t index, uint32_t key)
{
        return index < 2 ? data : NULL;
}

static bool reserved(const char *name)
{
        return strcmp(name, "info") == 0 || strcmp(name, "maps") == 0;
}

/* It goes to a terminal. */
static void check_error(const GError *error)
{
        g_assert_true(g_str_has_prefix(error->message, "f:"));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        for (const char *c = error->message; *c; c = g_utf8_next_char(c))
                g_assert_true(g_unichar_isprint(g_utf8_get_char(c)));
}

static void check_gift(const Rules *rules, const RulesGift *gift)
{
        const char *name = rules_name(rules, gift->name);
        uint32_t number;

        g_assert_true(rules_find_name(rules, name, &number));
        g_assert_cmpuint(number, ==, gift->name);
        g_assert_false(reserved(name));
        g_assert_null(strchr(name, '/'));
        g_assert_cmpuint(strlen(name), <=, NAMES_MAX);
        g_assert_true(g_str_has_suffix(gift->text, "\n"));
        g_assert_cmpuint(strlen(gift->text), >, 1);
        g_assert_cmpuint(gift->line, >, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        size_t first = size / 3, second = size / 3 * 2;
        g_autofree char *middle = g_strndup(text + first, second - first);
        g_auto(GStrv) said = g_strsplit(middle, "\n", -1);
        RulesFacts facts = { lines, process, said };
        g_autoptr(Rules) rules = rules_new(reserved);
        g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(GError) error = NULL;

        if (!rules_add(rules, "f", text, first, &error) ||
            !rules_add(rules, "f", text + second, size - second, &error)) {
                check_error(error);
                return 0;
        }
        rules_candidates(rules, &facts, candidates);
        for (guint i = 0; i < candidates->len; i++) {
                uint32_t index = g_array_index(candidates, uint32_t, i);

                g_assert_true(i == 0 || index > g_array_index(candidates, uint32_t, i - 1));
                check_gift(rules, rules_gift(rules, index));
                rules_holds(rules, index, &facts);
        }
        return 0;
}
