/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The snapshots that sources give: how they are let go. */

#include "source.h"

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
