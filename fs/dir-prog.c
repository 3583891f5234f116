/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program's directory. */

#include "dir-prog.h"

#include "dir-objects.h"
#include "dir-value.h"
#include "entries.h"
#include "prog-rules.h"
#include "prog.h"

#include <errno.h>
#include <string.h>

static uint64_t entry_key(uint32_t index)
{
        return ENTRY_OWN_KEYS + (uint64_t)index + 1;
}

/* The names that rules give have keys behind those of all names that authors can give. */
static uint64_t gift_key(const RulesGift *gift)
{
        return ENTRY_OWN_KEYS + (uint64_t)PROG_MAX_ENTRIES + gift->name + 1;
}

/* 131/ */

static int metadata_entry(const Place *place, uint32_t index, const char *name, bool look_up,
                          Entry *out)
{
        const ProgEntry *entry = &prog_of(place->object)->entries[index];
        /* It may have been frozen since: then it is remembered from now on. */
        int r = map_update(entry->map);

        return r < 0 ? r
                     : variable_entry(place, entry->map, entry->variable, name, entry_key(index),
                                      entry->settled, look_up, out);
}

int prog_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Prog *prog = prog_of(place->object);
        const RulesGift *gift;
        int r;

        if (prog->object.error < 0)
                return unreadable_find(catalog, place, name, out);
        r = prog_update(prog, place->row->reserves);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < prog->n_entries; i++)
                if (strcmp(prog->entries[i].name, name) == 0)
                        return metadata_entry(place, i, name, true, out);
        /* It may be in a map that can't be read now: nobody knows that it is not there. */
        if (!prog->examined)
                return -EIO;
        r = prog_rules_find(prog, name, &gift);
        if (r == 0)
                *out = entry_changing(name, gift_key(gift), g_strdup(gift->text));
        return r;
}

/* No event tells when its authors' metadata is bound and takes a name, so none of these names is
 * lasting. */
static int list_gifts(Lister *lister, Prog *prog)
{
        g_autoptr(GPtrArray) gifts = g_ptr_array_new();
        const Rules *rules = catalog_observers(lister->catalog)->rules;
        int r = lister->stopped ? 0 : prog_rules_list(prog, gifts, NULL);

        for (guint i = 0; i < gifts->len; i++) {
                const RulesGift *gift = gifts->pdata[i];

                if (lister_wants(lister, gift_key(gift)))
                        lister_give(lister, entry_changing(rules_name(rules, gift->name),
                                                           gift_key(gift), NULL));
        }
        /* If rules can't be asked, that hides nothing of what its authors say. */
        return r == -ENOENT ? r : 0;
}

int prog_list(Lister *lister)
{
        uint64_t first = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;
        Prog *prog = prog_of(lister->place->object);
        int r;

        if (prog->object.error < 0)
                return unreadable_list(lister);
        r = prog_update(prog, lister->place->row->reserves);
        if (r < 0)
                return r;
        for (uint64_t i = first; i < prog->n_entries && lister_wants(lister, entry_key(i)); i++) {
                const char *name = prog->entries[i].name;
                Entry entry;

                if (!*name)
                        continue;
                r = metadata_entry(lister->place, i, name, false, &entry);
                if (r == -ENOENT)
                        return r;
                /* A map that can't be read does not hide the others. */
                if (r == 0)
                        lister_give(lister, entry);
        }
        return list_gifts(lister, prog);
}

int prog_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size)
{
        const Prog *prog = prog_of(place->object);
        uint64_t index = key - ENTRY_OWN_KEYS - 1;

        if (index >= prog->n_entries)
                return -ENOENT;
        return variable_content(prog->entries[index].map, prog->entries[index].variable, offset,
                                count, out, size);
}

/* 131/maps/: the directory of map i has the key 2i + 1 behind the own ones, its symlink the next */

static Entry map_entry(const Place *place, uint32_t index, const char *name)
{
        const ProgMap *bound = &prog_of(place->object)->maps[index];
        Entry entry =
                entry_directory(name, ENTRY_OWN_KEYS + 2 * (uint64_t)index + 1,
                                place_new(place->row->each, place->object, &bound->map->object));

        entry.lasting = bound->map->object.error == 0;
        return entry;
}

static Entry link_entry(Catalog *catalog, const Place *place, uint32_t index)
{
        const ProgMap *bound = &prog_of(place->object)->maps[index];
        char number[CATALOG_NAME_MAX];
        const char *target = catalog_name(catalog, &map_kind, bound->map->object.id, number);

        return entry_link(bound->link, ENTRY_OWN_KEYS + 2 * (uint64_t)index + 2, g_strdup(target),
                          bound->settled);
}

int prog_maps_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        Prog *prog = prog_of(place->object);
        uint32_t id = catalog_id(catalog, &map_kind, name);
        int r = prog_update(prog, place->row->reserves);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < prog->n_maps; i++) {
                if (id != 0 && prog->maps[i].map->object.id == id) {
                        *out = map_entry(place, i, name);
                        return 0;
                }
                if (prog->maps[i].link && strcmp(prog->maps[i].link, name) == 0) {
                        *out = link_entry(catalog, place, i);
                        return 0;
                }
        }
        return -ENOENT;
}

int prog_maps_list(Lister *lister)
{
        uint64_t first = (MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS) / 2;
        Prog *prog = prog_of(lister->place->object);
        int r = prog_update(prog, lister->place->row->reserves);

        if (r < 0)
                return r;
        for (uint64_t i = first; i < prog->n_maps && !lister->stopped; i++) {
                uint64_t key = ENTRY_OWN_KEYS + 2 * i + 1;
                char number[CATALOG_NAME_MAX];
                const char *name = catalog_name(lister->catalog, &map_kind,
                                                prog->maps[i].map->object.id, number);

                if (lister_wants(lister, key))
                        lister_give(lister, map_entry(lister->place, i, name));
                if (prog->maps[i].link && lister_wants(lister, key + 1))
                        lister_give(lister, link_entry(lister->catalog, lister->place, i));
        }
        return 0;
}
