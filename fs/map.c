/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A map. The kernel makes no events for maps. But while a program that is known holds a map, the
 * map can't go before that program is unloaded. */

#include "map.h"

#include "observed.h"
#include "sightings.h"

#include <errno.h>

static char *name(Source *source, uint32_t id)
{
        g_auto(SourceMap) facts = { 0 };

        return source->ops->map(source, id, &facts) == 0 ? g_steal_pointer(&facts.name) : NULL;
}

static int ask(Object *object)
{
        Source *source = catalog_source(object->catalog);
        Map *map = map_of(object);
        int r;

        map->updated = contents_request(catalog_contents(object->catalog));
        r = source->ops->map(source, object->id, &map->facts);
        if (r == 0 && map->facts.struct_ops &&
            observers_have_attachments(catalog_observers(object->catalog)))
                observers_add_map(catalog_observers(object->catalog), object->id);
        return r;
}

static bool is_watched(const Object *object)
{
        return catalog_source(object->catalog)->named || map_guardian((const Map *)object) != 0;
}

static struct timespec time_of(const Object *object)
{
        return sightings_since(object->catalog, object->kind, object->id);
}

static void drop_variables(Map *map)
{
        if (map->variables)
                catalog_give_back(map->object.catalog, map->variables->bytes);
        g_clear_pointer(&map->variables, variables_unref);
}

static void clear(Object *object)
{
        Map *map = map_of(object);

        contents_invalidate(catalog_contents(object->catalog), object->id);
        passes_drop(catalog_passes(object->catalog), object->id);
        drop_variables(map);
        g_clear_pointer(&map->keys, key_form_free);
        source_map_clear(&map->facts);
}

static int info(Object *object, bool changing, Info **out)
{
        Source *source = catalog_source(object->catalog);

        return source->ops->map_info(source, object->id, changing, out);
}

/* Entries */

int map_dump(Map *map, GBytes **out, uint32_t *shown)
{
        Catalog *catalog = map->object.catalog;

        return passes_dump(catalog_passes(catalog), map->object.id, &map->facts.shape,
                           catalog_most_memory(catalog) / MAP_DUMPS, out, shown);
}

/* Keys of info/ */

static void append_error(GString *out, const MapShape *shape, int error)
{
        g_string_append_printf(out, "(cannot be shown: %s)\n",
                               shape->closed ? shape->closed : g_strerror(-error));
}

static void append_count(const Observers *observers, Object *object, GString *out)
{
        const Map *map = map_of(object);
        const MapShape *shape = &map->facts.shape;
        bool more;
        uint32_t n;
        int r;

        if (!shape->closed && shape->full) {
                g_string_append_printf(out, "%u (all of an array)\n", shape->max_entries);
                return;
        }
        if (shape->reading == MAP_READ_NEXT) {
                g_string_append(out, "(cannot be shown: the kernel does not tell)\n");
                return;
        }
        r = shape->closed
                    ? -EPERM
                    : passes_count(catalog_passes(object->catalog), object->id, shape, &n, &more);
        if (r < 0)
                append_error(out, shape, r);
        else
                g_string_append_printf(out, "%u (%s)\n", n,
                                       more ? "counted, and there are more" : "counted");
}

static void append_shown(const Observers *observers, Object *object, GString *out)
{
        Map *map = map_of(object);
        g_autoptr(GBytes) bytes = NULL;
        uint32_t shown;
        int r = map_dump(map, &bytes, &shown);

        if (r < 0)
                append_error(out, &map->facts.shape, r);
        else
                g_string_append_printf(out, "%u\n", shown);
}

static const ObservedKey observed[] = {
        { "pinned", observers_have_pins, observed_pins },
        { "entries", observers_have_contents, append_count },
        { "entries_shown", observers_have_contents, append_shown },
        { NULL },
};

const ObjectKind map_kind = {
        .noun = "map",
        .pin = PIN_MAP,
        .holder = HOLDER_MAP,
        .size = sizeof(Map),
        .next = source_next_map,
        .ask = ask,
        .name = name,
        .is_watched = is_watched,
        .time = time_of,
        .info = info,
        .observed = observed,
        .clear = clear,
};

int map_get(Catalog *catalog, uint32_t id, Map **out)
{
        Object *object;
        int r = catalog_get(catalog, &map_kind, id, &object);

        if (r == 0)
                *out = map_of(object);
        return r;
}

/* Asks the source again, and takes note if the map has been frozen since. */
static int refresh(Map *map)
{
        g_auto(SourceMap) facts = { 0 };
        Source *source = catalog_source(map->object.catalog);
        int r = source->ops->map(source, map->object.id, &facts);

        if (r == -ENOENT)
                object_went(&map->object);
        if (r < 0 || facts.frozen == map->facts.frozen)
                return r;
        map->facts.frozen = facts.frozen;
        /* Bytes that were read before may be older than the freeze. From now on values may be
         * kept. */
        contents_invalidate(catalog_contents(map->object.catalog), map->object.id);
        drop_variables(map);
        return 0;
}

int map_update(Map *map)
{
        uint64_t request = contents_request(catalog_contents(map->object.catalog));
        int r;

        if (map->object.gone)
                return -ENOENT;
        if (map->object.error < 0 || !map->facts.global_data || map_is_immutable(map))
                return object_check(&map->object);
        if (map->updated == request)
                return 0;
        r = refresh(map);
        if (r == 0)
                map->updated = request;
        return r;
}

bool map_is_metadata(const Map *map)
{
        return map->facts.global_data && (map->facts.rdonly_prog || map->facts.frozen);
}

bool map_is_shown(const Map *map)
{
        const Source *source = catalog_source(map->object.catalog);

        return map->facts.global_data &&
               (source->named || map_is_metadata(map) || (source->contents && map->facts.keyless));
}

bool map_may_become_metadata(const Map *map)
{
        if (catalog_source(map->object.catalog)->named)
                return false;
        if (map->object.error < 0)
                return true;
        return map->facts.global_data &&
               (!map->variables ||
                (!map_is_metadata(map) && variables_have_metadata(map->variables)));
}

bool map_is_immutable(const Map *map)
{
        return catalog_source(map->object.catalog)->named ||
               (map->facts.rdonly_prog && map->facts.frozen);
}

int map_value(Map *map, const SourceValue **out)
{
        return contents_value(catalog_contents(map->object.catalog), map->object.id,
                              map_is_immutable(map), out);
}

int map_text(Map *map, const ValueRef *ref, uint64_t offset, size_t count, GString *out,
             uint64_t *size)
{
        return contents_text(catalog_contents(map->object.catalog), map->object.id,
                             map_is_immutable(map), ref, offset, count, out, size);
}

const GArray *map_members(Map *map, const ValueSpace *space, const ValueRef *ref)
{
        return contents_members(catalog_contents(map->object.catalog), map->object.id, space, ref);
}

/* Gives @variables to the map, and counts their memory. */
static void set_variables(Map *map, Variables *variables)
{
        catalog_take_names(map->object.catalog, variables->bytes);
        map->variables = variables;
}

int map_variables(Map *map, Variables **out)
{
        static const SourceValue nothing = { 0 };
        DecodeBudget budget = { .values = VARIABLES_MAX_KEPT };
        const SourceValue *value = &nothing;
        int r = 0;

        *out = map->variables;
        if (map->variables)
                return 0;
        if (map->facts.global_data)
                r = map_value(map, &value);
        /* A map whose contents can't be read has one file that says why: it is too large (E2BIG),
         * we may not read it (EPERM), libbpf does not know its BTF (EINVAL), or it has none
         * (ENODATA). */
        if (r == -E2BIG || r == -EPERM || r == -EACCES || r == -EINVAL || r == -ENODATA) {
                set_variables(map, variables_unreadable(r));
        } else if (r < 0) {
                return r;
        } else {
                if (map_is_immutable(map))
                        budget.bytes = catalog_memory(map->object.catalog);
                set_variables(map, variables_new(value, map->facts.datasec, &budget));
        }
        *out = map->variables;
        return 0;
}

/* The programs that hold it */

static int prog_maps(Source *source, uint32_t id, GArray *maps)
{
        return source->ops->prog_maps(source, id, maps);
}

static void lost(uint32_t map, void *data)
{
        object_forget(data, &map_kind, map);
}

static const IndexOps holders = {
        .next = source_next_prog,
        .keys = prog_maps,
        .lost = lost,
};

Index *map_holders(Catalog *catalog)
{
        return catalog_index(catalog, &holders);
}

uint32_t map_guardian(const Map *map)
{
        return index_guardian(map_holders(map->object.catalog), map->object.id);
}
