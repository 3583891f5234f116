/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From the texts in /proc to what is shown of a process. */

#include "process.h"

#include <errno.h>
#include <string.h>

#define MS 1000000ull
#define TICK (10 * MS)

/* What process_look() would find. */
static GByteArray *make(uint64_t seen, const char *schedstat, const char *stat, const char *comm,
                        const char *cgroup)
{
        GByteArray *bytes = g_byte_array_new();
        const ProcessText text = { .seen = seen, .tick = TICK };
        const char *const texts[] = { schedstat, stat, comm, cgroup };

        g_byte_array_append(bytes, (const guint8 *)&text, sizeof(text));
        for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
                g_byte_array_append(bytes, (const guint8 *)texts[i], strlen(texts[i]) + 1);
        return bytes;
}

/* A stat whose process is called @comm and has started in the tick @start. */
static char *stat_of(const char *comm, const char *start)
{
        return g_strdup_printf(
                "4711 (%s) S 1 2 3 0 -1 4194304 5 6 7 8 9 10 11 12 20 0 1 0 %s 14 15", comm, start);
}

static void assert_lived(const char *schedstat, uint64_t seen, uint64_t older)
{
        g_autofree char *stat = stat_of("cat", "100");
        g_autoptr(GByteArray) bytes = make(seen, schedstat, stat, "cat\n", "0::/a\n");
        ProcessSeen found;

        g_assert_cmpint(process_read(bytes->data, bytes->len, &found), ==, 0);
        g_assert_cmpuint(found.start, ==, 100 * TICK);
        g_assert_cmpuint(found.until, ==, 101 * TICK);
        g_assert_cmpuint(found.older, ==, older);
        g_assert_cmpstr(found.comm, ==, "cat\n");
        g_assert_cmpstr(found.cgroup, ==, "0::/a\n");
}

/* What it has run and waited shows that it is at least that old, and nothing makes it younger. */
static void test_start(void)
{
        const uint64_t seen = 300 * TICK;

        assert_lived("", seen, seen);
        assert_lived("0 0 0\n", seen, seen);
        assert_lived("1024000 1024000 7\n", seen, seen - 2 * 1023000);
        assert_lived("2048000000 0 7\n", seen, seen - 2046 * MS);
        assert_lived("99999999999999999999999 0 7\n", seen, seen);
        assert_lived("nonsense", seen, seen);
}

static void test_was_there(void)
{
        g_autofree char *stat = stat_of("cat", "100");
        /* It is certainly older than 150 ticks since boot, by the one clock. */
        g_autoptr(GByteArray) bytes = make(150 * TICK + 1023000, "1024000 0 1", stat, "cat\n", "");
        const int64_t tick = TICK;
        ProcessSeen found;

        g_assert_cmpint(process_read(bytes->data, bytes->len, &found), ==, 0);
        g_assert_true(process_was_there(&found, 101 * TICK, 0));
        g_assert_true(process_was_there(&found, UINT64_MAX, 0));
        g_assert_false(process_was_there(&found, 101 * TICK - 1, 0));
        g_assert_false(process_was_there(&found, 0, 0));
        /* And by the other. */
        g_assert_true(process_was_there(&found, 111 * TICK, 10 * tick));
        g_assert_false(process_was_there(&found, 111 * TICK - 1, 10 * tick));
        g_assert_true(process_was_there(&found, 91 * TICK, -10 * tick));
        g_assert_false(process_was_there(&found, 91 * TICK - 1, -10 * tick));
        g_assert_true(process_was_there(&found, 150 * TICK, INT64_MAX / 2));
        g_assert_false(process_was_there(&found, 150 * TICK - 1, INT64_MAX / 2));
}

/* A process is called what it likes. */
static void test_names(void)
{
        static const char *const names[] = {
                "", ")", "a) S 1 2 3", "(", "a (b)", "1 2 3 4 5 6 7", "x\\ny", "\xff)",
        };

        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *stat = stat_of(names[i], "100");
                g_autoptr(GByteArray) bytes = make(200 * TICK, "", stat, names[i], "0::/\n");
                ProcessSeen found;

                g_assert_cmpint(process_read(bytes->data, bytes->len, &found), ==, 0);
                g_assert_cmpuint(found.start, ==, 100 * TICK);
        }
}

static void test_broken(void)
{
        g_autofree char *good = stat_of("cat", "100");
        g_autofree char *letters = stat_of("cat", "x");
        g_autofree char *negative = stat_of("cat", "-1");
        g_autofree char *zero = stat_of("cat", "0");
        g_autofree char *late = stat_of("cat", "18446744073709551615");
        const char *const stats[] = {
                "", "4711", "4711 (cat) S 1 2", letters, negative, zero, late
        };
        g_autoptr(GByteArray) whole = make(200 * TICK, "1 2 3", good, "cat\n", "0::/\n");
        ProcessSeen found;

        for (guint i = 0; i < G_N_ELEMENTS(stats); i++) {
                g_autoptr(GByteArray) bytes = make(200 * TICK, "", stats[i], "cat\n", "0::/\n");

                g_assert_cmpint(process_read(bytes->data, bytes->len, &found), ==, -EPROTO);
        }
        /* From the last byte on, something is missing. */
        for (guint size = 0; size < whole->len; size++) {
                g_autofree guint8 *part = g_malloc(size + 1);

                memcpy(part, whole->data, size);
                g_assert_cmpint(process_read(part, size, &found), ==, -EPROTO);
        }
        g_assert_cmpint(process_read(whole->data, whole->len, &found), ==, 0);
        memset(whole->data + offsetof(ProcessText, tick), 0, sizeof(uint64_t));
        g_assert_cmpint(process_read(whole->data, whole->len, &found), ==, -EPROTO);
}

/* All of it as "key=text" lines. */
static char *shown(const char *comm, const char *cgroup)
{
        const ProcessSeen seen = { .comm = comm, .cgroup = cgroup };
        g_autoptr(Info) info = process_info(4711, comm ? &seen : NULL);
        GString *text = g_string_new(NULL);

        for (uint32_t i = 0; i < info_n(info); i++)
                g_string_append_printf(text, "%s=%s", info_key(info, i), info_text(info, i));
        return g_string_free(text, FALSE);
}

static void assert_shown(const char *comm, const char *cgroup, const char *wanted)
{
        g_autofree char *text = shown(comm, cgroup);

        g_assert_cmpstr(text, ==, wanted);
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_info(void)
{
        assert_shown(NULL, NULL, "pid=4711\n");
        assert_shown("cat\n", "", "pid=4711\ncomm=cat\n");
        assert_shown("", "0::/\n", "pid=4711\ncomm=\ncgroup=/\n");
        assert_shown("cat\n", "0::/system.slice/sshd.service\n",
                     "pid=4711\ncomm=cat\ncgroup=/system.slice/sshd.service\nunit=sshd.service\n");
        assert_shown("cat\n", "0::/user.slice/user@1.service/app.slice/a.service\n",
                     "pid=4711\ncomm=cat\ncgroup=/user.slice/user@1.service/app.slice/a.service\n"
                     "unit=user@1.service\nuser_unit=a.service\n");
        assert_shown("cat\n", "0::/docker/" ID "\n",
                     "pid=4711\ncomm=cat\ncgroup=/docker/" ID "\ncontainer=" ID "\n");
        assert_shown("\n\\\x1b[2J\n", "0::/a\x1b\\b\n",
                     "pid=4711\ncomm=\\x0a\\\\\\x1b[2J\ncgroup=/a\\x1b\\\\b\n");
        /* A line that was cut is not taken for a whole one. */
        assert_shown("cat\n", "0::/a.service", "pid=4711\ncomm=cat\n");
        assert_shown("cat\n", "1:name=systemd:/a.service\n0::/b.serv",
                     "pid=4711\ncomm=cat\ncgroup=/a.service\nunit=a.service\n");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/process/start", test_start);
        g_test_add_func("/process/was-there", test_was_there);
        g_test_add_func("/process/names", test_names);
        g_test_add_func("/process/broken", test_broken);
        g_test_add_func("/process/info", test_info);
        return g_test_run();
}
