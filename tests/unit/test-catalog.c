/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the catalog, its objects, indexes and contents make of a source that changes under them. */

#include "fake.h"

static Catalog *fake_catalog(Fake *fake, bool named)
{
        Catalog *catalog;

        fake_init(fake, named);
        catalog = catalog_new(&fake->source, 1 << 20, !named);
        layout_init(catalog);
        return catalog;
}

/* A request begins. */
static void begin(Fake *fake, Catalog *catalog)
{
        contents_begin(catalog_contents(catalog));
        if (!fake->source.named)
                events_take((Watch *)fake, catalog, NULL, NULL);
}

static Prog *get_prog(Catalog *catalog, uint32_t id)
{
        Prog *prog = NULL;

        g_assert_cmpint(prog_get(catalog, id, &prog), ==, 0);
        return prog;
}

/* Of the objects of @kind, @id and nothing else has to be forgotten by the kernel. */
static void assert_told(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Forgotten));
        guint n = 0;

        g_assert_true(catalog_has_forgotten(catalog));
        catalog_take_forgotten(catalog, list);
        for (guint i = 0; i < list->len; i++) {
                if (g_array_index(list, Forgotten, i).kind != kind)
                        continue;
                g_assert_cmpuint(g_array_index(list, Forgotten, i).id, ==, id);
                n++;
        }
        g_assert_cmpuint(n, ==, 1);
}

/* Walks down @path from the root, its names separated by '/'. 0 or -errno. */
static int look_up(Fake *fake, Catalog *catalog, const char *path, Entry *out)
{
        g_auto(GStrv) names = g_strsplit(path, "/", -1);
        g_auto(Entry) entry = { .place = layout_root() };
        int r = 0;

        begin(fake, catalog);
        for (guint i = 0; names[i]; i++) {
                Entry found;

                r = layout_find(catalog, &entry.place, names[i], &found);
                entry_clear(&entry);
                entry = found;
                if (r < 0)
                        return r;
        }
        *out = entry;
        entry = (Entry){ 0 };
        return 0;
}

static int look(Fake *fake, Catalog *catalog, const char *path)
{
        g_auto(Entry) entry = { 0 };

        return look_up(fake, catalog, path, &entry);
}

/* The text of the file @path, which has to be of the given type. */
static char *text(Fake *fake, Catalog *catalog, const char *path, EntryType type)
{
        g_auto(Entry) directory = { 0 };
        g_auto(Entry) entry = { 0 };
        g_autofree char *parent = g_path_get_dirname(path);
        g_autofree char *name = g_path_get_basename(path);
        GString *out = g_string_new(NULL);
        uint64_t size;

        g_assert_cmpint(look_up(fake, catalog, parent, &directory), ==, 0);
        g_assert_cmpint(layout_find(catalog, &directory.place, name, &entry), ==, 0);
        g_assert_cmpint(entry.type, ==, type);
        if (type == ENTRY_FILE)
                g_assert_cmpint(
                        layout_content(catalog, &directory.place, entry.key, 0, 4096, out, &size),
                        ==, 0);
        else
                g_string_append_len(out, g_bytes_get_data(entry.content, NULL),
                                    g_bytes_get_size(entry.content));
        return g_string_free(out, FALSE);
}

static void assert_text(Fake *fake, Catalog *catalog, const char *path, EntryType type,
                        const char *expected)
{
        g_autofree char *found = text(fake, catalog, path, type);

        g_assert_cmpstr(found, ==, expected);
}

/* What a listing gives. */
typedef struct Names {
        GString *text; /* the names */
        uint64_t last; /* the key of the last one */
} Names;

static bool add_name(Entry *entry, void *data)
{
        Names *names = data;

        g_string_append_printf(names->text, "%s%s", names->text->len ? " " : "", entry->name);
        names->last = entry->key;
        return true;
}

/* The names in a directory behind @after, in the order of its listing: as the kernel does, it asks
 * again until nothing follows, for a request that takes long ends early. */
static char *names_in(Catalog *catalog, const Place *place, uint64_t after)
{
        Names names = { g_string_new(NULL), after };

        do {
                after = names.last;
                g_assert_cmpint(layout_list(catalog, place, after, add_name, &names), ==, 0);
        } while (names.last != after);
        return g_string_free(names.text, FALSE);
}

/* The names in the directory @path, in the order of its listing. */
static char *list(Fake *fake, Catalog *catalog, const char *path)
{
        g_auto(Entry) entry = { .place = layout_root() };

        if (*path) {
                entry_clear(&entry);
                g_assert_cmpint(look_up(fake, catalog, path, &entry), ==, 0);
        }
        begin(fake, catalog);
        return names_in(catalog, &entry.place, 0);
}

static void assert_list(Fake *fake, Catalog *catalog, const char *path, const char *expected)
{
        g_autofree char *found = list(fake, catalog, path);

        g_assert_cmpstr(found, ==, expected);
}

/* The kernel remembers the name of a program for ever. Its event finds nothing to forget once a
 * request has found that it is gone: so the request has to see to it. */
static void test_found_gone(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Prog) prog = get_prog(catalog, 1);
        g_autoptr(Prog) other = NULL;

        /* Before anything else is known of it, and after. */
        fake.vanished = 1;
        g_assert_cmpint(prog_update(prog, NULL), ==, -ENOENT);
        assert_told(catalog, &prog_kind, 1);
        other = get_prog(catalog, 2);
        g_assert_cmpint(prog_update(other, NULL), ==, 0);
        fake.vanished = 2;
        g_assert_cmpint(prog_update(other, NULL), ==, -ENOENT);
        assert_told(catalog, &prog_kind, 2);
        g_assert_cmpint(prog_update(other, NULL), ==, -ENOENT);
        g_assert_false(catalog_has_forgotten(catalog));
}

/* A map is remembered as long as its guardian is there; then another program takes its place. */
static void test_guardian(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;
        g_auto(Entry) entry = { 0 };

        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        g_assert_cmpuint(map_guardian(map), ==, 0);
        g_assert_cmpint(look_up(&fake, catalog, "maps/10", &entry), ==, 0);
        g_assert_false(entry.lasting);
        entry_clear(&entry);
        assert_list(&fake, catalog, "maps", "10 11");
        g_assert_cmpuint(map_guardian(map), ==, 1);
        g_assert_cmpint(look_up(&fake, catalog, "maps/10", &entry), ==, 0);
        g_assert_true(entry.lasting);
        fake.vanished = 1;
        fake_event(&fake, -1);
        begin(&fake, catalog);
        assert_told(catalog, &map_kind, MAP);
        g_assert_cmpuint(map_guardian(map), ==, 2);
}

/* Events were lost: what is not listed any more is no guardian either. */
static void test_lost_events(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;

        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        g_assert_cmpuint(map_guardian(map), ==, 1);
        fake.vanished = 1;
        fake.lost = true;
        begin(&fake, catalog);
        assert_told(catalog, &map_kind, MAP);
        assert_list(&fake, catalog, "maps/10/progs", "2 3");
}

/* Nothing changes in an object file: it is looked into once, also if it has variables that would be
 * metadata in a map that is read-only. */
static void test_named_once(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);
        g_autoptr(Prog) prog = get_prog(catalog, 1);

        for (int i = 0; i < 3; i++) {
                g_assert_cmpint(prog_update(prog, NULL), ==, 0);
                g_assert_cmpuint(fake.n_maps, ==, 1);
        }
}

/* Whoever lists progs/ of every map makes one look at all programs, not one a map; but a map that
 * is looked at for the first time is never answered from an older look, and a late bind shows after
 * the time that the manual promises. */
static void test_index_lag(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;
        g_autoptr(Map) late = NULL;
        guint n;

        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        n = fake.n_maps;
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        g_assert_cmpuint(fake.n_maps, ==, n);
        fake.n_bound = 2;
        g_assert_cmpint(map_get(catalog, MAP + 1, &late), ==, 0);
        assert_list(&fake, catalog, "maps/11/progs", "1 2 3");
        g_assert_cmpuint(fake.n_maps, >, n);
        n = fake.n_maps;
        g_usleep(INDEX_LAG_MS * 1000 + 1000);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        g_assert_cmpuint(fake.n_maps, >, n);
}

/* The time does not grow with what the look cost: nothing here depends on how long it took. */
static void test_index_loaded(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;

        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        /* Loaded since, and one that was met already. */
        fake.n_progs = 5;
        fake_event(&fake, 4);
        fake_event(&fake, 3);
        fake_event(&fake, 5);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3 4 5");
}

/* A program that can't be asked hides no other, neither one that stood before it nor one that was
 * loaded meanwhile. */
static void test_index_failure(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;

        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        fake.prog_error[2] = -EACCES;
        assert_list(&fake, catalog, "maps/10/progs", "1 3 (cannot be shown)");
        fake.n_progs = 5;
        fake.prog_error[4] = -EACCES;
        fake_event(&fake, 4);
        fake_event(&fake, 5);
        assert_list(&fake, catalog, "maps/10/progs", "1 3 5 (cannot be shown)");
        assert_text(&fake, catalog, "maps/10/progs/(cannot be shown)", ENTRY_CHANGING_FILE,
                    "(cannot be shown: whether 2 programs hold the map)\n");
        memset(fake.prog_error, 0, sizeof(fake.prog_error));
        g_usleep(INDEX_LAG_MS * 1000 + 1000);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3 4 5");
}

/* While a map can't be read, nobody can say that a name is not there: it may be in that map. */
static void test_unread_map(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);

        fake.frozen = true;
        fake.value_error[0] = -ENOMEM;
        g_assert_cmpint(look(&fake, catalog, "1/level"), ==, -EIO);
        g_assert_cmpint(look(&fake, catalog, "1/no-such"), ==, -EIO);
        g_assert_cmpint(look(&fake, catalog, "1/info"), ==, 0);
        fake.value_error[0] = 0;
        g_assert_cmpint(look(&fake, catalog, "1/level"), ==, 0);
        g_assert_cmpint(look(&fake, catalog, "1/no-such"), ==, -ENOENT);
}

/* A map that may not be opened hides nothing of the others, and says so itself; once it may be
 * opened all is there. */
static void test_closed_map(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        G_GNUC_UNUSED g_autoptr(Prog) prog = get_prog(catalog, 1);
        g_auto(Entry) entry = { 0 };

        fake.n_bound = 2;
        fake.frozen = fake.rdonly_prog = true;
        fake.map_error[0] = -EPERM;
        assert_list(&fake, catalog, "1", "info maps team");
        assert_text(&fake, catalog, "1/team", ENTRY_FILE, "0\n");
        assert_list(&fake, catalog, "1/maps", "10 11 fake");
        assert_list(&fake, catalog, "1/maps/10", "(cannot be shown)");
        assert_list(&fake, catalog, "maps", "10 11");
        assert_text(&fake, catalog, "maps/10/(cannot be shown)", ENTRY_CHANGING_FILE,
                    "(cannot be shown: the kernel does not let it be opened: Operation not "
                    "permitted)\n");
        /* Nothing of it is remembered: neither the map nor the names that it may change. */
        g_assert_cmpint(look_up(&fake, catalog, "1/maps/10", &entry), ==, 0);
        g_assert_false(entry.lasting);
        entry_clear(&entry);
        g_assert_cmpint(look_up(&fake, catalog, "1/team", &entry), ==, 0);
        g_assert_false(entry.lasting);
        fake.map_error[0] = 0;
        assert_list(&fake, catalog, "1", "info maps team level");
        assert_list(&fake, catalog, "1/maps", "10 fake 11 fake~2");
        assert_list(&fake, catalog, "1/maps/10", "info vars");
}

/* The same of a program. */
static void test_closed_prog(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);

        fake.frozen = true;
        fake.prog_error[2] = -EACCES;
        assert_list(&fake, catalog, "", "maps by programs.json maps.json metrics.prom 1 2 3");
        assert_list(&fake, catalog, "2", "(cannot be shown)");
        assert_list(&fake, catalog, "3", "info maps level");
        fake.prog_error[2] = 0;
        assert_list(&fake, catalog, "2", "info maps level");
}

/* What may be opened again has not gone: the kernel would make its directory a dead one for those
 * who are in it. And nobody answers without it who asked all programs before. */
static void test_opened_again(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_auto(Entry) prog = { 0 };
        g_auto(Entry) map = { 0 };

        fake.prog_error[2] = -EACCES;
        fake.map_error[0] = -EPERM;
        g_assert_cmpint(look_up(&fake, catalog, "2", &prog), ==, 0);
        g_assert_cmpint(look_up(&fake, catalog, "maps/10", &map), ==, 0);
        assert_list(&fake, catalog, "maps/10/progs", "1 3 (cannot be shown)");
        fake.prog_error[2] = 0;
        g_assert_cmpint(look(&fake, catalog, "2/info"), ==, 0);
        assert_list(&fake, catalog, "maps/10/progs", "1 2 3");
        fake.map_error[0] = 0;
        assert_list(&fake, catalog, "maps/10", "info progs");
        g_assert_false(catalog_has_forgotten(catalog));
}

/* What was there once is not hidden by a look that fails. */
static void test_vars_stay(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_autoptr(Map) map = NULL;

        fake.frozen = true;
        g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
        assert_list(&fake, catalog, "maps/10", "info vars progs");
        fake.map_error[0] = -ENOMEM;
        assert_list(&fake, catalog, "maps/10", "info vars progs");
}

/* The names of what can change are known without it. */
static void test_names_stay(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        G_GNUC_UNUSED g_autoptr(Prog) prog = get_prog(catalog, 1);

        fake.rdonly_prog = true;
        assert_list(&fake, catalog, "1", "info maps level");
        fake.value_error[0] = -ENOMEM;
        assert_list(&fake, catalog, "1", "info maps level");
        assert_list(&fake, catalog, "1/maps/10/vars", "bpf_metadata_level");
        g_assert_cmpint(look(&fake, catalog, "1/level"), ==, -ENOMEM);
}

/* In an object file anything may be called anything. */
static void test_odd_name(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, true);

        fake.name = ENTRY_CANNOT_BE_SHOWN;
        assert_list(&fake, catalog, "maps/(cannot be shown)/progs",
                    "(cannot be shown) (cannot be shown)~2 (cannot be shown)~3");
        g_assert_cmpint(look(&fake, catalog, "maps/(cannot be shown)/progs/(cannot be shown)"), ==,
                        0);
}

/* Who lists maps asks all programs only if there is a map without a guardian, and sees the maps
 * also if that fails. */
static void test_maps_without_progs(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        guint n;

        fake.next_error = -EPERM;
        assert_list(&fake, catalog, "maps", "10 11");
        fake.next_error = 0;
        fake.n_bound = 2;
        assert_list(&fake, catalog, "maps", "10 11");
        n = fake.n_maps;
        g_usleep(INDEX_LAG_MS * 1000 + 1000);
        assert_list(&fake, catalog, "maps", "10 11");
        g_assert_cmpuint(fake.n_maps, ==, n);
}

/* However long it takes to begin, a request gets on: else a long listing would begin as often as it
 * has entries. */
static void test_slow_listing(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_auto(Entry) entry = { 0 };
        Names names = { g_string_new(NULL), 0 };

        fake.n_bound = 2;
        fake.frozen = fake.rdonly_prog = true;
        g_assert_cmpint(look_up(&fake, catalog, "1", &entry), ==, 0);
        assert_list(&fake, catalog, "1", "info maps level team");
        fake.prog_stop = 20000;
        /* On a busy machine it may lose its CPU between the two. */
        for (guint i = 0; i < 50 && strcmp(names.text->str, "level team") != 0; i++) {
                g_string_truncate(names.text, 0);
                begin(&fake, catalog);
                g_assert_cmpint(
                        layout_list(catalog, &entry.place, ENTRY_OWN_KEYS, add_name, &names), ==,
                        0);
        }
        g_assert_cmpstr(names.text->str, ==, "level team");
        g_string_free(names.text, TRUE);
}

/* Makes the variable of the first map a struct, bpf_metadata_build, with the member level. */
static void make_struct(Fake *fake)
{
        struct btf *btf = btf__new_empty();
        int member = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
        int type = btf__add_struct(btf, "build", 4), variable;

        btf__free(fake->btf[0]);
        fake->btf[0] = btf;
        g_assert_cmpint(btf__add_field(btf, "level", member, 0, 0), ==, 0);
        variable = btf__add_var(btf, "bpf_metadata_build", BTF_VAR_GLOBAL_ALLOCATED, type);
        fake->datasec[0] = btf__add_datasec(btf, ".data", 4);
        g_assert_cmpint(btf__add_datasec_var_info(btf, variable, 0, 4), ==, 0);
}

/* The kernel remembers the struct's directory and asks no more for it: whoever looks into it has to
 * notice the freeze. */
static void test_struct_frozen_late(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        g_auto(Entry) directory = { 0 };
        g_auto(Entry) entry = { 0 };

        make_struct(&fake);
        fake.rdonly_prog = true;
        g_assert_cmpint(look_up(&fake, catalog, "1/build", &directory), ==, 0);
        g_assert_true(directory.lasting);
        g_assert_cmpint(layout_find(catalog, &directory.place, "level", &entry), ==, 0);
        g_assert_cmpint(entry.type, ==, ENTRY_CHANGING_FILE);
        entry_clear(&entry);
        fake.frozen = true;
        begin(&fake, catalog);
        g_assert_cmpint(layout_find(catalog, &directory.place, "level", &entry), ==, 0);
        g_assert_cmpint(entry.type, ==, ENTRY_FILE);
}

/* What was read before the freeze is never taken for final, whoever notices the freeze. */
static void test_frozen_late(void)
{
        static const char *const notices[] = { "1/level", "1/maps/10/vars/bpf_metadata_level",
                                               "maps/10/vars" };

        for (guint i = 0; i < G_N_ELEMENTS(notices); i++) {
                g_auto(Fake) fake;
                g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
                g_autoptr(Map) map = NULL;

                fake.rdonly_prog = true;
                g_assert_cmpint(map_get(catalog, MAP, &map), ==, 0);
                fake.value[0] = 1;
                assert_text(&fake, catalog, "1/level", ENTRY_CHANGING_FILE, "1\n");
                fake.value[0] = 2;
                fake.frozen = true;
                g_assert_cmpint(look(&fake, catalog, notices[i]), ==, 0);
                /* It is remembered now, and is the value that it was frozen with. */
                assert_text(&fake, catalog, "1/level", ENTRY_FILE, "2\n");
        }
}

/* Nor if the map's object was forgotten in between. */
static void test_frozen_unseen(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);

        fake.rdonly_prog = true;
        fake.value[0] = 1;
        assert_text(&fake, catalog, "1/level", ENTRY_CHANGING_FILE, "1\n");
        fake.value[0] = 2;
        fake.frozen = true;
        assert_text(&fake, catalog, "1/level", ENTRY_FILE, "2\n");
}

/* Names follow the order of the maps, also if the first one's variables come last. */
static void test_names_in_order(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        G_GNUC_UNUSED g_autoptr(Prog) prog = get_prog(catalog, 1);
        g_auto(Entry) entry = { 0 };

        fake.n_bound = 2;
        fake.datasec[1] = fake.datasec[0];
        btf__free(fake.btf[1]);
        fake.btf[1] = btf__new_empty();
        g_assert_cmpint(btf__add_btf(fake.btf[1], fake.btf[0]), >, 0);
        fake.value[0] = 1;
        fake.value[1] = 2;
        fake.map_error[0] = -EPERM;
        fake.frozen = true;
        assert_text(&fake, catalog, "1/level", ENTRY_CHANGING_FILE, "2\n");
        g_assert_cmpint(look_up(&fake, catalog, "1/level", &entry), ==, 0);
        g_assert_false(entry.lasting);
        fake.map_error[0] = 0;
        assert_text(&fake, catalog, "1/level", ENTRY_CHANGING_FILE, "1\n");
        assert_text(&fake, catalog, "1/level~2", ENTRY_CHANGING_FILE, "2\n");
}

/* Who knows where something is pinned, and how often it was asked. */
typedef struct Pinned {
        guint n_asked;
        int error;
} Pinned;

static void add_pin(GByteArray *list, PinKind kind, uint32_t id, const char *path)
{
        PinRecord record = { .kind = kind, .id = id, .length = strlen(path) };

        g_byte_array_append(list, (const guint8 *)&record, sizeof(record));
        g_byte_array_append(list, (const guint8 *)path, record.length);
}

static int list_pins(void *data, GByteArray *out)
{
        Pinned *pinned = data;

        pinned->n_asked++;
        add_pin(out, PIN_PROG, 1, "/b/two");
        add_pin(out, PIN_PROG, 1, "/b/one");
        add_pin(out, PIN_MAP, MAP, "/b/map");
        /* It has to be asked for each time. */
        add_pin(out, PIN_UNWATCHED, 0, "");
        return pinned->error;
}

/* A key that is observed is there if there is an observer, and is looked for only if it is looked
 * up itself. */
static void test_observed(void)
{
        g_auto(Fake) fake;
        g_autoptr(Catalog) catalog = fake_catalog(&fake, false);
        Pinned pinned = { 0 };
        g_autoptr(Pins) pins = pins_new(-1, list_pins, &pinned);
        Observers observers = { .pins = pins };

        assert_list(&fake, catalog, "1/info", "fixed changing");
        g_assert_cmpint(look(&fake, catalog, "1/info/pinned"), ==, -ENOENT);
        catalog_set_observers(catalog, &observers);
        assert_list(&fake, catalog, "1/info", "fixed changing pinned");
        assert_list(&fake, catalog, "maps/10/info", "fixed changing pinned");
        g_assert_cmpint(look(&fake, catalog, "1/info/changing"), ==, 0);
        g_assert_cmpint(look(&fake, catalog, "1/info/other"), ==, -ENOENT);
        g_assert_cmpuint(pinned.n_asked, ==, 0);
        fake.n_changing = 0;
        assert_text(&fake, catalog, "1/info/pinned", ENTRY_CHANGING_FILE, "/b/one\n/b/two\n");
        g_assert_cmpuint(pinned.n_asked, ==, 1);
        assert_text(&fake, catalog, "2/info/pinned", ENTRY_CHANGING_FILE, "");
        assert_text(&fake, catalog, "maps/10/info/pinned", ENTRY_CHANGING_FILE, "/b/map\n");
        assert_text(&fake, catalog, "1/maps/10/info/pinned", ENTRY_CHANGING_FILE, "/b/map\n");
        g_assert_cmpuint(fake.n_changing, ==, 0);
        /* What was known is shown, and that it may have changed. */
        pinned.error = -ETIMEDOUT;
        g_usleep(PINS_REUSE);
        assert_text(&fake, catalog, "maps/10/info/pinned", ENTRY_CHANGING_FILE,
                    "/b/map\n(cannot be looked at: Connection timed out)\n");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/catalog/found-gone", test_found_gone);
        g_test_add_func("/catalog/guardian", test_guardian);
        g_test_add_func("/catalog/lost-events", test_lost_events);
        g_test_add_func("/catalog/named-once", test_named_once);
        g_test_add_func("/index/lag", test_index_lag);
        g_test_add_func("/index/loaded", test_index_loaded);
        g_test_add_func("/index/failure", test_index_failure);
        g_test_add_func("/catalog/unread-map", test_unread_map);
        g_test_add_func("/catalog/closed-map", test_closed_map);
        g_test_add_func("/catalog/closed-prog", test_closed_prog);
        g_test_add_func("/catalog/opened-again", test_opened_again);
        g_test_add_func("/catalog/vars-stay", test_vars_stay);
        g_test_add_func("/catalog/names-stay", test_names_stay);
        g_test_add_func("/catalog/odd-name", test_odd_name);
        g_test_add_func("/catalog/maps-without-progs", test_maps_without_progs);
        g_test_add_func("/layout/slow-listing", test_slow_listing);
        g_test_add_func("/contents/struct-frozen-late", test_struct_frozen_late);
        g_test_add_func("/contents/frozen-late", test_frozen_late);
        g_test_add_func("/contents/frozen-unseen", test_frozen_unseen);
        g_test_add_func("/entries/names-in-order", test_names_in_order);
        g_test_add_func("/info/observed", test_observed);
        return g_test_run();
}
