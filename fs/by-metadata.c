/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Most texts are kept; all others are made of the map's bytes, once a look. */

#include "by-metadata.h"

#include "prog-rules.h"

#include <string.h>

typedef struct Walk {
        ByMetadataFunc func;
        void *data;
        uint32_t values; /* how many may still be looked at */
        size_t bytes;    /* how many may still be made texts */
        bool whole;      /* nothing was left out */
} Walk;

static void tell(const Walk *walk, const char *key, const char *text, size_t length)
{
        g_autofree char *line = NULL;

        if (length > 0 && text[length - 1] == '\n')
                length--;
        line = g_strndup(text, length);
        walk->func(key, line, walk->data);
}

/* False: it is too long. */
static bool make_text(Walk *walk, const ValueSpace *space, const ValueRef *ref, GString *text)
{
        uint64_t bytes = value_size(space, ref);

        if (bytes > MIN(BY_MAX_TEXT, walk->bytes))
                return false;
        walk->bytes -= bytes;
        return value_text(space, ref, 0, BY_MAX_TEXT, text) <= BY_MAX_TEXT;
}

/* Of a value that is not kept. */
static void tell_made(Walk *walk, const ValueSpace *space, const ValueRef *ref, const char *key)
{
        GString *text = g_string_new(NULL);

        if (!make_text(walk, space, ref, text))
                g_string_assign(text, "(cannot be shown: too long)");
        tell(walk, key, text->str, text->len);
        g_string_free(text, TRUE);
}

/* False: there are too many, and nothing more is looked at. */
static bool take(Walk *walk, uint32_t values)
{
        bool enough = values <= walk->values;

        walk->whole = walk->whole && enough;
        walk->values = enough ? walk->values - values : 0;
        return enough;
}

static void tell_value(Walk *walk, Map *map, const Decoded *decoded, const char *key);

static void tell_members(Walk *walk, Map *map, const Decoded *members, uint32_t n, const char *key)
{
        for (uint32_t i = 0; i < n; i++) {
                g_autofree char *inner = names_join(key, members[i].name);

                tell_value(walk, map, &members[i], inner);
        }
}

/* Of a value of which only the place is known. */
static void tell_unkept(Walk *walk, Map *map, const ValueRef *ref, const char *key)
{
        const SourceValue *value;
        g_autoptr(GArray) members = NULL;
        ValueSpace space;

        if (map_value(map, &value) < 0) {
                walk->whole = false;
                return;
        }
        space = variables_space(value);
        if (!value_is_directory(&space, ref)) {
                tell_made(walk, &space, ref, key);
        } else if (!value_is_array(&space, ref) && take(walk, value_n_members(&space, ref))) {
                members = decoded_members(&space, ref);
                tell_members(walk, map, (const Decoded *)(const void *)members->data, members->len,
                             key);
        }
}

static void tell_value(Walk *walk, Map *map, const Decoded *decoded, const char *key)
{
        bool kept = decoded->members && decoded->n_members > 0;

        if (decoded->text)
                tell(walk, key, decoded->text, decoded->size);
        else if (!kept)
                tell_unkept(walk, map, &decoded->ref, key);
        else if (decoded->members[0].name && take(walk, decoded->n_members))
                tell_members(walk, map, decoded->members, decoded->n_members, key);
}

/* @declared is the full name, if there is another. */
static char *key_of(const char *name, const char *declared, NamesReserved reserved)
{
        if (!reserved(name))
                return g_strdup(name);
        return reserved(declared) ? g_strconcat(name, "~2", NULL) : g_strdup(declared);
}

static void tell_gifts(Walk *walk, Prog *prog, NamesReserved reserved, ByMetadataFor *out)
{
        const Rules *rules = catalog_observers(prog->object.catalog)->rules;
        g_autoptr(GPtrArray) gifts = g_ptr_array_new();
        bool changes;
        int r = prog_rules_list(prog, gifts, &changes);

        walk->whole = walk->whole && r == 0;
        out->changes = out->changes || changes;
        out->given = gifts->len > 0;
        for (guint i = 0; i < gifts->len && take(walk, 1); i++) {
                const RulesGift *gift = gifts->pdata[i];
                const char *name = rules_name(rules, gift->name);
                g_autofree char *key = key_of(name, name, reserved);

                tell(walk, key, gift->text, strlen(gift->text));
        }
}

bool by_metadata_foreach(Prog *prog, NamesReserved reserved, ByMetadataFunc func, void *data,
                         ByMetadataFor *out)
{
        Walk walk = {
                .func = func,
                .data = data,
                .values = BY_MAX_VALUES,
                .bytes = BY_MAX_TRIED,
                .whole = prog->examined,
        };

        *out = (ByMetadataFor){ 0 };
        for (uint32_t i = 0; i < prog->n_entries && take(&walk, 1); i++) {
                const ProgEntry *entry = &prog->entries[i];
                g_autofree char *key = NULL;
                Variables *variables;

                /* It may have been frozen since. */
                if (!*entry->name || map_update(entry->map) < 0 ||
                    map_variables(entry->map, &variables) < 0 || entry->variable >= variables->n) {
                        walk.whole = false;
                        continue;
                }
                out->changes = out->changes || !map_is_immutable(entry->map);
                key = key_of(entry->name, variables->items[entry->variable].declared, reserved);
                tell_value(&walk, entry->map, &variables->items[entry->variable].value, key);
        }
        tell_gifts(&walk, prog, reserved, out);
        return walk.whole;
}
