/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Shared by all sources: whether an object is listed, and how snapshots are freed. */

#include "source.h"

int source_next_prog(Source *source, uint32_t after, uint32_t *id)
{
        return source->ops->next_prog(source, after, id);
}

int source_next_map(Source *source, uint32_t after, uint32_t *id)
{
        return source->ops->next_map(source, after, id);
}

bool source_has(Source *source, int (*next)(Source *source, uint32_t after, uint32_t *id),
                uint32_t id)
{
        uint32_t found;

        return id > 0 && next(source, id - 1, &found) == 0 && found == id;
}

void source_tell_counts(Source *source, uint32_t id, const SourceCounts *counts)
{
        if (source->counted)
                source->counted(id, counts, source->counted_data);
}

void source_looked(Source *source, uint32_t id, SourceLook *look)
{
        source_tell_counts(source, id, &look->counted.counts);
        if (source->ops->prog_looked)
                source->ops->prog_looked(source, look);
}

void source_looks_end(Source *source)
{
        if (source->ops->prog_looks_end)
                source->ops->prog_looks_end(source);
}

void source_look_clear(SourceLook *look)
{
        source_prog_clear(&look->facts);
        g_clear_pointer(&look->info, info_free);
        g_clear_pointer(&look->btf, btf__free);
        g_clear_pointer(&look->maps, g_array_unref);
}

void source_prog_clear(SourceProg *prog)
{
        g_clear_pointer(&prog->name, g_free);
}

void source_map_clear(SourceMap *map)
{
        g_clear_pointer(&map->name, g_free);
}

void source_value_clear(SourceValue *value)
{
        g_clear_pointer(&value->bytes, g_free);
        if (!value->btf_borrowed)
                btf__free(value->btf);
        value->btf = NULL;
}
