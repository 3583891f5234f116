/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Batches, keys, and the head of a queue.
 *
 * Batches of a hash are whole buckets, each read under its lock: an entry that stays is found once,
 * whatever else changes meanwhile. To read one key after the other is slower, and less certain: the
 * kernel begins anew if the key that it was given has gone. So the keys that were seen are
 * remembered.
 */

#include "kernel-entries.h"

#include "cpu-time.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

/* The bytes and entries of the first batch, and the most bytes to which a batch may grow for one
 * long bucket. */
#define BATCH_BYTES (256u << 10)
#define BATCH_ENTRIES 1024u
#define BATCH_MAX_BYTES (16u << 20)
/* How often we ask again for a bucket that something else on this CPU has locked. */
#define BATCH_TRIES 16
/* The most bytes of keys that are remembered. */
#define SEEN_MAX_BYTES (64u << 20)
/* We look at the clock after this many keys. */
#define KEYS_A_LOOK 256u

/* The kernel's error for operations that a map does not have (include/linux/errno.h). C has no name
 * for it. */
#define ENOTSUPP 524

int kernel_entries_get(int fd, const MapShape *shape, const void *key, void *value)
{
        return bpf_map_lookup_elem(fd, shape->key_size ? key : NULL, value) < 0 ? -errno : 0;
}

typedef struct Batch {
        uint32_t room; /* entries */
        uint8_t *keys;
        uint8_t *values;
        uint8_t *token; /* where the kernel goes on */
        uint8_t *next;
} Batch;

static void batch_clear(Batch *batch)
{
        g_free(batch->keys);
        g_free(batch->values);
        g_free(batch->token);
        g_free(batch->next);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Batch, batch_clear)

/* False if there is no memory for so many. */
static bool make_room(Batch *batch, const MapShape *shape, uint32_t room)
{
        g_free(batch->keys);
        g_free(batch->values);
        batch->room = room;
        batch->keys = g_try_malloc((gsize)room * shape->key_size);
        batch->values = g_try_malloc((gsize)room * map_shape_entry_size(shape));
        return batch->keys && batch->values;
}

/* 0: there is more; 1: that was all; or -errno. *@n is the number of entries. */
static int read_batch(int fd, Batch *batch, bool first, uint32_t *n)
{
        for (int i = 0;; i++) {
                *n = batch->room;
                if (bpf_map_lookup_batch(fd, first ? NULL : batch->token, batch->next, batch->keys,
                                         batch->values, n, NULL) == 0)
                        return 0;
                if (errno == ENOENT)
                        return 1;
                if (errno != EBUSY || i == BATCH_TRIES)
                        return -errno;
        }
}

static int give_batch(const Batch *batch, const MapShape *shape, uint32_t n, const SourceWalk *walk)
{
        uint32_t size = map_shape_entry_size(shape);

        if (cpu_time_is_over(walk->end))
                return -ETIME;
        for (uint32_t i = 0; i < n; i++)
                if (!walk->func(batch->keys + (gsize)i * shape->key_size,
                                batch->values + (gsize)i * size, walk->data))
                        return 1;
        return 0;
}

/* -ENOTSUPP: the kernel has no batches for this map; then no entry was given. */
static int walk_batches(int fd, const MapShape *shape, const SourceWalk *walk)
{
        uint64_t size = shape->key_size + map_shape_entry_size(shape);
        g_auto(Batch) batch = { 0 };
        uint32_t n;
        bool first = true;
        int r;

        /* The kernel's token is a number of 32 bits or a key. */
        batch.token = g_malloc0(MAX(shape->key_size, sizeof(uint64_t)));
        batch.next = g_malloc0(MAX(shape->key_size, sizeof(uint64_t)));
        if (!make_room(&batch, shape, CLAMP(BATCH_BYTES / size, 1, BATCH_ENTRIES)))
                return -ENOMEM;
        for (;;) {
                uint8_t *token = batch.token;
                int given;

                r = read_batch(fd, &batch, first, &n);
                if (r == -ENOSPC && batch.room * size < BATCH_MAX_BYTES) {
                        if (!make_room(&batch, shape, batch.room * 2))
                                return -ENOMEM;
                        continue;
                }
                if (r < 0)
                        return first ? -ENOTSUPP : r;
                given = give_batch(&batch, shape, n, walk);
                if (given != 0 || r == 1)
                        return MIN(given, 0);
                first = false;
                batch.token = batch.next;
                batch.next = token;
        }
}

/* One key after the other */

typedef struct Keys {
        const MapShape *shape;
        GHashTable *seen; /* a set of GBytes; NULL: no key comes twice */
        size_t bytes;     /* of all of them */
        uint8_t *key;
        uint8_t *value;
} Keys;

static void keys_clear(Keys *keys)
{
        g_clear_pointer(&keys->seen, g_hash_table_unref);
        g_free(keys->key);
        g_free(keys->value);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Keys, keys_clear)

/* 0, 1 if no more is wanted, or -errno. */
static int give_key(int fd, Keys *keys, const SourceWalk *walk)
{
        int r;

        if (keys->seen &&
            !g_hash_table_add(keys->seen, g_bytes_new(keys->key, keys->shape->key_size)))
                return 0;
        if (keys->seen)
                keys->bytes += keys->shape->key_size;
        r = kernel_entries_get(fd, keys->shape, keys->key, keys->value);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : !walk->func(keys->key, keys->value, walk->data);
}

static int walk_keys(int fd, const MapShape *shape, const SourceWalk *walk)
{
        g_auto(Keys) keys = { .shape = shape };
        int r = 0;

        keys.key = g_malloc0(shape->key_size);
        keys.value = g_try_malloc(map_shape_entry_size(shape));
        if (!keys.value)
                return -ENOMEM;
        if (!shape->numbered)
                keys.seen = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                                  (GDestroyNotify)g_bytes_unref, NULL);
        for (uint64_t i = 0; r == 0; i++) {
                if (i % KEYS_A_LOOK == 0 && cpu_time_is_over(walk->end))
                        return -ETIME;
                if (bpf_map_get_next_key(fd, i ? keys.key : NULL, keys.key) < 0)
                        return errno == ENOENT ? 0 : -errno;
                if (keys.bytes + shape->key_size > SEEN_MAX_BYTES)
                        return -ETIME;
                r = give_key(fd, &keys, walk);
        }
        return MIN(r, 0);
}

static int walk_next(int fd, const MapShape *shape, const SourceWalk *walk)
{
        g_autofree uint8_t *value = g_try_malloc(shape->value_size);
        int r;

        if (!value)
                return -ENOMEM;
        r = kernel_entries_get(fd, shape, NULL, value);
        if (r == 0)
                walk->func(NULL, value, walk->data);
        return r == -ENOENT ? 0 : r;
}

int kernel_entries_walk(int fd, const MapShape *shape, const SourceWalk *walk)
{
        int r;

        if (shape->reading == MAP_READ_NEXT)
                return walk_next(fd, shape, walk);
        if (shape->reading == MAP_READ_KEYS)
                return walk_keys(fd, shape, walk);
        r = walk_batches(fd, shape, walk);
        return r == -ENOTSUPP ? walk_keys(fd, shape, walk) : r;
}

/* Program arrays */

GArray *kernel_entries_progs(int fd, const MapShape *shape)
{
        GArray *progs;

        if (shape->closed)
                return NULL;
        progs = g_array_sized_new(FALSE, TRUE, sizeof(uint32_t), shape->max_entries);
        for (uint32_t i = 0; i < shape->max_entries; i++) {
                uint32_t id = 0;

                if (kernel_entries_get(fd, shape, &i, &id) < 0)
                        id = 0;
                g_array_append_val(progs, id);
        }
        return progs;
}

int kernel_entries_walk_progs(const GArray *progs, const SourceWalk *walk)
{
        for (uint32_t i = 0; i < progs->len; i++) {
                const uint32_t *id = &g_array_index(progs, uint32_t, i);

                if (*id && !walk->func((const uint8_t *)&i, (const uint8_t *)id, walk->data))
                        break;
        }
        return 0;
}
