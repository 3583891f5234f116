/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All programs as JSON.
 *
 * If nothing is kept yet, all programs are looked at first: a scan for attachments, which asks for
 * the types of all programs, then knows them.
 */

#include "report-progs.h"

#include "prog-types.h"
#include "prog.h"
#include "report-prog.h"
#include "room.h"

#include <errno.h>

typedef struct Progs {
        GArray *kept;      /* ProgKept */
        bool struct_ops;   /* there was a program that only its map attaches */
        uint32_t last_map; /* maps up to here have been looked at for that */
} Progs;

static gpointer progs_new(void)
{
        Progs *progs = g_new0(Progs, 1);

        progs->kept = report_prog_kept_new(0);
        return progs;
}

static void progs_free(gpointer kept)
{
        Progs *progs = kept;

        g_array_unref(progs->kept);
        g_free(progs);
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
        GArray *kept;  /* ProgKept, in text */
        GArray *maps;  /* uint32_t */
        GString *text;
        gsize room; /* there is room for so many bytes of it */
        ProgMaking *making;
} First;

/* So much room is made at a time. */
#define ROOM_STEP (64u << 10)
/* The most bytes of a program that are likely, and of those behind what is kept of it. */
#define LIKELY_PROG 2048
#define LIKELY_CHANGING 96

static First first_new(ProgMaking *making)
{
        return (First){
                .found = g_array_new(FALSE, FALSE, sizeof(Found)),
                .kept = report_prog_kept_new(0),
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
        ProgKept kept;

        if (first->text->len > catalog_memory(catalog))
                return -ENOMEM;
        tell_type(catalog, prog);
        make_room(first, catalog, prog->progs);
        first->making->json = json_new(first->text);
        json_begin_object(&first->making->json);
        if (found.error == 0)
                found.error = report_prog_put_anew(first->making, catalog, prog, &kept);
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
                        prog.kept = &g_array_index(first->kept, ProgKept, found->kept).prog;
                g_array_set_size(maps, 0);
                g_array_append_vals(maps, &g_array_index(first->maps, uint32_t, found->first_map),
                                    found->n_maps);
                r = report_prog_put(catalog, &prog, first->making);
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
static int put_all(Catalog *catalog, Progs *progs, ProgMaking *making, const First *first)
{
        g_autoptr(ReportSeen) seen = NULL;
        int r;

        look_at_maps(progs, catalog);
        making->seen = seen = report_seen_new(catalog, true);
        json_begin_array(&making->json);
        r = first ? put_found(catalog, first)
                  : walk_progs(catalog, progs->kept, report_prog_put, making);
        json_line(&making->json);
        json_end_array(&making->json);
        g_string_append_c(making->json.out, '\n');
        return r;
}

static int put_first(Catalog *catalog, Progs *progs, ProgMaking *making)
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
        return put_all(catalog, progs, making, &first);
}

static int progs_make(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                      GString *out)
{
        Progs *progs = kept;
        ProgMaking making = {
                .kept = report_prog_kept_new(progs->kept->len + 1),
                .last = last,
                .struct_ops = &progs->struct_ops,
                .reserved = reserved,
                .json = json_new(out),
        };
        int r = progs->kept->len > 0 ? put_all(catalog, progs, &making, NULL)
                                     : put_first(catalog, progs, &making);

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
