/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of pins, sorted by object. */

#include "pins.h"
#include "records.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* A record of the list. */
typedef struct Known {
        PinKind kind;
        uint32_t id;
        bool hidden;
        guint length;
        const char *path; /* in the list */
} Known;

struct Pins {
        int watched;   /* borrowed */
        int mountinfo; /* only to be polled */
        PinsAsk ask;
        void *data;
        bool asked; /* the list has been asked for */
        bool unwatched;
        int error;   /* of the last question: a negative errno */
        gint64 time; /* of the last question */
        GByteArray *list;
        GArray *known; /* Known, sorted */
};

Pins *pins_new(int watched, PinsAsk ask, void *data)
{
        Pins *pins = g_new0(Pins, 1);

        pins->watched = watched;
        pins->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        pins->ask = ask;
        pins->data = data;
        pins->list = g_byte_array_new();
        pins->known = g_array_new(FALSE, FALSE, sizeof(Known));
        return pins;
}

void pins_free(Pins *pins)
{
        if (pins->mountinfo >= 0)
                close(pins->mountinfo);
        g_byte_array_unref(pins->list);
        g_array_unref(pins->known);
        g_free(pins);
}

static int compare_ids(const Known *a, const Known *b)
{
        if (a->kind != b->kind)
                return a->kind < b->kind ? -1 : 1;
        return a->id < b->id ? -1 : a->id > b->id;
}

static int compare(const void *a, const void *b)
{
        const Known *x = a, *y = b;
        int order = compare_ids(x, y);

        if (order == 0 && x->hidden != y->hidden)
                order = x->hidden ? 1 : -1;
        if (order == 0)
                order = memcmp(x->path, y->path, MIN(x->length, y->length));
        if (order == 0)
                order = x->length < y->length ? -1 : x->length > y->length;
        return order;
}

static void read_list(Pins *pins)
{
        RecordsRest rest = { pins->list->data, pins->list->len };
        const guint8 *bytes;
        PinRecord record;

        g_array_set_size(pins->known, 0);
        pins->unwatched = false;
        while ((bytes = records_next(&rest, &record, sizeof(record), &record.length))) {
                const Known known = { record.kind, record.id, record.hidden, record.length,
                                      (const char *)bytes };

                if (record.kind == PIN_UNWATCHED)
                        pins->unwatched = true;
                else
                        g_array_append_val(pins->known, known);
        }
        g_array_sort(pins->known, compare);
}

/* True if something may have come or gone. poll(2) tells of changed mounts once only. */
static bool has_changed(const Pins *pins)
{
        struct pollfd fds[] = { { .fd = pins->watched, .events = POLLIN },
                                { .fd = pins->mountinfo, .events = POLLPRI } };

        return poll(fds, G_N_ELEMENTS(fds), 0) != 0;
}

int pins_update(Pins *pins, gint64 now)
{
        g_autoptr(GByteArray) list = NULL;
        bool due = pins->unwatched && now - pins->time >= PINS_REUSE;

        if (pins->error != 0 && now - pins->time < PINS_RETRY)
                return pins->error;
        if (!has_changed(pins) && pins->asked && pins->error == 0 && !due)
                return 0;
        list = g_byte_array_new();
        pins->time = now;
        pins->asked = true;
        pins->error = pins->ask(pins->data, list);
        if (pins->error == 0) {
                g_byte_array_unref(pins->list);
                pins->list = g_steal_pointer(&list);
                read_list(pins);
        }
        return pins->error;
}

/* The index of the first record at or behind the object. */
static guint find(const Pins *pins, PinKind kind, uint32_t id)
{
        const Known wanted = { .kind = kind, .id = id };
        guint low = 0, high = pins->known->len;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (compare_ids(&g_array_index(pins->known, Known, middle), &wanted) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void append_all(const Pins *pins, PinKind kind, uint32_t id, GString *out)
{
        for (guint i = find(pins, kind, id); i < pins->known->len; i++) {
                const Known *known = &g_array_index(pins->known, Known, i);

                if (known->kind != kind || known->id != id)
                        break;
                if (known->hidden)
                        g_string_append(out, "(hidden by another mount: ");
                else if (kind == PIN_NOTE)
                        g_string_append_c(out, '(');
                text_append_bytes(out, known->path, known->length);
                g_string_append(out, known->hidden || kind == PIN_NOTE ? ")\n" : "\n");
        }
}

void pins_append_paths(const Pins *pins, PinKind kind, uint32_t id, GString *out)
{
        append_all(pins, kind, id, out);
}

void pins_append_notes(const Pins *pins, GString *out)
{
        append_all(pins, PIN_NOTE, 0, out);
        if (pins->error != 0)
                g_string_append_printf(out, "(cannot be looked at: %s)\n",
                                       g_strerror(-pins->error));
}

void pins_append(const Pins *pins, PinKind kind, uint32_t id, GString *out)
{
        pins_append_paths(pins, kind, id, out);
        pins_append_notes(pins, out);
}

void pins_foreach(const Pins *pins, PinKind kind, PinFunc func, void *data)
{
        GString *path = g_string_new(NULL);

        for (guint i = find(pins, kind, 0); i < pins->known->len; i++) {
                const Known *known = &g_array_index(pins->known, Known, i);

                if (known->kind != kind)
                        break;
                if (known->hidden)
                        continue;
                g_string_truncate(path, 0);
                text_append_bytes(path, known->path, known->length);
                func(known->id, path->str, data);
        }
        g_string_free(path, TRUE);
}
