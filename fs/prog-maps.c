/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "prog-maps.h"

#include <errno.h>

/* Takes up the maps that were bound since the last time; @ids are those of all. */
static int take_maps(Prog *prog, const GArray *ids)
{
        Catalog *catalog = prog->object.catalog;
        int r;

        if (ids->len <= prog->n_maps)
                return 0;
        index_take(map_holders(catalog), prog->object.id, ids);
        prog->examined = false;
        prog->maps = g_renew(ProgMap, prog->maps, ids->len);
        while (prog->n_maps < ids->len) {
                ProgMap bound = { 0 };

                r = map_get(catalog, g_array_index(ids, uint32_t, prog->n_maps), &bound.map);
                if (r < 0)
                        return r;
                prog->maps[prog->n_maps++] = bound;
        }
        return 0;
}

static int find_maps(Prog *prog)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        Source *source = catalog_source(prog->object.catalog);
        int r = source->ops->prog_maps(source, prog->object.id, ids);

        if (r == -ENOENT)
                object_went(&prog->object);
        return r < 0 ? r : take_maps(prog, ids);
}

/* Asks again for a map that could not be looked at. */
static int retry(Prog *prog, ProgMap *bound)
{
        Map *map;
        int r;

        if (bound->map->object.error == 0)
                return 0;
        r = map_get(prog->object.catalog, bound->map->object.id, &map);
        if (r < 0)
                return r;
        map_unref(bound->map);
        bound->map = map;
        return 0;
}

/* Looks at all maps; @seen: they are these, NULL: that is to be asked. A map that can't be read now
 * is tried again at the next update, and does not affect the others. On failure the entries are
 * unchanged; only more maps may be known. */
static int examine(Prog *prog, const GArray *seen, NamesReserved reserved)
{
        bool whole = true;
        int r;

        prog->examined = false;
        r = seen ? take_maps(prog, seen) : find_maps(prog);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < prog->n_maps; i++) {
                ProgMap *bound = &prog->maps[i];
                Variables *variables;

                r = retry(prog, bound);
                if (r == 0)
                        r = map_update(bound->map);
                if (r == 0)
                        r = map_variables(bound->map, &variables);
                if (r == -ENOENT)
                        return r;
                whole = whole && r == 0;
        }
        entries_update(prog, reserved);
        prog->examined = whole;
        return 0;
}

int prog_update(Prog *prog, NamesReserved reserved)
{
        g_auto(SourceProg) facts = { 0 };
        Source *source = catalog_source(prog->object.catalog);
        int r;

        if (prog->object.gone)
                return -ENOENT;
        if (prog->object.error < 0)
                return 0;
        /* In an object file no map is frozen or bound later. */
        if (source->named && prog->examined)
                return 0;
        if (!prog->examined || prog->unsettled)
                return examine(prog, NULL, reserved);
        r = source->ops->prog(source, prog->object.id, &facts);
        if (r == -ENOENT)
                object_went(&prog->object);
        return r < 0 || facts.n_maps == prog->n_maps ? r : examine(prog, NULL, reserved);
}

int prog_update_seen(Prog *prog, const GArray *maps, NamesReserved reserved)
{
        if (prog->object.gone)
                return -ENOENT;
        if (prog->examined && !prog->unsettled && maps->len == prog->n_maps)
                return 0;
        return examine(prog, maps, reserved);
}
