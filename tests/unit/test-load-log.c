/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The log of loads among programs that come, go and can't be looked at when the test wants them
 * to. */

#include "fake.h"
#include "load-log.h"
#include "log-pace.h"

#include <syslog.h>

typedef struct World {
        Fake fake;
        Catalog *catalog;
        LoadLog *log;
        GString *lines; /* that were put */
        int priority;   /* of the last */
        bool refuses;
} World;

static bool put(void *data, int priority, const char *line)
{
        World *world = data;

        if (world->refuses)
                return false;
        g_string_append_printf(world->lines, "%s\n", line);
        world->priority = priority;
        return true;
}

static const LogOutOps ops = { put };

static int follow(World *world)
{
        contents_begin(catalog_contents(world->catalog));
        return load_log_follow(world->log);
}

/* Follows until nothing waits. */
static void follow_all(World *world)
{
        int wait;

        while ((wait = follow(world)) >= 0)
                g_usleep(wait * 1000);
        g_assert_cmpint(wait, ==, -1);
}

/* What was put since the last call. */
static void assert_lines(World *world, const char *wanted)
{
        g_assert_cmpstr(world->lines->str, ==, wanted);
        g_string_truncate(world->lines, 0);
}

static void set_up(World *world, gconstpointer data)
{
        fake_init(&world->fake, false);
        world->catalog = catalog_new(&world->fake.source, 1 << 20, true);
        layout_init(world->catalog);
        world->lines = g_string_new(NULL);
        world->log = load_log_new(world->catalog, layout_metadata_reserved(), 0, &ops, world);
        load_log_compare(world->log);
        follow_all(world);
        assert_lines(world, "event=start programs=3\n");
}

static void tear_down(World *world, gconstpointer data)
{
        g_clear_pointer(&world->log, load_log_free);
        g_assert_null(world->fake.source.counted);
        catalog_free(world->catalog);
        fake_clear(&world->fake);
        g_string_free(world->lines, TRUE);
}

static uint64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_BOOTTIME, &time);
        return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

/* The time of a load for which even a busy machine is fast. */
static uint64_t later(void)
{
        return now() + 60 * UINT64_C(1000000000);
}

static const uint8_t tag[] = { 0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff };

static void load_by(World *world, uint32_t pid, uint32_t id, uint64_t time)
{
        world->fake.n_progs = MAX(world->fake.n_progs, id);
        load_log_came(world->log, id, pid, time, tag, sizeof(tag));
}

static void load(World *world, uint32_t id, uint64_t time)
{
        load_by(world, 4711, id, time);
}

static void test_load(World *world, gconstpointer data)
{
        load(world, 4, now());
        /* An event looks at nothing and writes nothing. */
        world->fake.n_fixed = 0;
        assert_lines(world, "");
        /* Where looks took long just before, they rest. */
        while (world->fake.n_fixed == 0) {
                int wait = follow(world);

                g_assert_cmpint(wait, >, 0);
                if (world->fake.n_fixed == 0)
                        g_usleep(wait * 1000);
        }
        g_assert_cmpuint(world->fake.n_fixed, ==, 1);
        /* Its loader is at work on its maps: see kernel-arrays.h. */
        g_assert_cmpuint(world->fake.n_looks_at_maps, ==, 0);
        follow_all(world);
        assert_lines(world, "event=load id=4 tag=00010203fcfdfeff\n");
        g_assert_cmpint(world->priority, ==, LOG_INFO);
        /* Told twice. */
        load(world, 4, now());
        follow_all(world);
        assert_lines(world, "");
}

static void test_unload(World *world, gconstpointer data)
{
        load_log_went(world->log, 2, now());
        assert_lines(world, "");
        follow_all(world);
        g_assert_true(g_str_has_prefix(world->lines->str, "event=unload id=2"));
        g_string_truncate(world->lines, 0);
        /* Told twice, and of one that is not known. */
        load_log_went(world->log, 2, now());
        load_log_went(world->log, 7, now());
        follow_all(world);
        assert_lines(world, "");
}

/* Before its line is due, and long after its load. */
static void test_both(World *world, gconstpointer data)
{
        load(world, 4, 1000000);
        follow(world);
        load_log_went(world->log, 4, now());
        follow_all(world);
        g_assert_true(g_str_has_prefix(world->lines->str,
                                       "event=load id=4 tag=00010203fcfdfeff\nevent=unload id=4 "
                                       "tag=00010203fcfdfeff lived_s="));
        g_string_truncate(world->lines, 0);
}

static void test_brief(World *world, gconstpointer data)
{
        load(world, 4, later());
        load_log_went(world->log, 4, now());
        load(world, 5, later());
        follow(world);
        load_log_went(world->log, 5, now());
        follow_all(world);
        assert_lines(world, "event=brief programs=2 ids=4,5 "
                            "tags=00010203fcfdfeff,00010203fcfdfeff\n");
}

/* The daemon had no CPU for a while: what happened meanwhile has its own times. */
static void test_late(World *world, gconstpointer data)
{
        uint64_t loaded = now() - 5 * UINT64_C(1000000000);

        load(world, 4, loaded);
        load_log_went(world->log, 4, loaded + 1000000);
        load(world, 5, loaded);
        load_log_went(world->log, 5, loaded + 2042 * UINT64_C(1000000));
        follow_all(world);
        assert_lines(world, "event=load id=5 tag=00010203fcfdfeff\n"
                            "event=unload id=5 tag=00010203fcfdfeff lived_s=2.042\n"
                            "event=brief programs=1 ids=4 tags=00010203fcfdfeff\n");
}

/* Nothing is known of it but what the event tells. */
static void test_unreadable(World *world, gconstpointer data)
{
        world->fake.prog_error[4] = -EPERM;
        load(world, 4, now());
        follow_all(world);
        assert_lines(world, "event=load id=4 tag=00010203fcfdfeff\n");
}

/* Events were lost. */
static void test_compare(World *world, gconstpointer data)
{
        world->fake.n_progs = 4;
        world->fake.vanished = 1;
        load_log_compare(world->log);
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, "event=load id=4\n"));
        g_assert_nonnull(strstr(world->lines->str, "event=unload id=1"));
        g_assert_nonnull(strstr(world->lines->str, "event=gap\n"));
        g_assert_null(strstr(world->lines->str, "id=2"));
        g_string_truncate(world->lines, 0);
        /* Of a moment in which the kernel can't be asked, nothing is concluded. */
        world->fake.next_error = -EAGAIN;
        load_log_compare(world->log);
        follow(world);
        world->fake.next_error = 0;
        follow_all(world);
        g_assert_null(strstr(world->lines->str, "load"));
        g_string_truncate(world->lines, 0);
}

static void test_counts(World *world, gconstpointer data)
{
        const SourceCounts counts = { .run_time_ns = 12, .run_cnt = 3 }, none = { 0 };

        load(world, 4, now());
        load(world, 5, now());
        follow_all(world);
        world->fake.source.counted(4, &counts, world->fake.source.counted_data);
        world->fake.source.counted(5, &none, world->fake.source.counted_data);
        world->fake.source.counted(77, &counts, world->fake.source.counted_data);
        g_string_truncate(world->lines, 0);
        load_log_went(world->log, 4, now());
        load_log_went(world->log, 5, now());
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, " run_time_ns=12 run_cnt=3 run_age_s="));
        g_assert_null(strstr(strstr(world->lines->str, "id=5"), "run_"));
        g_string_truncate(world->lines, 0);
}

static void test_events_end(World *world, gconstpointer data)
{
        load(world, 4, now());
        load_log_stop(world->log, -EPIPE);
        assert_lines(world, "");
        follow_all(world);
        assert_lines(world, "event=load id=4 tag=00010203fcfdfeff\n"
                            "event=stop error=\"Broken pipe\"\n");
        load(world, 5, now());
        load_log_went(world->log, 3, now());
        follow_all(world);
        load_log_free(g_steal_pointer(&world->log));
        assert_lines(world, "");
}

static void test_nobody_takes_lines(World *world, gconstpointer data)
{
        int wait = 0;

        world->refuses = true;
        load(world, 4, now());
        load(world, 5, now());
        while (wait >= 0) {
                g_usleep(wait * 1000);
                wait = follow(world);
        }
        g_assert_cmpint(wait, ==, -EPIPE);
        world->refuses = false;
        load(world, 6, now());
        load_log_went(world->log, 3, now());
        g_assert_cmpint(follow(world), ==, -1);
        load_log_free(g_steal_pointer(&world->log));
        assert_lines(world, "");
}

/* What events mean for it. */
static void test_events(World *world, gconstpointer data)
{
        Watch *watch = (Watch *)&world->fake;

        world->fake.n_progs = 4;
        fake_event(&world->fake, 4);
        fake_event(&world->fake, -4);
        fake_event(&world->fake, -3);
        g_assert_cmpint(events_take(watch, world->catalog, world->log, NULL), ==, 0);
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, "event=load id=4\n"));
        g_assert_nonnull(strstr(world->lines->str, "event=unload id=4"));
        g_assert_nonnull(strstr(world->lines->str, "event=unload id=3"));
        g_assert_null(strstr(world->lines->str, "gap"));
        g_string_truncate(world->lines, 0);
        world->fake.lost = true;
        events_take(watch, world->catalog, world->log, NULL);
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, "event=gap\n"));
        g_string_truncate(world->lines, 0);
        world->fake.broken = -EPIPE;
        g_assert_cmpint(events_take(watch, world->catalog, world->log, NULL), ==, -EPIPE);
        follow_all(world);
        assert_lines(world, "event=stop error=\"Broken pipe\"\n");
}

/* What waits at the end is written. */
static void test_end(World *world, gconstpointer data)
{
        load(world, 4, 1);
        load_log_went(world->log, 3, now());
        load(world, 5, now());
        load_log_went(world->log, 5, now());
        load_log_free(g_steal_pointer(&world->log));
        g_assert_true(g_str_has_prefix(world->lines->str, "event=load id=4"));
        g_assert_nonnull(strstr(world->lines->str, "event=unload id=3"));
        g_assert_true(g_str_has_suffix(world->lines->str,
                                       "event=brief programs=1 ids=5 tags=00010203fcfdfeff\n"
                                       "event=stop\n"));
}

static void test_storm(World *world, gconstpointer data)
{
        guint n = LOAD_LOG_WAITING + 100;
        char *storm;

        /* Of those that are not there, nothing is asked twice. */
        for (uint32_t id = 10; id < 10 + n; id++)
                load_log_came(world->log, id, 4711, later(), tag, sizeof(tag));
        for (uint32_t id = 10; id < 10 + n; id++)
                load_log_went(world->log, id, now());
        follow_all(world);
        storm = strstr(world->lines->str, "event=storm loads=100 unloads=100 ");
        g_assert_nonnull(storm);
        storm = strstr(world->lines->str, "event=brief programs=4096 ids=10,11,12,");
        g_assert_nonnull(storm);
        g_string_truncate(world->lines, 0);
}

/* Those that were there before and one that comes are looked at side by side. */
static void test_old_and_new(World *world, gconstpointer data)
{
        load_log_free(world->log);
        g_string_truncate(world->lines, 0);
        world->log = load_log_new(world->catalog, layout_metadata_reserved(), 0, &ops, world);
        load_log_compare(world->log);
        /* One such look in a go. */
        world->fake.look_time = LOG_PACE_GO + 100;
        load(world, 4, now());
        follow_all(world);
        assert_lines(world, "event=start programs=4\nevent=load id=4 tag=00010203fcfdfeff\n");
}

/* A process loads more programs than there is time to look at. That costs another one no facts, and
 * those of its own that stay are looked at later. */
static void test_looks_in_a_storm(World *world, gconstpointer data)
{
        uint32_t last = MAX_PROGS - 1;
        g_autofree char *wanted = g_strdup_printf("event=load id=%u type=xdp\n", last);

        world->fake.type = "xdp";
        /* Looks at those before the last one would take longer than its line waits. */
        world->fake.look_time = 3000;
        for (uint32_t id = 4; id < last; id++)
                load(world, id, now());
        load_by(world, 42, last, now());
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, wanted));
        g_string_truncate(world->lines, 0);
        for (uint32_t id = 4; id < last; id++)
                load_log_went(world->log, id, now());
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, " type=xdp"));
        g_assert_null(strstr(world->lines->str, " tag="));
        g_string_truncate(world->lines, 0);
}

/* Those for which there was no room when they came are looked at as well. */
static void test_left_out(World *world, gconstpointer data)
{
        world->fake.type = "xdp";
        for (uint32_t id = 1000; id < 1000 + LOAD_LOG_WAITING; id++)
                load_log_came(world->log, id, 4711, now(), tag, sizeof(tag));
        load_by(world, 42, 4, now());
        follow_all(world);
        g_assert_null(strstr(world->lines->str, "event=load id=4 "));
        g_string_truncate(world->lines, 0);
        load_log_went(world->log, 4, now());
        follow_all(world);
        g_assert_true(g_str_has_prefix(world->lines->str, "event=unload id=4 type=xdp"));
        g_string_truncate(world->lines, 0);
}

/* For one that has gone, nothing is waited for: it takes no room from those that stay. */
static void test_gone_at_once(World *world, gconstpointer data)
{
        for (guint i = 0; i < 3; i++) {
                for (uint32_t id = 1000; id < 1000 + LOAD_LOG_WAITING; id++) {
                        load_log_came(world->log, id + i * LOAD_LOG_WAITING, 4711, later(), tag,
                                      sizeof(tag));
                        load_log_went(world->log, id + i * LOAD_LOG_WAITING, now());
                }
                /* One go is not always enough for all of them. */
                for (guint n = 0; n < 10; n++)
                        follow(world);
        }
        load(world, 4, now());
        follow_all(world);
        g_assert_nonnull(strstr(world->lines->str, "event=load id=4 "));
        g_assert_null(strstr(world->lines->str, "event=storm"));
        g_string_truncate(world->lines, 0);
}

int main(int argc, char **argv)
{
        static const struct {
                const char *path;
                void (*func)(World *world, gconstpointer data);
        } tests[] = {
                { "/load-log/load", test_load },
                { "/load-log/unload", test_unload },
                { "/load-log/both", test_both },
                { "/load-log/brief", test_brief },
                { "/load-log/late", test_late },
                { "/load-log/unreadable", test_unreadable },
                { "/load-log/compare", test_compare },
                { "/load-log/counts", test_counts },
                { "/load-log/events-end", test_events_end },
                { "/load-log/nobody-takes-lines", test_nobody_takes_lines },
                { "/load-log/events", test_events },
                { "/load-log/end", test_end },
                { "/load-log/storm", test_storm },
                { "/load-log/old-and-new", test_old_and_new },
                { "/load-log/looks-in-a-storm", test_looks_in_a_storm },
                { "/load-log/left-out", test_left_out },
                { "/load-log/gone-at-once", test_gone_at_once },
        };

        g_test_init(&argc, &argv, NULL);
        for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
                g_test_add(tests[i].path, World, NULL, set_up, tests[i].func, tear_down);
        return g_test_run();
}
