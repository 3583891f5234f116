/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_SEEN_H
#define BPFMETAFS_REPORT_SEEN_H

/*
 * Answers of observers for a report in JSON. They are asked once for all objects.
 */

#include "catalog.h"
#include "json.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The greatest age in microseconds of a scan for attachments without a link in a report. */
#define REPORT_SEEN_AGE 1000000
/* The same of a look at the processes that hold objects. No report causes one, for it takes long.
 */
#define REPORT_PIDS_AGE 10000000

typedef struct ReportSeen ReportSeen;

/* Brings the observers up to date; that of attachments only if @attached. */
ReportSeen *report_seen_new(Catalog *catalog, bool attached);
void report_seen_free(ReportSeen *seen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ReportSeen, report_seen_free)

/* Appends the members "pids", "loader", "attached", "pinned" and "unseen" of the object of @kind
 * to the JSON object that is open: the first two as far as they are known without waiting, the
 * others arrays of the lines of the files in info/. "unseen" has the lines in parentheses, and is
 * there only if there are any. If there is no observer, its member is not there. */
void report_seen_put(const ReportSeen *seen, const ObjectKind *kind, uint32_t id, Json *json);

/* For an object that can't be looked at: says only that it is there, and why it can't be looked at,
 * -errno @error. */
void report_seen_put_error(uint32_t id, int error, Json *json);

#endif
