/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A link. */

#include "link.h"

#include "links.h"

#include <errno.h>

/* An object file has none. */
static int next(Source *source, uint32_t after, uint32_t *id)
{
        return source->named ? -ENOENT : link_next(after, id);
}

/* That it is listed is all that has to be known. */
static int ask(Object *object)
{
        return source_has(catalog_source(object->catalog), next, object->id) ? 0 : -ENOENT;
}

static char *name(Source *source, uint32_t id)
{
        return NULL;
}

static bool is_watched(const Object *object)
{
        return false;
}

static struct timespec time_of(const Object *object)
{
        return catalog_source(object->catalog)->time;
}

static uid_t owner_of(const Object *object)
{
        return catalog_source(object->catalog)->uid;
}

static int fixed_info(Object *object, const Info **out)
{
        *out = info_none();
        return 0;
}

static int changing_info(Object *object, Info **out)
{
        return observers_link_info(catalog_observers(object->catalog), object->id, out);
}

static void look_for_pins(const Observers *observers, Object *object, GString *out)
{
        observers_append_pins(observers, PIN_LINK, object->id, out);
}

static const ObservedKey observed[] = {
        { "pinned", observers_have_pins, look_for_pins },
        { NULL },
};

static void clear(Object *object)
{
}

const ObjectKind link_kind = {
        .noun = "link",
        .size = sizeof(Object),
        .next = next,
        .ask = ask,
        .name = name,
        .is_watched = is_watched,
        .time = time_of,
        .owner = owner_of,
        .fixed_info = fixed_info,
        .changing_info = changing_info,
        .observed = observed,
        .clear = clear,
};

int link_prog(Object *link, uint32_t *prog)
{
        g_auto(LinkFacts) facts = { 0 };
        int r = link_look(link->id, false, &facts);

        if (r == 0)
                *prog = facts.info.prog_id;
        return r;
}
