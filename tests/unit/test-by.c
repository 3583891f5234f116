/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs by value: the table alone, and what is asked when. */

#include "by.h"
#include "fake.h"

/* The table */

static void set(ByHolder *holder, guint number, ByValue *first, ByValue *second)
{
        g_autoptr(GPtrArray) values = g_ptr_array_new();

        if (first)
                g_ptr_array_add(values, first);
        if (second)
                g_ptr_array_add(values, second);
        by_holder_set(holder, number, values);
}

static void test_table(void)
{
        g_autoptr(ByTable) table = by_table_new();
        ByHolder one = { .id = 1 }, two = { .id = 2 };
        ByKey *key = by_table_key(table, "key");
        ByValue *a = by_key_value(key, "a"), *b = by_key_value(key, "b");
        uint32_t number = by_value_number(b);

        /* Nobody has it: it is kept, and not found. */
        g_assert_null(by_table_find(table, "key"));
        g_assert_null(by_key_find(key, "a"));
        g_assert_null(by_table_next(table, 0));
        set(&two, 0, a, b);
        set(&one, 0, b, b);
        set(&one, 3, a, NULL);
        g_assert_true(by_table_find(table, "key") == key);
        g_assert_true(by_key_next(key, 0) == a);
        g_assert_true(by_key_next(key, by_value_number(a)) == b);
        g_assert_null(by_key_next(key, by_value_number(b)));
        g_assert_cmpuint(by_value_next(a, 0), ==, 1);
        g_assert_cmpuint(by_value_next(a, 1), ==, 2);
        g_assert_cmpuint(by_value_next(a, 2), ==, 0);
        g_assert_true(by_value_has(b, 2));
        /* Another set of the holder stays as it is. */
        set(&one, 0, NULL, NULL);
        g_assert_cmpuint(by_value_next(b, 0), ==, 2);
        g_assert_cmpuint(by_value_next(a, 0), ==, 1);
        by_holder_clear(&one);
        by_holder_clear(&two);
        g_assert_null(by_key_find(key, "b"));
        /* As long as there is a reference it is the same when it comes back. */
        by_value_unref(a);
        set(&two, 1, b, NULL);
        g_assert_true(by_key_find(key, "b") == b);
        g_assert_cmpuint(by_value_number(b), ==, number);
        by_key_unref(key);
        by_value_unref(b);
        g_assert_cmpuint(by_table_bytes(table), >, 0);
        by_holder_clear(&two);
        g_assert_null(by_table_find(table, "key"));
        g_assert_cmpuint(by_table_bytes(table), ==, 0);
}

/* Whoever tells a value may tell it several times, and owns a reference for each. */
static void test_values_that_are_told_twice(void)
{
        g_autoptr(ByTable) table = by_table_new();
        g_autoptr(ByKey) key = by_table_key(table, "key");
        ByHolder holder = { .id = 1 };

        for (guint times = 1; times <= 4; times++) {
                g_autoptr(GPtrArray) values =
                        g_ptr_array_new_with_free_func((GDestroyNotify)by_value_unref);

                for (guint i = 0; i < 3 * times; i++) {
                        const char name[] = { 'a' + i % 3, '\0' };

                        g_ptr_array_add(values, by_key_value(key, name));
                }
                by_holder_set(&holder, 0, values);
                g_assert_cmpuint(holder.n[0], ==, 3);
        }
        g_assert_true(by_value_has(by_key_find(key, "a"), 1));
        g_assert_true(by_value_has(by_key_find(key, "b"), 1));
        g_assert_true(by_value_has(by_key_find(key, "c"), 1));
        by_holder_clear(&holder);
        g_assert_null(by_key_find(key, "a"));
        g_assert_null(by_key_find(key, "b"));
        g_assert_null(by_key_find(key, "c"));
        g_clear_pointer(&key, by_key_unref);
        g_assert_cmpuint(by_table_bytes(table), ==, 0);
}

/* A number is given again when there are no higher ones, never one that is in use. */
static void test_numbers(void)
{
        g_autoptr(ByTable) table = by_table_new();
        g_autoptr(ByKey) key = by_table_key(table, "key");
        g_autoptr(ByValue) stays = by_key_value(key, "stays");
        ByValue *last = by_key_value(key, "even");
        uint32_t number, before = 0;

        for (guint i = 0; i < 5000000; i++) {
                ByValue *next = by_key_value(key, i % 2 ? "even" : "odd");

                by_value_unref(last);
                last = next;
                number = by_value_number(next);
                g_assert_cmpuint(number, >, 1);
                if (number < before)
                        break;
                before = number;
        }
        g_assert_cmpuint(number, <, before);
        g_assert_cmpuint(by_value_number(stays), ==, 1);
        by_value_unref(last);
}

static void test_many_holders(void)
{
        g_autoptr(ByTable) table = by_table_new();
        g_autoptr(ByKey) key = by_table_key(table, "key");
        ByValue *value = by_key_value(key, "value");
        ByHolder holders[1000] = { 0 };

        /* From the last to the first, and away from the middle. */
        for (guint i = G_N_ELEMENTS(holders); i > 0; i--) {
                holders[i - 1].id = i;
                set(&holders[i - 1], 0, value, NULL);
        }
        by_value_unref(value);
        for (guint i = 250; i < 750; i++)
                by_holder_clear(&holders[i]);
        g_assert_cmpuint(by_value_next(value, 0), ==, 1);
        g_assert_cmpuint(by_value_next(value, 250), ==, 751);
        for (guint i = 0; i < G_N_ELEMENTS(holders); i++)
                by_holder_clear(&holders[i]);
        g_assert_null(by_key_find(key, "value"));
}

/* What is asked */

static bool reserves(const char *name)
{
        return strcmp(name, "info") == 0;
}

/* A request begins. */
static By *begin(Fake *fake, Catalog *catalog)
{
        contents_begin(catalog_contents(catalog));
        events_take((Watch *)fake, catalog, NULL, NULL);
        return by_of(catalog, reserves);
}

static Catalog *fake_catalog(Fake *fake, bool events)
{
        fake_init(fake, false);
        fake->frozen = fake->rdonly_prog = true;
        return catalog_new(&fake->source, 1 << 20, events);
}

/* The ids that have the value, with blanks between, as a listing finds them. */
static char *list(By *by, const char *key_name, const char *value_name)
{
        g_autoptr(ByKey) key = by_find_key(by, key_name);
        g_autoptr(ByValue) value = key ? by_find_value(by, key, value_name) : NULL;
        GString *ids = g_string_new(NULL);
        uint32_t id = 0;

        if (value)
                by_look(by, key);
        while (value && (id = by_next_prog(by, value, id)) != 0)
                g_string_append_printf(ids, "%s%" PRIu32, ids->len > 0 ? " " : "", id);
        return g_string_free(ids, FALSE);
}

static void assert_list(By *by, const char *key, const char *value, const char *expected)
{
        g_autofree char *found = list(by, key, value);

        g_assert_cmpstr(found, ==, expected);
}

static void assert_untold(By *by, const char *name, const char *expected)
{
        g_autoptr(ByKey) key = name ? by_find_key(by, name) : NULL;
        g_autoptr(GString) text = g_string_new(NULL);

        by_look(by, key);
        by_append_untold(by, key, text);
        g_assert_cmpstr(text->str, ==, expected);
}

static void wait_out(void)
{
        g_usleep(BY_LAG_MS * 1000 + 1000);
}

static void test_loads_and_unloads(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by = begin(&fake, catalog);

        assert_list(by, "level", "0", "1 2 3");
        /* Without waiting. */
        fake.n_progs = 5;
        assert_list(begin(&fake, catalog), "level", "0", "1 2 3 4 5");
        fake.vanished = 2;
        fake_event(&fake, -2);
        assert_list(begin(&fake, catalog), "level", "0", "1 3 4 5");
        fake.n_progs = 0;
        for (int i = 1; i <= 5; i++)
                fake_event(&fake, -i);
        by = begin(&fake, catalog);
        assert_list(by, "level", "0", "");
        g_assert_null(by_find_key(by, "level"));
}

static void test_without_events(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);

        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        fake.vanished = 2;
        assert_list(begin(&fake, catalog), "level", "0", "1 3");
        fake.n_progs = 4;
        assert_list(begin(&fake, catalog), "level", "0", "1 3 4");
}

/* The first program that has the value answers for the value. */
static void test_a_lookup_asks_no_more_than_it_needs(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by = begin(&fake, catalog);
        g_autoptr(ByKey) key = by_find_key(by, "level");
        g_autoptr(ByValue) value = by_find_value(by, key, "0");
        guint n;

        g_assert_nonnull(value);
        g_assert_cmpuint(fake.n_maps, ==, 1);
        assert_list(by, "level", "0", "1 2 3");
        n = fake.n_maps;
        /* Nothing is asked twice in that time. */
        for (int i = 0; i < 10; i++)
                assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        g_assert_cmpuint(fake.n_maps, ==, n);
}

static void test_late_bind(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by = begin(&fake, catalog);

        assert_list(by, "team", "0", "");
        fake.n_bound = 2;
        wait_out();
        by = begin(&fake, catalog);
        assert_list(by, "team", "0", "1 2 3");
        assert_list(by, "level", "0", "1 2 3");
}

/* Long after it was loaded a program is asked less often, but it is asked. */
static void test_very_late_bind(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        guint n;

        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        g_usleep(BY_BIND_LAG_MS * 1000 + 1000);
        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        n = fake.n_progs_asked;
        wait_out();
        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        g_assert_cmpuint(fake.n_progs_asked, ==, n);
        fake.n_bound = 2;
        g_usleep(BY_BIND_LAG_MS * 1000 + 1000);
        assert_list(begin(&fake, catalog), "team", "0", "1 2 3");
}

static void test_values_that_change(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        g_autoptr(ByKey) key = NULL;
        g_autoptr(ByValue) value = NULL;
        By *by;

        fake.frozen = false;
        by = begin(&fake, catalog);
        assert_list(by, "level", "0", "1 2 3");
        key = by_find_key(by, "level");
        value = by_find_value(by, key, "0");
        g_assert_false(by_value_stays(by, value));
        g_assert_false(by_prog_stays(by, value, 1));
        fake.value[0] = 1;
        /* The one that is looked up is asked at once. */
        by = begin(&fake, catalog);
        g_assert_cmpint(by_check(by, value, 1), ==, -ENOENT);
        wait_out();
        by = begin(&fake, catalog);
        assert_list(by, "level", "0", "");
        assert_list(by, "level", "1", "1 2 3");
        /* Once it is frozen it may be remembered. */
        fake.frozen = true;
        wait_out();
        by = begin(&fake, catalog);
        assert_list(by, "level", "1", "1 2 3");
        by_value_unref(value);
        value = by_find_value(by, key, "1");
        g_assert_true(by_prog_stays(by, value, 1));
        g_assert_true(by_value_stays(by, value));
}

/* How many entries of by/ have to be forgotten: those of programs, and values. */
static void assert_forgotten(Catalog *catalog, guint n_progs, guint n_values)
{
        g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Forgotten));

        catalog_take_forgotten(catalog, list);
        for (guint i = 0; i < list->len; i++) {
                Forgotten *one = &g_array_index(list, Forgotten, i);

                if (one->by_key == 0)
                        continue;
                if (one->id != 0)
                        n_progs--;
                else
                        n_values--;
                g_free(one->name);
        }
        g_assert_cmpuint(n_progs, ==, 0);
        g_assert_cmpuint(n_values, ==, 0);
}

/* The kernel may remember what stays; it is told when that goes, though nobody looks any more. */
static void test_forgotten(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by = begin(&fake, catalog);
        g_autoptr(ByKey) key = by_find_key(by, "level");
        g_autoptr(ByValue) value = by_find_value(by, key, "0");

        by_look(by, key);
        g_assert_true(by_value_stays(by, value));
        g_assert_true(by_prog_stays(by, value, 2));
        /* Nobody was told of this one. */
        fake_event(&fake, -3);
        events_take((Watch *)&fake, catalog, NULL, NULL);
        assert_forgotten(catalog, 0, 0);
        /* The value is remembered for its sake; from now on for another one's. */
        fake_event(&fake, -1);
        events_take((Watch *)&fake, catalog, NULL, NULL);
        assert_forgotten(catalog, 1, 0);
        fake_event(&fake, -2);
        events_take((Watch *)&fake, catalog, NULL, NULL);
        assert_forgotten(catalog, 1, 1);
}

/* Programs that can't be asked are counted, and hide no other. */
static void test_unasked(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by;

        fake.prog_error[2] = -EACCES;
        by = begin(&fake, catalog);
        assert_list(by, "level", "0", "1 3");
        assert_untold(by, "level", "(cannot be shown: all that 1 program says)\n");
        assert_untold(by, NULL, "(cannot be shown: all that 1 program says)\n");
        assert_untold(by, "type", "(cannot be shown: all that 1 program says)\n");
        fake.value_error[0] = -ENOMEM;
        fake.n_progs = 4;
        by = begin(&fake, catalog);
        assert_untold(by, "level", "(cannot be shown: all that 1 program says)\n");
        fake.prog_error[2] = 0;
        fake.value_error[0] = 0;
        wait_out();
        by = begin(&fake, catalog);
        assert_list(by, "level", "0", "1 2 3 4");
        assert_untold(by, "level", "");
        assert_untold(by, "type", "");
}

/* One request asks for so long and no longer; the next one goes on where it stopped. */
static void test_time(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by;

        fake.n_progs = 4;
        fake.prog_time = BY_TIME_MS * 1000 * 2 / 3;
        by = begin(&fake, catalog);
        assert_untold(by, NULL, "(cannot be shown: all that 2 programs say)\n");
        fake.prog_time = 0;
        by = begin(&fake, catalog);
        assert_untold(by, NULL, "");
        assert_list(by, "level", "0", "1 2 3 4");
}

/* A host that gives no CPU for a while takes nothing from that time. */
static void test_stopped(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        By *by;

        fake.prog_stop = BY_TIME_MS * 1000 * 2 / 3;
        by = begin(&fake, catalog);
        assert_untold(by, NULL, "");
        assert_list(by, "level", "0", "1 2 3");
}

/* There are no events any more: all is asked again. */
static void test_events_end(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);

        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        catalog_stop_events(catalog, &prog_kind);
        assert_list(begin(&fake, catalog), "level", "0", "1 2 3");
        fake.vanished = 1;
        assert_list(begin(&fake, catalog), "level", "0", "2 3");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/by/table", test_table);
        g_test_add_func("/by/told-twice", test_values_that_are_told_twice);
        g_test_add_func("/by/numbers", test_numbers);
        g_test_add_func("/by/many-holders", test_many_holders);
        g_test_add_func("/by/loads-and-unloads", test_loads_and_unloads);
        g_test_add_func("/by/without-events", test_without_events);
        g_test_add_func("/by/lookups", test_a_lookup_asks_no_more_than_it_needs);
        g_test_add_func("/by/late-bind", test_late_bind);
        g_test_add_func("/by/very-late-bind", test_very_late_bind);
        g_test_add_func("/by/changes", test_values_that_change);
        g_test_add_func("/by/forgotten", test_forgotten);
        g_test_add_func("/by/unasked", test_unasked);
        g_test_add_func("/by/time", test_time);
        g_test_add_func("/by/stopped", test_stopped);
        g_test_add_func("/by/events-end", test_events_end);
        return g_test_run();
}
