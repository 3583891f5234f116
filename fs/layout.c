/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reads the rows. */

#include "layout.h"

#include "dir-objects.h"
#include "rows.h"

#include <errno.h>
#include <string.h>

void layout_init(Catalog *catalog)
{
        catalog_reserve(catalog, row_root.kind, row_root.reserves);
}

Place layout_root(void)
{
        return place_new(&row_root, NULL, NULL);
}

/* A place's object must still be there, or a directory would outlive its object for those who are
 * inside. */
static int check(const Place *place)
{
        return place->object ? object_check(place->object) : 0;
}

static bool is_there(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return !own->is_there || own->is_there(catalog, place, own);
}

static Entry own_entry(const Place *place, const OwnEntry *own)
{
        return entry_directory(own->name, own - place->row->own + 1,
                               place_new(own->row, place->object, place->argument));
}

int layout_list(Catalog *catalog, const Place *place, uint64_t after, EntryFunc func, void *data)
{
        const Row *row = place->row;
        Lister lister = {
                .catalog = catalog,
                .place = place,
                .after = after,
                .func = func,
                .data = data,
        };
        int r = check(place);

        if (r < 0)
                return r;
        for (const OwnEntry *own = row->own; own && own->name; own++)
                if (lister_wants(&lister, own - row->own + 1) && is_there(catalog, place, own))
                        lister_give(&lister, own_entry(place, own));
        return lister.stopped || !row->list ? 0 : row->list(&lister);
}

int layout_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Row *row = place->row;
        int r = check(place);

        *out = (Entry){ 0 };
        if (r < 0)
                return r;
        for (const OwnEntry *own = row->own; own && own->name; own++) {
                if (strcmp(own->name, name) == 0 && is_there(catalog, place, own)) {
                        *out = own_entry(place, own);
                        return 0;
                }
        }
        r = row->find ? row->find(catalog, place, name, out) : -ENOENT;
        out->name = name;
        return r;
}

int layout_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size)
{
        if (!place->row->content || key <= ENTRY_OWN_KEYS)
                return -ENOENT;
        return place->row->content(catalog, place, key, offset, count, out, size);
}

bool layout_changes(Catalog *catalog, const Place *place)
{
        if (catalog_source(catalog)->named)
                return false;
        return !place_is_watched(place) || (place->row->changes && place->row->changes(place));
}

struct timespec layout_time(Catalog *catalog, const Place *place)
{
        return place->object ? place->object->kind->time(place->object)
                             : catalog_source(catalog)->time;
}

uid_t layout_owner(Catalog *catalog, const Place *place)
{
        return place->object ? place->object->kind->owner(place->object)
                             : catalog_source(catalog)->uid;
}

void layout_where(const ObjectKind *kind, uint32_t id, uint64_t *parent, uint64_t *key)
{
        *parent = 0;
        *key = OBJECTS_KEY(id);
        for (const OwnEntry *own = row_root.own; own->name && row_root.kind != kind; own++)
                if (own->row->kind == kind)
                        *parent = own - row_root.own + 1;
}
