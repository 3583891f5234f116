/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program keeps its loader once somebody has asked for it. So a file that was looked up can be
 * read after the program has been unloaded. */

#include "dir-loader.h"

#include "prog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A program can be listed some microseconds before its load event is there. So for this many
 * milliseconds after its load it may still come to have a loader. */
#define LOADER_LAG_MS 1000

bool loader_is_known(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return observers_know_loader(catalog_observers(catalog), place->object->id);
}

bool loader_may_come(const Place *place)
{
        const Prog *prog = prog_of(place->object);
        const Observers *observers = catalog_observers(place->object->catalog);
        const struct timespec *loaded = &prog->facts.mtime;
        int64_t age_ms =
                g_get_real_time() / 1000 - loaded->tv_sec * 1000LL - loaded->tv_nsec / 1000000;

        return observers->loaders && !observers_know_loader(observers, place->object->id) &&
               llabs(age_ms) < LOADER_LAG_MS;
}

/* The facts of the loader, after waiting for them; NULL: there are none. */
static const Info *look(const Place *place)
{
        Prog *prog = prog_of(place->object);

        if (!prog->loader || !loader_is_settled(prog->loader)) {
                loader_unref(prog->loader);
                prog->loader =
                        observers_loader(catalog_observers(prog->object.catalog), prog->object.id);
        }
        return prog->loader ? loader_info(prog->loader) : NULL;
}

static Entry entry(const Info *info, uint32_t index)
{
        return (Entry){
                .name = info_key(info, index),
                .key = ENTRY_OWN_KEYS + index + 1,
                .type = ENTRY_FILE,
                .lasting = true,
                .size = strlen(info_text(info, index)),
        };
}

int loader_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Info *info = look(place);

        for (uint32_t i = 0; info && i < info_n(info); i++) {
                if (strcmp(info_key(info, i), name) == 0) {
                        *out = entry(info, i);
                        return 0;
                }
        }
        return -ENOENT;
}

int loader_list(Lister *lister)
{
        const Info *info = look(lister->place);

        for (uint32_t i = 0; info && i < info_n(info); i++)
                if (lister_wants(lister, ENTRY_OWN_KEYS + i + 1))
                        lister_give(lister, entry(info, i));
        return 0;
}

int loader_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size)
{
        const Prog *prog = prog_of(place->object);
        const Info *info = prog->loader ? loader_info(prog->loader) : NULL;
        uint64_t index = key - ENTRY_OWN_KEYS - 1;

        if (!info || index >= info_n(info))
                return -ENOENT;
        *size = strlen(info_text(info, index));
        append_part(info_text(info, index), *size, offset, count, out);
        return 0;
}

bool loader_changes(const Place *place)
{
        const Prog *prog = prog_of(place->object);

        return !prog->loader || !loader_is_settled(prog->loader);
}
