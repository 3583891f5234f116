/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "holders-seen.h"

#include "holders-list.h"
#include "records.h"

#include <errno.h>

/* The processes behind those of the span before, up to @end, which is not one of them. */
typedef struct Span {
        uint64_t end;
        gint64 began; /* the look at them, or NEVER */
} Span;

#define NEVER (-1)
/* Behind all processes. */
#define END (UINT64_C(1) << 32)

static void add_span(GArray *spans, uint64_t end, gint64 began)
{
        Span *last = spans->len > 0 ? &g_array_index(spans, Span, spans->len - 1) : NULL;
        const Span span = { end, began };

        if (last && last->end >= end)
                return;
        if (last && last->began == began)
                last->end = end;
        else
                g_array_append_val(spans, span);
}

void holders_seen_init(HoldersSeen *seen)
{
        *seen = (HoldersSeen){
                .list = g_byte_array_new(),
                .spans = g_array_new(FALSE, FALSE, sizeof(Span)),
        };
        add_span(seen->spans, END, NEVER);
}

void holders_seen_clear(HoldersSeen *seen)
{
        g_byte_array_unref(seen->list);
        g_array_unref(seen->spans);
}

/* Objects belong to the process in front of them. */
static bool begins_process(const HolderRecord *record)
{
        return record->kind >= HOLDER_PROCESS;
}

/* Adds those records of @list that are of processes from @first on and before @end. */
static void add_records(Records *out, const GByteArray *list, uint64_t first, uint64_t end)
{
        RecordsRest rest = { list->data, list->len };
        const guint8 *bytes;
        HolderRecord record;
        uint32_t pid = 0;

        while ((bytes = records_next(&rest, &record, sizeof(record), &record.length))) {
                if (record.kind == HOLDER_CUT || record.kind == HOLDER_FULL)
                        continue;
                if (begins_process(&record))
                        pid = record.id;
                if (pid >= first && pid < end)
                        records_add(out, &record, sizeof(record), bytes, record.length);
        }
}

static void set_list(HoldersSeen *seen, const Records *records)
{
        g_byte_array_unref(seen->list);
        seen->list = records->out;
        seen->full = seen->full || records->cut;
}

static Records new_list(void)
{
        return (Records){ g_byte_array_new(), HOLDERS_MAX_LIST };
}

/* Processes from @first on and before @end were looked at. */
static void set_span(HoldersSeen *seen, uint64_t first, uint64_t end, gint64 began)
{
        GArray *spans = g_array_new(FALSE, FALSE, sizeof(Span));
        guint i = 0;

        for (; i < seen->spans->len && g_array_index(seen->spans, Span, i).end <= first; i++)
                g_array_append_val(spans, g_array_index(seen->spans, Span, i));
        if (first > 0)
                add_span(spans, first, g_array_index(seen->spans, Span, i).began);
        add_span(spans, end, began);
        for (; i < seen->spans->len; i++) {
                const Span *old = &g_array_index(seen->spans, Span, i);

                add_span(spans, old->end, old->began);
        }
        g_array_unref(seen->spans);
        seen->spans = spans;
}

/* The record that ends the list of a look that was cut. False: there is none. */
static bool find_end(const GByteArray *list, HolderRecord *out)
{
        RecordsRest rest = { list->data, list->len };

        while (records_next(&rest, out, sizeof(*out), &out->length))
                if (out->kind == HOLDER_CUT || out->kind == HOLDER_FULL)
                        return true;
        return false;
}

int holders_seen_take(HoldersSeen *seen, const GByteArray *list, uint32_t from, gint64 began,
                      uint32_t *next)
{
        Records records = new_list();
        HolderRecord last;
        bool ends = find_end(list, &last);
        uint64_t end = ends && last.kind == HOLDER_CUT ? last.id : END;

        if (end <= from) {
                g_byte_array_unref(records.out);
                return -EPROTO;
        }
        /* If there is no room, nothing is gained by a look at those that come behind. */
        if (end == END)
                seen->full = ends;
        *next = end == END ? 0 : end;
        add_records(&records, seen->list, 0, from);
        add_records(&records, list, from, end);
        add_records(&records, seen->list, end, END);
        set_list(seen, &records);
        set_span(seen, from, end, began);
        return 0;
}

bool holders_seen_drop(HoldersSeen *seen, gint64 time)
{
        GArray *spans;
        Records records;
        uint64_t first = 0;

        if (holders_seen_since(seen) == NEVER || holders_seen_since(seen) >= time)
                return false;
        spans = g_array_new(FALSE, FALSE, sizeof(Span));
        records = new_list();
        for (guint i = 0; i < seen->spans->len; i++) {
                const Span *span = &g_array_index(seen->spans, Span, i);
                bool keep = span->began >= time;

                if (keep)
                        add_records(&records, seen->list, first, span->end);
                add_span(spans, span->end, keep ? span->began : NEVER);
                first = span->end;
        }
        g_array_unref(seen->spans);
        seen->spans = spans;
        set_list(seen, &records);
        return true;
}

bool holders_seen_all(const HoldersSeen *seen)
{
        for (guint i = 0; i < seen->spans->len; i++)
                if (g_array_index(seen->spans, Span, i).began == NEVER)
                        return false;
        return true;
}

gint64 holders_seen_since(const HoldersSeen *seen)
{
        gint64 since = NEVER;

        for (guint i = 0; i < seen->spans->len; i++) {
                gint64 began = g_array_index(seen->spans, Span, i).began;

                if (since == NEVER || (began != NEVER && began < since))
                        since = began;
        }
        return since;
}
