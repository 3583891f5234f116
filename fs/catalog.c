/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Objects by kind and id. The table does not own its objects: an object leaves it with its last
 * reference, or when we have seen that it has gone. */

#include "catalog.h"

#include "filenames.h"

#include <errno.h>

typedef struct Kept {
        const KeptOps *ops;
        gpointer data;
} Kept;

struct Catalog {
        Source *source;
        const Observers *observers;
        bool events;
        GHashTable *objects;   /* a set, by kind and id */
        GPtrArray *indexes;    /* of Index */
        GArray *kept;          /* Kept */
        GPtrArray *reports;    /* of Report */
        GHashTable *reserved;  /* ObjectKind -> NamesReserved */
        GHashTable *filenames; /* ObjectKind -> FileNames, of a source that has names */
        GArray *forgotten;     /* Forgotten: see catalog_take_forgotten() */
        int64_t memory;        /* bytes that may still be kept; below 0: names took more */
        size_t most;           /* that may be kept at all */
        Contents *contents;
        Passes *passes;
};

guint object_hash(gconstpointer key)
{
        const Object *object = key;

        return object->id * 2654435761u ^ GPOINTER_TO_UINT(object->kind);
}

gboolean object_equal(gconstpointer a, gconstpointer b)
{
        const Object *left = a, *right = b;

        return left->id == right->id && left->kind == right->kind;
}

static bool take_memory(void *catalog, size_t bytes)
{
        return catalog_take_memory(catalog, bytes);
}

static void give_back(void *catalog, size_t bytes)
{
        catalog_give_back(catalog, bytes);
}

Catalog *catalog_new(Source *source, uint64_t memory, bool events)
{
        static const Observers nobody = { 0 };
        Catalog *catalog = g_new0(Catalog, 1);

        catalog->source = source;
        catalog->observers = &nobody;
        catalog->events = events;
        catalog->objects = g_hash_table_new(object_hash, object_equal);
        catalog->indexes = g_ptr_array_new_with_free_func((GDestroyNotify)index_free);
        catalog->kept = g_array_new(FALSE, FALSE, sizeof(Kept));
        catalog->reports = g_ptr_array_new_with_free_func((GDestroyNotify)report_free);
        catalog->reserved = g_hash_table_new(NULL, NULL);
        catalog->filenames =
                g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)file_names_free);
        catalog->forgotten = g_array_new(FALSE, FALSE, sizeof(Forgotten));
        catalog->memory = MIN(memory, INT64_MAX);
        catalog->most = MIN(memory, INT64_MAX);
        catalog->contents = contents_new(source);
        catalog->passes = passes_new(source, take_memory, give_back, catalog);
        return catalog;
}

void catalog_free(Catalog *catalog)
{
        for (guint i = 0; i < catalog->kept->len; i++) {
                const Kept *kept = &g_array_index(catalog->kept, Kept, i);

                kept->ops->free(kept->data);
        }
        g_array_unref(catalog->kept);
        /* Reports have objects. */
        g_ptr_array_unref(catalog->reports);
        g_hash_table_unref(catalog->objects);
        g_ptr_array_unref(catalog->indexes);
        g_hash_table_unref(catalog->reserved);
        g_hash_table_unref(catalog->filenames);
        for (guint i = 0; i < catalog->forgotten->len; i++)
                g_free(g_array_index(catalog->forgotten, Forgotten, i).name);
        g_array_unref(catalog->forgotten);
        contents_free(catalog->contents);
        passes_free(catalog->passes);
        g_free(catalog);
}

Source *catalog_source(Catalog *catalog)
{
        return catalog->source;
}

Contents *catalog_contents(Catalog *catalog)
{
        return catalog->contents;
}

Passes *catalog_passes(Catalog *catalog)
{
        return catalog->passes;
}

void catalog_set_observers(Catalog *catalog, const Observers *observers)
{
        catalog->observers = observers;
}

const Observers *catalog_observers(const Catalog *catalog)
{
        return catalog->observers;
}

Index *catalog_index(Catalog *catalog, const IndexOps *ops)
{
        for (guint i = 0; i < catalog->indexes->len; i++)
                if (index_ops(catalog->indexes->pdata[i]) == ops)
                        return catalog->indexes->pdata[i];
        g_ptr_array_add(catalog->indexes,
                        index_new(ops, catalog->source, catalog->events, catalog));
        return catalog->indexes->pdata[catalog->indexes->len - 1];
}

gpointer catalog_kept(Catalog *catalog, const KeptOps *ops)
{
        Kept kept = { .ops = ops };

        for (guint i = 0; i < catalog->kept->len; i++)
                if (g_array_index(catalog->kept, Kept, i).ops == ops)
                        return g_array_index(catalog->kept, Kept, i).data;
        kept.data = ops->make(catalog);
        g_array_append_val(catalog->kept, kept);
        return kept.data;
}

Report *catalog_report(Catalog *catalog, const ReportOps *ops)
{
        for (guint i = 0; i < catalog->reports->len; i++)
                if (report_ops(catalog->reports->pdata[i]) == ops)
                        return catalog->reports->pdata[i];
        g_ptr_array_add(catalog->reports, report_new(ops));
        return catalog->reports->pdata[catalog->reports->len - 1];
}

bool catalog_has_events(const Catalog *catalog)
{
        return catalog->events;
}

bool catalog_take_memory(Catalog *catalog, size_t bytes)
{
        if (bytes > 0 && (int64_t)bytes > catalog->memory)
                return false;
        catalog->memory -= bytes;
        return true;
}

void catalog_take_names(Catalog *catalog, size_t bytes)
{
        catalog->memory -= bytes;
}

void catalog_give_back(Catalog *catalog, size_t bytes)
{
        catalog->memory += bytes;
}

size_t catalog_most_memory(const Catalog *catalog)
{
        return catalog->most;
}

size_t catalog_memory(const Catalog *catalog)
{
        return MAX(catalog->memory, 0);
}

/* Indexes */

/* Tells all indexes whose holders are of that kind. */
static void for_indexes(Catalog *catalog, const ObjectKind *kind, uint32_t id,
                        void (*tell)(Index *index, uint32_t holder))
{
        for (guint i = 0; i < catalog->indexes->len; i++)
                if (index_ops(catalog->indexes->pdata[i])->next == kind->next)
                        tell(catalog->indexes->pdata[i], id);
}

/* Objects */

Object *catalog_known(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Object wanted = { .kind = kind, .id = id };

        return g_hash_table_lookup(catalog->objects, &wanted);
}

/* @object could not be looked at and can be now, as another Object. It has not gone, and the kernel
 * must not be told that it has: it was not allowed to remember it. */
static void replace(Object *object)
{
        Catalog *catalog = object->catalog;

        object->gone = true;
        g_hash_table_remove(catalog->objects, object);
        for_indexes(catalog, object->kind, object->id, index_loaded);
}

static Object *object_new(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Object *object = g_malloc0(kind->size);

        object->kind = kind;
        object->catalog = catalog;
        object->refs = 1;
        object->id = id;
        object->known_since = g_get_monotonic_time();
        return object;
}

static Object *ask(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Object *object = object_new(catalog, kind, id);

        object->error = kind->ask(object);
        return object;
}

Object *catalog_seen(Catalog *catalog, const ObjectKind *kind, uint32_t id, bool *is_new)
{
        Object *known = catalog_known(catalog, kind, id), *object;

        *is_new = !known || known->error < 0;
        if (!*is_new)
                return object_ref(known);
        object = object_new(catalog, kind, id);
        if (known)
                replace(known);
        g_hash_table_add(catalog->objects, object);
        return object;
}

int catalog_get(Catalog *catalog, const ObjectKind *kind, uint32_t id, Object **out)
{
        Object *known = catalog_known(catalog, kind, id), *object;
        int r;

        if (known && known->error == 0) {
                r = object_check(known);
                if (r == 0)
                        *out = object_ref(known);
                return r;
        }
        object = ask(catalog, kind, id);
        if (object->error == -ENOENT) {
                if (known)
                        object_went(known);
                object->gone = true;
                object_unref(object);
                return -ENOENT;
        }
        if (known && object->error < 0) {
                /* Nothing has changed. */
                object->gone = true;
                object_unref(object);
                object = object_ref(known);
        } else {
                if (known)
                        replace(known);
                g_hash_table_add(catalog->objects, object);
        }
        *out = object;
        return 0;
}

Object *object_ref(Object *object)
{
        object->refs++;
        return object;
}

void object_unref(Object *object)
{
        if (!object || --object->refs > 0)
                return;
        if (!object->gone)
                g_hash_table_remove(object->catalog->objects, object);
        if (object->kind->clear)
                object->kind->clear(object);
        info_free(object->info);
        g_free(object);
}

struct timespec object_time(const Object *object)
{
        return object->error == 0 && object->kind->time ? object->kind->time(object)
                                                        : object->catalog->source->time;
}

uid_t object_owner(const Object *object)
{
        return object->error == 0 && object->kind->owner ? object->kind->owner(object)
                                                         : object->catalog->source->uid;
}

int object_fixed_info(Object *object, const Info **out)
{
        int r = object->info ? 0 : object->kind->info(object, false, &object->info);

        *out = object->info;
        return r;
}

int object_changing_info(Object *object, Info **out)
{
        return object->kind->info(object, true, out);
}

void object_forget(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Forgotten forgotten = { .kind = kind, .id = id };

        g_array_append_val(catalog->forgotten, forgotten);
}

static void tell_kept(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        for (guint i = 0; i < catalog->kept->len; i++) {
                const Kept *kept = &g_array_index(catalog->kept, Kept, i);

                kept->ops->went(kept->data, kind, id);
        }
}

void object_went(Object *object)
{
        Catalog *catalog = object->catalog;
        Forgotten forgotten = { .kind = object->kind, .id = object->id, .gone = true };

        if (object->gone)
                return;
        /* The kernel remembers only objects that are watched. */
        if (catalog->events && object->kind->is_watched(object))
                g_array_append_val(catalog->forgotten, forgotten);
        object->gone = true;
        g_hash_table_remove(catalog->objects, object);
        for_indexes(catalog, object->kind, object->id, index_unloaded);
        tell_kept(catalog, object->kind, object->id);
}

int object_check(Object *object)
{
        Source *source = object->catalog->source;

        if (!object->gone && !object->kind->is_watched(object) &&
            !source_has(source, object->kind->next, object->id))
                object_went(object);
        return object->gone ? -ENOENT : 0;
}

/* Events */

void catalog_came(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        for_indexes(catalog, kind, id, index_loaded);
}

void catalog_went(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Object *object = catalog_known(catalog, kind, id);

        if (object)
                object_went(object);
        else
                for_indexes(catalog, kind, id, index_unloaded);
}

/* All objects of that kind that are not in @listed have gone. */
static void keep_only(Catalog *catalog, const ObjectKind *kind, GHashTable *listed)
{
        g_autoptr(GList) objects = g_hash_table_get_keys(catalog->objects);

        for (GList *at = objects; at; at = at->next) {
                Object *object = at->data;

                if (object->kind == kind &&
                    !g_hash_table_contains(listed, GUINT_TO_POINTER(object->id)))
                        object_went(object);
        }
        for (guint i = 0; i < catalog->indexes->len; i++)
                if (index_ops(catalog->indexes->pdata[i])->next == kind->next)
                        index_compare(catalog->indexes->pdata[i], listed);
}

void catalog_compare(Catalog *catalog, const ObjectKind *kind)
{
        g_autoptr(GHashTable) listed = g_hash_table_new(NULL, NULL);
        uint32_t id = 0;
        int r;

        while ((r = kind->next(catalog->source, id, &id)) == 0)
                g_hash_table_add(listed, GUINT_TO_POINTER(id));
        if (r != -ENOENT)
                g_hash_table_remove_all(listed);
        keep_only(catalog, kind, listed);
}

void catalog_stop_events(Catalog *catalog, const ObjectKind *kind)
{
        g_autoptr(GHashTable) none = g_hash_table_new(NULL, NULL);
        guint first = catalog->forgotten->len;

        keep_only(catalog, kind, none);
        /* Most are there: whoever is on the way through one's directory must not find it empty. */
        for (guint i = first; i < catalog->forgotten->len; i++)
                g_array_index(catalog->forgotten, Forgotten, i).gone = false;
        for (guint i = 0; i < catalog->indexes->len; i++)
                index_stop_events(catalog->indexes->pdata[i]);
        catalog->events = false;
}

void catalog_forget(Catalog *catalog, const Forgotten *forgotten)
{
        g_array_append_val(catalog->forgotten, *forgotten);
}

bool catalog_has_forgotten(Catalog *catalog)
{
        return catalog->forgotten->len > 0;
}

void catalog_take_forgotten(Catalog *catalog, GArray *list)
{
        g_array_append_vals(list, catalog->forgotten->data, catalog->forgotten->len);
        g_array_set_size(catalog->forgotten, 0);
}

/* Names */

void catalog_reserve(Catalog *catalog, const ObjectKind *kind, NamesReserved reserved)
{
        g_hash_table_insert(catalog->reserved, (gpointer)kind, reserved);
}

static FileNames *names_of(Catalog *catalog, const ObjectKind *kind)
{
        FileNames *names = g_hash_table_lookup(catalog->filenames, kind);

        if (!names) {
                names = file_names_new(catalog->source, kind->next, kind->name,
                                       g_hash_table_lookup(catalog->reserved, kind));
                g_hash_table_insert(catalog->filenames, (gpointer)kind, names);
        }
        return names;
}

const char *catalog_name(Catalog *catalog, const ObjectKind *kind, uint32_t id,
                         char text[CATALOG_NAME_MAX])
{
        const char *name =
                catalog->source->named ? file_names_of(names_of(catalog, kind), id) : NULL;

        if (name)
                return name;
        g_snprintf(text, CATALOG_NAME_MAX, "%u", id);
        return text;
}

uint32_t catalog_id(Catalog *catalog, const ObjectKind *kind, const char *name)
{
        uint64_t id;

        if (catalog->source->named)
                return file_names_id(names_of(catalog, kind), name);
        id = names_number(name);
        return *name != '0' && id <= UINT32_MAX ? id : 0;
}
