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

/* What is asked of a program. */
typedef struct Asked {
        uint32_t id;
        int error; /* -errno */
        /* If something is kept of a program with that id, it is most probably the same one, and
         * only the counts are asked for. */
        const WalkKept *kept;
        bool maps; /* its maps will be asked for: they are not known */
        SourceCounted counted;
        SourceLook *look; /* owned; NULL: only the counts were asked for */
} Asked;

static void free_look(SourceLook *look)
{
        source_look_clear(look);
        g_free(look);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SourceLook, free_look)

static void clear_asked(gpointer data)
{
        Asked *one = data;

        g_clear_pointer(&one->look, free_look);
}

/* How many are asked in one piece of work. */
#define PIECE 16

/* A larger BTF is not kept until its program's turn comes. */
#define WALK_MAX_BTF (32u << 10)

typedef struct Asking {
        Source *source;
        GArray *all; /* Asked */
} Asking;

/* It is not the turn of that look's BTF any more; NULL: there was none. */
static void look_behind(SourceLook *look)
{
        uint32_t size;

        if (!look)
                return;
        btf__raw_data(look->btf, &size);
        if (size > WALK_MAX_BTF)
                g_clear_pointer(&look->btf, btf__free);
}

static int look(Source *source, const SourceLooking *how, Asked *one)
{
        g_autoptr(SourceLook) seen = g_new0(SourceLook, 1);
        int r = source->ops->prog_look(source, one->id, how, seen);

        if (r < 0)
                return r;
        one->counted = seen->counted;
        one->look = g_steal_pointer(&seen);
        return 0;
}

/* May be called by two threads at the same time, but not for the same piece. */
static void ask_piece(guint piece, guint thread, void *data)
{
        const Asking *asking = data;
        Source *source = asking->source;
        guint first = piece * PIECE, end = MIN(first + PIECE, asking->all->len);
        SourceLooking how = { .thread = thread };
        SourceLook *with_btf = NULL;

        for (guint i = first; i < end; i++) {
                Asked *one = &g_array_index(asking->all, Asked, i);

                how.maps = one->maps;
                one->error = one->kept ? source->ops->prog_counts(source, one->id, &one->counted)
                                       : look(source, &how, one);
                if (!one->look)
                        continue;
                how.last = one->look;
                if (!one->look->btf)
                        continue;
                look_behind(with_btf);
                how.with_btf = with_btf = one->look;
        }
        look_behind(with_btf);
}

static bool is_examined(Catalog *catalog, uint32_t id)
{
        Object *known = catalog_known(catalog, &prog_kind, id);

        return known && prog_of(known)->examined;
}

/* The programs, as Asked. */
static GArray *find_all(Catalog *catalog, const GArray *ids, const GArray *kept)
{
        GArray *all = g_array_sized_new(FALSE, FALSE, sizeof(Asked), ids->len);
        guint next = 0;

        g_array_set_clear_func(all, clear_asked);
        for (guint i = 0; i < ids->len; i++) {
                Asked one = { .id = g_array_index(ids, uint32_t, i) };

                one.kept = find_kept(kept, &next, one.id);
                one.maps = !one.kept && !is_examined(catalog, one.id);
                g_array_append_val(all, one);
        }
        return all;
}

/* Its id is another program's now. */
static bool is_another(const Asked *one)
{
        return one->kept && one->error == 0 &&
               one->counted.counts.load_time != one->kept->load_time;
}

/* A walk through all of them. */
typedef struct Walk {
        Catalog *catalog;
        Listed *listed;
        GArray *all; /* Asked */
        WalkProgFunc func;
        void *data;
} Walk;

/* Takes what was asked. The ids of the maps are asked for again if they are too many. */
static int take(Catalog *catalog, Asked *one, WalkProg *prog, GArray *maps, Prog **object)
{
        Source *source = catalog_source(catalog);
        const SourceCounted *counted = &one->counted;

        if (one->error < 0)
                return one->error;
        prog->counts = counted->counts;
        if (one->look) {
                prog->type = one->look->type;
                source_looked(source, one->id, one->look);
                *object = prog_seen(catalog, one->id, one->look);
        } else {
                source_tell_counts(source, one->id, &prog->counts);
        }
        if (counted->n_maps > SOURCE_COUNTED_MAPS)
                return source->ops->prog_maps(source, one->id, maps);
        g_array_append_vals(maps, counted->maps, counted->n_maps);
        return 0;
}

/* In place of the id of one that has gone comes 0. */
static int visit(const Walk *walk, uint32_t *id, Asked *one, GArray *maps)
{
        WalkProg prog = { .id = *id, .progs = walk->all->len, .maps = maps };
        g_autoptr(Prog) object = NULL;

        g_array_set_size(maps, 0);
        if (is_another(one)) {
                one->kept = NULL;
                one->error =
                        look(catalog_source(walk->catalog), &(SourceLooking){ .maps = true }, one);
        }
        prog.kept = one->kept;
        prog.error = take(walk->catalog, one, &prog, maps, &object);
        prog.prog = object;
        g_clear_pointer(&one->look, free_look);
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
        int r = 0;

        for (guint i = 0; (r == 0 || r == -ENOENT) && i < ids->len; i++) {
                pieces_wait(walk->listed->pieces, i / PIECE);
                r = visit(walk, &g_array_index(ids, uint32_t, i),
                          &g_array_index(walk->all, Asked, i), maps);
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
        g_autoptr(GArray) all = NULL;
        Asking asking = { .source = catalog_source(catalog) };
        int r = list(catalog, listed);

        if (r < 0)
                return r;
        asking.all = all = find_all(catalog, listed->ids, kept);
        pieces_begin(listed->pieces, (all->len + PIECE - 1) / PIECE, ask_piece, &asking);
        r = visit_all(&(Walk){ catalog, listed, all, func, data });
        pieces_end(listed->pieces);
        source_looks_end(asking.source);
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
