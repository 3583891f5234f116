/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Decides when a report is made, and keeps its text. */

#include "report.h"

struct Report {
        const ReportOps *ops;
        gpointer kept;
        GBytes *text;  /* NULL: it was never made */
        int64_t made;  /* g_get_monotonic_time() */
        int64_t since; /* nanoseconds of CLOCK_REALTIME */
};

Report *report_new(const ReportOps *ops)
{
        Report *report = g_new0(Report, 1);

        report->ops = ops;
        report->kept = ops->new ? ops->new () : NULL;
        return report;
}

void report_free(Report *report)
{
        if (report->ops->free)
                report->ops->free(report->kept);
        g_clear_pointer(&report->text, g_bytes_unref);
        g_free(report);
}

const ReportOps *report_ops(const Report *report)
{
        return report->ops;
}

/* Owns @text from now on. If it is the same as before, the old one stays: the kernel has it
 * already. */
static void take(Report *report, GString *text)
{
        g_autoptr(GBytes) bytes = g_string_free_to_bytes(text);

        report->made = g_get_monotonic_time();
        if (report->text && !report->ops->dated && g_bytes_equal(report->text, bytes))
                return;
        g_clear_pointer(&report->text, g_bytes_unref);
        report->text = g_steal_pointer(&bytes);
        report->since = g_get_real_time() * 1000;
}

static int make(Report *report, Catalog *catalog, NamesReserved reserved)
{
        gsize size = report->text ? g_bytes_get_size(report->text) : 0;
        GString *text = g_string_sized_new(size + size / 16 + 1);
        int r = report->ops->make(catalog, reserved, report->kept,
                                  size > 0 ? g_bytes_get_data(report->text, NULL) : "", text);

        if (r == 0)
                take(report, text);
        else
                g_string_free(text, TRUE);
        return r;
}

static bool is_fresh(const Report *report)
{
        return report->text && g_get_monotonic_time() - report->made <= REPORT_REUSE;
}

bool report_is_current(const Report *report, int64_t since)
{
        return is_fresh(report) && report->since == since;
}

int report_look(Report *report, Catalog *catalog, NamesReserved reserved, GBytes **out,
                int64_t *since)
{
        int r = 0;

        if (!is_fresh(report))
                r = make(report, catalog, reserved);
        if (r < 0)
                return r;
        *out = g_bytes_ref(report->text);
        *since = report->since;
        return 0;
}
