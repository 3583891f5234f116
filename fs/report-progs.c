/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All programs as JSON.
 *
 * Most members of a program never change. They are taken from the last text, where they stand right
 * behind the opening brace, and only members that may change are written anew behind them. So
 * nothing is kept twice.
 *
 * If nothing is kept yet, all programs are looked at first: a scan for attachments, which asks for
 * the types of all programs, then knows them.
 */

#include "report-progs.h"

#include "info-json.h"
#include "json-text.h"
#include "place.h"
#include "prog-types.h"
#include "prog.h"
#include "prog-rules.h"
#include "report-seen.h"
#include "room.h"
#include "value-json.h"
#include "walk.h"

#include <errno.h>
#include <string.h>

/* The facts of a program that are kept. */
typedef struct Kept {
        WalkKept prog;
        uint32_t length; /* of the members that never change, and those that object is kept for */
        uint64_t offset; /* in the last text */
        Prog *object;    /* owned, if some of its names may change; else NULL */
} Kept;

static void clear_kept(gpointer data)
{
        Kept *kept = data;

        if (kept->object)
                prog_unref(kept->object);
}

static GArray *kept_new(guint n)
{
        GArray *kept = g_array_sized_new(FALSE, FALSE, sizeof(Kept), n);

        g_array_set_clear_func(kept, clear_kept);
        return kept;
}

typedef struct Progs {
        GArray *kept;      /* Kept */
        bool struct_ops;   /* there was a program that only its map attaches */
        uint32_t last_map; /* maps up to here have been looked at for that */
} Progs;

static gpointer progs_new(void)
{
        Progs *progs = g_new0(Progs, 1);

        progs->kept = kept_new(0);
        return progs;
}

static void progs_free(gpointer kept)
{
        Progs *progs = kept;

        g_array_unref(progs->kept);
        g_free(progs);
}

/* One making of the report. */
typedef struct Making {
        Progs *progs;
        GArray *kept; /* of this making */
        bool first;   /* all that is kept was asked for just now, for this making */
        Prog *before; /* owned: the one that was asked last. The programs of an object are asked in
                         a row: while it is there, its maps need not be looked at again. NULL: none
                         was */
        const char *last;
        const ReportSeen *seen;
        NamesReserved reserved;
        Json json;
} Making;

/* The text can be set back to an earlier state. */
typedef struct State {
        Json json;
        size_t length;
} State;

static State state_of(const Making *making)
{
        return (State){ making->json, making->json.out->len };
}

static void set_back(Making *making, const State *state)
{
        making->json = state->json;
        g_string_truncate(making->json.out, state->length);
}

/* Metadata */

typedef struct Metadata {
        Making *making;
        size_t end; /* of the text's length */
        bool full;
} Metadata;

/* bpftool reserves no names: only the file has another name. */
static const char *key_of(const Making *making, const WalkEntry *entry)
{
        const Variable *variable = entry->variable;

        return variable && making->reserved(variable->entry) &&
                               strcmp(entry->name, variable->declared) == 0
                       ? variable->entry
                       : entry->name;
}

/* 0 or -errno. */
static int put_value(Making *making, const WalkEntry *entry)
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
        Making *making = metadata->making;

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

static int put_metadata(Making *making, Prog *prog, const GArray *maps, bool *final)
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
static int put_rules(Making *making, Prog *prog, bool *final)
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
static int put_fixed(Making *making, Catalog *catalog, const WalkProg *seen, Prog **object)
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
        making->progs->struct_ops = making->progs->struct_ops || prog_is_struct_ops(prog);
        r = put_metadata(making, prog, seen->maps, &final);
        if (r == 0)
                r = put_rules(making, prog, &final);
        g_clear_pointer(&making->before, prog_unref);
        making->before = prog_of(object_ref(&prog->object));
        if (r == 0 && !final)
                *object = g_steal_pointer(&prog);
        return r;
}

/* The same, and what to keep of them. */
static int put_anew(Making *making, Catalog *catalog, const WalkProg *prog, Kept *now)
{
        const GString *out = making->json.out;
        int r;

        *now = (Kept){ walk_keep(prog), 0, out->len, NULL };
        r = put_fixed(making, catalog, prog, &now->object);
        now->length = out->len - now->offset;
        return r;
}

/* The same from the last text. */
static void put_kept(Making *making, const Kept *kept, Kept *now)
{
        *now = *kept;
        now->offset = making->json.out->len;
        if (now->object)
                object_ref(&now->object->object);
        json_raw(&making->json, making->last + kept->offset, kept->length);
}

/* Like bpftool, leaves out numbers that are 0. */
static void put_changing(Making *making, const WalkProg *prog)
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

static int put_members(Making *making, Catalog *catalog, const WalkProg *prog)
{
        const Kept *kept = (const Kept *)prog->kept;
        Kept now;
        int r = 0;

        if (kept && (!kept->object || making->first) && kept->prog.n_maps == prog->maps->len)
                put_kept(making, kept, &now);
        else
                r = put_anew(making, catalog, prog, &now);
        if (r < 0)
                return r;
        g_array_append_val(making->kept, now);
        put_changing(making, prog);
        return 0;
}

static int put_prog(Catalog *catalog, const WalkProg *prog, void *data)
{
        Making *making = data;
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

/* The first making */

/* What a look at a program has told. */
typedef struct Found {
        uint32_t id;
        int error; /* -errno: nothing is kept of it, and nothing below is known */
        SourceCounts counts;
        guint kept;
        guint first_map;
        guint n_maps;
} Found;

/* What looks at all programs have told. */
typedef struct First {
        GArray *found; /* Found */
        GArray *kept;  /* Kept, in text */
        GArray *maps;  /* uint32_t */
        GString *text;
        gsize room; /* there is room for so many bytes of it */
        Making *making;
} First;

/* So much room is made at a time. */
#define ROOM_STEP (64u << 10)
/* The most bytes of a program that are likely, and of those behind what is kept of it. */
#define LIKELY_PROG 2048
#define LIKELY_CHANGING 96

static First first_new(Making *making)
{
        return (First){
                .found = g_array_new(FALSE, FALSE, sizeof(Found)),
                .kept = kept_new(0),
                .maps = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
                .text = g_string_new(NULL),
                .making = making,
        };
}

static void first_clear(First *first)
{
        g_array_unref(first->found);
        g_array_unref(first->kept);
        g_array_unref(first->maps);
        g_string_free(first->text, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(First, first_clear)

static void tell_type(Catalog *catalog, const WalkProg *prog)
{
        const Observers *observers = catalog_observers(catalog);

        if (observers_have_attachments(observers))
                observers_tell_type(observers, prog->id,
                                    prog->error == 0 ? prog->type : PROG_TYPE_UNKNOWN);
}

static void make_room(First *first, Catalog *catalog, guint progs)
{
        if (first->room == 0)
                room_reserve(first->text, MIN((gsize)progs * LIKELY_PROG, catalog_memory(catalog)));
        if (first->text->len + LIKELY_PROG <= first->room)
                return;
        room_make(first->text, ROOM_STEP);
        first->room = first->text->len + ROOM_STEP;
}

static int find_prog(Catalog *catalog, const WalkProg *prog, void *data)
{
        First *first = data;
        Found found = { prog->id,         prog->error,      prog->counts,
                        first->kept->len, first->maps->len, prog->maps->len };
        Kept kept;

        if (first->text->len > catalog_memory(catalog))
                return -ENOMEM;
        tell_type(catalog, prog);
        make_room(first, catalog, prog->progs);
        first->making->json = json_new(first->text);
        json_begin_object(&first->making->json);
        if (found.error == 0)
                found.error = put_anew(first->making, catalog, prog, &kept);
        if (found.error == -ENOENT)
                return found.error;
        if (found.error == 0)
                g_array_append_val(first->kept, kept);
        g_array_append_val(first->found, found);
        g_array_append_vals(first->maps, prog->maps->data, prog->maps->len);
        return 0;
}

static int put_found(Catalog *catalog, const First *first)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        int r = 0;

        for (guint i = 0; (r == 0 || r == -ENOENT) && i < first->found->len; i++) {
                const Found *found = &g_array_index(first->found, Found, i);
                WalkProg prog = {
                        .id = found->id,
                        .error = found->error,
                        .counts = found->counts,
                        .maps = maps,
                };

                if (found->error == 0)
                        prog.kept = &g_array_index(first->kept, Kept, found->kept).prog;
                g_array_set_size(maps, 0);
                g_array_append_vals(maps, &g_array_index(first->maps, uint32_t, found->first_map),
                                    found->n_maps);
                r = put_prog(catalog, &prog, first->making);
        }
        return r == -ENOENT ? 0 : r;
}

/* All programs */

/* A look at a map tells the observers of the programs that it attaches. */
static void look_at_maps(Progs *progs, Catalog *catalog)
{
        if (progs->struct_ops)
                prog_look_at_maps(catalog, &progs->last_map);
}

/* 0 or -errno. */
static int put_all(Catalog *catalog, Making *making, const First *first)
{
        Progs *progs = making->progs;
        g_autoptr(ReportSeen) seen = NULL;
        int r;

        look_at_maps(progs, catalog);
        making->seen = seen = report_seen_new(catalog, true);
        json_begin_array(&making->json);
        r = first ? put_found(catalog, first) : walk_progs(catalog, progs->kept, put_prog, making);
        json_line(&making->json);
        json_end_array(&making->json);
        g_string_append_c(making->json.out, '\n');
        return r;
}

static int put_first(Catalog *catalog, Making *making)
{
        g_auto(First) first = first_new(making);
        GString *out = making->json.out;
        int r = walk_progs(catalog, first.kept, find_prog, &first);

        if (r < 0)
                return r;
        making->first = true;
        making->last = first.text->str;
        making->json = json_new(out);
        room_make(out, first.text->len + first.found->len * LIKELY_CHANGING);
        return put_all(catalog, making, &first);
}

static int progs_make(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                      GString *out)
{
        Progs *progs = kept;
        Making making = {
                .progs = progs,
                .kept = kept_new(progs->kept->len + 1),
                .last = last,
                .reserved = reserved,
                .json = json_new(out),
        };
        int r = progs->kept->len > 0 ? put_all(catalog, &making, NULL)
                                     : put_first(catalog, &making);

        g_clear_pointer(&making.before, prog_unref);
        if (r < 0) {
                g_array_unref(making.kept);
                return r;
        }
        g_array_unref(progs->kept);
        progs->kept = making.kept;
        return 0;
}

const ReportOps report_progs = {
        .new = progs_new,
        .free = progs_free,
        .make = progs_make,
};
