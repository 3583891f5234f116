/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A map's directory. */

#include "dir-map.h"

#include "dir-entries.h"
#include "dir-objects.h"
#include "map.h"

#include <errno.h>
#include <string.h>

bool map_has_vars(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        Map *map = map_of(place_shown(place));

        /* Variables that were shown once stay, also if the map can't be looked at now. */
        return map_update(map) != -ENOENT && map_is_shown(map);
}

int map_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        if (strcmp(name, ENTRIES_JSON) == 0)
                return entries_json_find(catalog, place, out);
        return unreadable_find(catalog, place, name, out);
}

int map_list(Lister *lister)
{
        entries_json_list(lister);
        return lister->stopped ? 0 : unreadable_list(lister);
}

bool map_changes(const Place *place)
{
        const Map *map = map_of(place_shown(place));

        /* vars/ comes when the map is frozen. */
        return map->object.error < 0 || (map->facts.global_data && !map_is_shown(map));
}

bool map_info_changes(const Place *place)
{
        return map_of(place_shown(place))->facts.gets_owner;
}
