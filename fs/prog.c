/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "prog.h"

#include "observed.h"
#include "prog-rules.h"

#include <string.h>

static char *name(Source *source, uint32_t id)
{
        g_auto(SourceProg) facts = { 0 };

        return source->ops->prog(source, id, &facts) == 0 ? g_steal_pointer(&facts.name) : NULL;
}

static int ask(Object *object)
{
        Source *source = catalog_source(object->catalog);
        Prog *prog = prog_of(object);
        int r = source->ops->prog(source, object->id, &prog->facts);

        /* The info directory asks for it again, and most programs are only listed. */
        g_clear_pointer(&prog->facts.name, g_free);
        return r;
}

static bool is_watched(const Object *object)
{
        return catalog_source(object->catalog)->named || catalog_has_events(object->catalog);
}

static struct timespec time_of(const Object *object)
{
        return ((const Prog *)object)->facts.mtime;
}

static uid_t owner_of(const Object *object)
{
        return ((const Prog *)object)->facts.uid;
}

static void clear(Object *object)
{
        Prog *prog = prog_of(object);

        entries_clear_names(prog);
        for (uint32_t i = 0; i < prog->n_maps; i++)
                map_unref(prog->maps[i].map);
        g_free(prog->maps);
        g_free(prog->entries);
        if (prog->candidates)
                g_array_unref(prog->candidates);
        loader_unref(prog->loader);
        source_prog_clear(&prog->facts);
}

static int info(Object *object, bool changing, Info **out)
{
        Source *source = catalog_source(object->catalog);

        return source->ops->prog_info(source, object->id, changing, out);
}

Prog *prog_seen(Catalog *catalog, uint32_t id, SourceLook *look)
{
        bool is_new;
        Object *object = catalog_seen(catalog, &prog_kind, id, &is_new);

        if (is_new)
                prog_of(object)->facts = look->facts;
        if (!object->info)
                object->info = g_steal_pointer(&look->info);
        return prog_of(object);
}

bool prog_is_struct_ops(Prog *prog)
{
        const Info *fixed;

        return object_fixed_info(&prog->object, &fixed) == 0 &&
               g_strcmp0(info_get(fixed, "type"), "struct_ops\n") == 0;
}

/* Only the map of a struct_ops program tells whether its operations are in use. A look at a map
 * tells the observers of it. */
void prog_look_at_maps(Catalog *catalog, uint32_t *after)
{
        Source *source = catalog_source(catalog);

        while (source_next_map(source, *after, after) == 0) {
                g_autoptr(Map) map = NULL;

                if (map_get(catalog, *after, &map) < 0)
                        continue;
        }
}

static void look_for_attachments(const Observers *observers, Object *object, GString *out)
{
        uint32_t after = 0;

        if (prog_is_struct_ops(prog_of(object)))
                prog_look_at_maps(object->catalog, &after);
        observers_append_attachments(observers, object->id, out);
}

static const ObservedKey observed[] = {
        { "attached", observers_have_attachments, look_for_attachments },
        { "pinned", observers_have_pins, observed_pins },
        { "rules", observers_have_rules, prog_rules_append },
        { NULL },
};

const ObjectKind prog_kind = {
        .noun = "program",
        .pin = PIN_PROG,
        .holder = HOLDER_PROG,
        .size = sizeof(Prog),
        .next = source_next_prog,
        .ask = ask,
        .name = name,
        .is_watched = is_watched,
        .time = time_of,
        .owner = owner_of,
        .info = info,
        .observed = observed,
        .clear = clear,
};

int prog_get(Catalog *catalog, uint32_t id, Prog **out)
{
        Object *object;
        int r = catalog_get(catalog, &prog_kind, id, &object);

        if (r == 0)
                *out = prog_of(object);
        return r;
}
