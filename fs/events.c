/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events are of programs alone: the kernel makes none of maps. */

#include "events.h"

#include "map.h"
#include "prog.h"
#include "sightings.h"

/* How many comparisons one call makes at most, in a storm of events during which the rings are
 * never read in time. The next call goes on. */
#define MAX_COMPARISONS 8

/* Milliseconds until the follower looks for answers that observers wait for. */
#define OBSERVERS_MS 2

typedef struct Taking {
        Catalog *catalog;
        LoadLog *log;
        bool came;
} Taking;

static void take(const WatchEvent *event, void *data)
{
        Taking *taking = data;
        Catalog *catalog = taking->catalog;
        const Observers *observers = catalog_observers(catalog);

        if (event->loaded) {
                observers_prog_came(observers, event->id, event->pid, event->time);
                if (taking->log)
                        load_log_came(taking->log, event->id, event->pid, event->time, event->tag,
                                      event->tag ? WATCH_TAG_SIZE : 0);
                catalog_came(catalog, &prog_kind, event->id);
                taking->came = true;
        } else {
                /* It asks the catalog for the last time. */
                if (taking->log)
                        load_log_went(taking->log, event->id, event->time);
                observers_prog_went(observers, event->id);
                catalog_went(catalog, &prog_kind, event->id);
                /* Its maps may have gone with it. */
                sightings_expect(catalog, &map_kind);
        }
        sightings_event(catalog, &prog_kind);
}

static void compare(Catalog *catalog, LoadLog *log)
{
        if (log)
                load_log_compare(log);
        observers_compare_progs(catalog_observers(catalog), catalog_source(catalog));
        catalog_compare(catalog, &prog_kind);
        sightings_check(catalog, &prog_kind);
}

int events_take(Watch *watch, Catalog *catalog, LoadLog *log, int *wait)
{
        Taking taking = { .catalog = catalog, .log = log };

        /* A program whose unload record was lost may be listed for some microseconds more. So there
         * is another comparison after each, until no record is missing. */
        for (int i = 0; i < MAX_COMPARISONS; i++) {
                int r = watch_take(watch, take, &taking, i == 0 ? wait : NULL);

                if (r > 0)
                        break;
                if (r < 0) {
                        if (log)
                                load_log_stop(log, r);
                        catalog_stop_events(catalog, &prog_kind);
                        sightings_check(catalog, &prog_kind);
                        return r;
                }
                compare(catalog, log);
        }
        /* A loader makes its maps just before. */
        if (taking.came)
                sightings_look(catalog, &map_kind);
        if (wait && observers_follow(catalog_observers(catalog)) && *wait < 0)
                *wait = OBSERVERS_MS;
        return 0;
}
