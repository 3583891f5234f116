/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs and maps by id. The tables do not own what is in them: an object leaves its table when
 * its last reference goes. */

#include "catalog.h"

#include "names.h"

#include <errno.h>
#include <string.h>

/* The file names of a source that has no ids to show. */
typedef struct NameTable {
        GPtrArray *names; /* of id 1, 2 ... */
        GHashTable *ids;  /* by name; borrowed keys */
} NameTable;

struct Catalog {
        Source *source;
        GHashTable *progs;  /* by id */
        GHashTable *maps;   /* by id */
        int64_t memory;     /* bytes that may still be kept; below 0: names took more */
        Watch *watch;       /* NULL: no events */
        int events_error;   /* why there are none any more; 0: there are, or never were */
        GArray *gone_progs; /* see catalog_take_gone() */
        GArray *gone_maps;
        NameTable prog_names;
        NameTable map_names;

        /* Bytes and BTF of the map that was read last. */
        SourceValue value;
        uint32_t value_map;
        bool value_current; /* it was read for the request that is being served */

        /* The part of a long text that was made last: a reader comes back for what follows. */
        GString *text;
        uint32_t text_map; /* 0: none */
        ValueRef text_ref;
        uint64_t text_start;
        uint64_t text_size; /* of the whole */

        /* The members of the struct that was looked into last: a listing comes back for more. */
        GArray *members; /* of Decoded; NULL: none */
        uint32_t members_map;
        ValueRef members_ref;

        /* Which program is bound to which maps, as the last look at all programs had it. */
        GHashTable *bound;   /* map id -> GArray of program ids */
        int64_t bound_until; /* g_get_monotonic_time() up to which it is good */
        int bound_error;     /* -errno: the look failed */
        GArray *bound_new;   /* ids of programs that were loaded since */
};

/* What is the filesystem's own in the root. */
static bool is_maps(const char *name)
{
        return strcmp(name, "maps") == 0;
}

static void name_table_init(NameTable *table, Source *source, bool progs)
{
        g_autoptr(Names) names = names_new(progs ? is_maps : NULL);
        uint32_t id = 0;

        table->names = g_ptr_array_new_with_free_func(g_free);
        table->ids = g_hash_table_new(g_str_hash, g_str_equal);
        if (!source->named)
                return;
        while ((progs ? source->ops->next_prog : source->ops->next_map)(source, id, &id) == 0) {
                g_auto(SourceProg) prog = { 0 };
                g_auto(SourceMap) map = { 0 };
                const char *full = "";
                char *name;

                if (progs && source->ops->prog(source, id, &prog) == 0)
                        full = prog.name;
                if (!progs && source->ops->map(source, id, &map) == 0)
                        full = map.name;
                name = names_give(names, full, full);
                while (table->names->len < id)
                        g_ptr_array_add(table->names, NULL);
                table->names->pdata[id - 1] = name;
                g_hash_table_insert(table->ids, name, GUINT_TO_POINTER(id));
        }
}

static void name_table_clear(NameTable *table)
{
        g_hash_table_unref(table->ids);
        g_ptr_array_unref(table->names);
}

static const char *name_of(const NameTable *table, uint32_t id)
{
        return id >= 1 && id <= table->names->len ? table->names->pdata[id - 1] : NULL;
}

Catalog *catalog_new(Source *source, uint64_t memory, Watch *watch)
{
        Catalog *catalog = g_new0(Catalog, 1);

        catalog->source = source;
        catalog->progs = g_hash_table_new(NULL, NULL);
        catalog->maps = g_hash_table_new(NULL, NULL);
        catalog->memory = MIN(memory, INT64_MAX);
        catalog->watch = watch;
        catalog->gone_progs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        catalog->gone_maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        catalog->bound_new = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        catalog->text = g_string_new(NULL);
        name_table_init(&catalog->prog_names, source, true);
        name_table_init(&catalog->map_names, source, false);
        return catalog;
}

void catalog_free(Catalog *catalog)
{
        g_string_free(catalog->text, TRUE);
        g_clear_pointer(&catalog->members, g_array_unref);
        source_value_clear(&catalog->value);
        name_table_clear(&catalog->prog_names);
        name_table_clear(&catalog->map_names);
        g_hash_table_unref(catalog->progs);
        g_hash_table_unref(catalog->maps);
        g_array_unref(catalog->gone_progs);
        g_array_unref(catalog->gone_maps);
        g_array_unref(catalog->bound_new);
        if (catalog->bound)
                g_hash_table_unref(catalog->bound);
        g_free(catalog);
}

Source *catalog_source(Catalog *catalog)
{
        return catalog->source;
}

bool catalog_has_events(Catalog *catalog)
{
        return catalog->watch != NULL;
}

bool catalog_reserves(const char *name)
{
        return strcmp(name, "info") == 0 || strcmp(name, "maps") == 0;
}

const char *catalog_prog_name(Catalog *catalog, uint32_t id)
{
        return name_of(&catalog->prog_names, id);
}

const char *catalog_map_name(Catalog *catalog, uint32_t id)
{
        return name_of(&catalog->map_names, id);
}

uint32_t catalog_prog_named(Catalog *catalog, const char *name)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(catalog->prog_names.ids, name));
}

uint32_t catalog_map_named(Catalog *catalog, const char *name)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(catalog->map_names.ids, name));
}

bool catalog_take(Catalog *catalog, size_t bytes)
{
        if (bytes > 0 && (int64_t)bytes > catalog->memory)
                return false;
        catalog->memory -= bytes;
        return true;
}

void catalog_give_back(Catalog *catalog, size_t bytes)
{
        catalog->memory += bytes;
}

/* Programs */

int catalog_prog(Catalog *catalog, uint32_t id, Prog **out)
{
        Prog *prog = g_hash_table_lookup(catalog->progs, GUINT_TO_POINTER(id));
        SourceProg facts = { 0 };
        int r;

        if (prog) {
                r = prog_check(prog);
                if (r == 0)
                        *out = prog_ref(prog);
                return r;
        }
        r = catalog->source->ops->prog(catalog->source, id, &facts);
        if (r < 0)
                return r;
        prog = g_new0(Prog, 1);
        prog->catalog = catalog;
        prog->refs = 1;
        prog->id = id;
        prog->facts = facts;
        prog->facts.n_maps = 0;
        /* The info directory asks for it again, and most programs are only listed. */
        g_clear_pointer(&prog->facts.name, g_free);
        g_hash_table_insert(catalog->progs, GUINT_TO_POINTER(id), prog);
        *out = prog;
        return 0;
}

Prog *prog_ref(Prog *prog)
{
        prog->refs++;
        return prog;
}

static void clear_names(Prog *prog)
{
        for (uint32_t i = 0; i < prog->n_entries; i++)
                g_clear_pointer(&prog->entries[i].name, g_ref_string_release);
        for (uint32_t i = 0; i < prog->facts.n_maps; i++)
                g_clear_pointer(&prog->links[i], g_ref_string_release);
}

/* The program no longer answers for its maps. */
static void release_maps(Prog *prog)
{
        for (uint32_t i = 0; i < prog->facts.n_maps; i++) {
                Map *map = prog->maps[i];

                if (map->guardian != prog->id)
                        continue;
                map->guardian = 0;
                if (prog->catalog->watch)
                        g_array_append_val(prog->catalog->gone_maps, map->id);
        }
}

/* It is no longer found by its id. */
static void drop_prog(Prog *prog)
{
        if (prog->gone)
                return;
        g_hash_table_remove(prog->catalog->progs, GUINT_TO_POINTER(prog->id));
        prog->gone = true;
        release_maps(prog);
}

void prog_unref(Prog *prog)
{
        if (!prog || --prog->refs > 0)
                return;
        drop_prog(prog);
        clear_names(prog);
        for (uint32_t i = 0; i < prog->facts.n_maps; i++)
                map_unref(prog->maps[i]);
        g_free(prog->maps);
        g_free(prog->links);
        g_free(prog->entries);
        info_free(prog->info);
        source_prog_clear(&prog->facts);
        g_free(prog);
}

/* Events */

/* To be called by whoever finds out first: what finds out later, an event or a request, no longer
 * finds the program, and the kernel would never be told. */
static void note_gone(Prog *prog)
{
        if (prog->gone)
                return;
        if (prog->catalog->watch)
                g_array_append_val(prog->catalog->gone_progs, prog->id);
        drop_prog(prog);
}

static void take_event(bool loaded, uint32_t id, void *data)
{
        Catalog *catalog = data;
        Prog *prog = g_hash_table_lookup(catalog->progs, GUINT_TO_POINTER(id));

        if (!loaded && prog)
                note_gone(prog);
        if (loaded && g_get_monotonic_time() < catalog->bound_until)
                g_array_append_val(catalog->bound_new, id);
}

static void forget_all(Catalog *catalog)
{
        g_autoptr(GList) progs = g_hash_table_get_values(catalog->progs);

        for (GList *at = progs; at; at = at->next)
                note_gone(at->data);
}

/* A storm of events that never lets the rings be read in time ends with this many comparisons; the
 * next call goes on. */
#define MAX_COMPARISONS 8

/* Events were lost: what the kernel no longer lists has gone. */
static void compare(Catalog *catalog)
{
        g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);
        g_autoptr(GList) progs = NULL;
        uint32_t id = 0;
        int r;

        catalog->bound_until = 0;
        while ((r = catalog->source->ops->next_prog(catalog->source, id, &id)) == 0)
                g_hash_table_add(listed, GUINT_TO_POINTER(id));
        if (r != -ENOENT) {
                forget_all(catalog);
                return;
        }
        progs = g_hash_table_get_values(catalog->progs);
        for (GList *at = progs; at; at = at->next) {
                Prog *prog = at->data;

                if (!g_hash_table_contains(listed, GUINT_TO_POINTER(prog->id)))
                        note_gone(prog);
        }
}

int catalog_take_events(Catalog *catalog, int *wait)
{
        int r;

        catalog->value_current = false;
        if (wait)
                *wait = -1;
        /* A program whose unload was lost may be listed for some microseconds more: after a
         * comparison there is another, until no record is missing. */
        for (int i = 0; i < MAX_COMPARISONS && catalog->watch; i++) {
                r = watch_take(catalog->watch, take_event, catalog, i == 0 ? wait : NULL);
                if (r > 0)
                        break;
                if (r == 0) {
                        compare(catalog);
                        continue;
                }
                forget_all(catalog);
                catalog->watch = NULL;
                catalog->events_error = r;
        }
        return catalog->events_error;
}

void catalog_follow(Catalog *catalog)
{
        catalog_take_events(catalog, NULL);
}

bool catalog_has_gone(Catalog *catalog)
{
        return catalog->gone_progs->len > 0 || catalog->gone_maps->len > 0;
}

void catalog_take_gone(Catalog *catalog, GArray *progs, GArray *maps)
{
        g_array_append_vals(progs, catalog->gone_progs->data, catalog->gone_progs->len);
        g_array_append_vals(maps, catalog->gone_maps->data, catalog->gone_maps->len);
        g_array_set_size(catalog->gone_progs, 0);
        g_array_set_size(catalog->gone_maps, 0);
}

/* True if the object can only go with an event, or not at all. */
static bool is_followed(const Catalog *catalog)
{
        return catalog->watch || catalog->source->named;
}

int prog_check(Prog *prog)
{
        Source *source = prog->catalog->source;

        if (!prog->gone && !is_followed(prog->catalog) &&
            !source_has(source, source->ops->next_prog, prog->id))
                drop_prog(prog);
        return prog->gone ? -ENOENT : 0;
}

int prog_info(Prog *prog, const Info **out)
{
        Source *source = prog->catalog->source;
        int r = 0;

        if (!prog->info)
                r = source->ops->prog_info(source, prog->id, false, &prog->info);
        *out = prog->info;
        return r;
}

/* A name, shared by all programs that use it. */
static char *shared_name(char *name)
{
        char *shared = g_ref_string_new_intern(name);

        g_free(name);
        return shared;
}

/* Adds the metadata of the map, unless it is among the entries already. The entries of a map follow
 * each other; @first (Map -> index) says where. */
static int find_entries(Prog *prog, GArray *entries, GHashTable *first, Map *map)
{
        Variables *variables;
        int r = map_variables(map, &variables);

        if (r < 0 || !variables_have_metadata(variables) || g_hash_table_contains(first, map))
                return r;
        if (!map_is_metadata(map)) {
                prog->unsettled = true;
                return 0;
        }
        g_hash_table_insert(first, map, GUINT_TO_POINTER(entries->len));
        for (uint32_t i = 0; i < variables->n; i++) {
                ProgEntry entry = { .map = map, .variable = i };

                if (variables->items[i].entry && entries->len < CATALOG_MAX_ENTRIES)
                        g_array_append_val(entries, entry);
        }
        return 0;
}

static char *name_entry(Names *names, const ProgEntry *entry)
{
        const Variables *variables = entry->map->variables;
        const Variable *variable;

        /* Its map could be read before and can't be now. */
        if (!variables || entry->variable >= variables->n)
                return g_ref_string_new_intern("");
        variable = &variables->items[entry->variable];
        return shared_name(names_give(names, variable->entry, variable->declared));
}

/* Names follow the order of the maps, which is not always that in which entries were found. */
static void name_entries(Prog *prog, GHashTable *first)
{
        g_autoptr(Names) names = names_new(catalog_reserves);
        bool settled = true;

        for (uint32_t m = 0; m < prog->facts.n_maps; m++) {
                Map *map = prog->maps[m];
                gpointer index;

                /* Not read yet, or metadata's only once it is frozen: names may still come before.
                 */
                if (!prog->catalog->source->named && map->facts.global_data &&
                    (!map->variables ||
                     (!map_is_metadata(map) && variables_have_metadata(map->variables))))
                        settled = false;
                if (!g_hash_table_lookup_extended(first, map, NULL, &index))
                        continue;
                for (uint32_t i = GPOINTER_TO_UINT(index);
                     i < prog->n_entries && prog->entries[i].map == map; i++) {
                        /* A map that is bound twice has its entries once. */
                        if (prog->entries[i].name)
                                break;
                        prog->entries[i].name = name_entry(names, &prog->entries[i]);
                        prog->entries[i].settled = settled;
                }
        }
}

static void name_links(Prog *prog)
{
        g_autoptr(Names) names = names_new(names_is_id);

        if (prog->catalog->source->named)
                return;
        for (uint32_t i = 0; i < prog->facts.n_maps; i++)
                if (*prog->maps[i]->facts.name)
                        prog->links[i] = shared_name(names_give(names, prog->maps[i]->facts.name,
                                                                prog->maps[i]->facts.name));
}

/* Takes up the maps that were bound since the last time. */
static int find_maps(Prog *prog)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        Source *source = prog->catalog->source;
        uint32_t n = prog->facts.n_maps;
        int r = source->ops->prog_maps(source, prog->id, ids);

        if (r == -ENOENT)
                note_gone(prog);
        if (r < 0 || ids->len <= n)
                return r;
        prog->examined = false;
        prog->maps = g_renew(Map *, prog->maps, ids->len);
        prog->links = g_renew(char *, prog->links, ids->len);
        for (; n < ids->len; n++) {
                r = catalog_map(prog->catalog, g_array_index(ids, uint32_t, n), &prog->maps[n]);
                if (r < 0)
                        return r;
                if (prog->maps[n]->guardian == 0)
                        prog->maps[n]->guardian = prog->id;
                prog->links[n] = NULL;
                prog->facts.n_maps = n + 1;
        }
        return 0;
}

/* Looks at all maps. A map that can't be read now is tried again at the next update; what is known
 * of the others stands. On failure nothing has changed but that more maps may be known. */
static int examine(Prog *prog)
{
        g_autoptr(GHashTable) first = g_hash_table_new(NULL, NULL);
        g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(ProgEntry));
        bool whole = true;
        int r;

        prog->examined = false;
        r = find_maps(prog);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < prog->n_entries; i++) {
                ProgEntry entry = { .map = prog->entries[i].map,
                                    .variable = prog->entries[i].variable };

                if (!g_hash_table_contains(first, entry.map))
                        g_hash_table_insert(first, entry.map, GUINT_TO_POINTER(i));
                g_array_append_val(entries, entry);
        }
        prog->unsettled = false;
        for (uint32_t i = 0; i < prog->facts.n_maps; i++) {
                r = map_update(prog->maps[i]);
                if (r == 0)
                        r = find_entries(prog, entries, first, prog->maps[i]);
                if (r == -ENOENT)
                        return r;
                whole = whole && r == 0;
        }
        clear_names(prog);
        g_free(prog->entries);
        prog->n_entries = entries->len;
        prog->entries = (ProgEntry *)g_array_free(g_steal_pointer(&entries), FALSE);
        name_entries(prog, first);
        name_links(prog);
        prog->examined = whole;
        return 0;
}

int prog_update(Prog *prog)
{
        g_auto(SourceProg) facts = { 0 };
        Source *source = prog->catalog->source;
        int r;

        if (prog->gone)
                return -ENOENT;
        /* Nothing of an object file is frozen or bound later. */
        if (source->named && prog->examined)
                return 0;
        if (!prog->examined || prog->unsettled)
                return examine(prog);
        r = source->ops->prog(source, prog->id, &facts);
        if (r == -ENOENT)
                note_gone(prog);
        return r < 0 || facts.n_maps == prog->facts.n_maps ? r : examine(prog);
}

/* Maps */

int catalog_map(Catalog *catalog, uint32_t id, Map **out)
{
        Map *map = g_hash_table_lookup(catalog->maps, GUINT_TO_POINTER(id));
        SourceMap facts = { 0 };
        int r;

        if (map) {
                r = map_check(map);
                if (r == 0)
                        *out = map_ref(map);
                return r;
        }
        r = catalog->source->ops->map(catalog->source, id, &facts);
        if (r < 0)
                return r;
        map = g_new0(Map, 1);
        map->catalog = catalog;
        map->refs = 1;
        map->id = id;
        map->facts = facts;
        g_hash_table_insert(catalog->maps, GUINT_TO_POINTER(id), map);
        *out = map;
        return 0;
}

Map *map_ref(Map *map)
{
        map->refs++;
        return map;
}

static void drop_variables(Map *map)
{
        if (map->variables)
                catalog_give_back(map->catalog, map->variables->bytes);
        g_clear_pointer(&map->variables, variables_unref);
}

static void drop_map(Map *map)
{
        if (!map->gone)
                g_hash_table_remove(map->catalog->maps, GUINT_TO_POINTER(map->id));
        map->gone = true;
}

void map_unref(Map *map)
{
        if (!map || --map->refs > 0)
                return;
        drop_map(map);
        drop_variables(map);
        info_free(map->info);
        source_map_clear(&map->facts);
        g_free(map);
}

/* Asks the source again, and takes note if the map was frozen since. */
static int map_refresh(Map *map)
{
        g_auto(SourceMap) facts = { 0 };
        Source *source = map->catalog->source;
        int r;

        if (map->gone)
                return -ENOENT;
        r = source->ops->map(source, map->id, &facts);
        if (r == -ENOENT)
                drop_map(map);
        if (r < 0 || facts.frozen == map->facts.frozen)
                return r;
        map->facts.frozen = facts.frozen;
        /* The values may be kept from now on. */
        drop_variables(map);
        return 0;
}

bool map_is_guarded(const Map *map)
{
        return map->catalog->source->named || (map->catalog->watch && map->guardian != 0);
}

int map_check(Map *map)
{
        Source *source = map->catalog->source;

        if (!map->gone && !map_is_guarded(map) &&
            !source_has(source, source->ops->next_map, map->id))
                drop_map(map);
        return map->gone ? -ENOENT : 0;
}

int map_update(Map *map)
{
        if (map->gone)
                return -ENOENT;
        if (!map->facts.global_data || map_is_fixed(map))
                return map_check(map);
        return map_refresh(map);
}

int map_info(Map *map, const Info **out)
{
        Source *source = map->catalog->source;
        int r = 0;

        if (!map->info)
                r = source->ops->map_info(source, map->id, false, &map->info);
        *out = map->info;
        return r;
}

bool map_is_metadata(const Map *map)
{
        return map->facts.global_data && (map->facts.rdonly_prog || map->facts.frozen);
}

bool map_is_shown(const Map *map)
{
        return map->facts.global_data && (map->catalog->source->named || map_is_metadata(map));
}

bool map_is_fixed(const Map *map)
{
        return map->catalog->source->named || (map->facts.rdonly_prog && map->facts.frozen);
}

int map_value(Map *map, const SourceValue **out)
{
        Catalog *catalog = map->catalog;
        int r = 0;

        if (catalog->value_map != map->id || !catalog->value.btf ||
            (!map_is_fixed(map) && !catalog->value_current)) {
                source_value_clear(&catalog->value);
                r = catalog->source->ops->map_value(catalog->source, map->id, &catalog->value);
                catalog->value_map = map->id;
                catalog->value_current = true;
        }
        *out = &catalog->value;
        return r;
}

/* How much of a long text is made at a time: each part costs a pass over the whole value. */
#define TEXT_PART (4u << 20)

static bool same_ref(const ValueRef *a, const ValueRef *b)
{
        return a->bit_offset == b->bit_offset && a->type == b->type && a->bit_size == b->bit_size;
}

/* True if the part that was made last has what is asked for. */
static bool has_text(const Catalog *catalog, const Map *map, const ValueRef *ref, uint64_t offset,
                     size_t count)
{
        uint64_t end = catalog->text_start + catalog->text->len;

        return catalog->text_map == map->id && map_is_fixed(map) &&
               same_ref(&catalog->text_ref, ref) && offset >= catalog->text_start &&
               (end == catalog->text_size || offset + count <= end);
}

int map_text(Map *map, const ValueRef *ref, uint64_t offset, size_t count, GString *out,
             uint64_t *size)
{
        Catalog *catalog = map->catalog;
        const SourceValue *value;
        ValueSpace space;
        int r;

        if (!has_text(catalog, map, ref, offset, count)) {
                r = map_value(map, &value);
                if (r < 0)
                        return r;
                space = variables_space(value);
                if (count == 0) {
                        *size = value_text(&space, ref, 0, 0, NULL);
                        return 0;
                }
                g_string_truncate(catalog->text, 0);
                catalog->text_size =
                        value_text(&space, ref, offset, MAX(count, TEXT_PART), catalog->text);
                catalog->text_map = map->id;
                catalog->text_ref = *ref;
                catalog->text_start = offset;
        }
        *size = catalog->text_size;
        offset -= catalog->text_start;
        if (count > 0 && offset < catalog->text->len)
                g_string_append_len(out, catalog->text->str + offset,
                                    MIN(count, catalog->text->len - offset));
        return 0;
}

const GArray *map_members(Map *map, const SourceValue *value, const ValueRef *ref)
{
        Catalog *catalog = map->catalog;
        ValueSpace space = variables_space(value);

        if (catalog->members && catalog->members_map == map->id &&
            same_ref(&catalog->members_ref, ref))
                return catalog->members;
        g_clear_pointer(&catalog->members, g_array_unref);
        catalog->members = decoded_members(&space, ref);
        catalog->members_map = map->id;
        catalog->members_ref = *ref;
        return catalog->members;
}

int map_variables(Map *map, Variables **out)
{
        static const SourceValue nothing = { 0 };
        DecodeBudget budget = { .values = VARIABLES_MAX_KEPT };
        const SourceValue *value = &nothing;
        int r = 0;

        *out = map->variables;
        if (map->variables)
                return 0;
        if (map->facts.global_data)
                r = map_value(map, &value);
        /* What can't be looked into has one file that says so: it is too large (E2BIG), not for us
         * to read (EPERM), or has BTF that libbpf does not know (EINVAL). */
        if (r == -E2BIG || r == -EPERM || r == -EINVAL) {
                map->variables = variables_unreadable(r);
                map->catalog->memory -= map->variables->bytes;
                *out = map->variables;
                return 0;
        }
        if (r < 0)
                return r;
        if (map_is_fixed(map))
                budget.bytes = MAX(map->catalog->memory, 0);
        map->variables = variables_new(value, map->facts.datasec, &budget);
        map->catalog->memory -= map->variables->bytes;
        *out = map->variables;
        return 0;
}

/* Which maps are bound to which programs */

/* For each microsecond that a look at all programs took, its result is used for this many. */
#define BOUND_REUSE 8

/* Adds @id where it belongs, unless it is there: a program that is loaded during a look at all is
 * met there and by its event. */
static void add_ascending(GArray *ids, uint32_t id)
{
        guint at = ids->len;

        while (at > 0 && g_array_index(ids, uint32_t, at - 1) > id)
                at--;
        if (at == 0 || g_array_index(ids, uint32_t, at - 1) != id)
                g_array_insert_val(ids, at, id);
}

static int scan_prog(Catalog *catalog, uint32_t id)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        int r = catalog->source->ops->prog_maps(catalog->source, id, maps);

        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (guint i = 0; i < maps->len; i++) {
                gpointer map = GUINT_TO_POINTER(g_array_index(maps, uint32_t, i));
                GArray *progs = g_hash_table_lookup(catalog->bound, map);

                if (!progs) {
                        progs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
                        g_hash_table_insert(catalog->bound, map, progs);
                }
                add_ascending(progs, id);
        }
        return 0;
}

/* Asks the programs that were loaded since the last look at all. */
static int scan_new(Catalog *catalog)
{
        int r = 0;

        for (guint i = 0; i < catalog->bound_new->len && r == 0; i++)
                r = scan_prog(catalog, g_array_index(catalog->bound_new, uint32_t, i));
        g_array_set_size(catalog->bound_new, 0);
        return r;
}

/* A map does not know its programs: all programs are asked for their maps. Who lists progs/ of
 * every map would pay for programs times maps; so with events the answer is used again for a time
 * in proportion to what it cost, which is a fraction of a millisecond on a small host and some on a
 * large one. In that time a bind to a program that was loaded before goes unnoticed. */
static int scan_bound(Catalog *catalog)
{
        int64_t start = g_get_monotonic_time();
        uint32_t id = 0;
        int r;

        if (start < catalog->bound_until)
                return catalog->bound_error < 0 ? catalog->bound_error : scan_new(catalog);
        g_array_set_size(catalog->bound_new, 0);
        if (catalog->bound)
                g_hash_table_unref(catalog->bound);
        catalog->bound = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
        while ((r = catalog->source->ops->next_prog(catalog->source, id, &id)) == 0) {
                r = scan_prog(catalog, id);
                if (r < 0)
                        break;
        }
        catalog->bound_error = r == -ENOENT ? 0 : r;
        if (catalog->watch)
                catalog->bound_until = start + (g_get_monotonic_time() - start) * (BOUND_REUSE + 1);
        return catalog->bound_error;
}

static bool holds(const Prog *prog, const Map *map)
{
        for (uint32_t i = 0; i < prog->facts.n_maps; i++)
                if (prog->maps[i] == map)
                        return true;
        return false;
}

void map_seek_guardian(Map *map)
{
        Catalog *catalog = map->catalog;
        GArray *ids;

        /* Only programs that are known can be guardians: events tell of no other. */
        if (!catalog->watch || map->guardian != 0 || g_hash_table_size(catalog->progs) == 0 ||
            scan_bound(catalog) < 0)
                return;
        ids = g_hash_table_lookup(catalog->bound, GUINT_TO_POINTER(map->id));
        for (guint i = 0; ids && i < ids->len && map->guardian == 0; i++) {
                gpointer id = GUINT_TO_POINTER(g_array_index(ids, uint32_t, i));
                Prog *prog = g_hash_table_lookup(catalog->progs, id);

                if (prog && (holds(prog, map) || find_maps(prog) == 0) && holds(prog, map))
                        map->guardian = prog->id;
        }
}

int catalog_map_progs(Catalog *catalog, uint32_t id, GArray *ids)
{
        GArray *progs;
        int r = scan_bound(catalog);

        if (r < 0)
                return r;
        progs = g_hash_table_lookup(catalog->bound, GUINT_TO_POINTER(id));
        for (guint i = 0; progs && i < progs->len; i++) {
                uint32_t prog = g_array_index(progs, uint32_t, i);

                if (source_has(catalog->source, catalog->source->ops->next_prog, prog))
                        g_array_append_val(ids, prog);
        }
        return 0;
}

int catalog_is_bound(Catalog *catalog, uint32_t prog_id, uint32_t map_id)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        int r = catalog->source->ops->prog_maps(catalog->source, prog_id, maps);

        for (guint i = 0; r == 0 && i < maps->len; i++)
                if (g_array_index(maps, uint32_t, i) == map_id)
                        return 0;
        return r < 0 ? r : -ENOENT;
}
