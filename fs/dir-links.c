/* SPDX-License-Identifier: GPL-2.0-or-later */

/* No event tells of links: every lookup of one asks. */

#include "dir-links.h"

#include "dir-objects.h"
#include "link.h"

#include <errno.h>
#include <string.h>

bool links_are_known(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return observers_have_attachments(catalog_observers(catalog));
}

#define PROG_KEY (ENTRY_OWN_KEYS + 1)

static Entry prog_entry(uint32_t prog)
{
        return entry_link("prog", PROG_KEY, g_strdup_printf("../../%u", prog), false);
}

/* -ENOENT: it has gone, or runs no program (struct_ops). */
static int prog_link(const Place *place, Entry *out)
{
        uint32_t prog;
        int r = link_prog(place->object, &prog);

        if (r == 0 && prog == 0)
                r = -ENOENT;
        if (r == 0)
                *out = prog_entry(prog);
        return r;
}

/* Which names there are follows from the link's type. Only the link may go. */
gint64 link_dir_current(Catalog *catalog, const Place *place)
{
        int r = object_check(place->object);

        return r < 0 ? r : g_get_monotonic_time() + ENTRY_MOMENT_MS * G_TIME_SPAN_MILLISECOND;
}

int link_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        return strcmp(name, "prog") == 0 ? prog_link(place, out) : -ENOENT;
}

int link_dir_list(Lister *lister)
{
        uint32_t prog;
        int r;

        if (!lister_wants(lister, PROG_KEY))
                return 0;
        /* The kernel keeps the listing: it has to be whole, or an error. */
        r = link_prog(lister->place->object, &prog);
        if (r == 0 && prog != 0)
                lister_give(lister, prog_entry(prog));
        return r;
}

static GArray *links_of(Catalog *catalog, const Place *place)
{
        GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        observers_append_links(catalog_observers(catalog), place->object->id, ids);
        return ids;
}

static Entry link_entry(uint32_t id, const char *name)
{
        return entry_link(name, OBJECTS_KEY(id), g_strdup_printf("../../../links/%u", id), false);
}

int prog_links_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        g_autoptr(GArray) ids = links_of(catalog, place);
        uint32_t id = catalog_id(catalog, &link_kind, name);

        for (guint i = 0; i < ids->len; i++) {
                if (id != 0 && g_array_index(ids, uint32_t, i) == id) {
                        *out = link_entry(id, name);
                        return 0;
                }
        }
        return -ENOENT;
}

int prog_links_list(Lister *lister)
{
        g_autoptr(GArray) ids = links_of(lister->catalog, lister->place);

        for (guint i = 0; i < ids->len && !lister->stopped; i++) {
                uint32_t id = g_array_index(ids, uint32_t, i);
                char number[CATALOG_NAME_MAX];

                if (lister_wants(lister, OBJECTS_KEY(id)))
                        lister_give(lister, link_entry(id, catalog_name(lister->catalog, &link_kind,
                                                                        id, number)));
        }
        return 0;
}
