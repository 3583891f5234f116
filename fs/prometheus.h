/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROMETHEUS_H
#define BPFMETAFS_PROMETHEUS_H

/*
 * Writes Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, 0.0.4).
 *
 * Pure. Whatever bytes a label has, the result is valid and can do nothing to a terminal.
 */

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* The most bytes of a label's value that are shown. */
#define PROMETHEUS_MAX_LABEL 255u

/* Begins a metric: @type is "gauge" or "counter". Its samples follow. */
void prometheus_begin(GString *out, const char *name, const char *type, const char *help);

/* Appends `name="value"` to labels, with a comma if it is not the first. @text is @length bytes of
 * a text that text.h has escaped. It is cut off at PROMETHEUS_MAX_LABEL. */
void prometheus_add_label(GString *labels, const char *name, const char *text, size_t length);

/* A sample; @labels is "" if it has no labels. */
void prometheus_put(GString *out, const char *name, const char *labels, uint64_t value);
/* The same for a value in nanoseconds, which is shown in seconds. */
void prometheus_put_seconds(GString *out, const char *name, const char *labels, uint64_t ns);

#endif
