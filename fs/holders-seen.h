/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_SEEN_H
#define BPFMETAFS_HOLDERS_SEEN_H

/*
 * What looks at processes have seen, as one list (see holders-list.h): where a look was cut, the
 * next one goes on, and what earlier looks saw of the other processes stays until it is too old.
 *
 * Times are g_get_monotonic_time().
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct HoldersSeen {
        GByteArray *list; /* HOLDERS_MAX_LIST bytes at most, without HOLDER_CUT and HOLDER_FULL */
        GArray *spans;    /* which processes were looked at when */
        bool full;        /* not all of it has room in the list */
} HoldersSeen;

/* Nothing was looked at. */
void holders_seen_init(HoldersSeen *seen);
void holders_seen_clear(HoldersSeen *seen);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoldersSeen, holders_seen_clear)

/* Takes the list of a look that began at @began (>= 0) with the process @from, in place of what was
 * seen of the same processes before. *@next is the process with which the next look begins. 0; or
 * -EPROTO: the look has not come further than @from, and nothing has changed. */
int holders_seen_take(HoldersSeen *seen, const GByteArray *list, uint32_t from, gint64 began,
                      uint32_t *next);

/* Drops what was seen by looks that began before @time. True: there was such a thing. */
bool holders_seen_drop(HoldersSeen *seen, gint64 time);

/* True if all processes were looked at. */
bool holders_seen_all(const HoldersSeen *seen);
/* When the oldest look of which anything is left began; -1: there is none. */
gint64 holders_seen_since(const HoldersSeen *seen);

#endif
