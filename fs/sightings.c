/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "sightings.h"

#define NS_PER_S 1000000000

/* Ids that were seen first by one look. */
typedef struct Range {
        uint32_t first;
        uint32_t last;
        int64_t since; /* CLOCK_REALTIME in nanoseconds */
} Range;

/* What was seen of a kind. */
typedef struct Seen {
        const ObjectKind *kind;
        GArray *ranges;   /* Range, by id: those that were not there at the start */
        uint32_t highest; /* the highest id */
        uint64_t sum;     /* of all ids, mixed: tells whether any has gone */
        int64_t changed;  /* CLOCK_REALTIME in nanoseconds; 0: not since the start */
        gint64 passed;    /* g_get_monotonic_time() of the last pass; 0: there has to be one */
        guint kept;       /* ranges that it has left */
} Seen;

typedef struct Sightings {
        Catalog *catalog;
        GArray *seen; /* Seen, of the few kinds that there are */
} Sightings;

/* So many ranges more than the last pass has left make it worth to look for those without an
 * object. */
#define PASS_AFTER 1024

static int64_t now(void)
{
        return g_get_real_time() * 1000;
}

static uint64_t mix(uint32_t id)
{
        uint64_t word = (id + 1) * 0x9e3779b97f4a7c15u;

        return word ^ word >> 29;
}

static gpointer sightings_make(Catalog *catalog)
{
        Sightings *sightings = g_new(Sightings, 1);

        *sightings = (Sightings){ catalog, g_array_new(FALSE, FALSE, sizeof(Seen)) };
        return sightings;
}

static void sightings_free(gpointer data)
{
        Sightings *sightings = data;

        for (guint i = 0; i < sightings->seen->len; i++)
                g_array_unref(g_array_index(sightings->seen, Seen, i).ranges);
        g_array_unref(sightings->seen);
        g_free(sightings);
}

/* All objects that are there: whether one has gone, and which ranges are empty. */
static void pass(Catalog *catalog, Seen *seen)
{
        guint range = 0, kept = 0;
        uint64_t sum = 0;
        uint32_t id = 0;

        while (seen->kind->next(catalog_source(catalog), id, &id) == 0) {
                if (id > seen->highest)
                        break;
                sum += mix(id);
                while (range < seen->ranges->len &&
                       g_array_index(seen->ranges, Range, range).last < id)
                        range++;
                if (range < seen->ranges->len &&
                    g_array_index(seen->ranges, Range, range).first <= id) {
                        g_array_index(seen->ranges, Range, kept++) =
                                g_array_index(seen->ranges, Range, range++);
                }
        }
        g_array_set_size(seen->ranges, kept);
        if (sum != seen->sum)
                seen->changed = now();
        seen->sum = sum;
        seen->kept = kept;
        seen->passed = g_get_monotonic_time();
}

static void look(Catalog *catalog, Seen *seen)
{
        Range range = { .since = now() };
        uint32_t id = seen->highest;

        while (seen->kind->next(catalog_source(catalog), id, &id) == 0) {
                range.first = range.first ? range.first : id;
                range.last = id;
                seen->sum += mix(id);
        }
        if (range.first == 0)
                return;
        seen->highest = range.last;
        seen->changed = range.since;
        g_array_append_val(seen->ranges, range);
        if (seen->ranges->len > 2 * seen->kept + PASS_AFTER)
                pass(catalog, seen);
}

/* Objects that have gone are found by a pass: a request need not have known them. */
static void went(gpointer data, const ObjectKind *kind, uint32_t id)
{
}

static const KeptOps sightings_ops = { sightings_make, went, sightings_free };

static Seen *seen_of(Catalog *catalog, const ObjectKind *kind)
{
        Sightings *sightings = catalog_kept(catalog, &sightings_ops);
        Seen seen = { .kind = kind };

        for (guint i = 0; i < sightings->seen->len; i++)
                if (g_array_index(sightings->seen, Seen, i).kind == kind)
                        return &g_array_index(sightings->seen, Seen, i);
        seen.ranges = g_array_new(FALSE, FALSE, sizeof(Range));
        g_array_append_val(sightings->seen, seen);
        return &g_array_index(sightings->seen, Seen, sightings->seen->len - 1);
}

static struct timespec time_of(Catalog *catalog, int64_t time)
{
        if (time == 0)
                return catalog_source(catalog)->time;
        return (struct timespec){ time / NS_PER_S, time % NS_PER_S };
}

void sightings_begin(Catalog *catalog, const ObjectKind *kind)
{
        Seen *seen = seen_of(catalog, kind);

        look(catalog, seen);
        g_array_set_size(seen->ranges, 0);
        seen->changed = 0;
        seen->passed = g_get_monotonic_time();
}

void sightings_event(Catalog *catalog, const ObjectKind *kind)
{
        seen_of(catalog, kind)->changed = now();
}

void sightings_check(Catalog *catalog, const ObjectKind *kind)
{
        Seen *seen = seen_of(catalog, kind);

        look(catalog, seen);
        pass(catalog, seen);
}

void sightings_look(Catalog *catalog, const ObjectKind *kind)
{
        look(catalog, seen_of(catalog, kind));
}

void sightings_expect(Catalog *catalog, const ObjectKind *kind)
{
        seen_of(catalog, kind)->passed = 0;
}

struct timespec sightings_since(Catalog *catalog, const ObjectKind *kind, uint32_t id)
{
        Seen *seen = seen_of(catalog, kind);

        if (id > seen->highest)
                look(catalog, seen);
        for (guint i = seen->ranges->len; i-- > 0;) {
                const Range *range = &g_array_index(seen->ranges, Range, i);

                if (id >= range->first && id <= range->last)
                        return time_of(catalog, range->since);
        }
        return time_of(catalog, 0);
}

struct timespec sightings_changed(Catalog *catalog, const ObjectKind *kind, bool looks)
{
        Seen *seen = seen_of(catalog, kind);

        if (looks)
                look(catalog, seen);
        if (looks &&
            g_get_monotonic_time() - seen->passed > SIGHTINGS_PASS_MS * G_TIME_SPAN_MILLISECOND)
                pass(catalog, seen);
        return time_of(catalog, seen->changed);
}
