/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_METRICS_H
#define BPFMETAFS_REPORT_METRICS_H

/*
 * metrics.prom: figures of programs and maps in Prometheus' text format, summed by name, type and
 * oncall.
 */

#include "report.h"

extern const ReportOps report_metrics;

#endif
