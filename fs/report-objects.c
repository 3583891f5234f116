/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Maps and links as JSON. Each is asked anew: nothing is kept. */

#include "report-objects.h"

#include "info-json.h"
#include "link.h"
#include "map.h"
#include "report-seen.h"
#include "walk.h"

#include <errno.h>

/* One making of the report. */
typedef struct Making {
        Catalog *catalog;
        const ReportSeen *seen;
        const ObjectKind *kind;
        Json json;
} Making;

static int put_object(uint32_t id, const Info *info, int error, void *data)
{
        Making *making = data;
        Json *json = &making->json;

        if (json->out->len > catalog_memory(making->catalog))
                return -ENOMEM;
        json_line(json);
        json_begin_object(json);
        if (error == 0) {
                info_json(json, info);
                report_seen_put(making->seen, making->kind, id, json);
        } else {
                report_seen_put_error(id, error, json);
        }
        json_end_object(json);
        return 0;
}

typedef int (*WalkFunc)(Catalog *catalog, WalkInfoFunc func, void *data);

static int make(Catalog *catalog, WalkFunc walk, const ObjectKind *kind, GString *out)
{
        g_autoptr(ReportSeen) seen = report_seen_new(catalog, false);
        Making making = { catalog, seen, kind, json_new(out) };
        int r;

        json_begin_array(&making.json);
        r = walk(catalog, put_object, &making);
        json_line(&making.json);
        json_end_array(&making.json);
        g_string_append_c(out, '\n');
        return r;
}

static int maps_make(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                     GString *out)
{
        return make(catalog, walk_maps, &map_kind, out);
}

const ReportOps report_maps = {
        .make = maps_make,
};

static int links_make(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                      GString *out)
{
        return make(catalog, walk_links, &link_kind, out);
}

const ReportOps report_links = {
        .make = links_make,
};
