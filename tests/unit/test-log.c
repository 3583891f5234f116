/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lines of the log of loads: pairs of hostile text, what is left out in a storm, and programs that
 * lived for a moment. Times are the test's own. */

#include "log-brief.h"
#include "log-budget.h"
#include "log-limit.h"
#include "log-recent.h"
#include "log-text.h"

#include <string.h>

/* Pairs */

static void assert_pair(const char *text, const char *wanted)
{
        g_autoptr(GString) line = g_string_new(NULL);

        log_text_add(line, "key", text);
        g_assert_cmpstr(line->str, ==, wanted);
}

static void test_pairs(void)
{
        g_autoptr(GString) line = g_string_new(NULL);

        log_text_add(line, "event", "load");
        log_text_add(line, "nothing", NULL);
        log_text_add(line, "oncall", "net-team\n");
        log_text_add_number(line, "id", G_MAXUINT64);
        log_text_add_seconds(line, "s", 0);
        log_text_add_seconds(line, "t", UINT64_C(3723042999999));
        g_assert_cmpstr(line->str, ==,
                        "event=load oncall=net-team id=18446744073709551615 s=0.000 t=3723.042");
}

static void test_values(void)
{
        assert_pair("plain\n", "key=plain");
        assert_pair("plain", "key=plain");
        /* Only one newline is not part of the value. */
        assert_pair("a\n\n", "key=a\\x0a");
        assert_pair("", "key=\"\"");
        assert_pair("\n", "key=\"\"");
        assert_pair("net team\n", "key=\"net team\"");
        assert_pair("id=7\n", "key=\"id=7\"");
        assert_pair("say \"hi\"\n", "key=\"say \\x22hi\\x22\"");
        assert_pair("\"\n", "key=\\x22");
        /* What the text of a file has escaped stays. */
        assert_pair("a\\\\b\\x1b[0m\n", "key=a\\\\b\\x1b[0m");
        assert_pair("a\tb\nc\n", "key=a\\x09b\\x0ac");
        assert_pair("Überwachung\n", "key=Überwachung");
}

/* Even if it is no text of a file. */
static void test_any_bytes(void)
{
        assert_pair("\\", "key=\\\\");
        assert_pair("\\x", "key=\\\\x");
        assert_pair("\\\"", "key=\\\\\\x22");
        assert_pair("\\xg0", "key=\\\\xg0");
        assert_pair("\xff\x1b", "key=\\xff\\x1b");
        /* Some readers break lines there. */
        assert_pair("a\xe2\x80\xa8"
                    "b",
                    "key=a\\xe2\\x80\\xa8b");
        for (int byte = 1; byte < 256; byte++) {
                const char text[] = { 'a', byte, ' ', byte, '\0' };
                g_autoptr(GString) line = g_string_new(NULL);
                const char *end;

                log_text_add(line, "key", text);
                g_assert_true(g_str_has_prefix(line->str, "key=\""));
                end = strchr(line->str + 5, '"');
                g_assert_nonnull(end);
                g_assert_cmpstr(end, ==, "\"");
                g_assert_true(g_utf8_validate(line->str, line->len, NULL));
                for (gsize i = 0; i < line->len; i++)
                        g_assert_true(g_ascii_isprint(line->str[i]));
        }
}

static void test_long_values(void)
{
        for (guint n = LOG_TEXT_MAX_VALUE - 5; n < LOG_TEXT_MAX_VALUE + 5; n++) {
                g_autofree char *plain = g_strnfill(n, 'x');
                g_autofree char *cut = g_strnfill(LOG_TEXT_MAX_VALUE, 'x');
                g_autofree char *wanted = n > LOG_TEXT_MAX_VALUE
                                                  ? g_strconcat("key=", cut, "...", NULL)
                                                  : g_strconcat("key=", plain, NULL);

                assert_pair(plain, wanted);
        }
        /* Neither a character nor an escape is cut in two. */
        for (guint n = 0; n < 6; n++) {
                g_autofree char *start = g_strnfill(LOG_TEXT_MAX_VALUE - n, 'x');
                g_autofree char *character = g_strconcat(start, "€€€", NULL);
                g_autofree char *escape = g_strconcat(start, "\\x1b\\x1b\\x1b", NULL);
                g_autofree char *characters =
                        g_strconcat("key=", start, n >= 3 ? "€" : "", "...", NULL);
                g_autofree char *escapes =
                        g_strconcat("key=", start, n >= 4 ? "\\x1b" : "", "...", NULL);

                assert_pair(character, characters);
                assert_pair(escape, escapes);
        }
}

/* Storms */

#define SECOND G_USEC_PER_SEC

static guint take_all(LogLimit *limit, int64_t now, guint n)
{
        guint taken = 0;

        for (guint i = 0; i < n; i++)
                taken += log_limit_take(limit, now, 5);
        return taken;
}

static void assert_end(LogLimit *limit, int64_t now, bool all, const char *wanted)
{
        g_autoptr(GString) line = g_string_new(NULL);

        log_limit_end(limit, now, all, line);
        g_assert_cmpstr(line->str, ==, wanted);
}

static void test_lines_in_a_second(void)
{
        g_autoptr(LogLimit) limit = log_limit_new();
        int64_t now = 5;

        g_assert_cmpuint(take_all(limit, now, LOG_LIMIT_LINES + 10), ==, LOG_LIMIT_LINES);
        g_assert_cmpuint(take_all(limit, now + SECOND - 1, 10), ==, 0);
        g_assert_cmpuint(take_all(limit, now + SECOND, 10), ==, 10);
        /* A second begins with its first line. */
        now += 10 * SECOND;
        g_assert_cmpuint(take_all(limit, now, 10), ==, 10);
        g_assert_cmpuint(take_all(limit, now + SECOND / 2, LOG_LIMIT_LINES), ==,
                         LOG_LIMIT_LINES - 10);
        /* Nothing was said to be left out. */
        g_assert_cmpint(log_limit_due(limit), ==, -1);
        assert_end(limit, now + 10 * SECOND, true, "");
}

/* A storm of one process leaves lines for others, but not for any number of them. */
static void test_lines_of_others(void)
{
        g_autoptr(LogLimit) limit = log_limit_new();
        guint taken = 0;

        g_assert_true(log_limit_is_first(limit, 1, 5));
        take_all(limit, 1, LOG_LIMIT_LINES + 10);
        g_assert_false(log_limit_is_first(limit, 2, 5));
        g_assert_true(log_limit_is_first(limit, 1 + SECOND, 5));
        for (guint i = 0; i < LOG_LIMIT_FEW; i++) {
                g_assert_true(log_limit_is_first(limit, 2, 6));
                g_assert_true(log_limit_take(limit, 2, 6));
        }
        g_assert_false(log_limit_is_first(limit, 2, 6));
        g_assert_false(log_limit_take(limit, 2, 6));
        g_assert_true(log_limit_take(limit, 2, 0));
        for (uint32_t pid = 100; pid < 100 + LOG_LIMIT_ALL_LINES; pid++)
                taken += log_limit_take(limit, 3, pid);
        g_assert_cmpuint(taken, ==, LOG_LIMIT_ALL_LINES - LOG_LIMIT_LINES - LOG_LIMIT_FEW - 1);
        g_assert_false(log_limit_is_first(limit, 3, 99));
        g_assert_true(log_limit_take(limit, 1 + SECOND, 5));
}

static void test_sums(void)
{
        g_autoptr(LogLimit) limit = log_limit_new();
        int64_t now = 7 * SECOND;

        for (int i = 0; i < 1000; i++)
                log_limit_leave_out(limit, now + i, 1, 1, "storm maker\n");
        for (int i = 0; i < 204; i++)
                log_limit_leave_out(limit, now + i, 1, 1, i % 2 ? "other\n" : NULL);
        g_assert_cmpint(log_limit_due(limit), ==, now + SECOND);
        assert_end(limit, now + SECOND - 1, false, "");
        assert_end(limit, now + SECOND, false,
                   "event=storm loads=1204 unloads=1204 in_s=1.000 most_by_comm=\"storm maker\" "
                   "most=2000");
        /* The next one begins anew. */
        g_assert_cmpint(log_limit_due(limit), ==, -1);
        assert_end(limit, now + 3 * SECOND, true, "");
        log_limit_leave_out(limit, now + 4 * SECOND, 0, 1, NULL);
        assert_end(limit, now + 4 * SECOND + SECOND / 4, true,
                   "event=storm loads=0 unloads=1 in_s=0.250");
}

static void test_many_names(void)
{
        g_autoptr(LogLimit) limit = log_limit_new();

        for (int i = 0; i < 3 * (int)LOG_LIMIT_COMMS; i++) {
                g_autofree char *comm = g_strdup_printf("%d", i);

                log_limit_leave_out(limit, 1, 1, 0, comm);
                log_limit_leave_out(limit, 1, 2, 0, "3");
        }
        assert_end(limit, 1 + SECOND, false,
                   "event=storm loads=576 unloads=0 in_s=1.000 most_by_comm=3 most=385");
}

/* The time for looks */

static void test_budget(void)
{
        LogBudget budget = log_budget(5, 1000, 7);

        g_assert_true(log_budget_has(&budget, 7));
        g_assert_cmpint(log_budget_due(&budget), <=, 7);
        log_budget_spend(&budget, 1000);
        g_assert_false(log_budget_has(&budget, 11));
        g_assert_cmpint(log_budget_due(&budget), ==, 12);
        g_assert_true(log_budget_has(&budget, 12));
        /* What was begun has to be ended, and is made up for. */
        log_budget_spend(&budget, 201);
        g_assert_cmpint(log_budget_due(&budget), ==, 12 + 201 * 5);
        g_assert_false(log_budget_has(&budget, 11 + 201 * 5));
        g_assert_true(log_budget_has(&budget, 12 + 201 * 5));
        /* However long the pause is, only so much is saved. */
        g_assert_true(log_budget_has(&budget, 1000 * SECOND));
        log_budget_spend(&budget, 1000);
        g_assert_false(log_budget_has(&budget, 1000 * SECOND));
}

/* However often it is asked. */
static void test_budget_of_a_second(void)
{
        LogBudget budget = log_budget(20, 100, 0);
        int64_t spent = 0;

        for (int64_t now = 0; now < SECOND; now += 3) {
                if (!log_budget_has(&budget, now))
                        continue;
                log_budget_spend(&budget, 7);
                spent += 7;
        }
        g_assert_cmpint(spent, >=, SECOND / 20);
        g_assert_cmpint(spent, <=, SECOND / 20 + 100 + 7);
}

/* Brief programs */

static void assert_brief(LogBrief *brief, int64_t now, bool all, guint n_wanted, const char *wanted)
{
        guint n = 0;
        uint32_t pid = 0;
        g_autofree char *line = log_brief_end(brief, now, all, &n, &pid);

        g_assert_cmpstr(line, ==, wanted);
        g_assert_cmpuint(n, ==, n_wanted);
}

static void test_brief(void)
{
        g_autoptr(LogBrief) brief = log_brief_new();

        g_assert_cmpint(log_brief_due(brief), ==, -1);
        assert_brief(brief, 0, true, 0, NULL);
        g_assert_true(log_brief_add(brief, 10, 5, "pid=5", 101, "aa"));
        g_assert_true(log_brief_add(brief, 20, 6, "pid=6 comm=x", 102, "bb"));
        g_assert_true(log_brief_add(brief, 30, 5, "pid=5 comm=bpftool", 103, "cc"));
        g_assert_true(log_brief_add(brief, 40, 5, "pid=5", 104, "dd"));
        g_assert_true(log_brief_add(brief, 50, 0, "", 105, ""));
        g_assert_cmpint(log_brief_due(brief), ==, 10 + SECOND);
        assert_brief(brief, 9 + SECOND, false, 0, NULL);
        assert_brief(brief, 10 + SECOND, false, 3,
                     "event=brief programs=3 ids=101,103,104 tags=aa,cc,dd pid=5 comm=bpftool");
        assert_brief(brief, 10 + SECOND, false, 0, NULL);
        assert_brief(brief, 20 + SECOND, true, 1,
                     "event=brief programs=1 ids=102 tags=bb pid=6 comm=x");
        assert_brief(brief, 20 + SECOND, true, 1, "event=brief programs=1 ids=105 tags=\"\"");
        assert_brief(brief, 20 + SECOND, true, 0, NULL);
}

static void test_many_brief(void)
{
        g_autoptr(LogBrief) brief = log_brief_new();

        for (uint32_t i = 1; i <= 20; i++)
                g_assert_true(log_brief_add(brief, 1, 5, "pid=5", i, "aa"));
        for (uint32_t i = 1; i < LOG_BRIEF_PROCESSES; i++)
                g_assert_true(log_brief_add(brief, 1, 10 + i, "", i, "aa"));
        g_assert_false(log_brief_add(brief, 1, 10, "", 1, "aa"));
        g_assert_true(log_brief_add(brief, 1, 5, "pid=5", 21, "aa"));
        assert_brief(brief, 1 + SECOND, false, 21,
                     "event=brief programs=21 ids=1,2,3,4,5,6,7,8,... "
                     "tags=aa,aa,aa,aa,aa,aa,aa,aa,... pid=5");
}

/* Processes of a moment ago */

static void assert_recent(const LogRecent *recent, uint32_t pid, uint64_t time, const char *wanted,
                          uint64_t age)
{
        const char *process = NULL, *comm = NULL;
        uint64_t found = 0;

        g_assert_cmpint(log_recent_find(recent, pid, time, &process, &comm, &found), ==,
                        wanted != NULL);
        g_assert_cmpstr(process, ==, wanted);
        g_assert_cmpstr(comm, ==, wanted ? "x" : NULL);
        g_assert_cmpuint(found, ==, age);
}

static void test_recent(void)
{
        g_autoptr(LogRecent) recent = log_recent_new();

        assert_recent(recent, 5, 100, NULL, 0);
        assert_recent(recent, 0, 100, NULL, 0);
        log_recent_add(recent, 5, 100, "pid=5", "x");
        assert_recent(recent, 5, 100, "pid=5", 0);
        assert_recent(recent, 5, 130, "pid=5", 30);
        /* What is known later says nothing. */
        assert_recent(recent, 5, 99, NULL, 0);
        assert_recent(recent, 5, 100 + LOG_RECENT_NS, "pid=5", LOG_RECENT_NS);
        assert_recent(recent, 5, 101 + LOG_RECENT_NS, NULL, 0);
        assert_recent(recent, 6, 100, NULL, 0);
        log_recent_add(recent, 5, 200, "later", "x");
        assert_recent(recent, 5, 100, NULL, 0);
        assert_recent(recent, 5, 201, "later", 1);
        for (uint32_t pid = 6; pid < 6 + LOG_RECENT_PROCESSES; pid++) {
                assert_recent(recent, 5, 201, "later", 1);
                log_recent_add(recent, pid, 200, "other", "x");
        }
        assert_recent(recent, 5, 201, NULL, 0);
        assert_recent(recent, 6, 201, "other", 1);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/log/pairs", test_pairs);
        g_test_add_func("/log/values", test_values);
        g_test_add_func("/log/any-bytes", test_any_bytes);
        g_test_add_func("/log/long-values", test_long_values);
        g_test_add_func("/log/lines-in-a-second", test_lines_in_a_second);
        g_test_add_func("/log/lines-of-others", test_lines_of_others);
        g_test_add_func("/log/sums", test_sums);
        g_test_add_func("/log/many-names", test_many_names);
        g_test_add_func("/log/budget", test_budget);
        g_test_add_func("/log/budget-of-a-second", test_budget_of_a_second);
        g_test_add_func("/log/brief", test_brief);
        g_test_add_func("/log/many-brief", test_many_brief);
        g_test_add_func("/log/recent", test_recent);
        return g_test_run();
}
