/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Keys, values and programs: a directory for each. */

#include "dir-by.h"

#include "by.h"
#include "dir-objects.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static gpointer ref_key(gpointer argument)
{
        return by_key_ref(argument);
}

static void unref_key(gpointer argument)
{
        by_key_unref(argument);
}

static gpointer ref_value(gpointer argument)
{
        return by_value_ref(argument);
}

static void unref_value(gpointer argument)
{
        by_value_unref(argument);
}

const ArgumentKind by_key_argument = { ref_key, unref_key };
const ArgumentKind by_value_argument = { ref_value, unref_value };

static By *by_at(Catalog *catalog, const Place *place)
{
        return by_of(catalog, place->row->reserves);
}

/* A file that says what the directory may lack is behind all other entries. */
#define UNTOLD_KEY UINT32_MAX

static int find_untold(By *by, ByKey *key, const char *name, Entry *out)
{
        GString *text;

        if (strcmp(name, ENTRY_CANNOT_BE_SHOWN) != 0)
                return -ENOENT;
        by_look(by, key);
        text = g_string_new(NULL);
        by_append_untold(by, key, text);
        if (text->len == 0) {
                g_string_free(text, TRUE);
                return -ENOENT;
        }
        *out = entry_changing(name, UNTOLD_KEY, g_string_free(text, FALSE));
        return 0;
}

static void list_untold(Lister *lister, const By *by, const ByKey *key)
{
        GString *text = g_string_new(NULL);

        by_append_untold(by, key, text);
        if (text->len > 0 && lister_wants(lister, UNTOLD_KEY))
                lister_give(lister, entry_changing(ENTRY_CANNOT_BE_SHOWN, UNTOLD_KEY, NULL));
        g_string_free(text, TRUE);
}

/* What the number is that comes after the entries that the listing has given already. */
static uint32_t number_after(const Lister *lister)
{
        uint64_t after = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;

        return MIN(after, UINT32_MAX);
}

/* by/ */

static Entry key_entry(const By *by, const Place *place, ByKey *key, const char *name)
{
        Entry entry = entry_directory(name, ENTRY_OWN_KEYS + by_key_number(key),
                                      place_new(place->row->each, NULL, key));

        entry.lasting = by_key_stays(by, key);
        return entry;
}

int by_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        By *by = by_at(catalog, place);
        g_autoptr(ByKey) key = by_find_key(by, name);

        if (!key)
                return find_untold(by, NULL, name, out);
        *out = key_entry(by, place, key, name);
        return 0;
}

int by_list(Lister *lister)
{
        By *by = by_at(lister->catalog, lister->place);
        uint32_t after = number_after(lister);

        by_look(by, NULL);
        while (lister_wants(lister, ENTRY_OWN_KEYS + (uint64_t)after + 1)) {
                g_autoptr(ByKey) key = by_next_key(by, after);

                if (!key)
                        break;
                after = by_key_number(key);
                lister_give(lister, key_entry(by, lister->place, key, by_key_name(key)));
        }
        list_untold(lister, by, NULL);
        return 0;
}

/* by/KEY/ */

static Entry value_entry(By *by, const Place *place, ByValue *value, const char *name)
{
        Entry entry = entry_directory(name, ENTRY_OWN_KEYS + by_value_number(value),
                                      place_new(place->row->each, NULL, value));

        entry.lasting = by_value_stays(by, value);
        entry.until = by_value_until(by, value);
        return entry;
}

int by_key_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        By *by = by_at(catalog, place);
        g_autoptr(ByValue) value = by_find_value(by, place->argument, name);

        if (!value)
                return find_untold(by, place->argument, name, out);
        *out = value_entry(by, place, value, name);
        return 0;
}

int by_key_dir_list(Lister *lister)
{
        const Place *place = lister->place;
        By *by = by_at(lister->catalog, place);
        uint32_t after = number_after(lister);

        by_look(by, place->argument);
        while (lister_wants(lister, ENTRY_OWN_KEYS + (uint64_t)after + 1)) {
                g_autoptr(ByValue) value = by_next_value(by, place->argument, after);

                if (!value)
                        break;
                after = by_value_number(value);
                lister_give(lister, value_entry(by, place, value, by_value_name(value)));
        }
        list_untold(lister, by, place->argument);
        return 0;
}

/* by/KEY/VALUE/ */

static char *target(uint64_t id)
{
        return g_strdup_printf("../../../%" PRIu64, id);
}

/* A symlink is no node of its own, for there are several for each program. Ids count from 1, and
 * few kernels come to one that is too large for a key. */
static Entry prog_entry(By *by, const ByValue *value, uint32_t id, const char *name)
{
        g_autofree char *text = target(id);

        if (OBJECTS_KEY(id) >= ENTRY_MAX_KEY)
                return entry_link(name, OBJECTS_KEY(id), g_steal_pointer(&text), false);
        return (Entry){
                .name = name,
                .key = OBJECTS_KEY(id),
                .type = ENTRY_FILE,
                .lasting = by_prog_stays(by, value, id),
                .until = by_prog_until(by, value, id),
                .size = strlen(text),
        };
}

int by_value_dir_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                         size_t count, GString *out, uint64_t *size)
{
        g_autofree char *text = target(key - ENTRY_OWN_KEYS);

        *size = strlen(text);
        append_part(text, *size, offset, count, out);
        return 0;
}

int by_value_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        By *by = by_at(catalog, place);
        uint32_t id = catalog_id(catalog, place->row->kind, name);
        int r;

        if (id == 0)
                return find_untold(by, by_value_key(place->argument), name, out);
        r = by_check(by, place->argument, id);
        if (r == 0)
                *out = prog_entry(by, place->argument, id, name);
        return r;
}

int by_value_dir_list(Lister *lister)
{
        By *by = by_at(lister->catalog, lister->place);
        ByValue *value = lister->place->argument;
        uint32_t after = number_after(lister);

        by_look(by, by_value_key(value));
        while (lister_wants(lister, OBJECTS_KEY((uint64_t)after + 1))) {
                uint32_t id = by_next_prog(by, value, after);
                char number[CATALOG_NAME_MAX];

                if (id == 0)
                        break;
                after = id;
                lister_give(lister, prog_entry(by, value, id,
                                               catalog_name(lister->catalog,
                                                            lister->place->row->kind, id, number)));
        }
        list_untold(lister, by, by_value_key(value));
        return 0;
}

const char *by_where(const Forgotten *forgotten, GArray *path, char text[CATALOG_NAME_MAX])
{
        uint64_t keys[] = {
                ENTRY_OWN_KEYS + (uint64_t)forgotten->by_key,
                ENTRY_OWN_KEYS + (uint64_t)forgotten->by_value,
                OBJECTS_KEY(forgotten->id),
        };

        g_array_append_vals(path, keys, forgotten->id != 0 ? 3 : 2);
        g_snprintf(text, CATALOG_NAME_MAX, "%u", forgotten->id);
        return forgotten->id != 0 ? text : forgotten->name;
}
