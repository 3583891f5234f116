/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asks for an entry. */

#include "map-entries.h"

#include <errno.h>

int map_key_form(Map *map, const KeyForm **out)
{
        const MapShape *shape = &map->facts.shape;
        Source *source = catalog_source(map->object.catalog);
        const struct btf *btf = NULL;
        int r = 0;

        if (!map->keys && shape->btf_id && shape->key_type)
                r = source->ops->map_btf(source, shape->btf_id, &btf);
        if (r == -ENOENT || r == -ENOMEM)
                return r;
        if (!map->keys)
                map->keys = key_form_new(r < 0 ? NULL : btf, shape->key_type, shape->key_size,
                                         shape->numbered);
        *out = map->keys;
        return 0;
}

int map_read_entry(Map *map, GBytes *key, uint32_t cpu, ValueSpace *space)
{
        const MapShape *shape = &map->facts.shape;
        int r = contents_entry(catalog_contents(map->object.catalog), map->object.id, shape, key,
                               space);

        if (r == 0 && shape->n_cpus)
                space->bytes += cpu * shape->stride;
        if (r == 0)
                space->size = shape->value_size;
        return r;
}
