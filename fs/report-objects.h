/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_OBJECTS_H
#define BPFMETAFS_REPORT_OBJECTS_H

/*
 * maps.json and links.json: all maps and all links in the schema of `bpftool -f -j map show` and
 * `link show`.
 */

#include "report.h"

extern const ReportOps report_maps;
extern const ReportOps report_links;

#endif
