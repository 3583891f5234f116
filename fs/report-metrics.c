/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Programs and maps as metrics.
 *
 * A program counts in the sum of its labels: only its counts since the last report are added. A map
 * counts as its first program's owner's, since nothing else tells its owner.
 */

#include "report-metrics.h"

#include "prog.h"
#include "prometheus.h"
#include "sums.h"
#include "walk.h"

#include <errno.h>
#include <string.h>

/* The facts of a program that are kept. */
typedef struct Kept {
        WalkKept prog;
        Sum *sum;
        char *oncall; /* a GRefString, escaped; "" if it has none */
        uint64_t memory;
        uint64_t counts[SUM_N_COUNTS]; /* the part of its sum that is its own */
        uint64_t now[SUM_N_COUNTS];
        bool final; /* its labels never change, as long as no map is bound to it */
} Kept;

typedef struct Metrics {
        GArray *kept; /* Kept */
        Sums *progs;
        Sums *maps;
} Metrics;

static void clear_kept(gpointer data)
{
        Kept *kept = data;

        g_clear_pointer(&kept->oncall, g_ref_string_release);
}

static GArray *kept_new(guint n)
{
        GArray *kept = g_array_sized_new(FALSE, FALSE, sizeof(Kept), n);

        g_array_set_clear_func(kept, clear_kept);
        return kept;
}

static char *labels_of(const char *name, const char *type, const char *oncall)
{
        GString *labels = g_string_new(NULL);

        prometheus_add_label(labels, "name", name, strlen(name));
        prometheus_add_label(labels, "type", type, strlen(type));
        prometheus_add_label(labels, "oncall", oncall, strlen(oncall));
        return g_string_free(labels, FALSE);
}

static gpointer metrics_new(void)
{
        g_autofree char *others = labels_of(SUMS_OTHERS, SUMS_OTHERS, SUMS_OTHERS);
        Metrics *metrics = g_new0(Metrics, 1);

        metrics->kept = kept_new(0);
        metrics->progs = sums_new(others);
        metrics->maps = sums_new(others);
        return metrics;
}

static void metrics_free(gpointer kept)
{
        Metrics *metrics = kept;

        g_array_unref(metrics->kept);
        sums_free(metrics->progs);
        sums_free(metrics->maps);
        g_free(metrics);
}

/* One making of the report. */
typedef struct Making {
        Metrics *metrics;
        GArray *kept; /* of this making */
        NamesReserved reserved;
        GHashTable *owners; /* map id -> oncall, borrowed from kept */
        uint64_t without_owner;
} Making;

/* Facts of a program that never change, and its oncall */

/* The value of @key without the newline at its end, or "". */
static char *info_value(const Info *info, const char *key)
{
        const char *text = info_get(info, key);

        return text ? g_strndup(text, strlen(text) - 1) : g_strdup("");
}

/* The text of the value, or the part of it that may be shown. 0 or -errno. */
static int append_value(const WalkEntry *entry, GString *text)
{
        const Decoded *value = &entry->variable->value;
        const size_t most = PROMETHEUS_MAX_LABEL + 1;
        uint64_t size;

        if (value->directory)
                g_string_append(text, "(a directory)\n");
        else if (value->text)
                g_string_append_len(text, value->text, MIN(value->size, most));
        else
                return map_text(entry->map, &value->ref, 0, most, text, &size);
        return 0;
}

/* Takes the text of the entry oncall. */
static int take_oncall(const WalkEntry *entry, void *data)
{
        char **oncall = data;
        g_autoptr(GString) text = NULL;
        int r = 0;

        if (strcmp(entry->name, "oncall") != 0)
                return 0;
        text = g_string_new(entry->text);
        if (entry->map)
                r = append_value(entry, text);
        /* If it can't be read now, it is asked for another time. */
        if (r < 0)
                return r == -ENOENT ? r : 0;
        if (g_str_has_suffix(text->str, "\n"))
                g_string_truncate(text, text->len - 1);
        g_ref_string_release(*oncall);
        *oncall = g_ref_string_new_intern(text->str);
        return 0;
}

/* Asks the program for everything that its labels need. 0 or -errno. */
static int examine(Making *making, Catalog *catalog, const WalkProg *seen, Kept *kept)
{
        g_autofree char *name = NULL, *type = NULL, *memory = NULL, *labels = NULL;
        g_autoptr(Prog) prog = NULL;
        const Info *info;
        int r = walk_take_prog(catalog, seen, &prog);

        if (r == 0)
                r = object_fixed_info(&prog->object, &info);
        if (r == 0)
                r = walk_entries(prog, seen->maps, making->reserved, take_oncall, &kept->oncall,
                                 &kept->final);
        if (r < 0)
                return r;
        name = info_value(info, "name");
        type = info_value(info, "type");
        memory = info_value(info, "bytes_memlock");
        kept->memory = g_ascii_strtoull(memory, NULL, 10);
        labels = labels_of(name, type, kept->oncall);
        kept->sum = sums_get(making->metrics->progs, labels);
        return 0;
}

/* Nothing more is known than that it is there. */
static void take_unreadable(Making *making)
{
        g_autofree char *labels = labels_of("", "(cannot be shown)", "");
        Metrics *metrics = making->metrics;

        sums_add(metrics->progs, sums_get(metrics->progs, labels), 0);
}

static void take_counts(Kept *kept, const SourceCounts *counts)
{
        kept->now[SUM_RUN_TIME_NS] = counts->run_time_ns;
        kept->now[SUM_RUNS] = counts->run_cnt;
        kept->now[SUM_MISSES] = counts->recursion_misses;
}

/* Adds the counts since the last report to the sums. This is done once it is certain that there
 * will be a report; otherwise they would be added twice. */
static void add_counts(GArray *all)
{
        for (guint i = 0; i < all->len; i++) {
                Kept *kept = &g_array_index(all, Kept, i);

                for (guint j = 0; j < SUM_N_COUNTS; j++) {
                        if (kept->now[j] <= kept->counts[j])
                                continue;
                        kept->sum->counts[j] += kept->now[j] - kept->counts[j];
                        kept->counts[j] = kept->now[j];
                }
        }
}

static void take_maps(Making *making, const GArray *maps, char *oncall)
{
        for (guint i = 0; i < maps->len; i++) {
                gpointer id = GUINT_TO_POINTER(g_array_index(maps, uint32_t, i));

                if (*oncall && !g_hash_table_contains(making->owners, id))
                        g_hash_table_insert(making->owners, id, oncall);
        }
}

static int take_prog(Catalog *catalog, const WalkProg *prog, void *data)
{
        Making *making = data;
        Metrics *metrics = making->metrics;
        const Kept *before = (const Kept *)prog->kept;
        Kept now = { .prog = walk_keep(prog) };
        int r = prog->error;

        if (r == 0 && before)
                memcpy(now.counts, before->counts, sizeof(now.counts));
        if (r == 0 && before && before->final && before->prog.n_maps == prog->maps->len) {
                now.oncall = g_ref_string_acquire(before->oncall);
                now.sum = before->sum;
                now.memory = before->memory;
                now.final = true;
        } else if (r == 0) {
                now.oncall = g_ref_string_new_intern("");
                r = examine(making, catalog, prog, &now);
        }
        if (r < 0) {
                clear_kept(&now);
                if (r != -ENOENT)
                        take_unreadable(making);
                return r == -ENOENT ? r : 0;
        }
        take_counts(&now, &prog->counts);
        sums_add(metrics->progs, now.sum, now.memory);
        making->without_owner += !*now.oncall;
        g_array_append_val(making->kept, now);
        take_maps(making, prog->maps, now.oncall);
        return 0;
}

static int take_map(uint32_t id, const Info *info, int error, void *data)
{
        Making *making = data;
        g_autofree char *name = NULL, *type = NULL, *memory = NULL, *labels = NULL;
        const char *oncall = g_hash_table_lookup(making->owners, GUINT_TO_POINTER(id));
        Sums *sums = making->metrics->maps;

        if (error < 0)
                return 0;
        name = info_value(info, "name");
        type = info_value(info, "type");
        memory = info_value(info, "bytes_memlock");
        labels = labels_of(name, type, oncall ? oncall : "");
        sums_add(sums, sums_get(sums, labels), g_ascii_strtoull(memory, NULL, 10));
        return 0;
}

/* Writing */

typedef enum Figure {
        FIGURE_N,
        FIGURE_MEMORY,
        FIGURE_SECONDS,
        FIGURE_COUNT, /* + SUM_RUNS and so on */
} Figure;

/* A metric with a sample for each sum. */
typedef struct Metric {
        const char *name;
        const char *type;
        const char *help;
        Figure figure;
        guint count; /* of FIGURE_COUNT: which */
} Metric;

static const Metric prog_metrics[] = {
        { "bpf_programs", "gauge", "BPF programs that are loaded.", FIGURE_N },
        { "bpf_program_memory_bytes", "gauge", "Memory that BPF programs are charged for.",
          FIGURE_MEMORY },
        { "bpf_program_run_time_seconds_total", "counter",
          "Time that BPF programs have run while kernel.bpf_stats_enabled was on.",
          FIGURE_SECONDS },
        { "bpf_program_runs_total", "counter",
          "How often BPF programs have run while kernel.bpf_stats_enabled was on.", FIGURE_COUNT,
          SUM_RUNS },
        { "bpf_program_recursion_misses_total", "counter",
          "How often BPF programs were not run because they were running on that CPU.",
          FIGURE_COUNT, SUM_MISSES },
};

static const Metric map_metrics[] = {
        { "bpf_maps", "gauge", "BPF maps.", FIGURE_N },
        { "bpf_map_memory_bytes", "gauge", "Memory that BPF maps are charged for.", FIGURE_MEMORY },
};

static void put_sample(GString *out, const Metric *metric, const Sum *sum)
{
        switch (metric->figure) {
        case FIGURE_N:
                prometheus_put(out, metric->name, sum->labels, sum->n);
                break;
        case FIGURE_MEMORY:
                prometheus_put(out, metric->name, sum->labels, sum->memory);
                break;
        case FIGURE_SECONDS:
                prometheus_put_seconds(out, metric->name, sum->labels,
                                       sum->counts[SUM_RUN_TIME_NS]);
                break;
        case FIGURE_COUNT:
                prometheus_put(out, metric->name, sum->labels, sum->counts[metric->count]);
                break;
        }
}

static void put_metrics(GString *out, const Metric *metrics, guint n, Sums *sums)
{
        g_autoptr(GPtrArray) all = sums_end(sums);

        for (guint i = 0; i < n; i++) {
                prometheus_begin(out, metrics[i].name, metrics[i].type, metrics[i].help);
                for (guint j = 0; j < all->len; j++)
                        put_sample(out, &metrics[i], all->pdata[j]);
        }
}

static int metrics_make(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                        GString *out)
{
        Metrics *metrics = kept;
        g_autoptr(GHashTable) owners = g_hash_table_new(NULL, NULL);
        Making making = {
                .metrics = metrics,
                .kept = kept_new(metrics->kept->len + 1),
                .reserved = reserved,
                .owners = owners,
        };
        int r;

        sums_begin(metrics->progs);
        sums_begin(metrics->maps);
        r = walk_progs(catalog, metrics->kept, take_prog, &making);
        if (r == 0)
                r = walk_maps(catalog, take_map, &making);
        if (r < 0) {
                g_array_unref(making.kept);
                return r;
        }
        g_array_unref(metrics->kept);
        metrics->kept = making.kept;
        add_counts(metrics->kept);
        put_metrics(out, prog_metrics, G_N_ELEMENTS(prog_metrics), metrics->progs);
        prometheus_begin(out, "bpf_programs_without_owner", "gauge",
                         "BPF programs without metadata that says who is on call.");
        prometheus_put(out, "bpf_programs_without_owner", "", making.without_owner);
        put_metrics(out, map_metrics, G_N_ELEMENTS(map_metrics), metrics->maps);
        return 0;
}

const ReportOps report_metrics = {
        .new = metrics_new,
        .free = metrics_free,
        .make = metrics_make,
        .dated = true,
};
