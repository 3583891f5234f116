/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of the tree: for each kind of directory, how its entries are listed and found. */

#include "layout.h"

#include "names.h"

#include <errno.h>
#include <string.h>

/* What one request wants to see of a directory. */
typedef struct Lister {
        Catalog *catalog;
        const Place *place;
        const char *want; /* only this name; NULL: all */
        uint64_t after;   /* only keys above it */
        LayoutFunc func;
        void *data;
        int64_t deadline; /* g_get_monotonic_time(): then the rest is left to the next request */
        bool given;       /* func was called */
        bool stopped;
} Lister;

/* How long in microseconds one request may go on listing. */
#define LIST_TIME 10000

/* Calls func for the entries that are wanted, in the order of keys. */
typedef int (*ListFunc)(Lister *lister);
/* Appends a part of the file at a key. */
typedef int (*ContentFunc)(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                           size_t count, GString *out, uint64_t *size);

/* Places and entries */

static Place place_new(PlaceKind kind, Prog *prog, Map *map)
{
        return (Place){
                .kind = kind,
                .prog = prog ? prog_ref(prog) : NULL,
                .map = map ? map_ref(map) : NULL,
        };
}

void place_clear(Place *place)
{
        g_clear_pointer(&place->prog, prog_unref);
        g_clear_pointer(&place->map, map_unref);
        if (place->value)
                variables_unref(place->value->variables);
        g_clear_pointer(&place->value, g_free);
}

void entry_clear(Entry *entry)
{
        place_clear(&entry->place);
        g_clear_pointer(&entry->content, g_bytes_unref);
}

/* A listing that takes too long ends here, but not before it has got any further. */
static void check_deadline(Lister *lister)
{
        if (lister->given && g_get_monotonic_time() > lister->deadline)
                lister->stopped = true;
}

/* True if the entry is asked for: what it is made of need not be fetched for others. */
static bool wants(Lister *lister, uint64_t key, const char *name)
{
        check_deadline(lister);
        return !lister->stopped && key > lister->after &&
               (!lister->want || strcmp(lister->want, name) == 0);
}

/* Takes @entry. */
static void give(Lister *lister, Entry *entry)
{
        lister->given = true;
        if (!lister->func(entry, lister->data) || lister->want)
                lister->stopped = true;
        entry_clear(entry);
}

static void give_directory(Lister *lister, uint64_t key, const char *name, PlaceKind kind)
{
        Entry entry = { .name = name, .key = key, .type = ENTRY_DIRECTORY, .fixed = true };

        if (!wants(lister, key, name))
                return;
        entry.place = place_new(kind, lister->place->prog, lister->place->map);
        give(lister, &entry);
}

static void give_link(Lister *lister, uint64_t key, const char *name, char *target, bool fixed)
{
        Entry entry = { .name = name, .key = key, .type = ENTRY_LINK, .fixed = fixed };

        entry.content = g_bytes_new_take(target, strlen(target));
        give(lister, &entry);
}

/* Appends the part of @text that is asked for. */
static void append_part(const char *text, size_t size, uint64_t offset, size_t count, GString *out)
{
        if (count > 0 && offset < size)
                g_string_append_len(out, text + offset, MIN(count, size - offset));
}

/* info/ */

/* Keys of what changes come after those of what does not. */
#define INFO_CHANGING 64

static bool is_prog_info(const Place *place)
{
        return place->kind == PLACE_PROG_INFO;
}

/* A key "dev/ifindex" is the file ifindex in the subdirectory dev. Splits @key, and returns the
 * length of the subdirectory's name, 0 if it is in none. */
static size_t split_key(const char *key, const char **name)
{
        const char *slash = strchr(key, '/');

        *name = slash ? slash + 1 : key;
        return slash ? (size_t)(slash - key) : 0;
}

/* True if two keys are in the same subdirectory; either may be NULL, for a key that is in none. */
static bool same_sub(const char *a, const char *b)
{
        const char *name;
        size_t length_a = a ? split_key(a, &name) : 0;
        size_t length_b = b ? split_key(b, &name) : 0;

        return length_a == length_b && (length_a == 0 || strncmp(a, b, length_a) == 0);
}

static void give_sub(Lister *lister, uint64_t key, const char *path, size_t length)
{
        g_autofree char *name = g_strndup(path, length);
        Entry entry = { .name = name, .key = key, .type = ENTRY_DIRECTORY, .fixed = true };

        if (!wants(lister, key, name))
                return;
        entry.place = place_new(lister->place->kind, lister->place->prog, lister->place->map);
        entry.place.sub = path;
        give(lister, &entry);
}

static int fixed_info(const Place *place, const Info **info)
{
        return is_prog_info(place) ? prog_info(place->prog, info) : map_info(place->map, info);
}

static int changing_info(Catalog *catalog, const Place *place, Info **info)
{
        Source *source = catalog_source(catalog);

        return is_prog_info(place) ? source->ops->prog_info(source, place->prog->id, true, info)
                                   : source->ops->map_info(source, place->map->id, true, info);
}

static int list_info(Lister *lister)
{
        const Place *place = lister->place;
        g_autoptr(Info) changing = NULL;
        const char *last = NULL;
        const Info *fixed;
        int r = fixed_info(place, &fixed);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(fixed); i++) {
                const char *key = info_key(fixed, i);
                Entry entry = { .key = i + 1, .type = ENTRY_FILE, .fixed = true };
                size_t sub = split_key(key, &entry.name);

                if (same_sub(key, place->sub)) {
                        entry.size = strlen(info_text(fixed, i));
                        if (wants(lister, entry.key, entry.name))
                                give(lister, &entry);
                } else if (sub > 0 && !place->sub && !same_sub(key, last)) {
                        give_sub(lister, i + 1, key, sub);
                }
                last = key;
        }
        if (lister->stopped || place->sub)
                return 0;
        r = changing_info(lister->catalog, place, &changing);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(changing); i++) {
                Entry entry = { .name = info_key(changing, i), .key = INFO_CHANGING + i + 1 };
                const char *text = info_text(changing, i);

                if (!wants(lister, entry.key, entry.name) || info_has(fixed, entry.name))
                        continue;
                entry.type = ENTRY_CHANGING_FILE;
                entry.content = g_bytes_new(text, strlen(text));
                give(lister, &entry);
        }
        return 0;
}

static int info_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                        size_t count, GString *out, uint64_t *size)
{
        const Info *info;
        int r = fixed_info(place, &info);

        if (r < 0)
                return r;
        if (key > info_n(info))
                return -ENOENT;
        *size = strlen(info_text(info, key - 1));
        append_part(info_text(info, key - 1), *size, offset, count, out);
        return 0;
}

/* Values */

/* A value that is known by its place; @decoded has its text or members, if they are kept. */
static void give_value(Lister *lister, uint64_t key, const char *name, Variables *variables,
                       const Decoded *decoded, const SourceValue *value, const ValueRef *ref,
                       bool fixed)
{
        Map *map = lister->place->map;
        ValueSpace space = value ? variables_space(value) : (ValueSpace){ 0 };
        Entry entry = { .name = name, .key = key, .fixed = fixed };

        if (decoded ? decoded->directory : value_is_directory(&space, ref)) {
                entry.type = ENTRY_DIRECTORY;
                entry.place = place_new(PLACE_VALUE, lister->place->prog, map);
                entry.place.value = g_new0(ValuePlace, 1);
                entry.place.value->variables = variables_ref(variables);
                entry.place.value->decoded = decoded && decoded->members ? decoded : NULL;
                entry.place.value->ref = *ref;
        } else if (map_is_fixed(map) || (decoded && decoded->text)) {
                entry.type = ENTRY_FILE;
                entry.size = decoded && decoded->text ? decoded->size
                                                      : value_text(&space, ref, 0, 0, NULL);
        } else {
                GString *text = g_string_new(NULL);
                uint64_t size = value_text(&space, ref, 0, LAYOUT_MAX_CHANGING, text);

                entry.type = ENTRY_CHANGING_FILE;
                entry.fixed = false;
                if (size > LAYOUT_MAX_CHANGING)
                        g_string_printf(text,
                                        "(cannot be shown: %" G_GUINT64_FORMAT
                                        " bytes of a value that may change)\n",
                                        size);
                entry.content = g_string_free_to_bytes(text);
        }
        give(lister, &entry);
}

/* True if the value can't be shown by what is kept: the source has to be asked. */
static bool needs_source(const Decoded *decoded)
{
        return !decoded || (!decoded->directory && !decoded->text);
}

/* As much of the text of one value as is asked for. */
static int value_content(Map *map, const Decoded *decoded, const ValueRef *ref, uint64_t offset,
                         size_t count, GString *out, uint64_t *size)
{
        if (!decoded || !decoded->text)
                return map_text(map, ref, offset, count, out, size);
        *size = decoded->size;
        append_part(decoded->text, decoded->size, offset, count, out);
        return 0;
}

/* A variable, as an entry of vars/ or of the program's directory. */
static int give_variable(Lister *lister, uint64_t key, const char *name, Map *map,
                         Variables *variables, uint32_t index, bool fixed)
{
        const Decoded *decoded = &variables->items[index].value;
        Place place = { .kind = PLACE_MAP, .prog = lister->place->prog, .map = map };
        Lister here = *lister;
        const SourceValue *value = NULL;
        int r = 0;

        if (!wants(lister, key, name))
                return 0;
        if (needs_source(decoded))
                r = map_value(map, &value);
        if (r < 0)
                return r;
        here.place = &place;
        give_value(&here, key, name, variables, decoded, value, &decoded->ref, fixed);
        lister->stopped = here.stopped;
        lister->given = here.given;
        return 0;
}

/* True if the error of one entry is the answer: all has gone, or the entry is what is wanted. Else,
 * what one map does not give hides nothing of the others. */
static bool ends_search(const Lister *lister, int r)
{
        return r == -ENOENT || (r < 0 && lister->want);
}

/* Struct members and array elements that are kept. */
static int list_kept(Lister *lister, const Decoded *decoded)
{
        Variables *variables = lister->place->value->variables;

        for (uint32_t i = lister->after; i < decoded->n_members && !lister->stopped; i++) {
                const Decoded *member = &decoded->members[i];
                char number[16];
                const char *name = member->name;
                const SourceValue *value = NULL;
                int r;

                if (!name) {
                        g_snprintf(number, sizeof(number), "%u", i);
                        name = number;
                }
                if (!wants(lister, i + 1, name))
                        continue;
                r = needs_source(member) ? map_value(lister->place->map, &value) : 0;
                if (ends_search(lister, r))
                        return r;
                if (r < 0)
                        continue;
                give_value(lister, i + 1, name, variables, member, value, &member->ref, true);
        }
        return 0;
}

/* The number that @name is in decimal digits; UINT64_MAX if it is none or too large. Not by
 * g_ascii_string_to_unsigned(): at the first call in a process it can take what GLib has left in
 * errno meanwhile for an error of the number. */
static uint64_t number_of(const char *name)
{
        return names_is_id(name) ? g_ascii_strtoull(name, NULL, 10) : UINT64_MAX;
}

static void list_elements(Lister *lister, const SourceValue *value, uint32_t n)
{
        const ValuePlace *place = lister->place->value;
        ValueSpace space = variables_space(value);
        uint64_t first = lister->after, wanted;

        if (lister->want) {
                /* 2^20 elements are not tried one by one. */
                wanted = number_of(lister->want);
                if (wanted >= n)
                        return;
                first = wanted;
        }
        for (uint64_t i = first; i < n && !lister->stopped; i++) {
                ValueRef ref = value_element(&space, &place->ref, i);
                char name[16];

                g_snprintf(name, sizeof(name), "%u", (uint32_t)i);
                if (wants(lister, i + 1, name))
                        give_value(lister, i + 1, name, place->variables, NULL, value, &ref, true);
                else if (lister->want)
                        return;
        }
}

static void list_members(Lister *lister, const SourceValue *value)
{
        const ValuePlace *place = lister->place->value;
        const GArray *members = map_members(lister->place->map, value, &place->ref);

        for (guint i = lister->after; i < members->len && !lister->stopped; i++) {
                const Decoded *member = &g_array_index(members, Decoded, i);

                if (wants(lister, i + 1, member->name))
                        give_value(lister, i + 1, member->name, place->variables, NULL, value,
                                   &member->ref, true);
        }
}

static int list_value(Lister *lister)
{
        const ValuePlace *place = lister->place->value;
        const SourceValue *value;
        ValueSpace space;
        int r;

        if (place->decoded)
                return list_kept(lister, place->decoded);
        r = map_value(lister->place->map, &value);
        if (r < 0)
                return r;
        space = variables_space(value);
        if (value_is_array(&space, &place->ref))
                list_elements(lister, value, value_n_members(&space, &place->ref));
        else
                list_members(lister, value);
        return 0;
}

static int member_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                          size_t count, GString *out, uint64_t *size)
{
        const ValuePlace *at = place->value;
        const SourceValue *value;
        ValueSpace space;
        ValueRef ref;
        int r;

        if (at->decoded) {
                const Decoded *member;

                if (key > at->decoded->n_members)
                        return -ENOENT;
                member = &at->decoded->members[key - 1];
                return value_content(place->map, member, &member->ref, offset, count, out, size);
        }
        r = map_value(place->map, &value);
        if (r < 0)
                return r;
        space = variables_space(value);
        if (key > value_n_members(&space, &at->ref))
                return -ENOENT;
        if (value_is_array(&space, &at->ref)) {
                ref = value_element(&space, &at->ref, key - 1);
        } else {
                ref = g_array_index(map_members(place->map, value, &at->ref), Decoded, key - 1).ref;
        }
        return map_text(place->map, &ref, offset, count, out, size);
}

/* A map's directory */

static int list_map(Lister *lister)
{
        const Place *place = lister->place;
        int r = map_update(place->map);

        if (r < 0)
                return r;
        give_directory(lister, 1, "info", PLACE_MAP_INFO);
        if (map_is_shown(place->map))
                give_directory(lister, 2, "vars", PLACE_MAP_VARS);
        if (!place->prog)
                give_directory(lister, 3, "progs", PLACE_MAP_PROGS);
        return 0;
}

static int list_vars(Lister *lister)
{
        Map *map = lister->place->map;
        Variables *variables;
        int r = map_variables(map, &variables);

        if (r < 0)
                return r;
        for (uint64_t i = lister->after; i < variables->n && !lister->stopped && r == 0; i++)
                r = give_variable(lister, i + 1, variables->items[i].value.name, map, variables, i,
                                  true);
        return r;
}

static int vars_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                        size_t count, GString *out, uint64_t *size)
{
        const Decoded *decoded;
        Variables *variables;
        int r = map_variables(place->map, &variables);

        if (r < 0)
                return r;
        if (key > variables->n)
                return -ENOENT;
        decoded = &variables->items[key - 1].value;
        return value_content(place->map, decoded, &decoded->ref, offset, count, out, size);
}

/* The file name of a program or map. @text is room for a number. */
static const char *prog_file_name(Catalog *catalog, uint32_t id, char text[16])
{
        const char *name = catalog_prog_name(catalog, id);

        if (name)
                return name;
        g_snprintf(text, 16, "%u", id);
        return text;
}

static const char *map_file_name(Catalog *catalog, uint32_t id, char text[16])
{
        const char *name = catalog_map_name(catalog, id);

        if (name)
                return name;
        g_snprintf(text, 16, "%u", id);
        return text;
}

/* The id that goes by @name; 0 if none can. An id is written in one way only: no sign, no zero in
 * front. */
static uint32_t id_of(Catalog *catalog, const char *name,
                      uint32_t (*named)(Catalog *catalog, const char *name))
{
        uint64_t id;

        if (catalog_source(catalog)->named)
                return named(catalog, name);
        id = number_of(name);
        return *name != '0' && id <= UINT32_MAX ? id : 0;
}

static void give_prog_link(Lister *lister, uint32_t id)
{
        char number[16];
        const char *name = prog_file_name(lister->catalog, id, number);

        /* The kernel is told when the map's guardian goes; any other program can go unnoticed. */
        if (wants(lister, id, name))
                give_link(lister, id, name, g_strconcat("../../../", name, NULL),
                          lister->place->map->guardian == id);
}

static int list_map_progs(Lister *lister)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        Catalog *catalog = lister->catalog;
        Map *map = lister->place->map;
        int r = map_check(map);

        if (r < 0)
                return r;
        if (lister->want) {
                uint32_t id = id_of(catalog, lister->want, catalog_prog_named);

                r = id == 0 ? -ENOENT : catalog_is_bound(catalog, id, map->id);
                if (r == 0)
                        give_prog_link(lister, id);
                return r;
        }
        r = catalog_map_progs(catalog, map->id, ids);
        for (guint i = 0; i < ids->len && !lister->stopped && r == 0; i++)
                give_prog_link(lister, g_array_index(ids, uint32_t, i));
        return r;
}

/* A program's directory */

/* Keys of metadata come after those of the filesystem's own entries. */
#define PROG_METADATA 2

static int list_prog(Lister *lister)
{
        Prog *prog = lister->place->prog;
        int r = 0;

        /* The filesystem's own entries need no look at the maps. */
        if (lister->want && catalog_reserves(lister->want))
                r = prog_check(prog);
        else
                r = prog_update(prog);
        if (r < 0)
                return r;
        give_directory(lister, 1, "info", PLACE_PROG_INFO);
        give_directory(lister, 2, "maps", PLACE_PROG_MAPS);
        for (uint32_t i = 0; i < prog->n_entries && !lister->stopped; i++) {
                const ProgEntry *entry = &prog->entries[i];
                Variables *variables;

                if (!*entry->name || !wants(lister, PROG_METADATA + i + 1, entry->name))
                        continue;
                r = map_variables(entry->map, &variables);
                if (r == 0 && entry->variable < variables->n)
                        r = give_variable(lister, PROG_METADATA + i + 1, entry->name, entry->map,
                                          variables, entry->variable, entry->settled);
                if (ends_search(lister, r))
                        return r;
        }
        /* It may be in a map that can't be read now: nobody knows that it is not there. */
        return lister->want && !lister->stopped && !prog->examined ? -EIO : 0;
}

static int prog_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                        size_t count, GString *out, uint64_t *size)
{
        const ProgEntry *entry;
        const Decoded *decoded;
        Variables *variables;
        int r;

        if (key <= PROG_METADATA || key - PROG_METADATA > place->prog->n_entries)
                return -ENOENT;
        entry = &place->prog->entries[key - PROG_METADATA - 1];
        r = map_variables(entry->map, &variables);
        if (r < 0)
                return r;
        if (entry->variable >= variables->n)
                return -ENOENT;
        decoded = &variables->items[entry->variable].value;
        return value_content(entry->map, decoded, &decoded->ref, offset, count, out, size);
}

/* For each map its directory and then, by its name, a symlink. */
static int list_prog_maps(Lister *lister)
{
        Prog *prog = lister->place->prog;
        int r = prog_update(prog);

        if (r < 0)
                return r;
        for (uint32_t i = lister->after / 2; i < prog->facts.n_maps && !lister->stopped; i++) {
                Map *map = prog->maps[i];
                char number[16];
                const char *name = map_file_name(lister->catalog, map->id, number);
                uint64_t key = 2 * (uint64_t)i + 1;

                if (wants(lister, key, name)) {
                        Entry entry = { .name = name, .key = key, .fixed = true };

                        entry.type = ENTRY_DIRECTORY;
                        entry.place = place_new(PLACE_MAP, prog, map);
                        give(lister, &entry);
                }
                if (prog->links[i] && wants(lister, key + 1, prog->links[i]))
                        give_link(lister, key + 1, prog->links[i], g_strdup(name), true);
        }
        return 0;
}

/* maps/ and the root */

/* True if programs can't go without our being told. */
static bool is_followed(Catalog *catalog)
{
        return catalog_source(catalog)->named || catalog_has_events(catalog);
}

/* Calls @give_one for each id of the source above lister->after, or for the one that is wanted. */
static int list_ids(Lister *lister, uint64_t after,
                    int (*next)(Source *source, uint32_t after, uint32_t *id),
                    uint32_t (*named)(Catalog *catalog, const char *name),
                    int (*give_one)(Lister *lister, uint32_t id))
{
        Source *source = catalog_source(lister->catalog);
        uint32_t id;
        int r = 0;

        if (lister->want) {
                id = id_of(lister->catalog, lister->want, named);
                return id == 0 ? -ENOENT : give_one(lister, id);
        }
        if (after >= UINT32_MAX)
                return 0;
        id = after;
        while (!lister->stopped && (r = next(source, id, &id)) == 0) {
                r = give_one(lister, id);
                if (r < 0 && r != -ENOENT)
                        return r;
                check_deadline(lister);
        }
        return r == -ENOENT ? 0 : r;
}

static int give_map(Lister *lister, uint32_t id)
{
        Entry entry = { .key = LAYOUT_MAP_KEY(id), .type = ENTRY_DIRECTORY };
        g_autoptr(Map) map = NULL;
        char number[16];
        int r = catalog_map(lister->catalog, id, &map);

        if (r < 0)
                return r;
        entry.name = map_file_name(lister->catalog, id, number);
        /* Whoever lists them all may go through all. */
        if (!lister->want)
                map_seek_guardian(map);
        entry.fixed = map_is_guarded(map);
        entry.place = place_new(PLACE_MAP, NULL, map);
        give(lister, &entry);
        return 0;
}

static int list_maps(Lister *lister)
{
        return list_ids(lister, lister->after, catalog_source(lister->catalog)->ops->next_map,
                        catalog_map_named, give_map);
}

static int give_prog(Lister *lister, uint32_t id)
{
        Entry entry = { .key = LAYOUT_PROG_KEY(id), .type = ENTRY_DIRECTORY };
        g_autoptr(Prog) prog = NULL;
        char number[16];
        int r = catalog_prog(lister->catalog, id, &prog);

        if (r < 0)
                return r;
        entry.name = prog_file_name(lister->catalog, id, number);
        entry.fixed = is_followed(lister->catalog);
        entry.place = place_new(PLACE_PROG, prog, NULL);
        give(lister, &entry);
        return 0;
}

static int list_root(Lister *lister)
{
        uint64_t after = lister->after;

        give_directory(lister, LAYOUT_MAPS_KEY, "maps", PLACE_MAPS);
        if (lister->stopped)
                return 0;
        return list_ids(lister, after > LAYOUT_MAPS_KEY ? after - LAYOUT_MAPS_KEY : 0,
                        catalog_source(lister->catalog)->ops->next_prog, catalog_prog_named,
                        give_prog);
}

/* The table */

static const struct {
        ListFunc list;
        ContentFunc content;
} kinds[PLACE_N] = {
        [PLACE_ROOT] = { list_root, NULL },
        [PLACE_MAPS] = { list_maps, NULL },
        [PLACE_PROG] = { list_prog, prog_content },
        [PLACE_PROG_INFO] = { list_info, info_content },
        [PLACE_PROG_MAPS] = { list_prog_maps, NULL },
        [PLACE_MAP] = { list_map, NULL },
        [PLACE_MAP_INFO] = { list_info, info_content },
        [PLACE_MAP_VARS] = { list_vars, vars_content },
        [PLACE_MAP_PROGS] = { list_map_progs, NULL },
        [PLACE_VALUE] = { list_value, member_content },
};

/* What a place is of must still be there, or a directory would outlive its object for those who are
 * inside. */
static int check(const Place *place)
{
        if (place->prog)
                return prog_check(place->prog);
        return place->map ? map_check(place->map) : 0;
}

int layout_list(Catalog *catalog, const Place *place, uint64_t after, LayoutFunc func, void *data)
{
        Lister lister = {
                .catalog = catalog,
                .place = place,
                .after = after,
                .func = func,
                .data = data,
                .deadline = g_get_monotonic_time() + LIST_TIME,
        };
        int r;

        catalog_follow(catalog);
        r = check(place);
        return r < 0 ? r : kinds[place->kind].list(&lister);
}

static bool take_entry(Entry *entry, void *data)
{
        Entry *out = data;

        *out = *entry;
        *entry = (Entry){ 0 };
        return false;
}

int layout_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Lister lister = {
                .catalog = catalog,
                .place = place,
                .want = name,
                .func = take_entry,
                .data = out,
        };
        int r;

        *out = (Entry){ 0 };
        catalog_follow(catalog);
        r = check(place);
        if (r == 0)
                r = kinds[place->kind].list(&lister);
        if (r < 0)
                return r;
        out->name = name;
        return lister.stopped ? 0 : -ENOENT;
}

int layout_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size)
{
        return kinds[place->kind].content(catalog, place, key, offset, count, out, size);
}

bool layout_changes(Catalog *catalog, const Place *place)
{
        if (catalog_source(catalog)->named)
                return false;
        if (!layout_is_followed(catalog, place))
                return true;
        switch (place->kind) {
        case PLACE_ROOT:
        case PLACE_MAPS:
        case PLACE_PROG:
        case PLACE_PROG_MAPS:
        case PLACE_MAP_PROGS:
                return true;
        case PLACE_MAP:
                /* vars/ comes when the map is frozen. */
                return place->map->facts.global_data && !map_is_shown(place->map);
        case PLACE_MAP_INFO:
                return place->map->facts.gets_owner && !place->sub;
        default:
                return false;
        }
}

struct timespec layout_time(Catalog *catalog, const Place *place)
{
        return place->prog ? place->prog->facts.mtime : catalog_source(catalog)->time;
}

uid_t layout_owner(Catalog *catalog, const Place *place)
{
        return place->prog ? place->prog->facts.uid : catalog_source(catalog)->uid;
}

bool layout_is_followed(Catalog *catalog, const Place *place)
{
        if (catalog_source(catalog)->named || place->kind == PLACE_ROOT)
                return true;
        if (place->prog)
                return is_followed(catalog);
        return place->map ? map_is_guarded(place->map) : true;
}
