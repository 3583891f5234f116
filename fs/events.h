/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_EVENTS_H
#define BPFMETAFS_EVENTS_H

/*
 * What load and unload events mean for the catalog.
 */

#include "catalog.h"
#include "load-log.h"
#include "watch.h"

/* Takes up the events that have come. To be called before any answer that depends on which programs
 * are loaded. Costs next to nothing if there are no events. @log is told, too; NULL: there is none.
 *
 * @wait is for the follower alone, and NULL for all others: see watch_take(). 0; or -errno: there
 * are no events any more, and all programs that were known until then count as gone. */
int events_take(Watch *watch, Catalog *catalog, LoadLog *log, int *wait);

#endif
