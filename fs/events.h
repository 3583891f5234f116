/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_EVENTS_H
#define BPFMETAFS_EVENTS_H

/*
 * What load and unload events mean for the catalog.
 */

#include "catalog.h"
#include "watch.h"

/* Takes up the events that there are. To be called before anything is said that depends on which
 * programs there are. Costs next to nothing if there are none.
 *
 * @wait is for the follower alone, and NULL for all others: see watch_take(). 0; or -errno: there
 * are no events any more, and all programs that were known until then count as gone. */
int events_take(Watch *watch, Catalog *catalog, int *wait);

#endif
