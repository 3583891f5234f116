/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is kept of the ways through maps, and for how long. */

#include "passes.h"

#include "cpu-time.h"

#include <errno.h>
#include <string.h>

#define STEP (64u << 10)

/* A source whose maps have the keys from 0 on. */
typedef struct Fake {
        Source source;
        uint32_t n;
        int result; /* of a walk, behind its entries */
        unsigned walks;
        size_t memory;  /* that may be taken */
        gulong stopped; /* microseconds in which a walk has no CPU */
} Fake;

static int walk(Source *source, uint32_t id, const MapShape *shape, const SourceWalk *way)
{
        Fake *fake = (Fake *)source;

        fake->walks++;
        g_usleep(fake->stopped);
        if (cpu_time_is_over(way->end))
                return -ETIME;
        for (uint32_t i = 0; i < fake->n; i++)
                if (!way->func((const uint8_t *)&i, (const uint8_t *)&i, way->data))
                        return 0;
        return fake->result;
}

static const SourceOps ops = { .walk = walk };
static const MapShape shape = { .key_size = 4, .value_size = 4, .max_entries = 100 };

static bool take(void *data, size_t bytes)
{
        Fake *fake = data;

        if (bytes > fake->memory)
                return false;
        fake->memory -= bytes;
        return true;
}

static void give_back(void *data, size_t bytes)
{
        ((Fake *)data)->memory += bytes;
}

static Passes *begin(Fake *fake, uint32_t n, size_t memory)
{
        *fake = (Fake){ .source.ops = &ops, .n = n, .memory = memory };
        return passes_new(&fake->source, take, give_back, fake);
}

static void test_keys(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 1000, 10 * STEP);
        Pass *one, *other;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &one), ==, 0);
        g_assert_cmpuint(one->n, ==, 1000);
        g_assert_false(one->more);
        for (uint32_t i = 0; i < 1000; i++)
                g_assert_cmpmem(pass_key(one, i), 4, &i, 4);
        g_assert_cmpint(passes_begin(passes, 8, &shape, &other), ==, 0);
        g_assert_cmpuint(one->number, !=, other->number);
        g_assert_true(passes_find(passes, 7, one->number) == one);
        g_assert_null(passes_find(passes, 7, other->number));
        g_assert_null(passes_find(passes, 7, 1000));
        passes_drop(passes, 7);
        g_assert_null(passes_find(passes, 7, 1));
        g_assert_true(passes_find(passes, 8, other->number) == other);
        passes_free(passes);
}

static void test_numbers_come_again(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 1, 10 * STEP);
        Pass *pass;

        for (uint32_t i = 0; i < 3 * PASSES_MAX_NUMBER; i++) {
                g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
                g_assert_cmpuint(pass->number, >, 0);
                g_assert_cmpuint(pass->number, <=, PASSES_MAX_NUMBER);
                g_assert_true(passes_find(passes, 7, pass->number) == pass);
        }
        passes_free(passes);
}

/* A listing that is read slowly goes on in its own pass, however many others begin and end. */
static void test_no_number_is_taken_twice(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 1, 3000 * STEP);
        Pass *slow, *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &slow), ==, 0);
        for (uint32_t i = 0; i < 2 * PASSES_MAX_NUMBER; i++) {
                g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
                g_assert_cmpuint(pass->number, !=, slow->number);
                g_assert_true(passes_find(passes, 7, pass->number) == pass);
                g_assert_true(passes_find(passes, 7, slow->number) == slow);
        }
        passes_free(passes);
}

/* A listing that is read slowly outlives any number of others that were read to their end: neither
 * their numbers nor the memory for a new one are taken from it. */
static void test_slow_reader(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 1, PASSES_MAX_NUMBER * STEP);
        Pass *slow, *pass;
        uint32_t number;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &slow), ==, 0);
        number = slow->number;
        for (uint32_t i = 0; i < 2 * PASSES_MAX_NUMBER; i++) {
                g_assert_cmpint(passes_begin(passes, 8, &shape, &pass), ==, 0);
                pass->ended = true;
        }
        fake.memory = 0;
        g_assert_cmpint(passes_begin(passes, 8, &shape, &pass), ==, 0);
        passes_make_room(passes, STEP);
        g_assert_true(passes_find(passes, 7, number) == slow);
        passes_free(passes);
}

/* Whoever works through what a listing has named comes back for the rest. */
static void test_work_between(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 1, 10 * STEP);
        Pass *worked, *left;
        uint32_t number;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &worked), ==, 0);
        number = worked->number;
        g_assert_cmpint(passes_begin(passes, 8, &shape, &left), ==, 0);
        worked->used -= (PASSES_READ_MS - 100) * 1000;
        left->used -= (PASSES_READ_MS - 100) * 1000;
        passes_use(passes, 7);
        g_usleep(200 * 1000);
        passes_sweep(passes);
        g_assert_cmpuint(fake.memory, ==, 9 * STEP);
        g_assert_true(passes_find(passes, 7, number) == worked);
        passes_free(passes);
}

/* Counts how many names are made. */
static char *number_of(const uint8_t *key, const void *data)
{
        uint32_t number;

        (**(unsigned *const *)data)++;
        memcpy(&number, key, sizeof(number));
        return g_strdup_printf("%u", number);
}

static int search(Passes *passes, uint32_t number, unsigned *made)
{
        g_autofree char *name = g_strdup_printf("%u", number);
        g_autoptr(GBytes) key = NULL;
        int r = passes_search(passes, 7, &shape, name, number_of, &made, &key);

        g_assert_true((r == 0) == (key != NULL));
        if (key)
                g_assert_cmpmem(g_bytes_get_data(key, NULL), g_bytes_get_size(key), &number, 4);
        return r;
}

/* Keys of a pass that is kept are found without another, and each name is not made each time. */
static void test_search(void)
{
        unsigned made = 0;
        Fake fake;
        Passes *passes = begin(&fake, 1000, 2 * STEP);
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        for (uint32_t i = 1000; i > 0; i--)
                g_assert_cmpint(search(passes, i - 1, &made), ==, 0);
        g_assert_cmpuint(made, <, 3 * 1000);
        g_assert_cmpuint(fake.walks, ==, 1);
        passes_drop(passes, 7);
        g_assert_cmpuint(fake.memory, ==, 2 * STEP);
        passes_free(passes);
}

static void test_search_without_memory(void)
{
        unsigned made = 0;
        Fake fake;
        Passes *passes = begin(&fake, 1000, STEP);
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpint(search(passes, 999, &made), ==, 0);
        g_assert_cmpuint(fake.walks, ==, 1);
        passes_free(passes);
}

/* A key that no pass has is looked for in the map, and nothing is kept for that. */
static void test_search_in_the_map(void)
{
        unsigned made = 0;
        Fake fake;
        Passes *passes = begin(&fake, 1000, STEP);
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpint(search(passes, 1500, &made), ==, -ENOENT);
        fake.n = 2000;
        g_assert_cmpint(search(passes, 1500, &made), ==, 0);
        g_assert_true(passes_find(passes, 7, pass->number) == pass);
        fake.n = 10;
        fake.result = -ETIME;
        g_assert_cmpint(search(passes, 1500, &made), ==, -ENOENT);
        fake.result = -EACCES;
        g_assert_cmpint(search(passes, 1500, &made), ==, -EACCES);
        passes_free(passes);
}

/* The oldest go first, and one alone has as many keys as there is memory for. */
static void test_memory(void)
{
        const uint32_t in_step = STEP / 4;
        Fake fake;
        Passes *passes = begin(&fake, in_step, 2 * STEP);
        Pass *first, *second, *third;
        uint32_t number;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &first), ==, 0);
        number = first->number;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &second), ==, 0);
        g_assert_cmpuint(fake.memory, ==, 0);
        g_assert_true(passes_find(passes, 7, number) == first);
        /* That was the last use of the first: the second goes. */
        number = second->number;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &third), ==, 0);
        g_assert_null(passes_find(passes, 7, number));
        g_assert_cmpuint(third->n, ==, in_step);
        fake.n = 10 * in_step;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &first), ==, 0);
        g_assert_cmpuint(first->n, ==, 2 * in_step);
        g_assert_true(first->more);
        passes_make_room(passes, STEP);
        g_assert_cmpuint(fake.memory, ==, 2 * STEP);
        passes_make_room(passes, 3 * STEP);
        passes_free(passes);
}

static void test_no_memory(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 5, 0);
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpuint(pass->n, ==, 0);
        g_assert_true(pass->more);
        passes_free(passes);
}

static void test_errors(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 5, STEP);
        bool more;
        uint32_t n;
        Pass *pass;

        fake.result = -ENOENT;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, -ENOENT);
        g_assert_cmpuint(fake.memory, ==, STEP);
        g_assert_cmpint(passes_count(passes, 7, &shape, &n, &more), ==, -ENOENT);
        /* The time is over: what was found by then is true. */
        fake.result = -ETIME;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpuint(pass->n, ==, 5);
        g_assert_true(pass->more);
        g_assert_cmpint(passes_count(passes, 7, &shape, &n, &more), ==, 0);
        g_assert_cmpuint(n, ==, 5);
        g_assert_true(more);
        passes_free(passes);
}

/* On a host that gives no CPU for a while, nothing is cut: a walk may take some time of a CPU. */
static void test_stopped(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 5, STEP);
        unsigned made = 0;
        bool more;
        uint32_t n;
        Pass *pass;

        fake.stopped = (PASSES_MAX_MS + 50) * 1000;
        g_assert_cmpint(search(passes, 3, &made), ==, 0);
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpuint(pass->n, ==, 5);
        g_assert_false(pass->more);
        g_assert_cmpint(passes_count(passes, 7, &shape, &n, &more), ==, 0);
        g_assert_cmpuint(n, ==, 5);
        g_assert_false(more);
        passes_free(passes);
}

static void test_too_many(void)
{
        Fake fake;
        Passes *passes = begin(&fake, PASSES_MAX_KEYS + 10, 100 * STEP);
        bool more;
        uint32_t n;
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_cmpuint(pass->n, ==, PASSES_MAX_KEYS);
        g_assert_true(pass->more);
        g_assert_cmpint(passes_count(passes, 7, &shape, &n, &more), ==, 0);
        g_assert_cmpuint(n, ==, PASSES_MAX_KEYS);
        g_assert_true(more);
        passes_free(passes);
}

/* Once its end was read, a pass goes soon; one that is read stays. */
static void test_end(void)
{
        Fake fake;
        Passes *passes = begin(&fake, 5, 2 * STEP);
        uint32_t one, other;
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        one = pass->number;
        pass->ended = true;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        other = pass->number;
        passes_sweep(passes);
        g_assert_nonnull(passes_find(passes, 7, one));
        g_usleep((PASSES_ENDED_MS + 100) * 1000);
        passes_sweep(passes);
        g_assert_null(passes_find(passes, 7, one));
        g_assert_nonnull(passes_find(passes, 7, other));
        g_assert_cmpuint(fake.memory, ==, STEP);
        passes_free(passes);
}

/* A listing that ends early says so as long as somebody may be busy with what it has named: also
 * when its keys are not kept any more. */
static void test_lack(void)
{
        Fake fake;
        Passes *passes = begin(&fake, STEP, STEP);
        Pass *pass;

        g_assert_false(passes_lack(passes, 7));
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_true(pass->more);
        g_assert_true(passes_lack(passes, 7));
        g_assert_false(passes_lack(passes, 8));
        passes_make_room(passes, STEP);
        g_assert_cmpuint(fake.memory, ==, STEP);
        passes_use(passes, 7);
        g_assert_true(passes_lack(passes, 7));
        fake.n = 5;
        g_assert_cmpint(passes_begin(passes, 7, &shape, &pass), ==, 0);
        g_assert_false(passes_lack(passes, 7));
        fake.n = STEP;
        for (uint32_t map = 100; map <= 100 + PASSES_MAX_LACKING; map++)
                g_assert_cmpint(passes_begin(passes, map, &shape, &pass), ==, 0);
        g_assert_false(passes_lack(passes, 100));
        g_assert_true(passes_lack(passes, 101));
        g_assert_true(passes_lack(passes, 100 + PASSES_MAX_LACKING));
        /* The kernel may forget a map that is still there. */
        passes_drop(passes, 101);
        g_assert_true(passes_lack(passes, 101));
        passes_free(passes);
}

/* Keys that are always there need no look at the map. */
static void test_full(void)
{
        const MapShape full = { .key_size = 4, .value_size = 4, .max_entries = 100, .full = true };
        Fake fake;
        Passes *passes = begin(&fake, 5, STEP);
        Pass *pass;

        g_assert_cmpint(passes_begin(passes, 7, &full, &pass), ==, 0);
        g_assert_cmpuint(pass->n, ==, 100);
        g_assert_cmpuint(fake.walks, ==, 0);
        passes_free(passes);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/passes/keys", test_keys);
        g_test_add_func("/passes/numbers", test_numbers_come_again);
        g_test_add_func("/passes/no-number-twice", test_no_number_is_taken_twice);
        g_test_add_func("/passes/slow-reader", test_slow_reader);
        g_test_add_func("/passes/work-between", test_work_between);
        g_test_add_func("/passes/search", test_search);
        g_test_add_func("/passes/search-without-memory", test_search_without_memory);
        g_test_add_func("/passes/search-in-the-map", test_search_in_the_map);
        g_test_add_func("/passes/memory", test_memory);
        g_test_add_func("/passes/no-memory", test_no_memory);
        g_test_add_func("/passes/errors", test_errors);
        g_test_add_func("/passes/stopped", test_stopped);
        g_test_add_func("/passes/too-many", test_too_many);
        g_test_add_func("/passes/end", test_end);
        g_test_add_func("/passes/lack", test_lack);
        g_test_add_func("/passes/full", test_full);
        return g_test_run();
}
