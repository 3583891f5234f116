/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LINKS_H
#define BPFMETAFS_LINKS_H

/*
 * The kernel's links.
 *
 * No event tells that a link has been made, changed or closed, so links are looked at when somebody
 * asks. While we have a link open, its owner's close does not detach it, but ours then does. So a
 * link is opened, asked, and closed at once; never two at a time, and never for longer than the
 * kernel takes to answer.
 */

#include "link-info.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most links that are looked at; each costs about 2 µs. */
#define LINKS_MAX 16384u

/* The greatest age of the list of links in microseconds; see links_update(). */
#define LINKS_MAX_AGE 50000

typedef struct Link {
        LinkFacts facts; /* n_funcs is at most 1: lists are for link_look() */
        char *function;  /* the target of a tracing link, not escaped; NULL: not known */
        bool placed;     /* for the caller: false for a new link, or one with a new program */
} Link;

/* The smallest link id above @after. 0 or -errno; -ENOENT: there is none. */
int link_next(uint32_t after, uint32_t *id);

/* One look at the link @id. 0 or -errno; -ENOENT: it has gone. After success the caller clears
 * @out; on failure it has not been touched. @lists: whether all elements of its lists are wanted,
 * or only the first. */
int link_look(uint32_t id, bool lists, LinkFacts *out);

typedef struct Links Links;

Links *links_new(void);
void links_free(Links *links);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Links, links_free)

/*
 * Brings the links up to date for an answer about the program @prog_id. These are found at once: a
 * new link; that one of the program's links was closed; that one of its links has another program
 * now. A link that has changed from another program to this one is found after LINKS_MAX_AGE at the
 * latest: then all links are looked at. @now is g_get_monotonic_time(); with @prog_id 0 all links
 * are looked at. 0, or -errno if links can't be listed; then none are known.
 */
int links_update(Links *links, uint32_t prog_id, gint64 now);

/* True if there are more than LINKS_MAX. */
bool links_more(const Links *links);

/* The links that are known, in the order of ids; borrowed until the next links_update(). */
guint links_n(const Links *links);
Link *links_get(const Links *links, guint index);

#endif
