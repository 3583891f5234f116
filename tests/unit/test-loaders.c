/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who loaded what, with answers that come when the test wants them to. */

#include "loaders.h"

#include "process.h"

#include <errno.h>
#include <string.h>

#define TICK 10000000ull
#define OFFSET 5

typedef struct Fake {
        GArray *asked;  /* pids (uint32_t); the first question has the number 1 */
        guint heard;    /* how many of them have been heard */
        guint ready;    /* how many of them can be */
        uint64_t start; /* tick in which all processes have started; 0: there is none */
        const char *comm;
        int error;  /* of both calls */
        int waited; /* milliseconds, the longest wait that was asked for */
} Fake;

static int fake_ask(void *data, uint32_t pid, uint32_t *number)
{
        Fake *fake = data;

        if (fake->error < 0)
                return fake->error;
        g_array_append_val(fake->asked, pid);
        *number = fake->asked->len;
        return 0;
}

static int fake_hear(void *data, int wait, uint32_t *number, GByteArray *out)
{
        Fake *fake = data;
        const ProcessText text = { .seen = 1000 * TICK, .tick = TICK };
        g_autofree char *stat = NULL;

        fake->waited = MAX(fake->waited, wait);
        if (fake->error < 0)
                return fake->error;
        if (fake->heard == fake->ready) {
                g_usleep(wait * 1000);
                return -ETIMEDOUT;
        }
        *number = ++fake->heard;
        if (fake->start == 0)
                return 0;
        stat = g_strdup_printf(
                "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %" G_GUINT64_FORMAT,
                fake->start);
        g_byte_array_append(out, (const guint8 *)&text, sizeof(text));
        g_byte_array_append(out, (const guint8 *)"", 1);
        g_byte_array_append(out, (const guint8 *)stat, strlen(stat) + 1);
        g_byte_array_append(out, (const guint8 *)fake->comm, strlen(fake->comm) + 1);
        g_byte_array_append(out, (const guint8 *)"0::/a\n", 7);
        return 0;
}

static const LoadersOps ops = { fake_ask, fake_hear };

typedef struct World {
        Fake fake;
        Loaders *loaders;
} World;

static void set_up(World *world, gconstpointer data)
{
        world->fake = (Fake){ .asked = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                              .start = 100,
                              .comm = "cat" };
        world->loaders = loaders_new(&ops, &world->fake, OFFSET, 0);
}

static void tear_down(World *world, gconstpointer data)
{
        loaders_free(world->loaders);
        g_array_unref(world->fake.asked);
}

/* Well behind the start of all processes. */
#define TIME (102 * TICK)

static uint32_t asked(const World *world, guint index)
{
        return g_array_index(world->fake.asked, uint32_t, index);
}

/* What can be read of the program's loader now, or "nobody". */
static void assert_known(World *world, uint32_t prog, bool settled, const char *wanted)
{
        g_autoptr(Loader) loader = loaders_get(world->loaders, prog);
        g_autoptr(GString) text = g_string_new(NULL);
        const Info *info;

        g_assert_cmpint(loaders_has(world->loaders, prog), ==, loader != NULL);
        if (!loader) {
                g_assert_cmpstr("nobody", ==, wanted);
                return;
        }
        g_assert_cmpint(loader_is_settled(loader), ==, settled);
        info = loader_info(loader);
        for (uint32_t i = 0; i < info_n(info); i++) {
                g_autofree char *line = g_strchomp(g_strdup(info_text(info, i)));

                g_string_append_printf(text, "%s%s", i > 0 ? " " : "", line);
        }
        g_assert_cmpstr(text->str, ==, wanted);
}

static void test_seen(World *world, gconstpointer data)
{
        assert_known(world, 7, false, "nobody");
        loaders_came(world->loaders, 7, 4711, TIME);
        /* An event asks nothing. */
        g_assert_cmpuint(world->fake.asked->len, ==, 0);
        assert_known(world, 7, false, "4711");
        g_assert_true(loaders_follow(world->loaders));
        g_assert_cmpuint(world->fake.asked->len, ==, 1);
        g_assert_cmpuint(asked(world, 0), ==, 4711);
        assert_known(world, 7, false, "4711");
        /* Nor is it asked again. */
        g_assert_true(loaders_follow(world->loaders));
        g_assert_cmpuint(world->fake.asked->len, ==, 1);
        world->fake.ready = 1;
        g_assert_false(loaders_follow(world->loaders));
        assert_known(world, 7, true, "4711 cat /a");
        g_assert_cmpint(world->fake.waited, ==, 0);
        loaders_went(world->loaders, 7);
        assert_known(world, 7, true, "nobody");
        g_assert_false(loaders_follow(world->loaders));
}

/* The pid is another's by now, or may be: its tick is that of the load. */
static void test_other(World *world, gconstpointer data)
{
        loaders_came(world->loaders, 1, 5, 101 * TICK - OFFSET);
        loaders_came(world->loaders, 2, 5, 101 * TICK - OFFSET - 1);
        loaders_came(world->loaders, 3, 5, 99 * TICK);
        world->fake.ready = 1;
        loaders_follow(world->loaders);
        g_assert_false(loaders_follow(world->loaders));
        g_assert_cmpuint(world->fake.asked->len, ==, 1);
        assert_known(world, 1, true, "5 cat /a");
        assert_known(world, 2, true, "5");
        assert_known(world, 3, true, "5");
}

static void test_ended(World *world, gconstpointer data)
{
        loaders_came(world->loaders, 1, 5, TIME);
        world->fake.start = 0;
        world->fake.ready = 1;
        loaders_follow(world->loaders);
        g_assert_false(loaders_follow(world->loaders));
        assert_known(world, 1, true, "5");
}

/* An answer is of the time at which it was asked for: it says nothing of what was loaded later. */
static void test_asked_before(World *world, gconstpointer data)
{
        loaders_came(world->loaders, 1, 5, TIME);
        loaders_follow(world->loaders);
        loaders_came(world->loaders, 2, 5, TIME);
        world->fake.ready = 1;
        g_assert_true(loaders_follow(world->loaders));
        assert_known(world, 1, true, "5 cat /a");
        assert_known(world, 2, false, "5");
        g_assert_cmpuint(world->fake.asked->len, ==, 2);
        world->fake.comm = "dog";
        world->fake.ready = 2;
        loaders_follow(world->loaders);
        assert_known(world, 1, true, "5 cat /a");
        assert_known(world, 2, true, "5 dog /a");
}

/* However many processes load, few questions are under way, and all are asked in the end. */
static void test_many(World *world, gconstpointer data)
{
        const guint n = 10 * LOADERS_MAX_ASKED;

        for (guint i = 1; i <= n; i++) {
                loaders_came(world->loaders, i, 1000 + i / 2, TIME);
                /* Those that go at once are not asked for. */
                loaders_came(world->loaders, n + i, 5000 + i, TIME);
                loaders_went(world->loaders, n + i);
        }
        for (guint i = 0; i < n; i++) {
                g_assert_true(loaders_follow(world->loaders));
                g_assert_cmpuint(world->fake.asked->len - world->fake.heard, <=, LOADERS_MAX_ASKED);
                world->fake.ready = MIN(world->fake.ready + 1, world->fake.asked->len);
                if (world->fake.heard == n / 2)
                        break;
        }
        world->fake.ready = world->fake.asked->len;
        g_assert_false(loaders_follow(world->loaders));
        g_assert_cmpuint(world->fake.asked->len, ==, n / 2 + 1);
        for (guint i = 0; i < world->fake.asked->len; i++)
                g_assert_cmpuint(asked(world, i), <, 5000);
        assert_known(world, n, true, "1040 cat /a");
}

/* Of many programs of one process, there is one text. */
static void test_shared(World *world, gconstpointer data)
{
        const Info *first = NULL;

        for (guint i = 1; i <= 100; i++) {
                g_autoptr(Loader) loader = NULL;

                loaders_came(world->loaders, i, 5, TIME);
                loaders_follow(world->loaders);
                world->fake.ready = i;
                loaders_follow(world->loaders);
                loader = loaders_get(world->loaders, i);
                g_assert_true(i == 1 || loader_info(loader) == first);
                first = loader_info(loader);
        }
}

static void test_waits(World *world, gconstpointer data)
{
        g_autoptr(Loader) loader = NULL;

        loaders_came(world->loaders, 1, 5, TIME);
        loader = loaders_get(world->loaders, 1);
        world->fake.ready = 1;
        /* Nobody has followed, so it is asked now. */
        loaders_wait(world->loaders, loader);
        g_assert_true(loader_is_settled(loader));
        g_assert_cmpint(world->fake.waited, >, 0);
        g_assert_cmpint(world->fake.waited, <=, LOADERS_PATIENCE + 1);
        /* There is nothing more to wait for. */
        world->fake.waited = 0;
        loaders_wait(world->loaders, loader);
        g_assert_cmpint(world->fake.waited, ==, 0);
}

/* Nobody waits again for what did not come in time; when it comes, it is known. */
static void test_late(World *world, gconstpointer data)
{
        g_autoptr(Loader) loader = NULL, other = NULL;

        loaders_came(world->loaders, 1, 5, TIME);
        loaders_came(world->loaders, 2, 6, TIME);
        loader = loaders_get(world->loaders, 1);
        other = loaders_get(world->loaders, 2);
        loaders_wait(world->loaders, loader);
        g_assert_false(loader_is_settled(loader));
        g_assert_cmpint(world->fake.waited, >, 0);
        assert_known(world, 1, false, "5");
        world->fake.waited = 0;
        for (int i = 0; i < 3; i++) {
                loaders_wait(world->loaders, i == 0 ? loader : other);
                g_assert_cmpint(world->fake.waited, ==, 0);
                g_assert_false(loaders_follow(world->loaders));
        }
        world->fake.ready = 2;
        loaders_wait(world->loaders, other);
        assert_known(world, 1, true, "5 cat /a");
        assert_known(world, 2, true, "6 cat /a");
}

/* The one that answers is gone. */
static void test_gone(World *world, gconstpointer data)
{
        for (int i = 0; i < 2; i++) {
                uint32_t prog = 1 + i;

                world->fake.error = 0;
                loaders_came(world->loaders, prog, 5, TIME);
                if (i == 0)
                        loaders_follow(world->loaders);
                world->fake.error = -EPIPE;
                g_assert_false(loaders_follow(world->loaders));
                assert_known(world, prog, true, "5");
        }
        /* What can't be asked now is asked later. */
        world->fake.error = -ETIMEDOUT;
        loaders_came(world->loaders, 3, 5, TIME);
        g_assert_false(loaders_follow(world->loaders));
        assert_known(world, 3, false, "5");
        world->fake.error = 0;
        g_assert_true(loaders_follow(world->loaders));
        g_assert_cmpuint(world->fake.asked->len, ==, 2);
}

/* In another pid namespace it has no number. */
static void test_elsewhere(World *world, gconstpointer data)
{
        loaders_came(world->loaders, 1, 0, TIME);
        loaders_came(world->loaders, 2, UINT32_MAX, TIME);
        g_assert_false(loaders_follow(world->loaders));
        assert_known(world, 1, true, "nobody");
        assert_known(world, 2, true, "nobody");
        g_assert_cmpuint(world->fake.asked->len, ==, 0);
}

/* An old kernel in another time namespace: starts are by another clock than events. */
static void test_clocks(World *world, gconstpointer data)
{
        static const int64_t behind[] = { 5 * TICK, -5 * (int64_t)TICK, INT64_MAX / 2 };

        for (guint i = 0; i < G_N_ELEMENTS(behind); i++) {
                g_autoptr(Loaders) loaders = loaders_new(&ops, &world->fake, OFFSET, behind[i]);
                g_autoptr(Loader) before = NULL, after = NULL;
                uint64_t start = 101 * TICK - OFFSET + (i < 2 ? behind[i] : 0);

                loaders_came(loaders, 1, 5, start);
                loaders_came(loaders, 2, 5, start - 1);
                world->fake.ready = i + 1;
                loaders_follow(loaders);
                loaders_follow(loaders);
                after = loaders_get(loaders, 1);
                before = loaders_get(loaders, 2);
                g_assert_cmpuint(info_n(loader_info(after)), ==, i < 2 ? 3 : 1);
                g_assert_cmpuint(info_n(loader_info(before)), ==, 1);
        }
}

static void test_nobody_to_ask(World *world, gconstpointer data)
{
        g_autoptr(Loaders) loaders = loaders_new(NULL, NULL, 0, 0);
        g_autoptr(Loader) loader = NULL;

        loaders_came(loaders, 1, 5, TIME);
        g_assert_false(loaders_follow(loaders));
        loader = loaders_get(loaders, 1);
        g_assert_true(loader_is_settled(loader));
        g_assert_cmpuint(info_n(loader_info(loader)), ==, 1);
}

static bool is_odd(uint32_t prog, void *data)
{
        return prog % 2 == 1;
}

static void test_compare(World *world, gconstpointer data)
{
        for (guint i = 1; i <= 4; i++)
                loaders_came(world->loaders, i, 5, TIME);
        loaders_compare(world->loaders, is_odd, NULL);
        for (guint i = 1; i <= 4; i++)
                g_assert_cmpint(loaders_has(world->loaders, i), ==, i % 2);
}

/* Readers may still have it when the program has gone, and everything else. */
static void test_kept(World *world, gconstpointer data)
{
        Loaders *loaders = loaders_new(&ops, &world->fake, OFFSET, 0);
        g_autoptr(Loader) seen = NULL, unseen = NULL;

        loaders_came(loaders, 1, 5, TIME);
        loaders_follow(loaders);
        world->fake.ready = 1;
        loaders_follow(loaders);
        loaders_came(loaders, 2, 6, TIME);
        seen = loaders_get(loaders, 1);
        unseen = loaders_get(loaders, 2);
        loaders_went(loaders, 1);
        loaders_free(loaders);
        g_assert_cmpuint(info_n(loader_info(seen)), ==, 3);
        g_assert_cmpuint(info_n(loader_info(unseen)), ==, 1);
}

#define ADD(name, func) g_test_add("/loaders/" name, World, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        ADD("seen", test_seen);
        ADD("other", test_other);
        ADD("ended", test_ended);
        ADD("asked-before", test_asked_before);
        ADD("many", test_many);
        ADD("shared", test_shared);
        ADD("waits", test_waits);
        ADD("late", test_late);
        ADD("gone", test_gone);
        ADD("elsewhere", test_elsewhere);
        ADD("nobody-to-ask", test_nobody_to_ask);
        ADD("clocks", test_clocks);
        ADD("compare", test_compare);
        ADD("kept", test_kept);
        return g_test_run();
}
