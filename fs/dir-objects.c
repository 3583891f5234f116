/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Directories of objects by id. */

#include "dir-objects.h"

#include <errno.h>
#include <string.h>

/* @seek: asks for the object's guardian if none is known. */
static int object_entry(Catalog *catalog, const Row *row, uint32_t id, const char *name, bool seek,
                        Entry *out)
{
        Object *object;
        int r = catalog_get(catalog, row->kind, id, &object);

        if (r < 0)
                return r;
        /* If that fails, the kernel does not remember the entry, and that is all. */
        if (seek && row->index && catalog_has_events(catalog) && !object->kind->is_watched(object))
                index_refresh(row->index(catalog), 0);
        *out = entry_directory(name, OBJECTS_KEY(id), place_new(row->each, object, object));
        out->lasting = object->kind->is_watched(object) && object->error == 0;
        object_unref(object);
        return 0;
}

int objects_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        uint32_t id = catalog_id(catalog, place->row->kind, name);

        return id == 0 ? -ENOENT : object_entry(catalog, place->row, id, name, false, out);
}

int objects_list(Lister *lister)
{
        const Row *row = lister->place->row;
        Source *source = catalog_source(lister->catalog);
        uint64_t after = MAX(lister->after, ENTRY_OWN_KEYS) - ENTRY_OWN_KEYS;
        uint32_t id;
        int r = 0;

        if (after >= UINT32_MAX)
                return 0;
        id = after;
        while (lister_wants(lister, UINT64_MAX) && (r = row->kind->next(source, id, &id)) == 0) {
                char number[CATALOG_NAME_MAX];
                const char *name = catalog_name(lister->catalog, row->kind, id, number);
                Entry entry = { 0 };

                r = object_entry(lister->catalog, row, id, name, true, &entry);
                if (r == 0)
                        lister_give(lister, entry);
                else if (r != -ENOENT)
                        return r;
        }
        return r == -ENOENT ? 0 : r;
}

/* The kernel is told when the object that is shown loses its guardian. Any other holder can go
 * unnoticed. */
static Entry user_link(Catalog *catalog, const Place *place, uint32_t id, const char *name)
{
        uint32_t guardian = index_guardian(place->row->index(catalog), place_shown(place)->id);

        return entry_link(name, OBJECTS_KEY(id), g_strconcat("../../../", name, NULL),
                          guardian == id);
}

/* One file stands for all holders that could not be asked. Its key is greater than that of any id:
 * the kernel's ids end at INT_MAX (bpf_prog_alloc_id(), kernel/bpf/syscall.c). */
#define UNASKED_KEY (OBJECTS_KEY(INT32_MAX) + 1)

static Entry unasked_entry(const Index *index, const Row *row, const Object *shown)
{
        guint n = index_unasked(index);

        return entry_changing(ENTRY_CANNOT_BE_SHOWN, UNASKED_KEY,
                              g_strdup_printf("(cannot be shown: whether %u %s%s the %s)\n", n,
                                              row->kind->noun, n == 1 ? " holds" : "s hold",
                                              shown->kind->noun));
}

int users_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Row *row = place->row;
        Index *index = row->index(catalog);
        Object *shown = place_shown(place);
        uint32_t id = catalog_id(catalog, row->kind, name);
        int r = object_check(shown);

        if (r < 0)
                return r;
        if (id != 0) {
                r = index_check(index, id, shown->id);
                if (r == 0)
                        *out = user_link(catalog, place, id, name);
                return r;
        }
        if (strcmp(name, ENTRY_CANNOT_BE_SHOWN) != 0)
                return -ENOENT;
        r = index_refresh(index, shown->known_since);
        if (r < 0)
                return r;
        if (index_unasked(index) == 0)
                return -ENOENT;
        *out = unasked_entry(index, row, shown);
        return 0;
}

int users_list(Lister *lister)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        const Place *place = lister->place;
        const Row *row = place->row;
        Index *index = row->index(lister->catalog);
        Object *shown = place_shown(place);
        int r = object_check(shown);

        if (r == 0)
                r = index_refresh(index, shown->known_since);
        if (r < 0)
                return r;
        index_holders(index, shown->id, ids);
        for (guint i = 0; i < ids->len && !lister->stopped; i++) {
                uint32_t id = g_array_index(ids, uint32_t, i);
                char number[CATALOG_NAME_MAX];

                if (lister_wants(lister, OBJECTS_KEY(id)) &&
                    source_has(catalog_source(lister->catalog), row->kind->next, id))
                        lister_give(lister, user_link(lister->catalog, place, id,
                                                      catalog_name(lister->catalog, row->kind, id,
                                                                   number)));
        }
        if (index_unasked(index) > 0 && lister_wants(lister, UNASKED_KEY))
                lister_give(lister, unasked_entry(index, row, shown));
        return 0;
}

bool object_is_readable(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return place_shown(place)->error == 0;
}

static Entry unreadable_entry(const Object *object)
{
        return entry_cannot_be_shown("the kernel does not let it be opened", object->error);
}

int unreadable_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Object *object = place_shown(place);

        if (object->error == 0 || strcmp(name, ENTRY_CANNOT_BE_SHOWN) != 0)
                return -ENOENT;
        *out = unreadable_entry(object);
        return 0;
}

int unreadable_list(Lister *lister)
{
        const Object *object = place_shown(lister->place);

        if (object->error < 0 && lister_wants(lister, ENTRY_OWN_KEYS + 1))
                lister_give(lister, unreadable_entry(object));
        return 0;
}
