/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program: its facts, and the maps that are bound to it. */

#include "prog.h"

#include "entries.h"

#include <errno.h>
#include <string.h>

static char *name(Source *source, uint32_t id)
{
        g_auto(SourceProg) facts = { 0 };

        return source->ops->prog(source, id, &facts) == 0 ? g_steal_pointer(&facts.name) : NULL;
}

static int ask(Object *object)
{
        Source *source = catalog_source(object->catalog);
        Prog *prog = prog_of(object);
        int r = source->ops->prog(source, object->id, &prog->facts);

        /* The info directory asks for it again, and most programs are only listed. */
        g_clear_pointer(&prog->facts.name, g_free);
        return r;
}

static bool is_watched(const Object *object)
{
        return catalog_source(object->catalog)->named || catalog_has_events(object->catalog);
}

static struct timespec time_of(const Object *object)
{
        return object->error < 0 ? catalog_source(object->catalog)->time
                                 : ((const Prog *)object)->facts.mtime;
}

static uid_t owner_of(const Object *object)
{
        return object->error < 0 ? catalog_source(object->catalog)->uid
                                 : ((const Prog *)object)->facts.uid;
}

static void clear(Object *object)
{
        Prog *prog = prog_of(object);

        entries_clear_names(prog);
        for (uint32_t i = 0; i < prog->n_maps; i++)
                map_unref(prog->maps[i].map);
        g_free(prog->maps);
        g_free(prog->entries);
        info_free(prog->info);
        source_prog_clear(&prog->facts);
}

static int fixed_info(Object *object, const Info **out)
{
        Source *source = catalog_source(object->catalog);
        Prog *prog = prog_of(object);
        int r = 0;

        if (!prog->info)
                r = source->ops->prog_info(source, object->id, false, &prog->info);
        *out = prog->info;
        return r;
}

static int changing_info(Object *object, Info **out)
{
        Source *source = catalog_source(object->catalog);

        return source->ops->prog_info(source, object->id, true, out);
}

static void look_for_pins(const Observers *observers, Object *object, GString *out)
{
        observers_append_pins(observers, PIN_PROG, object->id, out);
}

static bool is_struct_ops(Object *object)
{
        const Info *info;

        if (fixed_info(object, &info) < 0)
                return false;
        for (uint32_t i = 0; i < info_n(info); i++)
                if (strcmp(info_key(info, i), "type") == 0)
                        return strcmp(info_text(info, i), "struct_ops\n") == 0;
        return false;
}

/* Only a map of operations tells whether it is in use. Code that looks at a map tells the
 * observers. */
static void look_at_maps(Catalog *catalog)
{
        Source *source = catalog_source(catalog);
        uint32_t id = 0;

        while (source_next_map(source, id, &id) == 0) {
                g_autoptr(Map) map = NULL;

                if (map_get(catalog, id, &map) < 0)
                        continue;
        }
}

static void look_for_attachments(const Observers *observers, Object *object, GString *out)
{
        if (is_struct_ops(object))
                look_at_maps(object->catalog);
        observers_append_attachments(observers, object->id, out);
}

static const ObservedKey observed[] = {
        { "attached", observers_have_attachments, look_for_attachments },
        { "pinned", observers_have_pins, look_for_pins },
        { NULL },
};

const ObjectKind prog_kind = {
        .noun = "program",
        .size = sizeof(Prog),
        .next = source_next_prog,
        .ask = ask,
        .name = name,
        .is_watched = is_watched,
        .time = time_of,
        .owner = owner_of,
        .fixed_info = fixed_info,
        .changing_info = changing_info,
        .observed = observed,
        .clear = clear,
};

int prog_get(Catalog *catalog, uint32_t id, Prog **out)
{
        Object *object;
        int r = catalog_get(catalog, &prog_kind, id, &object);

        if (r == 0)
                *out = prog_of(object);
        return r;
}

/* Takes up the maps that were bound since the last time. */
static int find_maps(Prog *prog)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        Catalog *catalog = prog->object.catalog;
        Source *source = catalog_source(catalog);
        int r = source->ops->prog_maps(source, prog->object.id, ids);

        if (r == -ENOENT)
                object_went(&prog->object);
        if (r < 0 || ids->len <= prog->n_maps)
                return r;
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

/* Looks at all maps. A map that can't be read now is tried again at the next update; what is known
 * of the others stands. On failure nothing has changed but that more maps may be known. */
static int examine(Prog *prog, NamesReserved reserved)
{
        bool whole = true;
        int r;

        prog->examined = false;
        r = find_maps(prog);
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
        /* Nothing of an object file is frozen or bound later. */
        if (source->named && prog->examined)
                return 0;
        if (!prog->examined || prog->unsettled)
                return examine(prog, reserved);
        r = source->ops->prog(source, prog->object.id, &facts);
        if (r == -ENOENT)
                object_went(&prog->object);
        return r < 0 || facts.n_maps == prog->n_maps ? r : examine(prog, reserved);
}
