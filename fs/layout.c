/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reads the rows. */

#include "layout.h"

#include "dir-by.h"
#include "dir-objects.h"
#include "prog.h"
#include "rows.h"
#include "sightings.h"

#include <errno.h>
#include <string.h>

void layout_init(Catalog *catalog)
{
        catalog_reserve(catalog, row_root.kind, row_root.reserves);
        if (catalog_source(catalog)->named)
                return;
        sightings_begin(catalog, row_root.kind);
        for (const OwnEntry *own = row_root.own; own->name; own++)
                if (own->row && own->row->dated)
                        sightings_begin(catalog, own->row->kind);
}

NamesReserved layout_metadata_reserved(void)
{
        return row_root.each->reserves;
}

Place layout_root(void)
{
        return place_new(&row_root, NULL, NULL);
}

/* Checks that a place's object is still there. Without this a process whose working directory is
 * inside would go on to see a directory whose object has gone. */
static int check(Catalog *catalog, const Place *place)
{
        int r = place->object ? object_check(place->object) : 0;
        gint64 current;

        if (r < 0)
                return r;
        current = layout_current(catalog, place);
        return MIN(current, 0);
}

gint64 layout_current(Catalog *catalog, const Place *place)
{
        return place->row->current ? place->row->current(catalog, place) : INT64_MAX;
}

static bool is_there(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return !own->is_there || own->is_there(catalog, place, own);
}

static Entry own_entry(const Place *place, const OwnEntry *own)
{
        uint64_t key = own - place->row->own + 1;

        if (own->row)
                return entry_directory(own->name, key,
                                       place_new(own->row, place->object, place->argument));
        return (Entry){ .name = own->name, .key = key, .type = ENTRY_REPORT };
}

static Report *report_at(Catalog *catalog, const Row *row, uint64_t key)
{
        return catalog_report(catalog, row->own[key - 1].report);
}

int layout_report(Catalog *catalog, const Row *row, uint64_t key, GBytes **out, int64_t *since)
{
        return report_look(report_at(catalog, row, key), catalog, row->each->reserves, out, since);
}

bool layout_report_is_current(Catalog *catalog, const Row *row, uint64_t key, int64_t since)
{
        return report_is_current(report_at(catalog, row, key), since);
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
        int r = check(catalog, place);

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
        int r = check(catalog, place);

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
        if (catalog_source(catalog)->named || place->row->current)
                return false;
        return !place_is_watched(place) || (place->row->changes && place->row->changes(place));
}

/* An object file never changes. */
static bool is_dated(Catalog *catalog, const Place *place)
{
        return place->row->dated && !catalog_source(catalog)->named;
}

/* No event tells that objects of the kind have come or gone. */
static bool is_looked_at(Catalog *catalog, const ObjectKind *kind)
{
        return kind != &prog_kind || !catalog_has_events(catalog);
}

int layout_time_lag(Catalog *catalog, const Place *place)
{
        /* Not until an event: if the kernel is made to forget the root while an answer about it is
         * on its way, it passes over that answer, and takes the root for a directory into which
         * only root may go. */
        return is_dated(catalog, place) ? SIGHTINGS_LAG_MS : -1;
}

struct timespec layout_time(Catalog *catalog, const Place *place)
{
        const ObjectKind *kind = place->row->kind;

        if (is_dated(catalog, place))
                return sightings_changed(catalog, kind, is_looked_at(catalog, kind));
        return place->object ? object_time(place->object) : catalog_source(catalog)->time;
}

uid_t layout_owner(Catalog *catalog, const Place *place)
{
        return place->object ? object_owner(place->object) : catalog_source(catalog)->uid;
}

/* Appends the key of the directory in the root of which @is_it is true. */
static void append_own(bool (*is_it)(const Row *row, const Forgotten *forgotten),
                       const Forgotten *forgotten, GArray *path)
{
        for (const OwnEntry *own = row_root.own; own->name; own++) {
                uint64_t key = own - row_root.own + 1;

                if (own->row && is_it(own->row, forgotten))
                        g_array_append_val(path, key);
        }
}

static bool is_by(const Row *row, const Forgotten *forgotten)
{
        return row->find == by_find;
}

static bool lists_kind(const Row *row, const Forgotten *forgotten)
{
        return row->kind == forgotten->kind;
}

const char *layout_where(const Forgotten *forgotten, GArray *path, char text[CATALOG_NAME_MAX])
{
        uint64_t key = OBJECTS_KEY(forgotten->id);

        if (forgotten->by_key != 0) {
                append_own(is_by, forgotten, path);
                return by_where(forgotten, path, text);
        }
        if (row_root.kind != forgotten->kind)
                append_own(lists_kind, forgotten, path);
        g_array_append_val(path, key);
        g_snprintf(text, CATALOG_NAME_MAX, "%u", forgotten->id);
        return text;
}
