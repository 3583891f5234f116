/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One look at each object. */

#include "walk.h"

#include "link.h"
#include "pieces.h"
#include "prog.h"
#include "prog-rules.h"

#include <errno.h>
#include <string.h>

/* The element of @kept that has the id, or NULL. @next is 0 at first, and goes forward. */
static const WalkKept *find_kept(const GArray *kept, guint *next, uint32_t id)
{
        guint size = g_array_get_element_size((GArray *)kept);

        for (; *next < kept->len; (*next)++) {
                const WalkKept *at = (const WalkKept *)(kept->data + (gsize)*next * size);

                if (at->id >= id)
                        return at->id == id ? at : NULL;
        }
        return NULL;
}

/* Programs that are listed */

/* The kernel gives ids out in ascending order, and begins again at 1 only after 2^31
 * (bpf_prog_alloc_id(), kernel/bpf/syscall.c). So the ids that were listed are known, and one call
 * tells whether there are others. All are listed again before the first one can come from the
 * beginning. */
#define LISTED_FOR (3600 * G_TIME_SPAN_SECOND)
#define LISTED_ID_MAX (1u << 30)

/* What is kept from one walk to the next. */
typedef struct Listed {
        GArray *ids; /* uint32_t, ascending: the programs at the last walk */
        int64_t at;  /* g_get_monotonic_time() when all were listed; 0: they have to be */
        Pieces *pieces;
} Listed;

static gpointer listed_make(Catalog *catalog)
{
        Listed *listed = g_new0(Listed, 1);

        listed->ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        listed->pieces = pieces_new();
        return listed;
}

/* The next walk finds it out. */
static void listed_went(gpointer data, const ObjectKind *kind, uint32_t id)
{
}

static void listed_free(gpointer data)
{
        Listed *listed = data;

        g_array_unref(listed->ids);
        pieces_free(listed->pieces);
        g_free(listed);
}

static const KeptOps listed_ops = { listed_make, listed_went, listed_free };

static uint32_t last_id(const GArray *ids)
{
        return ids->len > 0 ? g_array_index(ids, uint32_t, ids->len - 1) : 0;
}

/* 0 or -errno. Some of the programs may have gone. */
static int list(Catalog *catalog, Listed *listed)
{
        int64_t now = g_get_monotonic_time();
        uint32_t id;
        int r;

        if (listed->at == 0 || now - listed->at > LISTED_FOR ||
            last_id(listed->ids) > LISTED_ID_MAX) {
                g_array_set_size(listed->ids, 0);
                listed->at = now;
        }
        id = last_id(listed->ids);
        while ((r = source_next_prog(catalog_source(catalog), id, &id)) == 0)
                g_array_append_val(listed->ids, id);
        if (r == -ENOENT)
                return 0;
        listed->at = 0;
        return r;
}

/* One look at each */

/* A program of which something is kept. If one with that id is there, it is most probably the same
 * one. */
typedef struct Counted {
        const WalkKept *kept;
        int error; /* -errno */
        SourceCounted counted;
} Counted;

/* How many are asked in one piece of work. */
#define PIECE 16

typedef struct Counting {
        Source *source;
        GArray *all; /* Counted */
} Counting;

static void count_piece(guint piece, void *data)
{
        const Counting *counting = data;
        guint first = piece * PIECE, end = MIN(first + PIECE, counting->all->len);

        for (guint i = first; i < end; i++) {
                Counted *one = &g_array_index(counting->all, Counted, i);

                one->error = counting->source->ops->prog_counts(counting->source, one->kept->id,
                                                                &one->counted);
        }
}

/* Those of the programs of which something is kept, as Counted. */
static GArray *find_known(const GArray *ids, const GArray *kept)
{
        GArray *known = g_array_sized_new(FALSE, FALSE, sizeof(Counted), MIN(ids->len, kept->len));
        guint next = 0;

        for (guint i = 0; i < ids->len; i++) {
                Counted one = { find_kept(kept, &next, g_array_index(ids, uint32_t, i)) };

                if (one.kept)
                        g_array_append_val(known, one);
        }
        return known;
}

/* Its id is another program's now. */
static bool is_another(const Counted *one)
{
        return one->error == 0 && one->counted.counts.load_time != one->kept->load_time;
}

/* Takes what was counted. The ids of the maps are asked for again if they are too many. */
static int take_counted(Source *source, const Counted *one, WalkProg *prog, GArray *maps)
{
        const SourceCounted *counted = &one->counted;

        prog->kept = one->kept;
        if (one->error < 0)
                return one->error;
        prog->counts = counted->counts;
        source_tell_counts(source, prog->id, &prog->counts);
        if (counted->n_maps > SOURCE_COUNTED_MAPS)
                return source->ops->prog_maps(source, prog->id, maps);
        g_array_append_vals(maps, counted->maps, counted->n_maps);
        return 0;
}

/* One look at a program of which nothing is kept. */
static int look(Catalog *catalog, WalkProg *prog, GArray *maps, Prog **object)
{
        Source *source = catalog_source(catalog);
        SourceLook seen = { 0 };
        int r = source->ops->prog_look(source, prog->id, &seen, maps);

        if (r < 0)
                return r;
        prog->counts = seen.counts;
        *object = prog_seen(catalog, prog->id, &seen);
        info_free(seen.info);
        return 0;
}

/* A walk through all of them. */
typedef struct Walk {
        Catalog *catalog;
        Listed *listed;
        const GArray *known; /* Counted */
        WalkProgFunc func;
        void *data;
} Walk;

/* @counted: NULL if nothing is kept. In place of the id of one that has gone comes 0. */
static int visit(const Walk *walk, uint32_t *id, const Counted *counted, GArray *maps)
{
        WalkProg prog = { .id = *id, .maps = maps };
        g_autoptr(Prog) object = NULL;

        g_array_set_size(maps, 0);
        if (counted && !is_another(counted))
                prog.error = take_counted(catalog_source(walk->catalog), counted, &prog, maps);
        else
                prog.error = look(walk->catalog, &prog, maps, &object);
        prog.prog = object;
        if (prog.error == -ENOENT) {
                *id = 0;
                return 0;
        }
        return walk->func(walk->catalog, &prog, walk->data);
}

static int visit_all(const Walk *walk)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GArray *ids = walk->listed->ids;
        guint next = 0;
        int r = 0;

        for (guint i = 0; (r == 0 || r == -ENOENT) && i < ids->len; i++) {
                uint32_t *id = &g_array_index(ids, uint32_t, i);
                const Counted *one = NULL;

                if (next < walk->known->len)
                        one = &g_array_index(walk->known, Counted, next);
                if (one && one->kept->id == *id)
                        pieces_wait(walk->listed->pieces, next++ / PIECE);
                else
                        one = NULL;
                r = visit(walk, id, one, maps);
        }
        return r == -ENOENT ? 0 : r;
}

static void remove_gone(GArray *ids)
{
        guint n = 0;

        for (guint i = 0; i < ids->len; i++) {
                uint32_t id = g_array_index(ids, uint32_t, i);

                if (id > 0)
                        g_array_index(ids, uint32_t, n++) = id;
        }
        g_array_set_size(ids, n);
}

int walk_progs(Catalog *catalog, const GArray *kept, WalkProgFunc func, void *data)
{
        Listed *listed = catalog_kept(catalog, &listed_ops);
        g_autoptr(GArray) known = NULL;
        Counting counting = { .source = catalog_source(catalog) };
        int r = list(catalog, listed);

        if (r < 0)
                return r;
        counting.all = known = find_known(listed->ids, kept);
        pieces_begin(listed->pieces, (known->len + PIECE - 1) / PIECE, count_piece, &counting);
        r = visit_all(&(Walk){ catalog, listed, known, func, data });
        pieces_end(listed->pieces);
        remove_gone(listed->ids);
        return r;
}

int walk_take_prog(Catalog *catalog, const WalkProg *prog, Prog **out)
{
        int r = 0;

        if (prog->prog)
                *out = prog_of(object_ref(&prog->prog->object));
        else
                r = prog_get(catalog, prog->id, out);
        return r < 0 ? r : (*out)->object.error;
}

/* The info of one object, fixed and changing keys together. 0 or -errno. */
typedef int (*AskFunc)(Catalog *catalog, uint32_t id, Info **out);

static int walk_infos(Catalog *catalog, const ObjectKind *kind, AskFunc ask, WalkInfoFunc func,
                      void *data)
{
        Source *source = catalog_source(catalog);
        uint32_t id = 0;
        int r;

        while ((r = kind->next(source, id, &id)) == 0) {
                g_autoptr(Info) info = NULL;
                int error = ask(catalog, id, &info);

                if (error != -ENOENT)
                        r = func(id, info, error, data);
                if (r < 0)
                        return r;
        }
        return r == -ENOENT ? 0 : r;
}

static int ask_map(Catalog *catalog, uint32_t id, Info **out)
{
        Source *source = catalog_source(catalog);

        return source->ops->map_all_info(source, id, out);
}

int walk_maps(Catalog *catalog, WalkInfoFunc func, void *data)
{
        return walk_infos(catalog, &map_kind, ask_map, func, data);
}

static int ask_link(Catalog *catalog, uint32_t id, Info **out)
{
        return observers_link_info(catalog_observers(catalog), id, out);
}

int walk_links(Catalog *catalog, WalkInfoFunc func, void *data)
{
        return walk_infos(catalog, &link_kind, ask_link, func, data);
}

static bool is_final(const Prog *prog)
{
        if (!prog->examined || prog->unsettled)
                return false;
        for (uint32_t i = 0; i < prog->n_maps; i++)
                if (prog->maps[i].entries > 0 && !map_is_immutable(prog->maps[i].map))
                        return false;
        return true;
}

static int walk_gifts(Prog *prog, WalkEntryFunc func, void *data, bool *change)
{
        const Rules *rules = catalog_observers(prog->object.catalog)->rules;
        g_autoptr(GPtrArray) gifts = g_ptr_array_new();
        int r = prog_rules_list(prog, gifts, change);

        for (guint i = 0; r == 0 && i < gifts->len; i++) {
                const RulesGift *gift = gifts->pdata[i];
                WalkEntry entry = { .name = rules_name(rules, gift->name), .text = gift->text };

                r = func(&entry, data);
        }
        return r;
}

int walk_entries(Prog *prog, const GArray *maps, NamesReserved reserved, WalkEntryFunc func,
                 void *data, bool *final)
{
        bool change;
        int r = prog_update_seen(prog, maps, reserved);

        *final = false;
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < prog->n_entries; i++) {
                WalkEntry entry = { .name = prog->entries[i].name, .map = prog->entries[i].map };
                uint32_t variable = prog->entries[i].variable;
                Variables *variables;

                /* It may have been frozen since. */
                r = map_update(entry.map);
                if (r == 0)
                        r = map_variables(entry.map, &variables);
                if (r == -ENOENT)
                        return r;
                /* A map that can't be read does not hide the others. */
                if (r < 0 || variable >= variables->n)
                        continue;
                entry.variable = &variables->items[variable];
                r = func(&entry, data);
                if (r < 0)
                        return r;
        }
        r = walk_gifts(prog, func, data, &change);
        *final = r == 0 && !change && is_final(prog);
        return r;
}
