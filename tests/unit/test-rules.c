/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What rules say, what is wrong with them, and for which programs they are. */

#include "rules.h"

#include <string.h>

/* Facts */

/* A program as rules see it. */
typedef struct Fake {
        const char *lines[RULES_FIRST_OF_PROCESS]; /* with newlines between; NULL: none */
        const char *processes[3][RULES_N_OF_PROCESS];
        uint32_t n_processes;
        uint32_t asked[RULES_FIRST_OF_PROCESS]; /* how often */
        char **split[RULES_N_KEYS];
} Fake;

static void fake_clear(Fake *fake)
{
        for (int i = 0; i < RULES_N_KEYS; i++)
                g_strfreev(fake->split[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fake, fake_clear)

static char **split(Fake *fake, int key, const char *text)
{
        g_strfreev(fake->split[key]);
        fake->split[key] = text ? g_strsplit(text, "\n", -1) : g_new0(char *, 1);
        return fake->split[key];
}

static char **lines(void *data, RulesKey key)
{
        Fake *fake = data;

        fake->asked[key]++;
        return split(fake, key, fake->lines[key]);
}

static char **process(void *data, uint32_t index, uint32_t key)
{
        Fake *fake = data;

        return index < fake->n_processes
                       ? split(fake, RULES_FIRST_OF_PROCESS + key, fake->processes[index][key])
                       : NULL;
}

static bool reserved(const char *name)
{
        return strcmp(name, "info") == 0;
}

/* What the rules give: "name=value" each, in order, with blanks between. */
static char *given(const Rules *rules, Fake *fake)
{
        RulesFacts facts = { lines, process, fake };
        g_autoptr(GArray) candidates = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GString *out = g_string_new(NULL);

        rules_candidates(rules, &facts, candidates);
        for (guint i = 0; i < candidates->len; i++) {
                uint32_t index = g_array_index(candidates, uint32_t, i);
                const RulesGift *gift = rules_gift(rules, index);

                if (rules_holds(rules, index, &facts))
                        g_string_append_printf(out, "%s%s=%.*s", out->len ? " " : "",
                                               rules_name(rules, gift->name),
                                               (int)strlen(gift->text) - 1, gift->text);
        }
        return g_string_free(out, FALSE);
}

static Rules *rules_of(const char *text)
{
        g_autoptr(GError) error = NULL;
        Rules *rules = rules_new(reserved);

        rules_add(rules, "f", text, strlen(text), &error);
        g_assert_no_error(error);
        return rules;
}

static void check(const char *text, Fake *fake, const char *expected)
{
        g_autoptr(Rules) rules = rules_of(text);
        g_autofree char *found = given(rules, fake);

        g_assert_cmpstr(found, ==, expected);
}

static void test_patterns(void)
{
        static const struct {
                const char *patterns;
                const char *lines;
                bool match;
        } rows[] = {
                { "sd_*", "sd_devices", true },
                { "sd_*", "xsd_devices", false },
                { "*_ingress", "sd_fw_ingress", true },
                { "sd_fw_?gress", "sd_fw_egress", true },
                { "s*w*s", "sd_fw_egress", true },
                { "sd_devices", "sd_devices", true },
                { "sd_devices", "sd_devices2", false },
                { "a;b ; c", "b", true },
                { "a;b ; c", "c", true },
                { "a;b", "a;b", false },
                { "a\\;b", "a;b", true },
                { "two words", "two words", true },
                { "\xc3\xbc?", "\xc3\xbc\xc3\xa4", true },
                { "*.c", "/x/a.h\n/x/b.c", true },
                { "*.c", "/x/a.h\n/x/b.h", false },
                { "*", "x", true },
                { "*", NULL, false },
                { "", NULL, true },
                { "", "x", false },
                { "sd_*;", NULL, false },
                { "sd_*;;", NULL, true },
                { "sd_*;;", "sd_x", true },
                { "[s]d_*", "sd_x", false },
                { "*", "\xff", false },
        };

        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autofree char *text =
                        g_strdup_printf("[r]\nmatch-name = %s\na = 1\n", rows[i].patterns);
                g_auto(Fake) fake = { .lines[RULES_NAME] = rows[i].lines };

                g_test_message("%s", text);
                check(text, &fake, rows[i].match ? "a=1" : "");
        }
}

/* A pattern whose text is tried at each '*' anew would take hours for these. */
static void test_no_pattern_is_slow(void)
{
        g_autoptr(GString) text = g_string_new("[r]\nmatch-source=");
        g_autofree char *source = g_strnfill(20000, 'a');
        g_auto(Fake) fake = { .lines[RULES_SOURCE] = source };

        for (int i = 0; i < 1000; i++)
                g_string_append(text, "*a?*");
        g_string_append(text, "b\na=1\n");
        check(text->str, &fake, "");
}

static void test_all_keys_have_to_match(void)
{
        static const char text[] = "[r]\nmatch-name=a*\nmatch-type=xdp;tc\nmatch-uid=0\nx=1\n";
        g_auto(Fake)
                fake = { .lines = { [RULES_NAME] = "ab", [RULES_TYPE] = "tc", [RULES_UID] = "0" } };

        check(text, &fake, "x=1");
        fake.lines[RULES_UID] = "1000";
        check(text, &fake, "");
}

static void test_the_first_rule_wins(void)
{
        static const char text[] = "[a]\nmatch-name=x*\no=1\n"
                                   "[b]\nmatch-type=*\no=2\np=3\n"
                                   "[c]\nmatch-name=xy\no=4\np=5\nq=6\n";
        g_auto(Fake) fake = { .lines = { [RULES_NAME] = "xy", [RULES_TYPE] = "tc" } };

        check(text, &fake, "o=1 p=3 q=6");
        fake.lines[RULES_NAME] = "y";
        check(text, &fake, "o=2 p=3");
}

/* What may change is not asked for what can't be given, and does not hide what is behind it. */
static void test_what_may_change(void)
{
        static const char text[] = "[a]\nmatch-name=x\nmatch-pinned=*\no=1\n"
                                   "[b]\nmatch-name=x\no=2\n"
                                   "[c]\nmatch-attached=*\no=3\np=4\n";
        g_auto(Fake) fake = { .lines = { [RULES_NAME] = "x" } };

        check(text, &fake, "o=2");
        fake.lines[RULES_PINNED] = "/sys/fs/bpf/x";
        fake.asked[RULES_ATTACHED] = 0;
        check(text, &fake, "o=1 o=2");
        g_assert_cmpuint(fake.asked[RULES_ATTACHED], ==, 1);
        fake.lines[RULES_NAME] = "y";
        fake.asked[RULES_PINNED] = 0;
        check(text, &fake, "");
        g_assert_cmpuint(fake.asked[RULES_PINNED], ==, 0);
}

static void test_processes(void)
{
        static const char text[] = "[a]\nmatch-comm=agent\nmatch-unit=a.service;b.service\no=1\n";
        g_auto(Fake) fake = { .processes = { { "agent", "c.service" }, { "other", "a.service" } },
                              .n_processes = 2 };

        /* One process has to match all. */
        check(text, &fake, "");
        fake.processes[2][0] = "agent";
        fake.processes[2][1] = "user@1000.service\nb.service";
        fake.n_processes = 3;
        check(text, &fake, "o=1");

        /* One that has nothing, and none at all. */
        fake.processes[2][1] = NULL;
        check("[a]\nmatch-unit=\no=1\n", &fake, "o=1");
        fake.n_processes = 2;
        check("[a]\nmatch-unit=\no=1\n", &fake, "");
        fake.n_processes = 0;
        check("[a]\nmatch-unit=\no=1\n", &fake, "o=1");
        check("[a]\nmatch-unit=*\no=1\n", &fake, "");
}

static void test_what_a_gift_is(void)
{
        g_autoptr(Rules) rules = rules_new(reserved);
        static const char first[] = "# a comment\n\n  [two words]  \r\n match-name = *\r\n"
                                    "oncall = a\\tb \\\\ \xc3\xbc = ; c  \n\n";
        static const char second[] = "[r]\nEncoding = latin\nmatch-name=*\noncall[de]=x";
        g_autoptr(GError) error = NULL;
        const RulesGift *gift;
        uint32_t number;

        rules_add(rules, "/first", first, strlen(first), &error);
        g_assert_no_error(error);
        rules_add(rules, "/sec\nond", second, strlen(second), &error);
        g_assert_no_error(error);
        gift = rules_gift(rules, 0);
        g_assert_cmpstr(gift->text, ==, "a\tb \\\\ \xc3\xbc = ; c\n");
        g_assert_cmpstr(gift->group, ==, "two words");
        g_assert_cmpstr(gift->file, ==, "/first");
        g_assert_cmpuint(gift->line, ==, 5);
        gift = rules_gift(rules, 1);
        g_assert_cmpstr(gift->text, ==, "latin\n");
        g_assert_cmpstr(gift->file, ==, "/sec\\x0aond");
        g_assert_cmpuint(gift->line, ==, 2);
        g_assert_cmpuint(rules_n_names(rules), ==, 3);
        g_assert_cmpstr(rules_name(rules, 2), ==, "oncall[de]");
        g_assert_true(rules_find_name(rules, "Encoding", &number));
        g_assert_cmpuint(number, ==, 1);
        g_assert_false(rules_find_name(rules, "match-name", &number));
}

static void test_faults(void)
{
        static const struct {
                const char *text;
                const char *fault;
        } rows[] = {
                { "\nx\n", "f:2: this is neither a rule's name in brackets, nor a key, = and a "
                           "value, nor a comment that begins with #" },
                { "[r\nx=1", "f:1: this is neither *" },
                { "[r]x\nx=1", "f:1: this is neither *" },
                { "[]\nx=1", "f:1: this is neither *" },
                { "[a\x1b]\nx=1", "f:1: this is neither *" },
                { "=1", "f:1: this is neither *" },
                { "x=1", "f:1: 'x' is in no rule: a rule begins with its name in brackets" },
                { "[r]\nmatch-name=*", "f:1: the rule 'r' gives no name" },
                { "[r]\nx=1\n[s]\nmatch-name=*\nx=1",
                  "f:1: the rule 'r' does not say for which programs it is: write "
                  "'match-type = *' for all" },
                { "[r]\nmatch-nam=*\nx=1",
                  "f:2: 'match-nam' is not known: it can be one of name, type, tag, uid, source, "
                  "attached, pinned, comm, unit, cgroup, container" },
                { "[r]\nmatch-name=*\nx=1\n\n[r]\nmatch-name=*\nx=2",
                  "f:5: the rule 'r' is there already, in line 1" },
                { "[r]\nmatch-name=a\nx=1\nmatch-name=b\n",
                  "f:4: the key 'match-name' is there already, in line 2" },
                { "[r]\nmatch-name=a\nx=1\nx=2\n", "f:4: the key 'x' is there already, in line 3" },
                { "[r]\nmatch-name=a\nx=\n", "f:3: 'x' has no value" },
                { "[r]\nmatch-name=a\nx=\\q\n",
                  "f:3: the value of 'x' has a backslash that means nothing: write \\\\ for one" },
                { "[r]\nmatch-name=a\\\nx=1\n",
                  "f:2: the value of 'match-name' has a backslash *" },
                { "[r]\nmatch-name=a\nx=\x1b[2J\n",
                  "f:3: the value of 'x' has characters that do not print" },
                { "[r]\nmatch-name=a\ninfo=1\n", "f:3: 'info' is the filesystem's own" },
                { "[r]\nmatch-name=a\na/b=1\n", "f:3: 'a/b' cannot be the name of a file" },
                { "[r]\nmatch-name=a\n..=1\n", "f:3: '..' cannot be the name of a file" },
                { "[r]\nmatch-name=a\na%2Fb=1\n", "f:3: 'a%2Fb' cannot be the name of a file" },
                { "[r]\nmatch-name=a\nx=\xff\n", "f:3: this is not UTF-8" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
                g_autoptr(Rules) rules = rules_new(reserved);
                g_autoptr(GError) error = NULL;

                g_assert_false(rules_add(rules, "f", rows[i].text, strlen(rows[i].text), &error));
                g_test_message("%s", error->message);
                g_assert_true(g_pattern_match_simple(rows[i].fault, error->message));
        }
}

static void test_a_nul(void)
{
        g_autoptr(Rules) rules = rules_new(reserved);
        g_autoptr(GError) error = NULL;

        g_assert_false(rules_add(rules, "f", "[r]\n\0", 5, &error));
        g_assert_cmpstr(error->message, ==, "f:2: this is not UTF-8");
}

/* The last that is taken, and one more. */
static void test_limits(void)
{
        static const struct {
                const char *head;
                const char *each; /* with a %u */
                uint32_t limit;
                const char *fault;
        } rows[] = {
                { "", "[%u]\nmatch-name=x\nx=1\n", RULES_MAX, "there are more than 4096 rules" },
                { "[r]\nmatch-name=x\n", "n%u=1\n", RULES_MAX_NAMES,
                  "there are more than 1024 names" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
                for (uint32_t more = 0; more < 2; more++) {
                        g_autoptr(Rules) rules = rules_new(reserved);
                        g_autoptr(GString) text = g_string_new(rows[i].head);
                        g_autoptr(GError) error = NULL;

                        for (uint32_t n = 0; n < rows[i].limit + more; n++) {
                                g_autofree char *number = g_strdup_printf("%u", n);
                                g_auto(GStrv) parts = g_strsplit(rows[i].each, "%u", 2);

                                g_string_append(text, parts[0]);
                                g_string_append(text, number);
                                g_string_append(text, parts[1]);
                        }
                        rules_add(rules, "f", text->str, text->len, &error);
                        if (more == 0)
                                g_assert_no_error(error);
                        else
                                g_assert_true(g_str_has_suffix(error->message, rows[i].fault));
                }
        }
}

static void test_the_longest_text(void)
{
        g_autoptr(GString) text = g_string_new("[r]\nmatch-name=x\nx=1\n#");
        g_autoptr(Rules) rules = rules_new(reserved);
        g_autoptr(GError) error = NULL;

        while (text->len < RULES_MAX_TEXT)
                g_string_append_c(text, 'x');
        g_assert_true(rules_add(rules, "f", text->str, text->len, &error));
        g_string_append_c(text, 'x');
        g_assert_false(rules_add(rules, "g", text->str, text->len, &error));
        g_assert_cmpstr(error->message, ==, "g:1: the file has more than 1048576 bytes");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rules/patterns", test_patterns);
        g_test_add_func("/rules/no-pattern-is-slow", test_no_pattern_is_slow);
        g_test_add_func("/rules/all-keys-have-to-match", test_all_keys_have_to_match);
        g_test_add_func("/rules/the-first-rule-wins", test_the_first_rule_wins);
        g_test_add_func("/rules/what-may-change", test_what_may_change);
        g_test_add_func("/rules/processes", test_processes);
        g_test_add_func("/rules/what-a-gift-is", test_what_a_gift_is);
        g_test_add_func("/rules/faults", test_faults);
        g_test_add_func("/rules/a-nul", test_a_nul);
        g_test_add_func("/rules/limits", test_limits);
        g_test_add_func("/rules/the-longest-text", test_the_longest_text);
        return g_test_run();
}
