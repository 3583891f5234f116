/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Variables and values as entries. The map is not looked at for those that are kept. */

#include "dir-value.h"

#include "map-entries.h"
#include "names.h"
#include "sink.h"

#include <errno.h>
#include <string.h>

/* The entry that has the value: the only one of a map of global data, or one of another map. */
typedef struct Whole {
        Map *map;
        GBytes *key;  /* of the entry; NULL: it is global data */
        uint32_t cpu; /* whose value of the entry */
} Whole;

/* The value that a directory shows. */
typedef struct ValuePlace {
        guint refs;
        Whole whole;            /* owned */
        Variables *variables;   /* owned: keeps decoded; NULL: nothing is kept */
        const Decoded *decoded; /* its members, if they are kept; else NULL */
        ValueRef ref;
} ValuePlace;

static gpointer ref_place(gpointer argument)
{
        ValuePlace *place = argument;

        place->refs++;
        return place;
}

static void unref_place(gpointer argument)
{
        ValuePlace *place = argument;

        if (--place->refs > 0)
                return;
        map_unref(place->whole.map);
        g_clear_pointer(&place->whole.key, g_bytes_unref);
        variables_unref(place->variables);
        g_free(place);
}

/* Entries of a map whose keys have one place in the table of nodes are told apart here. */
static bool same_place(gconstpointer a, gconstpointer b)
{
        const Whole *one = &((const ValuePlace *)a)->whole;
        const Whole *other = &((const ValuePlace *)b)->whole;

        if (!one->key || !other->key)
                return one->key == other->key;
        return one->cpu == other->cpu && g_bytes_equal(one->key, other->key);
}

const ArgumentKind value_argument = { ref_place, unref_place, same_place };

static int read_space(const Whole *whole, ValueSpace *space)
{
        const SourceValue *value;
        int r;

        if (whole->key)
                return map_read_entry(whole->map, whole->key, whole->cpu, space);
        r = map_value(whole->map, &value);
        if (r == 0)
                *space = variables_space(value);
        return r;
}

static bool is_immutable(const Whole *whole)
{
        return !whole->key && map_is_immutable(whole->map);
}

/* A value from which an entry is made. */
typedef struct Item {
        Whole whole; /* borrowed */
        Variables *variables;
        const Decoded *decoded; /* the part of it that is kept; NULL: none */
        ValueRef ref;
        bool lasting;
        bool look_up; /* the content is needed */
} Item;

static Place value_place(const Place *parent, const Item *item)
{
        ValuePlace *argument = g_new0(ValuePlace, 1);
        Place place;

        argument->whole = item->whole;
        object_ref(&item->whole.map->object);
        if (item->whole.key)
                g_bytes_ref(item->whole.key);
        argument->variables = item->variables ? variables_ref(item->variables) : NULL;
        argument->decoded = item->decoded && item->decoded->members ? item->decoded : NULL;
        argument->ref = item->ref;
        place = place_new(parent->row->each, parent->object, argument);
        return place;
}

/* Bytes that no BTF describes, as one line of hexadecimal digits. Returns its length. */
static uint64_t put_untyped(const ValueSpace *space, GString *out)
{
        Sink sink = { .out = out, .end = LAYOUT_MAX_CHANGING };

        sink_put_hex(&sink, space->bytes, space->size);
        sink_put(&sink, "\n", 1);
        return sink.length;
}

/* The text of a value that may change. */
static char *changing_text(const ValueSpace *space, const ValueRef *ref)
{
        GString *text = g_string_new(NULL);
        uint64_t size = space->btf ? value_text(space, ref, 0, LAYOUT_MAX_CHANGING, text)
                                   : put_untyped(space, text);

        if (size > LAYOUT_MAX_CHANGING)
                g_string_printf(text,
                                "(cannot be shown: %" G_GUINT64_FORMAT
                                " bytes of a value that may change)\n",
                                size);
        return g_string_free(text, FALSE);
}

/* True if the kept part is not enough to make the entry. A listing needs less than a lookup: if the
 * value may change, a listing only has to know that it is no directory. */
static bool needs_value(const Item *item)
{
        if (!item->decoded)
                return true;
        if (item->decoded->directory || item->decoded->text)
                return false;
        return item->look_up || is_immutable(&item->whole);
}

/* 0 or -errno. */
static int value_entry(const Place *parent, const Item *item, const char *name, uint64_t key,
                       Entry *out)
{
        const Decoded *decoded = item->decoded;
        ValueSpace space = { 0 };
        bool kept = decoded && decoded->text;
        int r = needs_value(item) ? read_space(&item->whole, &space) : 0;

        if (r < 0)
                return r;
        if (decoded ? decoded->directory : space.btf && value_is_directory(&space, &item->ref)) {
                *out = entry_directory(name, key, value_place(parent, item));
                out->lasting = item->lasting;
        } else if (kept || is_immutable(&item->whole)) {
                *out = (Entry){
                        .name = name,
                        .key = key,
                        .type = ENTRY_FILE,
                        .lasting = item->lasting,
                        .size = kept ? decoded->size : value_text(&space, &item->ref, 0, 0, NULL),
                };
        } else {
                *out = entry_changing(name, key,
                                      item->look_up ? changing_text(&space, &item->ref) : NULL);
        }
        return 0;
}

/* The part of the text of one value that is asked for. */
static int text_part(Map *map, const Decoded *decoded, const ValueRef *ref, uint64_t offset,
                     size_t count, GString *out, uint64_t *size)
{
        if (!decoded || !decoded->text)
                return map_text(map, ref, offset, count, out, size);
        *size = decoded->size;
        append_part(decoded->text, decoded->size, offset, count, out);
        return 0;
}

/* A value's directory */

/* Its entries: members that are kept, or elements, or members that are made for this request. */
typedef struct Inside {
        const ValuePlace *at;
        const Decoded *kept;   /* of n; NULL: not kept */
        const GArray *members; /* of Decoded; NULL: it is an array */
        ValueSpace space;
        uint32_t n;
} Inside;

static int look_inside(const Place *place, Inside *inside)
{
        const ValuePlace *at = place->argument;
        int r;

        *inside = (Inside){ .at = at };
        if (at->decoded) {
                inside->kept = at->decoded->members;
                inside->n = at->decoded->n_members;
                return 0;
        }
        r = read_space(&at->whole, &inside->space);
        if (r < 0)
                return r;
        /* The BTF that made it a directory can't be read now. */
        if (!inside->space.btf)
                return -EIO;
        if (value_is_array(&inside->space, &at->ref)) {
                inside->n = value_n_members(&inside->space, &at->ref);
        } else {
                inside->members = map_members(at->whole.map, &inside->space, &at->ref);
                inside->n = inside->members->len;
        }
        return 0;
}

static const Decoded *decoded_at(const Inside *inside, uint32_t index)
{
        if (inside->kept)
                return &inside->kept[index];
        return inside->members ? &g_array_index(inside->members, Decoded, index) : NULL;
}

static ValueRef ref_at(const Inside *inside, uint32_t index)
{
        const Decoded *decoded = decoded_at(inside, index);

        return decoded ? decoded->ref : value_element(&inside->space, &inside->at->ref, index);
}

/* The member's name, or the element's number in @number. */
static const char *name_at(const Inside *inside, uint32_t index, char number[16])
{
        const Decoded *decoded = decoded_at(inside, index);

        if (decoded && decoded->name)
                return decoded->name;
        g_snprintf(number, 16, "%u", index);
        return number;
}

static int entry_at(const Place *place, const Inside *inside, uint32_t index, const char *name,
                    bool look_up, Entry *out)
{
        Item item = {
                .whole = inside->at->whole,
                .variables = inside->at->variables,
                .decoded = inside->kept ? &inside->kept[index] : NULL,
                .ref = ref_at(inside, index),
                .lasting = true,
                .look_up = look_up,
        };

        return value_entry(place, &item, name, ENTRY_OWN_KEYS + index + 1, out);
}

/* The index of the entry @name; inside->n if there is none. The number of an element is computed:
 * there may be 2^20 of them. */
static uint32_t index_of(const Inside *inside, const char *name)
{
        uint64_t number;
        uint32_t i;

        if (inside->n > 0 && !(decoded_at(inside, 0) && decoded_at(inside, 0)->name)) {
                number = *name == '0' && name[1] ? UINT64_MAX : names_number(name);
                return MIN(number, inside->n);
        }
        for (i = 0; i < inside->n; i++)
                if (strcmp(decoded_at(inside, i)->name, name) == 0)
                        break;
        return i;
}

/* The same, after another look whether the map has been frozen: the kernel may remember all
 * directories on the way here, so nothing else would notice it. */
static int look_again_inside(const Place *place, Inside *inside)
{
        const ValuePlace *at = place->argument;
        int r = map_update(at->whole.map);

        return r < 0 ? r : look_inside(place, inside);
}

int value_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Inside inside;
        uint32_t index;
        int r = look_again_inside(place, &inside);

        if (r < 0)
                return r;
        index = index_of(&inside, name);
        return index < inside.n ? entry_at(place, &inside, index, name, true, out) : -ENOENT;
}

int value_list(Lister *lister)
{
        uint64_t first = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;
        Inside inside;
        int r = look_again_inside(lister->place, &inside);

        if (r < 0)
                return r;
        for (uint64_t i = first; i < inside.n && lister_wants(lister, ENTRY_OWN_KEYS + i + 1);
             i++) {
                char number[16];
                Entry entry;

                r = entry_at(lister->place, &inside, i, name_at(&inside, i, number), false, &entry);
                if (r == -ENOENT)
                        return r;
                /* A value that can't be read now does not hide the others. */
                if (r == 0)
                        lister_give(lister, entry);
        }
        return 0;
}

int value_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                  GString *out, uint64_t *size)
{
        uint64_t index = key - ENTRY_OWN_KEYS - 1;
        Inside inside;
        ValueRef ref;
        int r = look_inside(place, &inside);

        if (r < 0)
                return r;
        if (index >= inside.n)
                return -ENOENT;
        ref = ref_at(&inside, index);
        return text_part(inside.at->whole.map, inside.kept ? &inside.kept[index] : NULL, &ref,
                         offset, count, out, size);
}

/* Entries of a map */

int value_of_entry(const Place *place, Map *map, GBytes *key, uint32_t cpu, const char *name,
                   uint64_t node, bool look_up, Entry *out)
{
        const MapShape *shape = &map->facts.shape;
        Item item = {
                .whole = { map, key, cpu },
                .ref = value_of_variable(shape->value_type, 0, shape->value_size),
                .look_up = look_up,
        };

        return value_entry(place, &item, name, node, out);
}

Place value_cpus_place(const Place *parent, Map *map, GBytes *key)
{
        Item item = { .whole = { map, key, 0 } };

        return value_place(parent, &item);
}

int cpus_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Whole *whole = &((const ValuePlace *)place->argument)->whole;
        uint64_t cpu = *name == '0' && name[1] ? UINT64_MAX : names_number(name);

        if (cpu >= whole->map->facts.shape.n_cpus)
                return -ENOENT;
        return value_of_entry(place, whole->map, whole->key, cpu, name, ENTRY_OWN_KEYS + cpu + 1,
                              true, out);
}

int cpus_list(Lister *lister)
{
        const Whole *whole = &((const ValuePlace *)lister->place->argument)->whole;
        uint64_t first = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;

        for (uint64_t cpu = first;
             cpu < whole->map->facts.shape.n_cpus && lister_wants(lister, ENTRY_OWN_KEYS + cpu + 1);
             cpu++) {
                char number[16];
                Entry entry;
                int r;

                g_snprintf(number, sizeof(number), "%u", (unsigned)cpu);
                r = value_of_entry(lister->place, whole->map, whole->key, cpu, number,
                                   ENTRY_OWN_KEYS + cpu + 1, false, &entry);
                if (r < 0)
                        return r;
                lister_give(lister, entry);
        }
        return 0;
}

/* Variables */

int variable_entry(const Place *place, Map *map, uint32_t index, const char *name, uint64_t key,
                   bool lasting, bool look_up, Entry *out)
{
        Variables *variables;
        Item item = { .whole.map = map, .lasting = lasting, .look_up = look_up };
        int r = map_variables(map, &variables);

        if (r < 0)
                return r;
        if (index >= variables->n)
                return -ENOENT;
        item.variables = variables;
        item.decoded = &variables->items[index].value;
        item.ref = item.decoded->ref;
        return value_entry(place, &item, name, key, out);
}

int variable_content(Map *map, uint32_t index, uint64_t offset, size_t count, GString *out,
                     uint64_t *size)
{
        const Decoded *decoded;
        Variables *variables;
        int r = map_variables(map, &variables);

        if (r < 0)
                return r;
        if (index >= variables->n)
                return -ENOENT;
        decoded = &variables->items[index].value;
        return text_part(map, decoded, &decoded->ref, offset, count, out, size);
}

/* vars/ */

/* The variables of the map that is shown, after another look whether it has been frozen. */
static int shown_variables(const Place *place, Map **map, Variables **variables)
{
        int r;

        *map = map_of(place_shown(place));
        r = map_update(*map);
        return r < 0 ? r : map_variables(*map, variables);
}

int vars_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Variables *variables;
        Map *map;
        int r = shown_variables(place, &map, &variables);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < variables->n; i++)
                if (strcmp(variables->items[i].value.name, name) == 0)
                        return variable_entry(place, map, i, name, ENTRY_OWN_KEYS + i + 1, true,
                                              true, out);
        return -ENOENT;
}

int vars_list(Lister *lister)
{
        uint64_t first = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;
        Variables *variables;
        Map *map;
        int r = shown_variables(lister->place, &map, &variables);

        if (r < 0)
                return r;
        for (uint64_t i = first; i < variables->n && lister_wants(lister, ENTRY_OWN_KEYS + i + 1);
             i++) {
                Entry entry;

                r = variable_entry(lister->place, map, i, variables->items[i].value.name,
                                   ENTRY_OWN_KEYS + i + 1, true, false, &entry);
                if (r < 0)
                        return r;
                lister_give(lister, entry);
        }
        return 0;
}

int vars_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size)
{
        return variable_content(map_of(place_shown(place)), key - ENTRY_OWN_KEYS - 1, offset, count,
                                out, size);
}
