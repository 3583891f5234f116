/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sums from one round to the next, and how Prometheus gets them. */

#include "prometheus.h"
#include "sums.h"

#include <string.h>

static void test_labels(void)
{
        g_autoptr(GString) labels = g_string_new(NULL);
        g_autofree char *umlauts = g_strnfill(400, '\xbc'); /* the second byte of each */

        prometheus_add_label(labels, "a", "net-team", 8);
        prometheus_add_label(labels, "b", "a\"b\\c\nd{}", 9);
        g_assert_cmpstr(labels->str, ==, "a=\"net-team\",b=\"a\\\"b\\\\c\\nd{}\"");
        g_string_truncate(labels, 0);
        for (int i = 0; i < 400; i += 2)
                umlauts[i] = '\xc3';
        prometheus_add_label(labels, "a", umlauts, 400);
        g_assert_cmpuint(labels->len, ==, strlen("a=\"\"") + 254);
        g_assert_true(g_utf8_validate(labels->str, -1, NULL));
}

static void test_samples(void)
{
        g_autoptr(GString) out = g_string_new(NULL);

        prometheus_begin(out, "m", "counter", "It counts.");
        prometheus_put(out, "m", "", 0);
        prometheus_put(out, "m", "a=\"b\"", UINT64_MAX);
        prometheus_put_seconds(out, "m", "", 1);
        prometheus_put_seconds(out, "m", "", UINT64_C(12000000340));
        g_assert_cmpstr(out->str, ==,
                        "# HELP m It counts.\n# TYPE m counter\nm 0\n"
                        "m{a=\"b\"} 18446744073709551615\nm 0.000000001\nm 12.000000340\n");
}

/* One of each is there in this round. Returns its sum. */
static Sum *add(Sums *sums, const char *labels, uint64_t runs)
{
        Sum *sum = sums_get(sums, labels);

        sums_add(sums, sum, 10);
        sum->counts[SUM_RUNS] += runs;
        return sum;
}

static void assert_end(Sums *sums, const char *wanted)
{
        g_autoptr(GPtrArray) all = sums_end(sums);
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < all->len; i++) {
                const Sum *sum = all->pdata[i];

                g_string_append_printf(text,
                                       "%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
                                       " %" G_GUINT64_FORMAT "\n",
                                       sum->labels, sum->n, sum->memory, sum->counts[SUM_RUNS]);
        }
        g_assert_cmpstr(text->str, ==, wanted);
}

static void test_rounds(void)
{
        g_autoptr(Sums) sums = sums_new("others");

        sums_begin(sums);
        assert_end(sums, "");
        sums_begin(sums);
        add(sums, "b", 1);
        add(sums, "a", 0);
        add(sums, "b", 2);
        assert_end(sums, "a 1 10 0\nb 2 20 3\n");
        /* A round that is given up. */
        sums_begin(sums);
        add(sums, "c", 0);
        sums_begin(sums);
        /* What has counted stays, and what has not goes. */
        assert_end(sums, "b 0 0 3\n");
        sums_begin(sums);
        add(sums, "b", 4);
        assert_end(sums, "b 1 10 7\n");
}

/* There is an end to the number of sums, and what all of them have counted never goes backwards. */
static void test_too_many(void)
{
        g_autoptr(Sums) sums = sums_new("others");
        g_autoptr(GPtrArray) all = NULL;
        Sum *first;
        uint64_t runs = 0;

        for (int round = 0; round < 4; round++) {
                sums_begin(sums);
                first = add(sums, "first", 1);
                for (guint i = 0; i < SUMS_MAX; i++) {
                        g_autofree char *labels = g_strdup_printf("%d %u", round, i);

                        add(sums, labels, 1);
                }
                all = sums_end(sums);
                g_assert_cmpuint(all->len, <=, SUMS_MAX + 1);
                runs = 0;
                for (guint i = 0; i < all->len; i++)
                        runs += ((const Sum *)all->pdata[i])->counts[SUM_RUNS];
                g_assert_cmpuint(runs, ==, (uint64_t)(round + 1) * (SUMS_MAX + 1));
                /* Those that stay keep theirs. */
                g_assert_cmpuint(first->n, ==, 1);
                g_assert_cmpuint(first->counts[SUM_RUNS], ==, round + 1);
                g_clear_pointer(&all, g_ptr_array_unref);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/sums/labels", test_labels);
        g_test_add_func("/sums/samples", test_samples);
        g_test_add_func("/sums/rounds", test_rounds);
        g_test_add_func("/sums/too-many", test_too_many);
        return g_test_run();
}
