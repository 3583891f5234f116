/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Two tables say the same: the keys of each holder, and the holders of each key. */

#include "index.h"

#include <errno.h>

/* The holders of a key. */
typedef struct Held {
        uint32_t guardian; /* 0: none was asked for */
        GArray *holders;   /* uint32_t, ascending */
} Held;

struct Index {
        const IndexOps *ops;
        Source *source;
        bool events;
        void *data;
        GHashTable *keys;    /* holder -> GArray of keys (uint32_t) */
        GHashTable *held;    /* key -> Held */
        int64_t asked_at;    /* g_get_monotonic_time() before all were asked; 0: they were not */
        GArray *loaded;      /* uint32_t: holders that have come since, and were not asked */
        GHashTable *unasked; /* holders that could not be asked */
};

static void held_free(gpointer data)
{
        Held *held = data;

        g_array_unref(held->holders);
        g_free(held);
}

Index *index_new(const IndexOps *ops, Source *source, bool events, void *data)
{
        Index *index = g_new0(Index, 1);

        index->ops = ops;
        index->source = source;
        index->events = events;
        index->data = data;
        index->keys = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
        index->held = g_hash_table_new_full(NULL, NULL, NULL, held_free);
        index->loaded = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        index->unasked = g_hash_table_new(NULL, NULL);
        return index;
}

void index_free(Index *index)
{
        g_hash_table_unref(index->keys);
        g_hash_table_unref(index->held);
        g_array_unref(index->loaded);
        g_hash_table_unref(index->unasked);
        g_free(index);
}

const IndexOps *index_ops(const Index *index)
{
        return index->ops;
}

/* Where @id is or belongs. */
static guint place_of(const GArray *ids, uint32_t id)
{
        guint low = 0, high = ids->len;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (g_array_index(ids, uint32_t, middle) < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool is_at(const GArray *ids, guint place, uint32_t id)
{
        return place < ids->len && g_array_index(ids, uint32_t, place) == id;
}

static void add(Index *index, uint32_t key, uint32_t holder)
{
        Held *held = g_hash_table_lookup(index->held, GUINT_TO_POINTER(key));
        guint place;

        if (!held) {
                held = g_new0(Held, 1);
                held->holders = g_array_new(FALSE, FALSE, sizeof(uint32_t));
                g_hash_table_insert(index->held, GUINT_TO_POINTER(key), held);
        }
        place = place_of(held->holders, holder);
        /* A program may hold a map twice. */
        if (!is_at(held->holders, place, holder))
                g_array_insert_val(held->holders, place, holder);
}

static void drop(Index *index, uint32_t key, uint32_t holder)
{
        Held *held = g_hash_table_lookup(index->held, GUINT_TO_POINTER(key));
        guint place;

        if (!held)
                return;
        place = place_of(held->holders, holder);
        if (is_at(held->holders, place, holder))
                g_array_remove_index(held->holders, place);
        if (held->guardian == holder) {
                held->guardian = 0;
                index->ops->lost(key, index->data);
        }
        if (held->holders->len == 0)
                g_hash_table_remove(index->held, GUINT_TO_POINTER(key));
}

static void take(Index *index, uint32_t holder, const GArray *keys)
{
        GArray *known = g_hash_table_lookup(index->keys, GUINT_TO_POINTER(holder));

        g_hash_table_remove(index->unasked, GUINT_TO_POINTER(holder));
        if (!known) {
                known = g_array_sized_new(FALSE, FALSE, sizeof(uint32_t), keys->len);
                g_hash_table_insert(index->keys, GUINT_TO_POINTER(holder), known);
        }
        for (guint i = known->len; i < keys->len; i++) {
                uint32_t key = g_array_index(keys, uint32_t, i);

                g_array_append_val(known, key);
                add(index, key, holder);
        }
}

void index_take(Index *index, uint32_t holder, const GArray *keys)
{
        /* Without events nothing would tell when to drop it. */
        if (index->events)
                take(index, holder, keys);
}

/* Events */

void index_loaded(Index *index, uint32_t holder)
{
        if (g_get_monotonic_time() < index->asked_at + INDEX_LAG_MS * 1000)
                g_array_append_val(index->loaded, holder);
        else
                index->asked_at = 0;
}

void index_unloaded(Index *index, uint32_t holder)
{
        g_autoptr(GArray) keys = NULL;
        gpointer id;

        g_hash_table_remove(index->unasked, GUINT_TO_POINTER(holder));
        if (!g_hash_table_steal_extended(index->keys, GUINT_TO_POINTER(holder), &id,
                                         (gpointer *)&keys))
                return;
        for (guint i = 0; i < keys->len; i++)
                drop(index, g_array_index(keys, uint32_t, i), holder);
}

void index_compare(Index *index, GHashTable *listed)
{
        g_autoptr(GList) holders = g_hash_table_get_keys(index->keys);

        index->asked_at = 0;
        for (GList *at = holders; at; at = at->next)
                if (!g_hash_table_contains(listed, at->data))
                        index_unloaded(index, GPOINTER_TO_UINT(at->data));
}

static void drop_all(Index *index)
{
        g_autoptr(GHashTable) none = g_hash_table_new(NULL, NULL);

        index_compare(index, none);
}

void index_stop_events(Index *index)
{
        drop_all(index);
        index->events = false;
}

/* Asking */

static void ask(Index *index, uint32_t holder)
{
        g_autoptr(GArray) keys = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        int r = index->ops->keys(index->source, holder, keys);

        if (r == 0)
                take(index, holder, keys);
        else if (r != -ENOENT)
                g_hash_table_add(index->unasked, GUINT_TO_POINTER(holder));
}

static int ask_all(Index *index)
{
        int64_t start = g_get_monotonic_time();
        uint32_t id = 0;
        int r;

        if (!index->events)
                drop_all(index);
        index->asked_at = 0;
        g_array_set_size(index->loaded, 0);
        g_hash_table_remove_all(index->unasked);
        while ((r = index->ops->next(index->source, id, &id)) == 0)
                ask(index, id);
        if (r != -ENOENT)
                return r;
        if (index->events)
                index->asked_at = start;
        return 0;
}

int index_refresh(Index *index, int64_t newer_than)
{
        int64_t now = g_get_monotonic_time();

        if (index->asked_at == 0 || index->asked_at < newer_than ||
            now - index->asked_at >= INDEX_LAG_MS * 1000)
                return ask_all(index);
        for (guint i = 0; i < index->loaded->len; i++)
                ask(index, g_array_index(index->loaded, uint32_t, i));
        g_array_set_size(index->loaded, 0);
        return 0;
}

void index_holders(const Index *index, uint32_t key, GArray *holders)
{
        const Held *held = g_hash_table_lookup(index->held, GUINT_TO_POINTER(key));

        if (held)
                g_array_append_vals(holders, held->holders->data, held->holders->len);
}

int index_check(Index *index, uint32_t holder, uint32_t key)
{
        g_autoptr(GArray) keys = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        int r = index->ops->keys(index->source, holder, keys);

        if (r < 0)
                return r;
        index_take(index, holder, keys);
        for (guint i = 0; i < keys->len; i++)
                if (g_array_index(keys, uint32_t, i) == key)
                        return 0;
        return -ENOENT;
}

guint index_unasked(const Index *index)
{
        return g_hash_table_size(index->unasked);
}

uint32_t index_guardian(Index *index, uint32_t key)
{
        Held *held = index->events ? g_hash_table_lookup(index->held, GUINT_TO_POINTER(key)) : NULL;

        if (!held)
                return 0;
        if (held->guardian == 0)
                held->guardian = g_array_index(held->holders, uint32_t, 0);
        return held->guardian;
}
