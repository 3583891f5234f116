/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of holders, sorted by object. */

#include "holders.h"

#include "holders-seen.h"
#include "process.h"
#include "records.h"

#include <errno.h>
#include <string.h>

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
        int error;         /* of the last try to look: a negative errno */
        gint64 ended;      /* the last look */
        gint64 took;       /* microseconds; 0: none has ended */
        gint64 rest_until; /* nobody waits before */
        bool looks;        /* a look was begun, and nobody has heard of its end */
        gint64 began;      /* when */
        uint32_t from;     /* the process with which it begins, or with which the next one will */
        HoldersSeen seen;
        /* Read from its list: */
        GArray *held;          /* Held, sorted, each once */
        GHashTable *processes; /* by pid: owned Text */
        guint n_closed;        /* processes that can't be looked at */
        int closed;            /* why: the first errno */
        guint n_large;         /* processes with more than HOLDERS_MAX_FDS descriptors */
};

Holders *holders_new(const HoldersOps *ops, void *data)
{
        Holders *holders = g_new0(Holders, 1);

        holders->ops = ops;
        holders->data = data;
        holders_seen_init(&holders->seen);
        holders->held = g_array_new(FALSE, FALSE, sizeof(Held));
        holders->processes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        return holders;
}

void holders_free(Holders *holders)
{
        holders_seen_clear(&holders->seen);
        g_array_unref(holders->held);
        g_hash_table_unref(holders->processes);
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

static void add_process(Holders *holders, uint32_t pid, const guint8 *bytes, gsize length)
{
        Text *text = g_new(Text, 1);

        *text = (Text){ bytes, length };
        g_hash_table_insert(holders->processes, GUINT_TO_POINTER(pid), text);
}

static void add_closed(Holders *holders, const guint8 *bytes, gsize length)
{
        int32_t error = 0;

        memcpy(&error, bytes, MIN(length, sizeof(error)));
        if (holders->n_closed++ == 0)
                holders->closed = error;
}

static void take(Holders *holders, const HolderRecord *record, const guint8 *bytes, uint32_t *pid)
{
        switch (record->kind) {
        case HOLDER_PROCESS:
                *pid = record->id;
                add_process(holders, record->id, bytes, record->length);
                break;
        case HOLDER_CLOSED:
                add_closed(holders, bytes, record->length);
                break;
        case HOLDER_LARGE:
                holders->n_large++;
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

static void read_seen(Holders *holders)
{
        RecordsRest rest = { holders->seen.list->data, holders->seen.list->len };
        const guint8 *bytes;
        uint32_t pid = 0;
        HolderRecord record;

        g_array_set_size(holders->held, 0);
        g_hash_table_remove_all(holders->processes);
        holders->n_closed = holders->n_large = 0;
        while ((bytes = records_next(&rest, &record, sizeof(record), &record.length)))
                take(holders, &record, bytes, &pid);
        sort(holders->held);
}

static bool know_nothing(const Holders *holders)
{
        return holders_seen_since(&holders->seen) < 0;
}

gint64 holders_until(const Holders *holders)
{
        if (know_nothing(holders))
                return holders->rest_until;
        return MIN(holders->ended + HOLDERS_REUSE_MS * G_TIME_SPAN_MILLISECOND,
                   holders_seen_since(&holders->seen) + HOLDERS_KEEP_MS * G_TIME_SPAN_MILLISECOND);
}

static int begin(Holders *holders, gint64 now)
{
        int r = holders->ops->begin(holders->data, holders->from);

        holders->looks = r == 0;
        holders->began = now;
        return r;
}

/* Takes the list of the look that was begun last. -ETIMEDOUT: there is none yet. */
static int hear(Holders *holders, int wait)
{
        g_autoptr(GByteArray) list = g_byte_array_new();
        gint64 ended;
        int r = holders->ops->hear(holders->data, wait, list, &ended);

        /* To begin another one would be to lose what it has done. */
        holders->looks = r == -ETIMEDOUT;
        if (r == 0)
                r = holders_seen_take(&holders->seen, list, holders->from, holders->began,
                                      &holders->from);
        if (r < 0)
                return r;
        read_seen(holders);
        holders->error = 0;
        holders->rest_until = 0;
        /* The age counts from the end of the look. Otherwise the result of a long look would be too
         * old at once for the next reader that waits, and each reader would look again. */
        holders->ended = ended;
        holders->took = ended - holders->began;
        return 0;
}

/* Waits for a look; if nothing is known, for as many as it takes to see all processes. */
static void look(Holders *holders, gint64 now)
{
        gint64 started = g_get_monotonic_time(), passed = 0;
        bool first = know_nothing(holders) && holders->error == 0;
        int wait = first ? HOLDERS_FIRST_MS : HOLDERS_WAIT_MS;
        int r;

        do {
                r = holders->looks ? 0 : begin(holders, now + passed);
                if (r == 0)
                        r = hear(holders, wait - passed / G_TIME_SPAN_MILLISECOND);
                passed = g_get_monotonic_time() - started;
        } while (r == 0 && first && !holders_seen_all(&holders->seen) &&
                 passed < wait * G_TIME_SPAN_MILLISECOND);
        if (r == 0)
                return;
        holders->error = r;
        holders->rest_until = now + passed + HOLDERS_RETRY_MS * G_TIME_SPAN_MILLISECOND;
}

int holders_update(Holders *holders, gint64 now)
{
        gint64 ahead = MIN(2 * holders->took, HOLDERS_AHEAD_MS * G_TIME_SPAN_MILLISECOND);

        /* A look that has ended meanwhile is newer than what is known. */
        if (holders->looks)
                hear(holders, 0);
        if (holders_seen_drop(&holders->seen, now - HOLDERS_KEEP_MS * G_TIME_SPAN_MILLISECOND))
                read_seen(holders);
        if (now >= MAX(holders->rest_until, holders_until(holders)))
                look(holders, now);
        else if (!holders->looks && holders->error == 0 && now >= holders_until(holders) - ahead)
                begin(holders, now);
        return holders_seen_all(&holders->seen) ? 0 : holders->error;
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
        return !know_nothing(holders) && now - holders->ended <= max_age;
}

void holders_append_notes(const Holders *holders, GString *out)
{
        bool all = holders_seen_all(&holders->seen);

        if (holders->n_closed > 0)
                g_string_append_printf(out, "(%u processes cannot be looked at: %s)\n",
                                       holders->n_closed, g_strerror(holders->closed));
        if (holders->n_large > 0)
                g_string_append_printf(
                        out,
                        "(%u processes have more than %u descriptors, which are not all seen)\n",
                        holders->n_large, HOLDERS_MAX_FDS);
        if (holders->seen.full)
                g_string_append_printf(out,
                                       "(not all processes are shown: the list would be longer "
                                       "than %u bytes)\n",
                                       HOLDERS_MAX_LIST);
        if (!all && holders->error != 0)
                g_string_append_printf(out, "(cannot be looked at: %s)\n",
                                       g_strerror(-holders->error));
        if (!all && holders->error == 0)
                g_string_append_printf(out,
                                       "(not all processes are shown: some were not looked at for "
                                       "%u ms)\n",
                                       HOLDERS_KEEP_MS);
}
