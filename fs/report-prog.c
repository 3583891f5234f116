/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "report-prog.h"

#include "info-json.h"
#include "json-text.h"
#include "place.h"
#include "prog-rules.h"
#include "prog.h"
#include "value-json.h"

#include <errno.h>
#include <string.h>

static void clear_kept(gpointer data)
{
        ProgKept *kept = data;

        if (kept->object)
                prog_unref(kept->object);
}

GArray *report_prog_kept_new(guint n)
{
        GArray *kept = g_array_sized_new(FALSE, FALSE, sizeof(ProgKept), n);

        g_array_set_clear_func(kept, clear_kept);
        return kept;
}

/* The text can be set back to an earlier state. */
typedef struct State {
        Json json;
        size_t length;
} State;

static State state_of(const ProgMaking *making)
{
        return (State){ making->json, making->json.out->len };
}

static void set_back(ProgMaking *making, const State *state)
{
        making->json = state->json;
        g_string_truncate(making->json.out, state->length);
}

/* Metadata */

typedef struct Metadata {
        ProgMaking *making;
        size_t end; /* of the text's length */
        bool full;
} Metadata;

/* bpftool reserves no names: only the file has another name. */
static const char *key_of(const ProgMaking *making, const WalkEntry *entry)
{
        const Variable *variable = entry->variable;

        return variable && making->reserved(variable->entry) &&
                               strcmp(entry->name, variable->declared) == 0
                       ? variable->entry
                       : entry->name;
}

/* 0 or -errno. */
static int put_value(ProgMaking *making, const WalkEntry *entry)
{
        const SourceValue *value;
        ValueSpace space;
        State state;
        int r = map_value(entry->map, &value);

        /* A map that can't be read does not hide the others. */
        if (r < 0)
                return r == -ENOENT ? r : 0;
        space = variables_space(value);
        json_name(&making->json, key_of(making, entry));
        state = state_of(making);
        if (!value_json(&making->json, &space, &entry->variable->value.ref, REPORT_MAX_VALUE)) {
                set_back(making, &state);
                json_note(&making->json, "(cannot be shown: too large for a report)");
        }
        return 0;
}

static int put_entry(const WalkEntry *entry, void *data)
{
        Metadata *metadata = data;
        ProgMaking *making = metadata->making;

        metadata->full = metadata->full || making->json.out->len > metadata->end;
        if (metadata->full)
                return 0;
        /* Gifts of rules have a place of their own. */
        return entry->map ? put_value(making, entry) : 0;
}

/* How much of the text metadata may take: little, once other programs' metadata has taken most of
 * it. */
static size_t metadata_limit(Catalog *catalog, const GString *out)
{
        return out->len < catalog_memory(catalog) / 2 ? REPORT_MAX_METADATA : REPORT_LEAST_METADATA;
}

static int put_metadata(ProgMaking *making, Prog *prog, const GArray *maps, bool *final)
{
        const GString *out = making->json.out;
        State state = state_of(making);
        Metadata metadata = {
                .making = making,
                .end = out->len + metadata_limit(prog->object.catalog, out),
        };
        size_t empty;
        int r;

        json_name(&making->json, "metadata");
        json_begin_object(&making->json);
        empty = out->len;
        r = walk_entries(prog, maps, making->reserved, put_entry, &metadata, final);
        if (metadata.full) {
                json_name(&making->json, ENTRY_CANNOT_BE_SHOWN);
                json_note(&making->json, "(cannot be shown: too much metadata for a report)");
        }
        if (out->len == empty)
                set_back(making, &state);
        else
                json_end_object(&making->json);
        return r;
}

/* The gifts of rules, by name: they are the administrator's word, not the authors'. */
static int put_rules(ProgMaking *making, Prog *prog, bool *final)
{
        const Rules *rules = catalog_observers(prog->object.catalog)->rules;
        g_autoptr(GPtrArray) gifts = g_ptr_array_new();
        bool changes;
        int r = prog_rules_list(prog, gifts, &changes);

        *final = *final && !changes;
        if (r < 0 || gifts->len == 0)
                return r;
        json_name(&making->json, "rules");
        json_begin_object(&making->json);
        for (guint i = 0; i < gifts->len; i++) {
                const RulesGift *gift = gifts->pdata[i];

                json_name(&making->json, rules_name(rules, gift->name));
                json_text(&making->json, gift->text, strlen(gift->text) - 1);
        }
        json_end_object(&making->json);
        return 0;
}

/* One program */

/* The members that never change, and metadata and gifts of rules. If the latter may change, the
 * program is kept in *@object. */
static int put_fixed(ProgMaking *making, Catalog *catalog, const WalkProg *seen, Prog **object)
{
        g_autoptr(Prog) prog = NULL;
        const Info *info;
        bool final;
        int r = walk_take_prog(catalog, seen, &prog);

        if (r == 0)
                r = object_fixed_info(&prog->object, &info);
        if (r < 0)
                return r;
        info_json(&making->json, info);
        *making->struct_ops = *making->struct_ops || prog_is_struct_ops(prog);
        r = put_metadata(making, prog, seen->maps, &final);
        if (r == 0)
                r = put_rules(making, prog, &final);
        g_clear_pointer(&making->before, prog_unref);
        making->before = prog_of(object_ref(&prog->object));
        if (r == 0 && !final)
                *object = g_steal_pointer(&prog);
        return r;
}

int report_prog_put_anew(ProgMaking *making, Catalog *catalog, const WalkProg *prog, ProgKept *now)
{
        const GString *out = making->json.out;
        int r;

        *now = (ProgKept){ walk_keep(prog), 0, out->len, NULL };
        r = put_fixed(making, catalog, prog, &now->object);
        now->length = out->len - now->offset;
        return r;
}

/* The same from the last text. */
static void put_kept(ProgMaking *making, const ProgKept *kept, ProgKept *now)
{
        *now = *kept;
        now->offset = making->json.out->len;
        if (now->object)
                object_ref(&now->object->object);
        json_raw(&making->json, making->last + kept->offset, kept->length);
}

/* Like bpftool, leaves out numbers that are 0. */
static void put_changing(ProgMaking *making, const WalkProg *prog)
{
        Json *json = &making->json;

        if (prog->counts.run_time_ns) {
                json_name(json, "run_time_ns");
                json_uint(json, prog->counts.run_time_ns);
                json_name(json, "run_cnt");
                json_uint(json, prog->counts.run_cnt);
        }
        if (prog->counts.recursion_misses) {
                json_name(json, "recursion_misses");
                json_uint(json, prog->counts.recursion_misses);
        }
        if (prog->maps->len > 0) {
                json_name(json, "map_ids");
                json_begin_array(json);
                for (guint i = 0; i < prog->maps->len; i++)
                        json_uint(json, g_array_index(prog->maps, uint32_t, i));
                json_end_array(json);
        }
        report_seen_put(making->seen, &prog_kind, prog->id, json);
}

static int put_members(ProgMaking *making, Catalog *catalog, const WalkProg *prog)
{
        const ProgKept *kept = (const ProgKept *)prog->kept;
        ProgKept now;
        int r = 0;

        if (kept && (!kept->object || making->first) && kept->prog.n_maps == prog->maps->len)
                put_kept(making, kept, &now);
        else
                r = report_prog_put_anew(making, catalog, prog, &now);
        if (r < 0)
                return r;
        g_array_append_val(making->kept, now);
        put_changing(making, prog);
        return 0;
}

int report_prog_put(Catalog *catalog, const WalkProg *prog, void *data)
{
        ProgMaking *making = data;
        State before = state_of(making), members;
        int r = prog->error;

        if (before.length > catalog_memory(catalog))
                return -ENOMEM;
        json_line(&making->json);
        json_begin_object(&making->json);
        members = state_of(making);
        if (r == 0)
                r = put_members(making, catalog, prog);
        if (r == -ENOENT) {
                set_back(making, &before);
                return r;
        }
        if (r < 0) {
                set_back(making, &members);
                report_seen_put_error(prog->id, r, &making->json);
        }
        json_end_object(&making->json);
        return 0;
}
