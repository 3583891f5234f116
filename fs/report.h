/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_H
#define BPFMETAFS_REPORT_H

/*
 * A report: a file that is made of all objects at once.
 *
 * It is made whole when somebody looks at it: not by a listing, and not when its name is looked up
 * alone, as shells do that look for other files below all names. Its text is used again for
 * REPORT_REUSE.
 */

#include "names.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Catalog Catalog;

/* In microseconds, from the moment at which the text was complete. */
#define REPORT_REUSE 3000

/* Everything about a kind of report. */
typedef struct ReportOps {
        /* Data that is kept from one making to the next. NULL, both: there is none. */
        gpointer (*new)(void);
        void (*free)(gpointer kept);
        /*
         * Appends the whole text to @out. @last is the last text, or "". @reserved: the names that
         * no metadata of a program may have in its directory. 0; or -errno, after which @kept still
         * has to fit @last.
         */
        int (*make)(Catalog *catalog, NamesReserved reserved, gpointer kept, const char *last,
                    GString *out);
        bool dated; /* its time is the time of its making, even if the text is the same */
} ReportOps;

typedef struct Report Report;

Report *report_new(const ReportOps *ops);
void report_free(Report *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Report, report_free)

const ReportOps *report_ops(const Report *report);

/* The present text, as a reference of the caller's. *@since is the time since which it has been the
 * same, in nanoseconds of CLOCK_REALTIME. 0 or -errno. */
int report_look(Report *report, Catalog *catalog, NamesReserved reserved, GBytes **out,
                int64_t *since);
/* True if a text that has been the same since @since is still what report_look() would give. */
bool report_is_current(const Report *report, int64_t since);

#endif
