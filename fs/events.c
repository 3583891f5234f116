/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events are of programs alone: the kernel makes none of maps. */

#include "events.h"

#include "prog.h"

/* A storm of events that never lets the rings be read in time ends with this many comparisons; the
 * next call goes on. */
#define MAX_COMPARISONS 8

static void take(bool loaded, uint32_t id, void *data)
{
        if (loaded)
                catalog_came(data, &prog_kind, id);
        else
                catalog_went(data, &prog_kind, id);
}

int events_take(Watch *watch, Catalog *catalog, int *wait)
{
        /* A program whose unload was lost may be listed for some microseconds more: after a
         * comparison there is another, until no record is missing. */
        for (int i = 0; i < MAX_COMPARISONS; i++) {
                int r = watch_take(watch, take, catalog, i == 0 ? wait : NULL);

                if (r > 0)
                        break;
                if (r < 0) {
                        catalog_stop_events(catalog, &prog_kind);
                        return r;
                }
                catalog_compare(catalog, &prog_kind);
        }
        return 0;
}
