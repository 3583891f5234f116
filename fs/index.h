/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_INDEX_H
#define BPFMETAFS_INDEX_H

/*
 * An index: which objects have a key, such as which programs hold a map.
 *
 * The kernel answers the question the other way round only, so all objects, here called holders,
 * are asked for their keys. A holder's keys only grow, and an event tells of its end: so an index
 * is never wrong about a holder. It can only lack keys that were added since the holder was asked,
 * and for INDEX_LAG_MS at most, whatever it costs to ask.
 *
 * Without events every question asks all holders.
 */

#include "source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds for which an answer of all holders is used again. */
#define INDEX_LAG_MS 50

typedef struct Index Index;

/* The questions from which an index is made. */
typedef struct IndexOps {
        /* The smallest id of a holder above @after. -ENOENT: there is none. */
        int (*next)(Source *source, uint32_t after, uint32_t *id);
        /* Appends the keys of the holder @id (uint32_t). 0 or -errno. */
        int (*keys)(Source *source, uint32_t id, GArray *keys);
        /* A key has lost its guardian, see index_guardian(). */
        void (*lost)(uint32_t key, void *data);
} IndexOps;

/* @events: index_loaded() and index_unloaded() will be called. @ops is a constant, @source is
 * borrowed, @data is for ops->lost. */
Index *index_new(const IndexOps *ops, Source *source, bool events, void *data);
void index_free(Index *index);

/* The @ops that it was made with. */
const IndexOps *index_ops(const Index *index);

/* Events: a holder has come, or gone. */
void index_loaded(Index *index, uint32_t holder);
void index_unloaded(Index *index, uint32_t holder);
/* Events were lost: holders that are not in @listed (ids as pointers) have gone. */
void index_compare(Index *index, GHashTable *listed);
/* There are no events any more: everything that is known is dropped. */
void index_stop_events(Index *index);

/* Somebody has asked @holder, and these are all of its keys now. */
void index_take(Index *index, uint32_t holder, const GArray *keys);

/* Asks all holders, unless that was done in the last INDEX_LAG_MS and after @newer_than
 * (g_get_monotonic_time()). 0 or -errno; then nothing is known. */
int index_refresh(Index *index, int64_t newer_than);

/* Appends the holders of @key that are known, ascending (uint32_t). */
void index_holders(const Index *index, uint32_t key, GArray *holders);
/* Asks @holder whether it has @key now. 0, or -ENOENT, or -errno. */
int index_check(Index *index, uint32_t holder, uint32_t key);
/* How many holders could not be asked, for another reason than having gone. */
guint index_unasked(const Index *index);

/* One holder of @key, always the same until it goes, or 0 if none is known. While it is there, @key
 * is held; when it goes, IndexOps.lost is called. */
uint32_t index_guardian(Index *index, uint32_t key);

#endif
