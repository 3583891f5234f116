/* SPDX-License-Identifier: GPL-2.0-or-later */

/* No event tells of descriptors: every lookup of a process asks. Its directory is a snapshot of
 * what was seen of it. */

#include "dir-pids.h"

#include "names.h"

#include <errno.h>
#include <string.h>

#define NOTES_KEY (ENTRY_OWN_KEYS + 1)
/* A pid is below 2^22 (PID_MAX_LIMIT of the kernel's linux/threads.h). */
#define PID_KEY(pid) (NOTES_KEY + (uint64_t)(pid))

typedef struct PidPlace {
        guint refs;
        Object *shown;
        uint32_t pid;
        Info *info; /* NULL: nothing is known of it */
} PidPlace;

static gpointer ref_place(gpointer argument)
{
        PidPlace *place = argument;

        place->refs++;
        return place;
}

static void unref_place(gpointer argument)
{
        PidPlace *place = argument;

        if (--place->refs > 0)
                return;
        object_unref(place->shown);
        if (place->info)
                info_free(place->info);
        g_free(place);
}

static bool is_same(const Info *a, const Info *b)
{
        return a && b ? info_equal(a, b) : a == b;
}

static bool are_same_places(gconstpointer a, gconstpointer b)
{
        const PidPlace *one = a, *other = b;

        return one->shown == other->shown && one->pid == other->pid &&
               is_same(one->info, other->info);
}

const ArgumentKind pids_argument = { ref_place, unref_place, are_same_places };

bool pids_are_known(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return observers_have_holders(catalog_observers(catalog));
}

static Entry process_entry(const Place *place, uint32_t pid, const char *name)
{
        PidPlace *argument = g_new0(PidPlace, 1);
        Entry entry;

        argument->shown = object_ref(place_shown(place));
        argument->pid = pid;
        argument->info = observers_holder_info(catalog_observers(argument->shown->catalog), pid);
        entry = entry_directory(name, PID_KEY(pid),
                                place_new(place->row->each, place->object, argument));
        entry.lasting = false;
        entry.until = observers_holders_until(catalog_observers(place_shown(place)->catalog));
        return entry;
}

static char *notes_of(Catalog *catalog)
{
        g_autoptr(GString) notes = g_string_new(NULL);

        observers_append_holder_notes(catalog_observers(catalog), notes);
        return notes->len > 0 ? g_strdup(notes->str) : NULL;
}

/* The pid @name in decimal digits; 0 if it is none. */
static uint32_t pid_of(const char *name)
{
        uint64_t pid = *name == '0' ? 0 : names_number(name);

        return pid <= INT32_MAX ? pid : 0;
}

int pids_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        const Observers *observers = catalog_observers(catalog);
        const Object *shown = place_shown(place);
        uint32_t pid = pid_of(name);
        char *notes;

        observers_update_holders(observers);
        if (pid != 0 && observers_is_holder(observers, shown->kind->holder, shown->id, pid)) {
                *out = process_entry(place, pid, name);
                return 0;
        }
        if (strcmp(name, PIDS_NOTES) != 0)
                return -ENOENT;
        notes = notes_of(catalog);
        if (!notes)
                return -ENOENT;
        *out = entry_changing(PIDS_NOTES, NOTES_KEY, notes);
        return 0;
}

int pids_list(Lister *lister)
{
        const Observers *observers = catalog_observers(lister->catalog);
        const Object *shown = place_shown(lister->place);
        g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autofree char *notes = NULL;

        observers_update_holders(observers);
        observers_append_holders(observers, shown->kind->holder, shown->id, pids);
        notes = notes_of(lister->catalog);
        if (notes && lister_wants(lister, NOTES_KEY))
                lister_give(lister, entry_changing(PIDS_NOTES, NOTES_KEY, NULL));
        for (guint i = 0; i < pids->len; i++) {
                uint32_t pid = g_array_index(pids, uint32_t, i);
                char name[16];

                if (!lister_wants(lister, PID_KEY(pid)))
                        continue;
                g_snprintf(name, sizeof(name), "%u", pid);
                lister_give(lister, process_entry(lister->place, pid, name));
        }
        return 0;
}

gint64 pid_current(Catalog *catalog, const Place *place)
{
        const Observers *observers = catalog_observers(catalog);
        const PidPlace *argument = place->argument;
        const Object *shown = argument->shown;
        g_autoptr(Info) info = NULL;

        observers_update_holders(observers);
        if (!observers_is_holder(observers, shown->kind->holder, shown->id, argument->pid))
                return -ENOENT;
        info = observers_holder_info(observers, argument->pid);
        return is_same(info, argument->info) ? observers_holders_until(observers) : -ESTALE;
}

/* The keys of process_info() that are shown, in the order of their files. The first of all keys is
 * its pid, which is the directory's name already. */
static const char *const keys[] = { "comm", "cgroup", "unit", "user_unit", "container" };

/* The file of keys[@index]. False: it is not there. */
static bool file_entry(const Place *place, guint index, Entry *out)
{
        const PidPlace *argument = place->argument;
        const char *text = argument->info ? info_get(argument->info, keys[index]) : NULL;

        if (!text)
                return false;
        *out = entry_changing(keys[index], ENTRY_OWN_KEYS + index + 1, g_strdup(text));
        out->lasting = true;
        return true;
}

int pid_find(Catalog *catalog, const Place *place, const char *name, Entry *out)
{
        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                if (strcmp(keys[i], name) == 0 && file_entry(place, i, out))
                        return 0;
        return -ENOENT;
}

int pid_list(Lister *lister)
{
        Entry entry;

        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                if (lister_wants(lister, ENTRY_OWN_KEYS + i + 1) &&
                    file_entry(lister->place, i, &entry))
                        lister_give(lister, entry);
        return 0;
}
