/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asks the observers. */

#include "observers.h"

#include <string.h>

bool observers_have_attachments(const Observers *observers)
{
        return observers->attachments != NULL;
}

void observers_add_map(const Observers *observers, uint32_t id)
{
        attachments_add_map(observers->attachments, id);
}

void observers_append_attachments(const Observers *observers, uint32_t id, GString *out)
{
        attachments_append(observers->attachments, id, g_get_monotonic_time(), out);
}

void observers_tell_type(const Observers *observers, uint32_t prog_id, uint32_t type)
{
        attachments_tell_type(observers->attachments, prog_id, type, g_get_monotonic_time());
}

void observers_foreach_attachment(const Observers *observers, gint64 max_age,
                                  AttachmentLineFunc func, void *data)
{
        attachments_foreach_line(observers->attachments, g_get_monotonic_time(), max_age, func,
                                 data);
}

void observers_append_attachment_notes(const Observers *observers, GString *out)
{
        attachments_append_notes(observers->attachments, out);
}

void observers_append_links(const Observers *observers, uint32_t id, GArray *ids)
{
        attachments_links(observers->attachments, id, g_get_monotonic_time(), ids);
}

int observers_link_info(const Observers *observers, uint32_t id, Info **out)
{
        return attachments_link_info(observers->attachments, id, g_get_monotonic_time(), out);
}

bool observers_have_contents(const Observers *observers)
{
        return observers->contents;
}

bool observers_have_pins(const Observers *observers)
{
        return observers->pins != NULL;
}

void observers_append_pins(const Observers *observers, PinKind kind, uint32_t id, GString *out)
{
        observers_update_pins(observers);
        pins_append(observers->pins, kind, id, out);
}

void observers_update_pins(const Observers *observers)
{
        /* If it fails, a line says so. */
        pins_update(observers->pins, g_get_monotonic_time());
}

void observers_append_known_pins(const Observers *observers, PinKind kind, uint32_t id,
                                 GString *out)
{
        pins_append_paths(observers->pins, kind, id, out);
}

void observers_append_pin_notes(const Observers *observers, GString *out)
{
        pins_append_notes(observers->pins, out);
}

bool observers_have_holders(const Observers *observers)
{
        return observers->holders != NULL;
}

void observers_update_holders(const Observers *observers)
{
        /* If it fails, a line says so. */
        holders_update(observers->holders, g_get_monotonic_time());
}

gint64 observers_holders_until(const Observers *observers)
{
        return holders_until(observers->holders);
}

bool observers_know_holders(const Observers *observers, gint64 max_age)
{
        return observers->holders &&
               holders_know(observers->holders, g_get_monotonic_time(), max_age);
}

void observers_append_holders(const Observers *observers, HolderKind kind, uint32_t id,
                              GArray *pids)
{
        holders_append(observers->holders, kind, id, pids);
}

bool observers_is_holder(const Observers *observers, HolderKind kind, uint32_t id, uint32_t pid)
{
        return holders_has(observers->holders, kind, id, pid);
}

Info *observers_holder_info(const Observers *observers, uint32_t pid)
{
        return holders_process(observers->holders, pid);
}

void observers_append_holder_notes(const Observers *observers, GString *out)
{
        holders_append_notes(observers->holders, out);
}

bool observers_have_rules(const Observers *observers)
{
        return observers->rules != NULL;
}

void observers_prog_came(const Observers *observers, uint32_t id, uint32_t pid, uint64_t time)
{
        if (observers->loaders)
                loaders_came(observers->loaders, id, pid, time);
}

void observers_prog_went(const Observers *observers, uint32_t id)
{
        if (observers->loaders)
                loaders_went(observers->loaders, id);
}

static bool is_listed(uint32_t id, void *source)
{
        return source_has(source, source_next_prog, id);
}

void observers_compare_progs(const Observers *observers, Source *source)
{
        if (observers->loaders)
                loaders_compare(observers->loaders, is_listed, source);
}

bool observers_follow(const Observers *observers)
{
        return observers->loaders && loaders_follow(observers->loaders);
}

bool observers_know_loader(const Observers *observers, uint32_t id)
{
        return observers->loaders && loaders_has(observers->loaders, id);
}

Loader *observers_known_loader(const Observers *observers, uint32_t id)
{
        return observers->loaders ? loaders_get(observers->loaders, id) : NULL;
}

Loader *observers_loader(const Observers *observers, uint32_t id)
{
        Loader *loader = observers_known_loader(observers, id);

        if (loader)
                loaders_wait(observers->loaders, loader);
        return loader;
}

typedef struct Teller {
        ObservedFunc func;
        void *data;
} Teller;

static void tell_place(uint32_t prog_id, const char *type, const char *target, void *data)
{
        g_autofree char *text = g_strdup_printf("%s %s", type, target);
        const Teller *teller = data;

        teller->func(prog_id, text, teller->data);
}

void observers_foreach_place(const Observers *observers, ObservedFunc func, void *data,
                             GString *notes)
{
        Teller teller = { func, data };

        attachments_foreach(observers->attachments, g_get_monotonic_time(), tell_place, &teller);
        attachments_append_notes(observers->attachments, notes);
}

void observers_foreach_pin(const Observers *observers, ObservedFunc func, void *data,
                           GString *notes)
{
        pins_update(observers->pins, g_get_monotonic_time());
        pins_foreach(observers->pins, PIN_PROG, func, data);
        pins_append_notes(observers->pins, notes);
}

bool observers_have_processes(const Observers *observers)
{
        return observers->holders || observers->loaders;
}

/* Keys of processes are told, each of them that is there. */
typedef struct ProcessTeller {
        Teller teller;
        const char *const *keys; /* NULL is behind the last */
        const Holders *holders;
        GHashTable *infos; /* pid -> Info, or NULL: of those that were seen to hold something */
} ProcessTeller;

static void tell_process(uint32_t prog_id, const Info *info, void *data)
{
        const ProcessTeller *teller = data;

        for (const char *const *key = teller->keys; *key; key++) {
                const char *text = info_get(info, *key);
                g_autofree char *line = text ? g_strndup(text, strlen(text) - 1) : NULL;

                if (line)
                        teller->teller.func(prog_id, line, teller->teller.data);
        }
}

static void tell_holder(uint32_t prog_id, uint32_t pid, void *data)
{
        const ProcessTeller *teller = data;
        gpointer info;

        if (!g_hash_table_lookup_extended(teller->infos, GUINT_TO_POINTER(pid), NULL, &info)) {
                info = holders_process(teller->holders, pid);
                g_hash_table_insert(teller->infos, GUINT_TO_POINTER(pid), info);
        }
        if (info)
                tell_process(prog_id, info, data);
}

static void free_info(gpointer info)
{
        info_free(info);
}

static void foreach_process(const Observers *observers, const ProcessTeller *teller, GString *notes)
{
        g_autoptr(GHashTable) infos = g_hash_table_new_full(NULL, NULL, NULL, free_info);
        ProcessTeller each = *teller;

        each.holders = observers->holders;
        each.infos = infos;
        if (observers->loaders)
                loaders_foreach(observers->loaders, tell_process, &each);
        if (!observers->holders)
                return;
        observers_update_holders(observers);
        holders_foreach(observers->holders, HOLDER_PROG, tell_holder, &each);
        holders_append_notes(observers->holders, notes);
}

void observers_foreach_comm(const Observers *observers, ObservedFunc func, void *data,
                            GString *notes)
{
        static const char *const keys[] = { "comm", NULL };
        const ProcessTeller teller = { .teller = { func, data }, .keys = keys };

        foreach_process(observers, &teller, notes);
}

void observers_foreach_unit(const Observers *observers, ObservedFunc func, void *data,
                            GString *notes)
{
        static const char *const keys[] = { "unit", "user_unit", NULL };
        const ProcessTeller teller = { .teller = { func, data }, .keys = keys };

        foreach_process(observers, &teller, notes);
}
