/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Variables and values as entries. Those that are kept need no look at the map. */

#include "dir-value.h"

#include "names.h"

#include <errno.h>
#include <string.h>

/* The value that a directory shows. */
typedef struct ValuePlace {
        guint refs;
        Map *map;               /* owned */
        Variables *variables;   /* owned: keeps decoded */
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
        map_unref(place->map);
        variables_unref(place->variables);
        g_free(place);
}

const ArgumentKind value_argument = { ref_place, unref_place };

/* A value that an entry is made of. */
typedef struct Item {
        Map *map;
        Variables *variables;
        const Decoded *decoded; /* what is kept of it; NULL: nothing */
        ValueRef ref;
        bool lasting;
        bool look_up; /* the content is needed */
} Item;

static Place value_place(const Place *parent, const Item *item)
{
        ValuePlace *argument = g_new0(ValuePlace, 1);
        Place place;

        argument->map = map_of(object_ref(&item->map->object));
        argument->variables = variables_ref(item->variables);
        argument->decoded = item->decoded && item->decoded->members ? item->decoded : NULL;
        argument->ref = item->ref;
        place = place_new(parent->row->each, parent->object, argument);
        return place;
}

/* The text of a value that may change. */
static char *changing_text(const ValueSpace *space, const ValueRef *ref)
{
        GString *text = g_string_new(NULL);
        uint64_t size = value_text(space, ref, 0, LAYOUT_MAX_CHANGING, text);

        if (size > LAYOUT_MAX_CHANGING)
                g_string_printf(text,
                                "(cannot be shown: %" G_GUINT64_FORMAT
                                " bytes of a value that may change)\n",
                                size);
        return g_string_free(text, FALSE);
}

/* True if the entry can't be made from what is kept. In a listing that needs less than in a lookup:
 * of what may change, it is enough to know that it is no directory. */
static bool needs_value(const Item *item)
{
        if (!item->decoded)
                return true;
        if (item->decoded->directory || item->decoded->text)
                return false;
        return item->look_up || map_is_immutable(item->map);
}

/* 0 or -errno. */
static int value_entry(const Place *parent, const Item *item, const char *name, uint64_t key,
                       Entry *out)
{
        const Decoded *decoded = item->decoded;
        const SourceValue *value;
        ValueSpace space = { 0 };
        bool kept = decoded && decoded->text;
        int r;

        if (needs_value(item)) {
                r = map_value(item->map, &value);
                if (r < 0)
                        return r;
                space = variables_space(value);
        }
        if (decoded ? decoded->directory : value_is_directory(&space, &item->ref)) {
                *out = entry_directory(name, key, value_place(parent, item));
                out->lasting = item->lasting;
        } else if (kept || map_is_immutable(item->map)) {
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

/* As much of the text of one value as is asked for. */
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

/* What is in it: members that are kept, or elements, or members that are made for the moment. */
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
        const SourceValue *value;
        int r;

        *inside = (Inside){ .at = at };
        if (at->decoded) {
                inside->kept = at->decoded->members;
                inside->n = at->decoded->n_members;
                return 0;
        }
        r = map_value(at->map, &value);
        if (r < 0)
                return r;
        inside->space = variables_space(value);
        if (value_is_array(&inside->space, &at->ref)) {
                inside->n = value_n_members(&inside->space, &at->ref);
        } else {
                inside->members = map_members(at->map, value, &at->ref);
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
                .map = inside->at->map,
                .variables = inside->at->variables,
                .decoded = inside->kept ? &inside->kept[index] : NULL,
                .ref = ref_at(inside, index),
                .lasting = true,
                .look_up = look_up,
        };

        return value_entry(place, &item, name, ENTRY_OWN_KEYS + index + 1, out);
}

/* The index of the entry @name; inside->n if there is none. 2^20 elements are not tried one by one.
 */
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

/* The same after another look at whether the map was frozen: the kernel may remember all
 * directories on the way here, so nobody else has noticed. */
static int look_again_inside(const Place *place, Inside *inside)
{
        const ValuePlace *at = place->argument;
        int r = map_update(at->map);

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
                /* A value that can't be read now hides nothing of the others. */
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
        return text_part(inside.at->map, inside.kept ? &inside.kept[index] : NULL, &ref, offset,
                         count, out, size);
}

/* Variables */

int variable_entry(const Place *place, Map *map, uint32_t index, const char *name, uint64_t key,
                   bool lasting, bool look_up, Entry *out)
{
        Variables *variables;
        Item item = { .map = map, .lasting = lasting, .look_up = look_up };
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

/* The variables of the map that is shown, after another look at whether it was frozen. */
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
