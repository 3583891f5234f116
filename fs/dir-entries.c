/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Entries by the names of their keys. */

#include "dir-entries.h"

#include "dir-value.h"
#include "key-name.h"
#include "map-entries.h"

#include <errno.h>
#include <string.h>

static bool is_shown(Catalog *catalog, const Place *place, bool by_cpu)
{
        return catalog_source(catalog)->contents && place_shown(place)->error == 0 &&
               (map_of(place_shown(place))->facts.shape.n_cpus > 0) == by_cpu;
}

bool map_has_entries(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return is_shown(catalog, place, false);
}

bool map_has_cpu_entries(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return is_shown(catalog, place, true);
}

/* Places in listings. 31 bits have to hold them: the number of a pass, and the number of a key in
 * it from 1 on. */
#define INDEX_BITS 20
G_STATIC_ASSERT(PASSES_MAX_KEYS + ENTRY_OWN_KEYS + 1 < 1u << INDEX_BITS);
/* Behind the last entry. Whoever asks there what follows needs no pass: it may be gone by then. */
#define PLACE_END ((uint64_t)(PASSES_MAX_NUMBER + 1) << INDEX_BITS)

static uint64_t place_in(const Pass *pass, uint32_t index)
{
        return (uint64_t)pass->number << INDEX_BITS | (index + ENTRY_OWN_KEYS + 1);
}

/* One entry */

/* The key of the entry's node. Several entries may have the same, see ArgumentKind. */
static uint64_t node_of(GBytes *key)
{
        return ENTRY_OWN_KEYS + 2 + (g_bytes_hash(key) & 0x3fffffff);
}

static int link_entry(Map *map, GBytes *key, const char *name, Entry *out)
{
        const char *up = map->facts.shape.holds == MAP_HOLDS_MAPS ? "../../" : "../../../";
        ValueSpace space;
        uint32_t id;
        int r = map_read_entry(map, key, 0, &space);

        if (r < 0)
                return r;
        if (space.size < sizeof(id))
                return -ENOENT;
        memcpy(&id, space.bytes, sizeof(id));
        *out = entry_link(name, node_of(key), g_strdup_printf("%s%u", up, id), false);
        return 0;
}

/* The only entry of a map of global data shows its variables. */
static bool is_section(Map *map)
{
        return map->facts.keyless && map_is_shown(map);
}

static int find_key(const Place *place, Map *map, GBytes *key, const char *name, Entry *out)
{
        const MapShape *shape = &map->facts.shape;
        ValueSpace space;
        int r;

        if (shape->holds != MAP_HOLDS_VALUES)
                return link_entry(map, key, name, out);
        if (shape->n_cpus == 0 && !is_section(map))
                return value_of_entry(place, map, key, 0, name, node_of(key), true, out);
        r = map_read_entry(map, key, 0, &space);
        if (r < 0)
                return r;
        if (is_section(map)) {
                *out = entry_link(name, node_of(key), g_strdup("../vars"), false);
        } else {
                *out = entry_directory(name, node_of(key), value_cpus_place(place, map, key));
                out->lasting = false;
        }
        return 0;
}

static char *name_of(const uint8_t *key, const void *form)
{
        return key_name(form, key);
}

/* A name that was cut for its length does not tell its key: then the names of all keys are made. */
static int search_key(Catalog *catalog, const Map *map, const KeyForm *form, const char *name,
                      GBytes **out)
{
        return passes_search(catalog_passes(catalog), map->object.id, &map->facts.shape, name,
                             name_of, form, out);
}

static int key_by_name(Catalog *catalog, Map *map, const char *name, GBytes **out)
{
        const MapShape *shape = &map->facts.shape;
        g_autofree uint8_t *key = g_malloc0(MAX(shape->key_size, 1));
        const KeyForm *form;
        int r;

        if (shape->reading == MAP_READ_NEXT) {
                *out = g_bytes_new_static("", 0);
                return strcmp(name, ENTRIES_NEXT) == 0 ? 0 : -ENOENT;
        }
        r = map_key_form(map, &form);
        if (r < 0)
                return r;
        if (key_of_name(form, name, key)) {
                *out = g_bytes_new_take(g_steal_pointer(&key), shape->key_size);
                return 0;
        }
        return key_name_is_cut(name) ? search_key(catalog, map, form, name, out) : -ENOENT;
}

/* Remarks */

static Entry closed_entry(const MapShape *shape)
{
        return entry_changing(ENTRY_CANNOT_BE_SHOWN, ENTRY_OWN_KEYS + 1,
                              g_strdup_printf("(cannot be shown: %s)\n", shape->closed));
}

static Entry more_entry(void)
{
        Entry entry =
                entry_changing(ENTRY_CANNOT_BE_SHOWN, ENTRY_OWN_KEYS + 1,
                               g_strdup("(cannot be shown: all entries; the listing ends here)\n"));

        entry.next = PLACE_END;
        return entry;
}

int entries_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Map *map = map_of(place_shown(place));
        g_autoptr(GBytes) key = NULL;
        bool remark = strcmp(name, ENTRY_CANNOT_BE_SHOWN) == 0;
        int r;

        if (map->facts.shape.closed) {
                if (remark)
                        *out = closed_entry(&map->facts.shape);
                return remark ? 0 : -ENOENT;
        }
        if (remark) {
                if (!passes_lack(catalog_passes(catalog), map->object.id))
                        return -ENOENT;
                *out = more_entry();
                return 0;
        }
        passes_use(catalog_passes(catalog), map->object.id);
        r = key_by_name(catalog, map, name, &key);
        return r < 0 ? r : find_key(place, map, key, name, out);
}

/* Listing */

static EntryType listed_type(Map *map)
{
        const MapShape *shape = &map->facts.shape;
        const struct btf *btf;
        ValueSpace space = { 0 };
        ValueRef ref = value_of_variable(shape->value_type, 0, shape->value_size);

        if (shape->holds != MAP_HOLDS_VALUES || is_section(map))
                return ENTRY_LINK;
        if (shape->n_cpus)
                return ENTRY_DIRECTORY;
        if (shape->btf_id == 0 || shape->value_type == 0 ||
            catalog_source(map->object.catalog)
                            ->ops->map_btf(catalog_source(map->object.catalog), shape->btf_id,
                                           &btf) < 0)
                return ENTRY_CHANGING_FILE;
        space.btf = btf;
        return value_is_directory(&space, &ref) ? ENTRY_DIRECTORY : ENTRY_CHANGING_FILE;
}

/* The pass of the listing, or a new one. */
static int find_pass(Lister *lister, Map *map, Pass **out)
{
        Passes *passes = catalog_passes(lister->catalog);

        if (lister->after <= ENTRY_OWN_KEYS)
                return passes_begin(passes, map->object.id, &map->facts.shape, out);
        *out = passes_find(passes, map->object.id, lister->after >> INDEX_BITS);
        /* If the listing ended here, it would look complete. */
        return *out ? 0 : -ESTALE;
}

static void list_keys(Lister *lister, Map *map, const KeyForm *form, Pass *pass)
{
        uint32_t first = lister->after & ((1u << INDEX_BITS) - 1);
        EntryType type = listed_type(map);

        for (uint32_t i = MAX(first, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;
             i < pass->n && lister_wants(lister, UINT64_MAX); i++) {
                g_autoptr(GBytes) key = g_bytes_new(pass_key(pass, i), pass->key_size);
                g_autofree char *name =
                        form ? key_name(form, pass_key(pass, i)) : g_strdup(ENTRIES_NEXT);
                Entry entry = {
                        .name = name,
                        .key = node_of(key),
                        .next = i + 1 < pass->n || pass->more ? place_in(pass, i) : PLACE_END,
                        .type = type,
                };

                lister_give(lister, entry);
        }
        if (pass->more && lister_wants(lister, UINT64_MAX))
                lister_give(lister, more_entry());
        pass->ended = !lister->stopped;
}

int entries_list(Lister *lister)
{
        Map *map = map_of(place_shown(lister->place));
        const MapShape *shape = &map->facts.shape;
        const KeyForm *form = NULL;
        Pass *pass;
        int r = 0;

        if (lister->after == PLACE_END)
                return 0;
        if (shape->closed) {
                if (lister_wants(lister, ENTRY_OWN_KEYS + 1))
                        lister_give(lister, closed_entry(shape));
                return 0;
        }
        if (shape->reading != MAP_READ_NEXT)
                r = map_key_form(map, &form);
        if (r == 0)
                r = find_pass(lister, map, &pass);
        if (r == 0)
                list_keys(lister, map, form, pass);
        return r;
}

/* entries.json */

#define JSON_KEY (ENTRY_OWN_KEYS + 2)

static bool has_json(Catalog *catalog, const Place *place)
{
        return catalog_source(catalog)->contents && place_shown(place)->error == 0;
}

int entries_json_find(Catalog *catalog, const Place *place, Entry *out)
{
        uint32_t shown;
        int r;

        if (!has_json(catalog, place))
                return -ENOENT;
        *out = entry_changing(ENTRIES_JSON, JSON_KEY, NULL);
        out->only_whole = true;
        r = map_dump(map_of(place_shown(place)), &out->content, &shown);
        if (r == 0)
                passes_make_room(catalog_passes(catalog), g_bytes_get_size(out->content));
        return r;
}

void entries_json_list(Lister *lister)
{
        if (has_json(lister->catalog, lister->place) && lister_wants(lister, JSON_KEY))
                lister_give(lister, entry_changing(ENTRIES_JSON, JSON_KEY, NULL));
}
