/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PASSES_H
#define BPFMETAFS_PASSES_H

/*
 * Passes through the entries of a map. A pass has the keys, as long as somebody lists them. The
 * dump and the number of entries are kept for a moment, for others who ask at the same time.
 *
 * The kernel's own order has no places at which a listing could go on. So a listing shows the keys
 * of one pass, by their places in it. No handle tells when a listing ends, so a pass is kept for a
 * while after its last use, and for a shorter time once its end was read.
 */

#include "source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most keys of a pass, and the most entries that are counted. */
#define PASSES_MAX_KEYS (1u << 18)
/* The most milliseconds of a CPU that one pass, or one count, may take. */
#define PASSES_MAX_MS 250
/* The milliseconds for which a pass is kept after its last use: while it is read, and once its end
 * was read. */
#define PASSES_READ_MS 60000
#define PASSES_ENDED_MS 1000
/* The most maps of which it is known that a listing lacked keys, once its keys are not kept. */
#define PASSES_MAX_LACKING 64u
/* The milliseconds for which a dump or a count is given again. */
#define PASSES_DUMP_MS 3
#define PASSES_COUNT_MS 50

typedef struct Pass {
        uint32_t number; /* from 1 to PASSES_MAX_NUMBER */
        uint32_t map;
        uint32_t key_size;
        GByteArray *keys;
        uint32_t n;
        uint32_t *hashes; /* of the names of its keys; NULL: no name was looked for */
        bool more;        /* the map has more entries */
        bool ended;       /* its end was read */
        int64_t used;
        size_t charged;
} Pass;

/* As many passes can be kept, and a number is used again once its pass is not kept any more. */
#define PASSES_MAX_NUMBER 1023u

typedef struct Passes Passes;

/* @source is borrowed. @take is called for bytes that are to be kept, and returns false if there is
 * no room for them. @give_back is called when they are freed. */
Passes *passes_new(Source *source, bool (*take)(void *data, size_t bytes),
                   void (*give_back)(void *data, size_t bytes), void *data);
void passes_free(Passes *passes);

/* Another request begins: passes that nobody needs any more are freed. */
void passes_sweep(Passes *passes);
/* Drops all that was read of @map. It may still be there: so passes_lack() says the same as
 * before. */
void passes_drop(Passes *passes, uint32_t map);

/* A new pass through the keys of the map @map; borrowed until the next request. It has as many keys
 * as there is memory for; passes that others read may be dropped for it, but those first whose end
 * was read. 0 or -errno. */
int passes_begin(Passes *passes, uint32_t map, const MapShape *shape, Pass **out);
/* The pass of that number; NULL: it is not kept any more. */
Pass *passes_find(Passes *passes, uint32_t map, uint32_t number);
/* The name of a key, owned by the caller. */
typedef char *PassesName(const uint8_t *key, const void *data);

/* Finds the key of that name: first among the keys of passes that are kept, and then among all keys
 * of the map, none of which is kept. So a key that is found may have gone. Owned by the caller. 0;
 * -ENOENT: there is none, as far as PASSES_MAX_MS allow to look; or -errno. */
int passes_search(Passes *passes, uint32_t map, const MapShape *shape, const char *name,
                  PassesName *name_of, const void *data, GBytes **out);
/* Somebody looks at an entry of the map, maybe because a listing has named it, which is to go on
 * later: that is a use of the pass of the map that was used last, unless its end was read. */
void passes_use(Passes *passes, uint32_t map);
/* True if a pass through the map lacks keys, and was made or used in the last PASSES_READ_MS, or an
 * entry of the map was since: who looks at all that a listing has named may come to the remark
 * about it last. No longer, if there was another pass since that lacks none. */
bool passes_lack(Passes *passes, uint32_t map);
const uint8_t *pass_key(const Pass *pass, uint32_t index);

/* Drops passes until there is room for @bytes, or none is left. */
void passes_make_room(Passes *passes, size_t bytes);

/* dump_map(), at most PASSES_DUMP_MS old, within @max bytes; the caller gets a reference. */
int passes_dump(Passes *passes, uint32_t map, const MapShape *shape, size_t max, GBytes **out,
                uint32_t *shown);

/* The number of entries of the map, at most PASSES_COUNT_MS old. *@more: there may be more of them.
 * 0 or -errno. */
int passes_count(Passes *passes, uint32_t map, const MapShape *shape, uint32_t *n, bool *more);

#endif
