/* SPDX-License-Identifier: GPL-2.0-or-later */

/* No event tells of links: nothing of this is remembered, and every lookup asks. */

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

/* -ENOENT: it has gone, or runs no program (struct_ops). */
static int prog_link(const Place *place, Entry *out)
{
        uint32_t prog;
        int r = link_prog(place->object, &prog);

        if (r == 0 && prog == 0)
                r = -ENOENT;
        if (r == 0)
                *out = entry_link("prog", PROG_KEY, g_strdup_printf("../../%u", prog), false);
        return r;
}

int link_dir_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        return strcmp(name, "prog") == 0 ? prog_link(place, out) : -ENOENT;
}

int link_dir_list(Lister *lister)
{
        Entry entry;
        int r = lister_wants(lister, PROG_KEY) ? prog_link(lister->place, &entry) : -ENOENT;

        if (r == 0)
                lister_give(lister, entry);
        return 0;
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
