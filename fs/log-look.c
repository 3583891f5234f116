/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Facts and the owner of one program. */

#include "log-look.h"

#include "log-text.h"
#include "prog.h"
#include "prog-rules.h"

#include <errno.h>
#include <string.h>

/* The name of a program that libbpf loads to see whether the kernel knows names (kernel_supports(),
 * src/libbpf.c). */
#define LIBBPF_PROBE "libbpf_nametest\n"

int log_look_facts(Catalog *catalog, uint32_t id, LogFacts *out)
{
        static const char *const keys[] = { "type", "name", "tag", "uid" };
        Source *source = catalog_source(catalog);
        g_auto(SourceLook) look = { 0 };
        const char *name;
        GString *text;
        /* Its loader is at work on its maps. */
        const SourceLooking how = { .maps = false };
        int r = source->ops->prog_look(source, id, &how, &look);

        if (r == 0)
                source_looked(source, id, &look);
        source_looks_end(source);
        if (r < 0)
                return r;
        name = info_get(look.info, "name");
        text = g_string_new(NULL);
        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                log_text_add(text, keys[i], info_get(look.info, keys[i]));
        *out = (LogFacts){
                .text = g_string_free(text, FALSE),
                .named = name && strcmp(name, LIBBPF_PROBE) != 0,
                .load_time = look.counted.counts.load_time,
        };
        return 0;
}

/* Of the program's entry oncall; NULL: its authors give none. */
static const ProgEntry *find_oncall(const Prog *prog)
{
        for (uint32_t i = 0; i < prog->n_entries; i++)
                if (strcmp(prog->entries[i].name, "oncall") == 0)
                        return &prog->entries[i];
        return NULL;
}

static char *kept_text(const Decoded *value)
{
        if (value->directory)
                return g_strdup("(a directory)");
        return value->text ? g_strndup(value->text, value->size) : NULL;
}

/* The text of an entry, or the part of it that a line shows. */
static char *entry_text(const ProgEntry *entry)
{
        g_autoptr(GString) text = g_string_new(NULL);
        const Decoded *value;
        Variables *variables;
        uint64_t size;
        char *kept;

        /* It may have been frozen since. */
        if (map_update(entry->map) < 0 || map_variables(entry->map, &variables) < 0 ||
            entry->variable >= variables->n)
                return NULL;
        value = &variables->items[entry->variable].value;
        kept = kept_text(value);
        if (kept)
                return kept;
        if (map_text(entry->map, &value->ref, 0, 2 * LOG_TEXT_MAX_VALUE, text, &size) < 0)
                return NULL;
        return g_string_free(g_steal_pointer(&text), FALSE);
}

char *log_look_oncall(Catalog *catalog, uint32_t id, NamesReserved reserved, Loader *loader)
{
        g_autoptr(Prog) prog = NULL;
        const ProgEntry *entry;
        const RulesGift *gift;

        if (prog_get(catalog, id, &prog) < 0 || prog_update(prog, reserved) < 0)
                return NULL;
        entry = find_oncall(prog);
        if (entry)
                return entry_text(entry);
        return prog_rules_find_known(prog, "oncall", loader, &gift) == 0 ? g_strdup(gift->text)
                                                                         : NULL;
}

char *log_look_kept_oncall(Catalog *catalog, uint32_t id)
{
        Object *object = catalog_known(catalog, &prog_kind, id);
        const ProgEntry *entry = object ? find_oncall(prog_of(object)) : NULL;
        const Variables *variables = entry ? entry->map->variables : NULL;

        if (!variables || entry->variable >= variables->n)
                return NULL;
        return kept_text(&variables->items[entry->variable].value);
}
