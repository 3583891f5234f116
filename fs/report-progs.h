/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_PROGS_H
#define BPFMETAFS_REPORT_PROGS_H

/*
 * programs.json: all programs in the schema of `bpftool -f -j prog show`, with all metadata and all
 * other keys of info/.
 */

#include "report.h"

extern const ReportOps report_progs;

#endif
