/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A source that changes under those who look at it, at moments that no real kernel can be brought
 * to hit. It has programs 1 to n_progs, and each is bound to the maps MAP and MAP + 1. Each map has
 * one variable, bpf_metadata_level and bpf_metadata_team, which is metadata if its map is frozen.
 * Events are said to be followed; a test sends them. Each program has lived for a second.
 */

#include "catalog.h"
#include "cpu-time.h"
#include "events.h"
#include "layout.h"
#include "map.h"
#include "prog.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MAP 10
#define N_MAPS 2
#define MAX_PROGS 128

typedef struct Fake {
        Source source;
        struct btf *btf[N_MAPS];
        uint32_t datasec[N_MAPS];
        const char *name; /* of all programs and maps */
        uint32_t n_progs;
        struct timespec loaded;    /* when all of them were */
        uint32_t pid;              /* and by whom */
        uint32_t n_bound;          /* of each program, this many maps */
        uint32_t vanished;         /* this program is not there any more */
        int prog_error[MAX_PROGS]; /* of prog(), prog_maps() */
        int map_error[N_MAPS];     /* of map() */
        int value_error[N_MAPS];   /* of map_value() */
        int next_error;            /* of next_prog() */
        gulong prog_stop;          /* microseconds in which prog() has no CPU */
        int64_t prog_time;         /* microseconds of a CPU that prog() takes */
        int64_t look_time;         /* microseconds of a CPU that prog_look() takes */
        const char *type;          /* of all programs, as prog_look() tells it; NULL: not at all */
        uint32_t value[N_MAPS];
        bool frozen;
        bool rdonly_prog;
        guint n_next;        /* calls */
        guint n_progs_asked; /* calls of prog() */
        guint n_maps;
        guint n_looks_at_maps; /* calls of prog_look() with maps */
        guint n_changing;      /* calls of prog_info() and map_info() for what changes */
        guint n_fixed;         /* the same for what does not */
        uint32_t change;       /* is added to the number that changes */
        SourceCounts counts[MAX_PROGS];
        GArray *events; /* int64_t: an id that was loaded, or -id: unloaded */
        bool lost;      /* the next drain says so */
        int broken;     /* -errno: there are no more events */
} Fake;

/* The Watch of these tests is the Fake. */
int watch_take(Watch *watch, WatchFunc func, void *data, int *wait)
{
        Fake *fake = (Fake *)watch;
        bool lost = fake->lost;

        if (fake->broken < 0)
                return fake->broken;
        for (guint i = 0; i < fake->events->len; i++) {
                int64_t event = g_array_index(fake->events, int64_t, i);

                func(&(WatchEvent){ .loaded = event > 0,
                                    .id = ABS(event),
                                    .pid = fake->pid,
                                    .time = event > 0 ? 0 : G_USEC_PER_SEC * 1000 },
                     data);
        }
        g_array_set_size(fake->events, 0);
        fake->lost = false;
        return lost ? 0 : 1;
}

static void fake_event(Fake *fake, int64_t event)
{
        g_array_append_val(fake->events, event);
}

static int fake_next(Source *source, uint32_t after, uint32_t *id)
{
        Fake *fake = (Fake *)source;

        fake->n_next++;
        if (fake->next_error < 0)
                return fake->next_error;
        *id = after + 1 == fake->vanished ? after + 2 : after + 1;
        return *id <= fake->n_progs ? 0 : -ENOENT;
}

static int fake_next_map(Source *source, uint32_t after, uint32_t *id)
{
        *id = MAX(after + 1, MAP);
        return *id < MAP + N_MAPS ? 0 : -ENOENT;
}

static void fake_take_time(int64_t microseconds)
{
        int64_t end = cpu_time(CLOCK_THREAD_CPUTIME_ID) + microseconds;

        while (microseconds > 0 && cpu_time(CLOCK_THREAD_CPUTIME_ID) < end)
                ;
}

static int fake_prog(Source *source, uint32_t id, SourceProg *out)
{
        Fake *fake = (Fake *)source;

        fake->n_progs_asked++;
        g_usleep(fake->prog_stop);
        fake_take_time(fake->prog_time);
        if (id == fake->vanished || id > fake->n_progs)
                return -ENOENT;
        if (fake->prog_error[id] < 0)
                return fake->prog_error[id];
        *out = (SourceProg){ .name = g_strdup(fake->name),
                             .mtime = fake->loaded,
                             .n_maps = fake->n_bound };
        return 0;
}

static int fake_prog_maps(Source *source, uint32_t id, GArray *ids)
{
        Fake *fake = (Fake *)source;

        fake->n_maps++;
        if (id == fake->vanished || id > fake->n_progs)
                return -ENOENT;
        for (uint32_t map = MAP; map < MAP + fake->n_bound && fake->prog_error[id] == 0; map++)
                g_array_append_val(ids, map);
        return fake->prog_error[id];
}

static int fake_prog_counts(Source *source, uint32_t id, SourceCounted *out)
{
        Fake *fake = (Fake *)source;

        if (id == fake->vanished || id > fake->n_progs)
                return -ENOENT;
        out->counts = fake->counts[id];
        out->n_maps = fake->n_bound;
        for (uint32_t i = 0; i < MIN(fake->n_bound, SOURCE_COUNTED_MAPS); i++)
                out->maps[i] = MAP + i;
        return fake->prog_error[id];
}

static int fake_info(Source *source, uint32_t id, bool changing, Info **out);

static int fake_prog_look(Source *source, uint32_t id, const SourceLooking *how, SourceLook *out)
{
        Fake *fake = (Fake *)source;
        int r = fake_prog_counts(source, id, &out->counted);

        fake_take_time(fake->look_time);
        fake->n_looks_at_maps += how->maps;
        if (r < 0)
                return r;
        out->facts.n_maps = fake->n_bound;
        return fake_info(source, id, false, &out->info);
}

static int fake_map(Source *source, uint32_t id, SourceMap *out)
{
        Fake *fake = (Fake *)source;

        if (fake->map_error[id - MAP] < 0)
                return fake->map_error[id - MAP];
        *out = (SourceMap){
                .name = g_strdup(fake->name),
                .value_size = 4,
                .btf_id = 1,
                .datasec = fake->datasec[id - MAP],
                .global_data = true,
                .frozen = fake->frozen,
                .rdonly_prog = fake->rdonly_prog,
        };
        return 0;
}

static int fake_value(Source *source, uint32_t id, SourceValue *out)
{
        Fake *fake = (Fake *)source;

        if (fake->value_error[id - MAP] < 0)
                return fake->value_error[id - MAP];
        *out = (SourceValue){
                .bytes = g_malloc(4),
                .size = 4,
                .btf = fake->btf[id - MAP],
                .btf_borrowed = true,
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
        };
        memcpy(out->bytes, &fake->value[id - MAP], 4);
        return 0;
}

static int fake_info(Source *source, uint32_t id, bool changing, Info **out)
{
        Fake *fake = (Fake *)source;
        InfoBuilder *builder = info_builder_new();

        fake->n_changing += changing;
        fake->n_fixed += !changing;
        info_builder_add(builder, changing ? "changing" : "fixed", "%" PRIu32,
                         id + (changing ? fake->change : 0));
        if (fake->type && !changing)
                info_builder_add(builder, "type", "%s", fake->type);
        *out = info_builder_end(builder);
        return 0;
}

static int fake_all_info(Source *source, uint32_t id, Info **out)
{
        return fake_info(source, id, true, out);
}

static const SourceOps fake_ops = {
        .next_prog = fake_next,
        .prog = fake_prog,
        .prog_maps = fake_prog_maps,
        .prog_counts = fake_prog_counts,
        .prog_look = fake_prog_look,
        .prog_info = fake_info,
        .next_map = fake_next_map,
        .map = fake_map,
        .map_info = fake_info,
        .map_all_info = fake_all_info,
        .map_value = fake_value,
};

static void fake_init(Fake *fake, bool named)
{
        static const char *const names[N_MAPS] = { "bpf_metadata_level", "bpf_metadata_team" };

        *fake = (Fake){
                .source = { .ops = &fake_ops, .named = named },
                .name = "fake",
                .n_progs = 3,
                .n_bound = 1,
                .events = g_array_new(FALSE, FALSE, sizeof(int64_t)),
        };
        for (int i = 0; i < N_MAPS; i++) {
                int type, variable;

                fake->btf[i] = btf__new_empty();
                type = btf__add_int(fake->btf[i], "int", 4, BTF_INT_SIGNED);
                variable = btf__add_var(fake->btf[i], names[i], BTF_VAR_GLOBAL_ALLOCATED, type);
                fake->datasec[i] = btf__add_datasec(fake->btf[i], ".data", 4);
                g_assert_cmpint(btf__add_datasec_var_info(fake->btf[i], variable, 0, 4), ==, 0);
        }
}

static void fake_clear(Fake *fake)
{
        for (int i = 0; i < N_MAPS; i++)
                btf__free(fake->btf[i]);
        g_array_unref(fake->events);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fake, fake_clear)
