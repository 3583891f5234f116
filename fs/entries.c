/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Entries are found in one order and named in another.
 *
 * Their positions follow the order in which they were found: the entries of a map that is frozen
 * late stand behind those of other maps. Their names follow the order in which the maps were bound,
 * as the manual promises: so all mounts show the same names, whenever they have looked first. Hence
 * an entry of the late map can turn another map's "oncall" into "oncall~2". Therefore all names are
 * given anew whenever an entry was found, and a name is settled only if no map before it may still
 * bring entries.
 */

#include "entries.h"

/* A name, shared by all programs that use it. */
static char *shared_name(char *name)
{
        char *shared = g_ref_string_new_intern(name);

        g_free(name);
        return shared;
}

void entries_clear_names(Prog *prog)
{
        for (uint32_t i = 0; i < prog->n_entries; i++)
                g_clear_pointer(&prog->entries[i].name, g_ref_string_release);
        for (uint32_t i = 0; i < prog->n_maps; i++)
                g_clear_pointer(&prog->maps[i].link, g_ref_string_release);
}

/* Adds the entries of all maps that have come to have metadata. If a map is bound twice, its
 * entries are there once. */
static void find(Prog *prog)
{
        g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(ProgEntry));
        g_autoptr(GHashTable) seen = prog->n_maps > 1 ? g_hash_table_new(NULL, NULL) : NULL;

        g_array_append_vals(found, prog->entries, prog->n_entries);
        g_free(prog->entries);
        for (uint32_t m = 0; m < prog->n_maps; m++) {
                ProgMap *bound = &prog->maps[m];
                const Variables *variables = bound->map->variables;

                if (seen && !g_hash_table_add(seen, bound->map))
                        continue;
                if (bound->entries > 0 || !variables || !map_is_metadata(bound->map))
                        continue;
                bound->first = found->len;
                for (uint32_t i = 0; i < variables->n; i++) {
                        ProgEntry entry = { .map = bound->map, .variable = i };

                        if (variables->items[i].entry && found->len < PROG_MAX_ENTRIES)
                                g_array_append_val(found, entry);
                }
                bound->entries = found->len - bound->first;
        }
        prog->n_entries = found->len;
        prog->entries = (ProgEntry *)g_array_free(g_steal_pointer(&found), FALSE);
}

static char *name_entry(Names *names, const ProgEntry *entry)
{
        const Variables *variables = entry->map->variables;
        const Variable *variable;

        /* Its map could be read before, but can't be read now. */
        if (!variables || entry->variable >= variables->n)
                return g_ref_string_new_intern("");
        variable = &variables->items[entry->variable];
        return shared_name(names_give(names, variable->entry, variable->declared));
}

static void name_entries(Prog *prog, NamesReserved reserved)
{
        g_autoptr(Names) names = names_new(reserved);

        prog->unsettled = false;
        for (uint32_t m = 0; m < prog->n_maps; m++) {
                const ProgMap *bound = &prog->maps[m];

                prog->unsettled = prog->unsettled || map_may_become_metadata(bound->map);
                for (uint32_t i = bound->first; i < bound->first + bound->entries; i++) {
                        prog->entries[i].name = name_entry(names, &prog->entries[i]);
                        prog->entries[i].settled = !prog->unsettled;
                }
        }
}

static void name_links(Prog *prog)
{
        g_autoptr(Names) names = names_new(names_is_id);
        bool settled = true;

        if (catalog_source(prog->object.catalog)->named)
                return;
        for (uint32_t i = 0; i < prog->n_maps; i++) {
                ProgMap *bound = &prog->maps[i];
                const char *name = bound->map->facts.name;

                settled = settled && bound->map->object.error == 0;
                bound->settled = settled;
                if (name && *name)
                        bound->link = shared_name(names_give(names, name, name));
        }
}

/* The facts of a map from which names and entries are made, as far as they can change. */
static uint8_t state_of(const Map *map)
{
        bool facts[] = { true, map->object.error < 0, map->variables != NULL, map->facts.frozen };
        uint8_t state = 0;

        for (guint i = 0; i < G_N_ELEMENTS(facts); i++)
                state |= facts[i] << i;
        return state;
}

/* True if a map has changed since the last call. */
static bool take_states(Prog *prog)
{
        bool changed = false;

        for (uint32_t i = 0; i < prog->n_maps; i++) {
                uint8_t state = state_of(prog->maps[i].map);

                changed = changed || state != prog->maps[i].state;
                prog->maps[i].state = state;
        }
        return changed;
}

void entries_update(Prog *prog, NamesReserved reserved)
{
        /* While a program is unsettled, each request comes here: a look at thousands of entries
         * would make millions of names. */
        if (!take_states(prog))
                return;
        entries_clear_names(prog);
        find(prog);
        name_entries(prog, reserved);
        name_links(prog);
        prog->named++;
}
