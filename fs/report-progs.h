/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_PROGS_H
#define BPFMETAFS_REPORT_PROGS_H

/*
 * programs.json: all programs in the schema of `bpftool -f -j prog show`, with all metadata and all
 * other keys of info/.
 */

#include "report.h"

/* The most bytes of JSON that the metadata of one program takes. */
#define REPORT_MAX_METADATA (1u << 20)
/* The same if the whole text takes more than half of the option memory=. */
#define REPORT_LEAST_METADATA (4u << 10)
/* The same for one value. */
#define REPORT_MAX_VALUE (64u << 10)

extern const ReportOps report_progs;

#endif
