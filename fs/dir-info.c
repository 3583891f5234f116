/* SPDX-License-Identifier: GPL-2.0-or-later */

/* info/: keys that can't change are made once for each object, those that can are asked for each
 * time, and observers are asked for one key at a time. */

#include "dir-info.h"

#include <errno.h>
#include <string.h>

/* The keys of entries: those of files that change come behind those of files that don't, and those
 * of observed ones behind these. */
#define CHANGING 64
#define OBSERVED 128

/* The file name of @key in the subdirectory @sub ("ifindex" of "dev/ifindex" in "dev"), or in info/
 * itself if that is NULL. NULL: it is not there. */
static const char *name_in(const char *key, const char *sub)
{
        size_t length = sub ? strlen(sub) : 0;

        if (!sub)
                return strchr(key, '/') ? NULL : key;
        return strncmp(key, sub, length) == 0 && key[length] == '/' ? key + length + 1 : NULL;
}

bool info_has_sub(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        const Info *info;

        if (object_fixed_info(place_shown(place), &info) < 0)
                return false;
        for (uint32_t i = 0; i < info_n(info); i++)
                if (name_in(info_key(info, i), own->name))
                        return true;
        return false;
}

/* The index of the key whose file name is @name in the subdirectory @sub, or in info/ itself if
 * that is NULL; info_n() if there is none. */
static uint32_t index_of(const Info *info, const char *sub, const char *name)
{
        uint32_t i = 0;

        while (i < info_n(info) && g_strcmp0(name_in(info_key(info, i), sub), name) != 0)
                i++;
        return i;
}

static Entry fixed_entry(const Info *info, uint32_t index, const char *name)
{
        return (Entry){
                .name = name,
                .key = ENTRY_OWN_KEYS + index + 1,
                .type = ENTRY_FILE,
                .lasting = true,
                .size = strlen(info_text(info, index)),
        };
}

static uint64_t changing_key(uint32_t index)
{
        return ENTRY_OWN_KEYS + CHANGING + index + 1;
}

/* One answer of the kernel serves the whole listing, and readers of its files for a moment. */
static Entry listed_entry(const Info *changing, uint32_t index)
{
        Entry entry = entry_changing(info_key(changing, index), changing_key(index),
                                     g_strdup(info_text(changing, index)));

        entry.until = g_get_monotonic_time() + ENTRY_MOMENT_MS * G_TIME_SPAN_MILLISECOND;
        return entry;
}

static uint64_t observed_key(const Place *place, const ObservedKey *key)
{
        return ENTRY_OWN_KEYS + OBSERVED + (key - place_shown(place)->kind->observed) + 1;
}

/* The first key from @key on that has an observer; NULL if there is none. */
static const ObservedKey *next_observed(const Catalog *catalog, const ObservedKey *key)
{
        while (key->name && !key->is_there(catalog_observers(catalog)))
                key++;
        return key->name ? key : NULL;
}

static const ObservedKey *first_observed(const Catalog *catalog, const Place *place)
{
        return next_observed(catalog, place_shown(place)->kind->observed);
}

static Entry look(const Catalog *catalog, const Place *place, const ObservedKey *key)
{
        GString *text = g_string_new(NULL);

        key->look(catalog_observers(catalog), place_shown(place), text);
        return entry_changing(key->name, observed_key(place, key), g_string_free(text, FALSE));
}

int info_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        g_autoptr(Info) changing = NULL;
        const Info *fixed;
        int r = object_fixed_info(place_shown(place), &fixed);
        uint32_t i;

        if (r < 0)
                return r;
        i = index_of(fixed, place->row->sub, name);
        if (i < info_n(fixed)) {
                *out = fixed_entry(fixed, i, name);
                return 0;
        }
        if (place->row->sub)
                return -ENOENT;
        for (const ObservedKey *key = first_observed(catalog, place); key;
             key = next_observed(catalog, key + 1)) {
                if (strcmp(key->name, name) == 0) {
                        *out = look(catalog, place, key);
                        return 0;
                }
        }
        r = object_changing_info(place_shown(place), &changing);
        if (r < 0)
                return r;
        i = index_of(changing, NULL, name);
        if (i == info_n(changing))
                return -ENOENT;
        *out = entry_changing(name, changing_key(i), g_strdup(info_text(changing, i)));
        return 0;
}

int info_list(Lister *lister)
{
        const Place *place = lister->place;
        g_autoptr(Info) changing = NULL;
        const Info *fixed;
        int r = object_fixed_info(place_shown(place), &fixed);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(fixed); i++) {
                const char *name = name_in(info_key(fixed, i), place->row->sub);

                if (name && lister_wants(lister, ENTRY_OWN_KEYS + i + 1))
                        lister_give(lister, fixed_entry(fixed, i, name));
        }
        if (lister->stopped || place->row->sub)
                return 0;
        r = object_changing_info(place_shown(place), &changing);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(changing); i++) {
                const char *name = info_key(changing, i);

                if (lister_wants(lister, changing_key(i)) && !info_has(fixed, name))
                        lister_give(lister, listed_entry(changing, i));
        }
        for (const ObservedKey *key = first_observed(lister->catalog, place); key;
             key = next_observed(lister->catalog, key + 1))
                if (lister_wants(lister, observed_key(place, key)))
                        lister_give(lister,
                                    entry_changing(key->name, observed_key(place, key), NULL));
        return 0;
}

int info_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size)
{
        const Info *info;
        int r = object_fixed_info(place_shown(place), &info);

        if (r < 0)
                return r;
        key -= ENTRY_OWN_KEYS;
        if (key > info_n(info))
                return -ENOENT;
        *size = strlen(info_text(info, key - 1));
        append_part(info_text(info, key - 1), *size, offset, count, out);
        return 0;
}
