/* SPDX-License-Identifier: GPL-2.0-or-later */

/* info/: what can't change is made once an object, and what can is asked for each time. */

#include "dir-info.h"

#include <errno.h>
#include <string.h>

/* Keys of what changes come after those of what does not. */
#define CHANGING 64

static int fixed_info(const Place *place, const Info **info)
{
        Object *object = place_shown(place);

        return object->kind->fixed_info(object, info);
}

static int changing_info(const Place *place, Info **info)
{
        Object *object = place_shown(place);

        return object->kind->changing_info(object, info);
}

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

        if (fixed_info(place, &info) < 0)
                return false;
        for (uint32_t i = 0; i < info_n(info); i++)
                if (name_in(info_key(info, i), own->name))
                        return true;
        return false;
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

/* Keys of what is observed come after those that the kernel gives. */
#define OBSERVED (2 * CHANGING)

static const ObservedKey *observed_keys(Catalog *catalog, const Place *place)
{
        static const ObservedKey none = { 0 };
        const ObservedKey *keys = place_shown(place)->kind->observed;

        return keys && !place->row->sub && catalog_observers(catalog) ? keys : &none;
}

static uint64_t observed_key(uint32_t index)
{
        return ENTRY_OWN_KEYS + OBSERVED + index + 1;
}

/* The key @name if it is one of these: 0, -ENOENT or -errno. */
static int find_observed(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const ObservedKey *keys = observed_keys(catalog, place);

        for (uint32_t i = 0; keys[i].name; i++) {
                GString *text;
                int r;

                if (strcmp(keys[i].name, name) != 0)
                        continue;
                text = g_string_new(NULL);
                r = keys[i].append(place_shown(place), text);
                *out = entry_changing(name, observed_key(i), g_string_free(text, FALSE));
                if (r < 0)
                        entry_clear(out);
                return r;
        }
        return -ENOENT;
}

int info_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        g_autoptr(Info) changing = NULL;
        const Info *fixed;
        int r = fixed_info(place, &fixed);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(fixed); i++) {
                if (g_strcmp0(name_in(info_key(fixed, i), place->row->sub), name) == 0) {
                        *out = fixed_entry(fixed, i, name);
                        return 0;
                }
        }
        if (place->row->sub)
                return -ENOENT;
        r = find_observed(catalog, place, name, out);
        if (r != -ENOENT)
                return r;
        r = changing_info(place, &changing);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(changing); i++) {
                if (strcmp(info_key(changing, i), name) == 0) {
                        *out = entry_changing(name, changing_key(i),
                                              g_strdup(info_text(changing, i)));
                        return 0;
                }
        }
        return -ENOENT;
}

int info_list(Lister *lister)
{
        const Place *place = lister->place;
        g_autoptr(Info) changing = NULL;
        const ObservedKey *keys;
        const Info *fixed;
        int r = fixed_info(place, &fixed);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(fixed); i++) {
                const char *name = name_in(info_key(fixed, i), place->row->sub);

                if (name && lister_wants(lister, ENTRY_OWN_KEYS + i + 1))
                        lister_give(lister, fixed_entry(fixed, i, name));
        }
        if (lister->stopped || place->row->sub)
                return 0;
        r = changing_info(place, &changing);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < info_n(changing); i++) {
                const char *name = info_key(changing, i);

                if (lister_wants(lister, changing_key(i)) && !info_has(fixed, name))
                        lister_give(lister, entry_changing(name, changing_key(i), NULL));
        }
        keys = observed_keys(lister->catalog, place);
        for (uint32_t i = 0; keys[i].name; i++)
                if (lister_wants(lister, observed_key(i)))
                        lister_give(lister, entry_changing(keys[i].name, observed_key(i), NULL));
        return 0;
}

int info_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size)
{
        const Info *info;
        int r = fixed_info(place, &info);

        if (r < 0)
                return r;
        key -= ENTRY_OWN_KEYS;
        if (key > info_n(info))
                return -ENOENT;
        *size = strlen(info_text(info, key - 1));
        append_part(info_text(info, key - 1), *size, offset, count, out);
        return 0;
}
