/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Places and entries: how they are made, kept and given. */

#include "place.h"

#include <string.h>

/* For how many microseconds one request may go on listing. */
#define LIST_TIME 10000

static gpointer ref_object(gpointer object)
{
        return object_ref(object);
}

static void unref_object(gpointer object)
{
        object_unref(object);
}

const ArgumentKind place_shows_object = { ref_object, unref_object };

Place place_new(const Row *row, Object *object, gpointer argument)
{
        return (Place){
                .row = row,
                .object = object ? object_ref(object) : NULL,
                .argument = row->argument ? row->argument->ref(argument) : NULL,
        };
}

void place_clear(Place *place)
{
        if (place->argument)
                place->row->argument->unref(place->argument);
        place->argument = NULL;
        g_clear_pointer(&place->object, object_unref);
}

bool place_equal(const Place *a, const Place *b)
{
        if (a->row != b->row || a->object != b->object || place_shown(a) != place_shown(b))
                return false;
        return !a->row->argument || !a->row->argument->equal ||
               a->row->argument->equal(a->argument, b->argument);
}

Object *place_shown(const Place *place)
{
        return place->row->argument == &place_shows_object ? place->argument : place->object;
}

bool place_is_watched(const Place *place)
{
        return !place->object || place->object->kind->is_watched(place->object);
}

void entry_clear(Entry *entry)
{
        place_clear(&entry->place);
        g_clear_pointer(&entry->content, g_bytes_unref);
}

Entry entry_directory(const char *name, uint64_t key, Place place)
{
        return (Entry){
                .name = name,
                .key = key,
                .type = ENTRY_DIRECTORY,
                .lasting = true,
                .place = place,
        };
}

static Entry with_text(EntryType type, const char *name, uint64_t key, char *text)
{
        return (Entry){
                .name = name,
                .key = key,
                .type = type,
                .content = text ? g_bytes_new_take(text, strlen(text)) : NULL,
        };
}

Entry entry_link(const char *name, uint64_t key, char *target, bool lasting)
{
        Entry entry = with_text(ENTRY_LINK, name, key, target);

        entry.lasting = lasting;
        return entry;
}

Entry entry_changing(const char *name, uint64_t key, char *text)
{
        return with_text(ENTRY_CHANGING_FILE, name, key, text);
}

Entry entry_cannot_be_shown(const char *what, int error)
{
        return entry_changing(
                ENTRY_CANNOT_BE_SHOWN, ENTRY_OWN_KEYS + 1,
                g_strdup_printf("(cannot be shown: %s: %s)\n", what, g_strerror(-error)));
}

bool lister_wants(Lister *lister, uint64_t key)
{
        /* A listing that takes too long ends here. The time before its first entry does not count:
         * the next request would need it again. */
        if (lister->given && g_get_monotonic_time() > lister->deadline)
                lister->stopped = true;
        return !lister->stopped && key > lister->after;
}

void lister_give(Lister *lister, Entry entry)
{
        if (!lister->given)
                lister->deadline = g_get_monotonic_time() + LIST_TIME;
        lister->given = true;
        if (!lister->func(&entry, lister->data))
                lister->stopped = true;
        entry_clear(&entry);
}

bool row_has_own(const Row *row, const char *name)
{
        for (const OwnEntry *own = row->own; own && own->name; own++)
                if (strcmp(own->name, name) == 0)
                        return true;
        return false;
}

void append_part(const char *text, size_t size, uint64_t offset, size_t count, GString *out)
{
        if (count > 0 && offset < size)
                g_string_append_len(out, text + offset, MIN(count, size - offset));
}
