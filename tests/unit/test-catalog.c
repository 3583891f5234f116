/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the catalog makes of a source that changes under it, at moments that no real kernel can be
 * brought to hit. The source here has programs 1 to N_PROGS, and all are bound to the map MAP,
 * whose one variable is metadata if the map is frozen. Events are said to be followed, and none
 * comes.
 */

#include "catalog.c"
#include "layout.h"

#define N_PROGS 3
#define MAP 10

typedef struct Fake {
        Source source;
        struct btf *btf;
        uint32_t datasec;
        uint32_t vanished; /* this program is not there any more */
        int error;         /* of prog_maps() */
        int value_error;   /* of map_value() */
        bool frozen;
        guint n_next; /* calls */
        guint n_maps;
} Fake;

int watch_take(Watch *watch, WatchFunc func, void *data, int *wait)
{
        return 1;
}

static int fake_next(Source *source, uint32_t after, uint32_t *id)
{
        Fake *fake = (Fake *)source;

        fake->n_next++;
        *id = after + 1 == fake->vanished ? after + 2 : after + 1;
        return *id <= N_PROGS ? 0 : -ENOENT;
}

static int fake_next_map(Source *source, uint32_t after, uint32_t *id)
{
        *id = MAP;
        return after < MAP ? 0 : -ENOENT;
}

static int fake_prog(Source *source, uint32_t id, SourceProg *out)
{
        if (id == ((Fake *)source)->vanished)
                return -ENOENT;
        *out = (SourceProg){ .name = g_strdup("fake"), .n_maps = 1 };
        return 0;
}

static int fake_prog_maps(Source *source, uint32_t id, GArray *ids)
{
        static const uint32_t map = MAP;
        Fake *fake = (Fake *)source;

        fake->n_maps++;
        if (id == fake->vanished)
                return -ENOENT;
        if (fake->error == 0)
                g_array_append_val(ids, map);
        return fake->error;
}

static int fake_map(Source *source, uint32_t id, SourceMap *out)
{
        *out = (SourceMap){
                .name = g_strdup("fake"),
                .value_size = 4,
                .btf_id = 1,
                .datasec = ((Fake *)source)->datasec,
                .global_data = true,
                .frozen = ((Fake *)source)->frozen,
        };
        return 0;
}

static int fake_value(Source *source, uint32_t id, SourceValue *out)
{
        if (((Fake *)source)->value_error < 0)
                return ((Fake *)source)->value_error;
        *out = (SourceValue){
                .bytes = g_malloc0(4),
                .size = 4,
                .btf = ((Fake *)source)->btf,
                .btf_borrowed = true,
        };
        return 0;
}

static const SourceOps fake_ops = {
        .next_prog = fake_next,
        .prog = fake_prog,
        .prog_maps = fake_prog_maps,
        .next_map = fake_next_map,
        .map = fake_map,
        .map_value = fake_value,
};

static void fake_init(Fake *fake, bool named)
{
        int type, variable;

        *fake = (Fake){ .source = { .ops = &fake_ops, .named = named } };
        fake->btf = btf__new_empty();
        type = btf__add_int(fake->btf, "int", 4, BTF_INT_SIGNED);
        variable = btf__add_var(fake->btf, "bpf_metadata_level", BTF_VAR_GLOBAL_ALLOCATED, type);
        fake->datasec = btf__add_datasec(fake->btf, ".data", 4);
        g_assert_cmpint(btf__add_datasec_var_info(fake->btf, variable, 0, 4), ==, 0);
}

/* Any address will do: nothing of it is looked at here. */
static Catalog *fake_catalog(Fake *fake, bool named)
{
        fake_init(fake, named);
        return catalog_new(&fake->source, 1 << 20, named ? NULL : (Watch *)fake);
}

/* The program @id, and nothing else, has to be forgotten by the kernel. */
static void assert_told(Catalog *catalog, uint32_t id)
{
        g_autoptr(GArray) progs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        g_assert_true(catalog_has_gone(catalog));
        catalog_take_gone(catalog, progs, maps);
        g_assert_cmpuint(progs->len, ==, 1);
        g_assert_cmpuint(g_array_index(progs, uint32_t, 0), ==, id);
}

/* The kernel remembers the name of a program for ever. Its event finds nothing to forget once a
 * request has found that it is gone: so the request has to see to it. */
static void test_found_gone(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Prog) prog = NULL;
        g_autoptr(Prog) other = NULL;

        /* Before anything else is known of it, and after. */
        g_assert_cmpint(catalog_prog(catalog, 1, &prog), ==, 0);
        fake.vanished = 1;
        g_assert_cmpint(prog_update(prog), ==, -ENOENT);
        assert_told(catalog, 1);
        g_assert_cmpint(catalog_prog(catalog, 2, &other), ==, 0);
        g_assert_cmpint(prog_update(other), ==, 0);
        fake.vanished = 2;
        g_assert_cmpint(prog_update(other), ==, -ENOENT);
        assert_told(catalog, 2);
        g_assert_cmpint(prog_update(other), ==, -ENOENT);
        g_assert_false(catalog_has_gone(catalog));
        btf__free(fake.btf);
}

/* The same while a program is looked for that holds a map. Another one is found then. */
static void test_found_gone_by_the_way(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Prog) prog = NULL;
        g_autoptr(Prog) other = NULL;
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(Map) map = NULL;

        g_assert_cmpint(catalog_prog(catalog, 1, &prog), ==, 0);
        g_assert_cmpint(catalog_prog(catalog, 3, &other), ==, 0);
        g_assert_cmpint(catalog_map(catalog, MAP, &map), ==, 0);
        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, 0);
        catalog->bound_until = INT64_MAX;
        g_assert_false(map_is_guarded(map));
        fake.vanished = 1;
        map_seek_guardian(map);
        assert_told(catalog, 1);
        g_assert_true(map_is_guarded(map));
        g_assert_cmpuint(map->guardian, ==, 3);
        btf__free(fake.btf);
}

/* Nothing changes in an object file: it is looked into once, also if it has variables that would be
 * metadata in a map that is read-only. */
static void test_named_once(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        g_autoptr(Prog) prog = NULL;

        g_assert_cmpint(catalog_prog(catalog, 1, &prog), ==, 0);
        for (int i = 0; i < 3; i++) {
                g_assert_cmpint(prog_update(prog), ==, 0);
                g_assert_cmpuint(fake.n_maps, ==, 1);
        }
        btf__free(fake.btf);
}

/* A look at all programs that failed is not repeated at once. */
static void test_failed_look(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        guint n;

        fake.error = -EACCES;
        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, -EACCES);
        g_assert_cmpint(catalog->bound_until, >, 0);
        catalog->bound_until = INT64_MAX;
        n = fake.n_next;
        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, -EACCES);
        g_assert_cmpuint(fake.n_next, ==, n);
        catalog->bound_until = 0;
        fake.error = 0;
        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, 0);
        g_assert_cmpuint(ids->len, ==, N_PROGS);
        btf__free(fake.btf);
}

/* Programs that are loaded during a look at all are met there, and again by their events. */
static void test_loaded_meanwhile(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, 0);
        catalog->bound_until = INT64_MAX;
        for (uint32_t id = N_PROGS; id > 0; id--)
                take_event(true, id, catalog);
        g_array_set_size(ids, 0);
        g_assert_cmpint(catalog_map_progs(catalog, MAP, ids), ==, 0);
        g_assert_cmpuint(ids->len, ==, N_PROGS);
        for (uint32_t i = 0; i < N_PROGS; i++)
                g_assert_cmpuint(g_array_index(ids, uint32_t, i), ==, i + 1);
        btf__free(fake.btf);
}

static int look_up(Catalog *catalog, Prog *prog, const char *name)
{
        Place place = { .kind = PLACE_PROG, .prog = prog };
        g_auto(Entry) entry = { 0 };

        return layout_find(catalog, &place, name, &entry);
}

/* While a map can't be read, nobody can say that a name is not there: it may be in that map. */
static void test_unread_map(void)
{
        Fake fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Prog) prog = NULL;

        fake.frozen = true;
        fake.value_error = -ENOMEM;
        g_assert_cmpint(catalog_prog(catalog, 1, &prog), ==, 0);
        g_assert_cmpint(look_up(catalog, prog, "level"), ==, -EIO);
        g_assert_cmpint(look_up(catalog, prog, "no-such"), ==, -EIO);
        g_assert_cmpint(look_up(catalog, prog, "info"), ==, 0);
        fake.value_error = 0;
        g_assert_cmpint(look_up(catalog, prog, "level"), ==, 0);
        g_assert_cmpint(look_up(catalog, prog, "no-such"), ==, -ENOENT);
        btf__free(fake.btf);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/catalog/found-gone", test_found_gone);
        g_test_add_func("/catalog/found-gone-by-the-way", test_found_gone_by_the_way);
        g_test_add_func("/catalog/named-once", test_named_once);
        g_test_add_func("/catalog/failed-look", test_failed_look);
        g_test_add_func("/catalog/loaded-meanwhile", test_loaded_meanwhile);
        g_test_add_func("/catalog/unread-map", test_unread_map);
        return g_test_run();
}
