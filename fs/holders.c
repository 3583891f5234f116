/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of holders, sorted by object. */

#include "holders.h"

#include "process.h"
#include "records.h"
#include "text.h"

#include <errno.h>

/* A process that holds an object. */
typedef struct Held {
        HolderKind kind;
        uint32_t id;
        uint32_t pid;
} Held;

/* Facts of a process in /proc: bytes of the list. */
typedef struct Text {
        const guint8 *bytes;
        gsize length;
} Text;

struct Holders {
        const HoldersOps *ops;
        void *data;
        bool asked;
        int error;    /* of the last look: a negative errno */
        gint64 time;  /* of its end */
        gint64 took;  /* microseconds; 0: none has ended */
        bool looks;   /* a look was begun, and nobody has heard of its end */
        gint64 began; /* when */
        GByteArray *list;
        GArray *held;          /* Held, sorted, each once */
        GHashTable *processes; /* by pid: owned Text */
        GString *notes;        /* lines in parentheses */
};

Holders *holders_new(const HoldersOps *ops, void *data)
{
        Holders *holders = g_new0(Holders, 1);

        holders->ops = ops;
        holders->data = data;
        holders->list = g_byte_array_new();
        holders->held = g_array_new(FALSE, FALSE, sizeof(Held));
        holders->processes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        holders->notes = g_string_new(NULL);
        return holders;
}

void holders_free(Holders *holders)
{
        g_byte_array_unref(holders->list);
        g_array_unref(holders->held);
        g_hash_table_unref(holders->processes);
        g_string_free(holders->notes, TRUE);
        g_free(holders);
}

static int compare(const void *a, const void *b)
{
        const Held *x = a, *y = b;

        if (x->kind != y->kind)
                return x->kind < y->kind ? -1 : 1;
        if (x->id != y->id)
                return x->id < y->id ? -1 : 1;
        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void forget(Holders *holders)
{
        g_array_set_size(holders->held, 0);
        g_hash_table_remove_all(holders->processes);
        g_string_truncate(holders->notes, 0);
        g_byte_array_set_size(holders->list, 0);
}

static void take(Holders *holders, const HolderRecord *record, const guint8 *bytes, uint32_t *pid)
{
        switch (record->kind) {
        case HOLDER_PROCESS: {
                Text *text = g_new(Text, 1);

                *text = (Text){ bytes, record->length };
                *pid = record->id;
                g_hash_table_insert(holders->processes, GUINT_TO_POINTER(*pid), text);
                break;
        }
        case HOLDER_NOTE:
                g_string_append_c(holders->notes, '(');
                text_append_bytes(holders->notes, (const char *)bytes, record->length);
                g_string_append(holders->notes, ")\n");
                break;
        default: {
                const Held held = { record->kind, record->id, *pid };

                g_array_append_val(holders->held, held);
        }
        }
}

/* A process may have several descriptors of one object. */
static void sort(GArray *held)
{
        guint n = 0;

        g_array_sort(held, compare);
        for (guint i = 0; i < held->len; i++)
                if (n == 0 ||
                    compare(&g_array_index(held, Held, n - 1), &g_array_index(held, Held, i)) != 0)
                        g_array_index(held, Held, n++) = g_array_index(held, Held, i);
        g_array_set_size(held, n);
}

static void read_list(Holders *holders)
{
        RecordsRest rest = { holders->list->data, holders->list->len };
        const guint8 *bytes;
        uint32_t pid = 0;
        HolderRecord record;

        while ((bytes = records_next(&rest, &record, sizeof(record), &record.length)))
                take(holders, &record, bytes, &pid);
        sort(holders->held);
}

gint64 holders_until(const Holders *holders)
{
        gint64 reuse = holders->error == 0 ? HOLDERS_REUSE_MS : HOLDERS_RETRY_MS;

        return holders->time + reuse * G_TIME_SPAN_MILLISECOND;
}

static int begin(Holders *holders, gint64 now)
{
        int r = holders->ops->begin(holders->data);

        holders->looks = r == 0;
        holders->began = now;
        return r;
}

/* Takes the list of the look that was begun last. -ETIMEDOUT: there is none yet. */
static int hear(Holders *holders, bool wait)
{
        g_autoptr(GByteArray) list = g_byte_array_new();
        gint64 ended;
        int r = holders->ops->hear(holders->data, wait, list, &ended);

        if (r == -ETIMEDOUT && !wait)
                return r;
        holders->looks = false;
        if (r < 0)
                return r;
        forget(holders);
        g_byte_array_unref(holders->list);
        holders->list = g_steal_pointer(&list);
        read_list(holders);
        holders->error = 0;
        /* The age counts from the end of the look. Otherwise the result of a long look would be too
         * old at once for the next reader that waits, and each reader would look again. */
        holders->time = ended;
        holders->took = ended - holders->began;
        return 0;
}

/* Waits for a look. */
static void look(Holders *holders, gint64 now)
{
        gint64 started = g_get_monotonic_time();
        int r = holders->looks ? 0 : begin(holders, now);

        if (r == 0)
                r = hear(holders, true);
        holders->asked = true;
        if (r == 0)
                return;
        forget(holders);
        holders->error = r;
        holders->time = now + g_get_monotonic_time() - started;
}

int holders_update(Holders *holders, gint64 now)
{
        gint64 ahead = MIN(2 * holders->took, HOLDERS_AHEAD_MS * G_TIME_SPAN_MILLISECOND);

        /* A look that has ended meanwhile is newer than what is known. */
        if (holders->looks)
                hear(holders, false);
        if (!holders->asked || now >= holders_until(holders))
                look(holders, now);
        else if (!holders->looks && holders->error == 0 && now >= holders_until(holders) - ahead)
                begin(holders, now);
        return holders->error;
}

/* The index of the first record at or behind the object. */
static guint find(const Holders *holders, const Held *wanted)
{
        guint low = 0, high = holders->held->len;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (compare(&g_array_index(holders->held, Held, middle), wanted) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

void holders_append(const Holders *holders, HolderKind kind, uint32_t id, GArray *pids)
{
        const Held wanted = { kind, id, 0 };

        for (guint i = find(holders, &wanted); i < holders->held->len; i++) {
                const Held *held = &g_array_index(holders->held, Held, i);

                if (held->kind != kind || held->id != id)
                        break;
                g_array_append_val(pids, held->pid);
        }
}

void holders_foreach(const Holders *holders, HolderKind kind, HoldersFunc func, void *data)
{
        const Held first = { kind, 0, 0 };

        for (guint i = find(holders, &first); i < holders->held->len; i++) {
                const Held *held = &g_array_index(holders->held, Held, i);

                if (held->kind != kind)
                        break;
                func(held->id, held->pid, data);
        }
}

bool holders_has(const Holders *holders, HolderKind kind, uint32_t id, uint32_t pid)
{
        const Held wanted = { kind, id, pid };
        guint i = find(holders, &wanted);

        return i < holders->held->len &&
               compare(&g_array_index(holders->held, Held, i), &wanted) == 0;
}

Info *holders_process(const Holders *holders, uint32_t pid)
{
        const Text *text = g_hash_table_lookup(holders->processes, GUINT_TO_POINTER(pid));
        ProcessSeen seen;

        if (!text || process_read_names(text->bytes, text->length, &seen) < 0)
                return NULL;
        return process_info(pid, &seen);
}

bool holders_know(const Holders *holders, gint64 now, gint64 max_age)
{
        return holders->asked && holders->error == 0 && now - holders->time <= max_age;
}

void holders_append_notes(const Holders *holders, GString *out)
{
        g_string_append(out, holders->notes->str);
        if (holders->error != 0)
                g_string_append_printf(out, "(cannot be looked at: %s)\n",
                                       g_strerror(-holders->error));
}
