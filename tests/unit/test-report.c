/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reports of a source that changes while they are made. */

#include "fake.h"

#include "process.h"
#include "report-metrics.h"
#include "report-progs.h"
#include "report-seen.h"

#include <errno.h>
#include <string.h>

typedef struct World {
        Fake fake;
        Catalog *catalog;
} World;

static void set_up(World *world, gconstpointer data)
{
        fake_init(&world->fake, false);
        world->catalog = catalog_new(&world->fake.source, 1 << 20, true);
        layout_init(world->catalog);
        world->fake.value[0] = 5;
}

static void tear_down(World *world, gconstpointer data)
{
        catalog_free(world->catalog);
        fake_clear(&world->fake);
}

/* The report as it is after the time for which one is given again. */
static GBytes *look(World *world)
{
        Place root = layout_root();
        GBytes *text;
        int64_t since;
        Entry entry;

        g_usleep(REPORT_REUSE + 1000);
        contents_begin(catalog_contents(world->catalog));
        events_take((Watch *)&world->fake, world->catalog, NULL, NULL);
        g_assert_cmpint(layout_find(world->catalog, &root, "programs.json", &entry), ==, 0);
        g_assert_cmpint(entry.type, ==, ENTRY_REPORT);
        g_assert_cmpint(layout_report(world->catalog, root.row, entry.key, &text, &since), ==, 0);
        g_assert_cmpint(since, >, 0);
        return text;
}

static void assert_text(World *world, const char *wanted)
{
        g_autoptr(GBytes) bytes = look(world);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

        g_assert_cmpstr(text, ==, wanted);
}

static void test_none(World *world, gconstpointer data)
{
        world->fake.n_progs = 0;
        assert_text(world, "[\n]\n");
}

static void test_counts(World *world, gconstpointer data)
{
        world->fake.n_progs = 2;
        world->fake.n_bound = 0;
        assert_text(world, "[\n{\"fixed\":1},\n{\"fixed\":2}\n]\n");
        g_assert_cmpuint(world->fake.n_fixed, ==, 2);
        world->fake.counts[2] =
                (SourceCounts){ .run_time_ns = UINT64_MAX, .run_cnt = 3, .recursion_misses = 4 };
        assert_text(world, "[\n{\"fixed\":1},\n"
                           "{\"fixed\":2,\"run_time_ns\":18446744073709551615,\"run_cnt\":3,"
                           "\"recursion_misses\":4}\n]\n");
        world->fake.n_progs = 3;
        assert_text(world, "[\n{\"fixed\":1},\n"
                           "{\"fixed\":2,\"run_time_ns\":18446744073709551615,\"run_cnt\":3,"
                           "\"recursion_misses\":4},\n{\"fixed\":3}\n]\n");
        /* What never changes is asked for once. */
        g_assert_cmpuint(world->fake.n_fixed, ==, 3);
        world->fake.vanished = 1;
        fake_event(&world->fake, -1);
        world->fake.counts[2] = (SourceCounts){ 0 };
        assert_text(world, "[\n{\"fixed\":2},\n{\"fixed\":3}\n]\n");
        g_assert_cmpuint(world->fake.n_fixed, ==, 3);
}

/* Programs that are known are not listed again, and one call tells that there are no others. */
static void test_listed(World *world, gconstpointer data)
{
        world->fake.n_progs = 6;
        world->fake.n_bound = 0;
        world->fake.prog_error[4] = -EPERM;
        for (int i = 0; i < 2; i++)
                g_bytes_unref(look(world));
        world->fake.n_next = 0;
        g_bytes_unref(look(world));
        g_assert_cmpuint(world->fake.n_next, ==, 1);
        world->fake.n_progs = 7;
        world->fake.vanished = 5;
        fake_event(&world->fake, -5);
        world->fake.prog_error[4] = 0;
        assert_text(world, "[\n{\"fixed\":1},\n{\"fixed\":2},\n{\"fixed\":3},\n{\"fixed\":4},\n"
                           "{\"fixed\":6},\n{\"fixed\":7}\n]\n");
}

/* The id is that of another program now. */
static void test_another_program(World *world, gconstpointer data)
{
        world->fake.n_progs = 1;
        world->fake.n_bound = 0;
        assert_text(world, "[\n{\"fixed\":1}\n]\n");
        world->fake.counts[1].load_time = 7;
        assert_text(world, "[\n{\"fixed\":1}\n]\n");
        g_assert_cmpuint(world->fake.n_fixed, ==, 2);
}

static void test_metadata(World *world, gconstpointer data)
{
        Fake *fake = &world->fake;

        fake->n_progs = 1;
        fake->rdonly_prog = true;
        fake->value[0] = 4;
        assert_text(world, "[\n{\"fixed\":1,\"metadata\":{\"level\":4},\"map_ids\":[10]}\n]\n");
        fake->value[0] = 5;
        fake->frozen = true;
        assert_text(world, "[\n{\"fixed\":1,\"metadata\":{\"level\":5},\"map_ids\":[10]}\n]\n");
        /* It is final now, and nobody asks again. */
        fake->value_error[0] = -EIO;
        assert_text(world, "[\n{\"fixed\":1,\"metadata\":{\"level\":5},\"map_ids\":[10]}\n]\n");
        fake->value_error[0] = 0;
        fake->value[1] = 6;
        fake->n_bound = 2;
        assert_text(world, "[\n{\"fixed\":1,\"metadata\":{\"level\":5,\"team\":6},"
                           "\"map_ids\":[10,11]}\n]\n");
}

/* Frozen is not immutable: a program may write it. */
static void test_changing_metadata(World *world, gconstpointer data)
{
        Fake *fake = &world->fake;

        fake->n_progs = 1;
        fake->frozen = true;
        for (uint32_t i = 0; i < 3; i++) {
                g_autofree char *wanted = g_strdup_printf(
                        "[\n{\"fixed\":1,\"metadata\":{\"level\":%u},\"map_ids\":[10]}\n]\n", i);

                fake->value[0] = i;
                assert_text(world, wanted);
        }
        /* One value that can't be read hides nothing else. */
        fake->value_error[0] = -EIO;
        assert_text(world, "[\n{\"fixed\":1,\"map_ids\":[10]}\n]\n");
}

static void test_unreadable(World *world, gconstpointer data)
{
        world->fake.n_progs = 2;
        world->fake.n_bound = 0;
        world->fake.prog_error[1] = -EPERM;
        assert_text(world,
                    "[\n{\"id\":1,\"unseen\":[\"(cannot be shown: Operation not permitted)\"]},"
                    "\n{\"fixed\":2}\n]\n");
        world->fake.prog_error[1] = 0;
        assert_text(world, "[\n{\"fixed\":1},\n{\"fixed\":2}\n]\n");
}

/* A program that goes between the look at it and the next question. */
static void test_gone_meanwhile(World *world, gconstpointer data)
{
        world->fake.n_progs = 2;
        world->fake.n_bound = 0;
        world->fake.prog_error[1] = -ENOENT;
        assert_text(world, "[\n{\"fixed\":2}\n]\n");
}

static void test_again(World *world, gconstpointer data)
{
        g_autoptr(GBytes) first = NULL, second = NULL, third = NULL, fourth = NULL;
        Report *report = catalog_report(world->catalog, &report_progs);
        int64_t since[4];

        world->fake.n_bound = 0;
        g_assert_cmpint(report_look(report, world->catalog, NULL, &first, &since[0]), ==, 0);
        /* At once: it is given again. */
        world->fake.n_progs = 1;
        g_assert_cmpint(report_look(report, world->catalog, NULL, &second, &since[1]), ==, 0);
        if (second == first)
                g_assert_cmpint(since[0], ==, since[1]);
        g_usleep(REPORT_REUSE + 1000);
        g_assert_cmpint(report_look(report, world->catalog, NULL, &third, &since[2]), ==, 0);
        g_assert_true(third != first);
        g_assert_cmpint(since[2], >, since[0]);
        /* Later, and nothing has changed. */
        g_usleep(REPORT_REUSE + 1000);
        g_assert_cmpint(report_look(report, world->catalog, NULL, &fourth, &since[3]), ==, 0);
        g_assert_true(fourth == third);
        g_assert_cmpint(since[3], ==, since[2]);
}

/* What was kept goes with the text of the last time that succeeded. */
static void test_failure(World *world, gconstpointer data)
{
        Report *report = catalog_report(world->catalog, &report_progs);
        GBytes *none;
        int64_t since;

        world->fake.n_bound = 0;
        assert_text(world, "[\n{\"fixed\":1},\n{\"fixed\":2},\n{\"fixed\":3}\n]\n");
        world->fake.next_error = -EIO;
        g_usleep(REPORT_REUSE + 1000);
        g_assert_cmpint(report_look(report, world->catalog, NULL, &none, &since), ==, -EIO);
        world->fake.next_error = 0;
        world->fake.vanished = 1;
        assert_text(world, "[\n{\"fixed\":2},\n{\"fixed\":3}\n]\n");
}

/* The sample of @metric for programs; the fake's have neither name nor type. */
static void assert_sample(World *world, const char *metric, const char *wanted)
{
        g_autoptr(GBytes) bytes = NULL;
        g_autofree char *line =
                g_strdup_printf("\n%s{name=\"\",type=\"\",oncall=\"\"} %s\n", metric, wanted);
        g_autofree char *text = NULL;
        int64_t since;

        g_usleep(REPORT_REUSE + 1000);
        events_take((Watch *)&world->fake, world->catalog, NULL, NULL);
        g_assert_cmpint(report_look(catalog_report(world->catalog, &report_metrics), world->catalog,
                                    NULL, &bytes, &since),
                        ==, 0);
        text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        if (!strstr(text, line))
                g_error("no line %s in: %s", line, text);
}

/* What was counted is added once, whatever fails in between, and stays. */
static void test_metrics(World *world, gconstpointer data)
{
        static const char runs[] = "bpf_program_runs_total";
        Fake *fake = &world->fake;
        GBytes *none = NULL;
        int64_t since;

        fake->n_progs = 3;
        fake->n_bound = 0;
        for (uint32_t id = 1; id <= 3; id++)
                fake->counts[id].run_cnt = id;
        assert_sample(world, runs, "6");
        assert_sample(world, "bpf_programs", "3");
        fake->counts[2].run_cnt = 10;
        fake->map_error[0] = -EIO;
        fake->next_error = -EIO;
        g_usleep(REPORT_REUSE + 1000);
        g_assert_cmpint(report_look(catalog_report(world->catalog, &report_metrics), world->catalog,
                                    NULL, &none, &since),
                        ==, -EIO);
        fake->next_error = 0;
        assert_sample(world, runs, "14");
        fake->vanished = 2;
        fake_event(fake, -2);
        assert_sample(world, runs, "14");
        assert_sample(world, "bpf_programs", "2");
        /* Its id is another program's. */
        fake->counts[1] = (SourceCounts){ .load_time = 1, .run_cnt = 3 };
        assert_sample(world, runs, "17");
        fake->counts[3] = (SourceCounts){ .load_time = 1, .run_cnt = 1 };
        assert_sample(world, runs, "18");
}

static bool count_entry(Entry *entry, void *data)
{
        guint *reports = data;

        if (g_str_has_suffix(entry->name, ".json")) {
                g_assert_null(entry->content);
                (*reports)++;
        }
        return true;
}

/* A listing makes none. */
static void test_listing(World *world, gconstpointer data)
{
        Place root = layout_root();
        guint reports = 0;

        g_assert_cmpint(layout_list(world->catalog, &root, 0, count_entry, &reports), ==, 0);
        g_assert_cmpuint(reports, >, 0);
        g_assert_cmpuint(world->fake.n_fixed, ==, 0);
}

#define ADD(path, function) g_test_add("/report/" path, World, NULL, set_up, function, tear_down)

/* Loaders */

#define TICK 10000000ull
#define N_LOADERS 8
/* A program's loader has this pid and the program's id more. */
#define PID 1000000u

static int ask(void *data, uint32_t pid, uint32_t *number)
{
        *number = pid - PID;
        return 0;
}

/* Processes of which the pid is even are not there. @data: how many were heard. */
static int hear(void *data, int wait, uint32_t *number, GByteArray *out)
{
        static const ProcessText text = { .seen = 1000 * TICK, .tick = TICK };
        static const char files[] = "\0"
                                    "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 100\0"
                                    "cat\n\0"
                                    "0::/\n";
        uint32_t *heard = data;

        if (*heard == N_LOADERS)
                return -ETIMEDOUT;
        *number = ++*heard;
        if (*number % 2 == 0)
                return 0;
        g_byte_array_append(out, (const guint8 *)&text, sizeof(text));
        g_byte_array_append(out, (const guint8 *)files, sizeof(files));
        return 0;
}

static char *seen_json(const ReportSeen *seen, uint32_t id)
{
        Json json = json_new(g_string_new(NULL));

        json_begin_object(&json);
        report_seen_put(seen, &prog_kind, id, &json);
        json_end_object(&json);
        return g_string_free(json.out, FALSE);
}

static void assert_loader(const ReportSeen *seen, uint32_t id, const char *more)
{
        g_autofree char *text = seen_json(seen, id), *wanted = NULL;

        wanted = g_strdup_printf("{\"loader\":{\"pid\":%u%s}}", PID + id, more);
        g_assert_cmpstr(text, ==, wanted);
}

/* Answers that come while a report is made free what was known of their loaders: facts of others
 * may come to be where that was, most probably if these have a size that little else has. */
static void test_loaders(World *world, gconstpointer data)
{
        static const LoadersOps ops = { ask, hear };
        uint32_t heard = 0;
        Loaders *loaders = loaders_new(&ops, &heard, 0, 0);
        const Observers observers = { .loaders = loaders };
        g_autoptr(Loader) last = NULL;
        ReportSeen *seen;

        catalog_set_observers(world->catalog, &observers);
        for (uint32_t id = 1; id <= N_LOADERS; id++)
                loaders_came(loaders, id, PID + id, 102 * TICK);
        last = loaders_get(loaders, N_LOADERS);
        seen = report_seen_new(world->catalog, false);
        for (uint32_t id = 1; id < N_LOADERS; id += 2)
                assert_loader(seen, id, "");
        loaders_wait(loaders, last);
        for (uint32_t id = 1; id <= N_LOADERS; id++)
                assert_loader(seen, id, id % 2 == 0 ? "" : ",\"comm\":\"cat\",\"cgroup\":\"/\"");
        report_seen_free(seen);
        loaders_free(loaders);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        ADD("none", test_none);
        ADD("counts", test_counts);
        ADD("listed", test_listed);
        ADD("another-program", test_another_program);
        ADD("metadata", test_metadata);
        ADD("changing-metadata", test_changing_metadata);
        ADD("unreadable", test_unreadable);
        ADD("gone-meanwhile", test_gone_meanwhile);
        ADD("again", test_again);
        ADD("failure", test_failure);
        ADD("metrics", test_metrics);
        ADD("listing", test_listing);
        ADD("loaders", test_loaders);
        return g_test_run();
}
