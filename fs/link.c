/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A link. */

#include "link.h"

#include "links.h"
#include "observed.h"
#include "sightings.h"

#include <errno.h>

/* An object file has no links. */
static int next(Source *source, uint32_t after, uint32_t *id)
{
        return source->named ? -ENOENT : link_next(after, id);
}

/* Nothing more is known of it than that it is listed. */
static int ask(Object *object)
{
        return source_has(catalog_source(object->catalog), next, object->id) ? 0 : -ENOENT;
}

static bool is_watched(const Object *object)
{
        return false;
}

/* Every key may change, as the program does. */
static int info(Object *object, bool changing, Info **out)
{
        if (changing)
                return observers_link_info(catalog_observers(object->catalog), object->id, out);
        *out = info_builder_end(info_builder_new());
        return 0;
}

static const ObservedKey observed[] = {
        { "pinned", observers_have_pins, observed_pins },
        { NULL },
};

static struct timespec time_of(const Object *object)
{
        return sightings_since(object->catalog, object->kind, object->id);
}

const ObjectKind link_kind = {
        .noun = "link",
        .pin = PIN_LINK,
        .holder = HOLDER_LINK,
        .size = sizeof(Object),
        .next = next,
        .ask = ask,
        .is_watched = is_watched,
        .time = time_of,
        .info = info,
        .observed = observed,
};

int link_prog(Object *link, uint32_t *prog)
{
        g_auto(LinkFacts) facts = { 0 };
        int r = link_look(link->id, false, &facts);

        if (r == 0)
                *prog = facts.info.prog_id;
        return r;
}
