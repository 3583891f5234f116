/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CONTENTS_H
#define BPFMETAFS_CONTENTS_H

/*
 * The last reads of maps: the bytes, a part of a long text, and the members of a struct. One of
 * each is kept, for the requests of one cat, ls or tar come in a row.
 *
 * Contents of a map that can't change any more are good for ever. Contents that were read while the
 * map could still change are good for that one request and no other, even if the map has been
 * frozen since.
 */

#include "source.h"
#include "value.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Contents Contents;

/* @source is borrowed. */
Contents *contents_new(Source *source);
void contents_free(Contents *contents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Contents, contents_free)

/* Another request begins. */
void contents_begin(Contents *contents);
/* The number of the request that is being served. */
uint64_t contents_request(const Contents *contents);

/* Earlier reads of @map are not used again. */
void contents_invalidate(Contents *contents, uint32_t map);

/* The bytes and the BTF of @map, borrowed until the next call. @immutable: they can't change from
 * now on. 0 or -errno. */
int contents_value(Contents *contents, uint32_t map, bool immutable, const SourceValue **out);

/* Appends at most @count bytes from @offset on of the text of the value at @ref to @out, which may
 * be NULL if @count is 0. *@size is the length of the whole text. 0 or -errno. */
int contents_text(Contents *contents, uint32_t map, bool immutable, const ValueRef *ref,
                  uint64_t offset, size_t count, GString *out, uint64_t *size);

/* The values of the entry @key of @map, of its @shape, and the BTF that types them; borrowed until
 * the next call. Without BTF, or if that can't be used, space->btf is NULL. 0 or -errno; -ENOENT:
 * there is no such entry. */
int contents_entry(Contents *contents, uint32_t map, const MapShape *shape, GBytes *key,
                   ValueSpace *space);

/* decoded_members() of the struct at @ref of @map, in a space with its BTF; borrowed until the next
 * call. */
const GArray *contents_members(Contents *contents, uint32_t map, const ValueSpace *space,
                               const ValueRef *ref);

#endif
