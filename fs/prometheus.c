/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Prometheus' text format. */

#include "prometheus.h"

#include <inttypes.h>

#define NS_PER_S UINT64_C(1000000000)

void prometheus_begin(GString *out, const char *name, const char *type, const char *help)
{
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The number of bytes that are shown: whole characters. */
static size_t cut(const char *text, size_t length)
{
        if (length <= PROMETHEUS_MAX_LABEL)
                return length;
        length = PROMETHEUS_MAX_LABEL;
        while (length > 0 && (text[length] & 0xc0) == 0x80)
                length--;
        return length;
}

void prometheus_add_label(GString *labels, const char *name, const char *text, size_t length)
{
        g_string_append_printf(labels, labels->len > 0 ? ",%s=\"" : "%s=\"", name);
        length = cut(text, length);
        for (size_t i = 0; i < length; i++) {
                if (text[i] == '\n') {
                        g_string_append(labels, "\\n");
                        continue;
                }
                if (text[i] == '"' || text[i] == '\\')
                        g_string_append_c(labels, '\\');
                g_string_append_c(labels, text[i]);
        }
        g_string_append_c(labels, '"');
}

static void put_name(GString *out, const char *name, const char *labels)
{
        g_string_append_printf(out, *labels ? "%s{%s} " : "%s%s ", name, labels);
}

void prometheus_put(GString *out, const char *name, const char *labels, uint64_t value)
{
        put_name(out, name, labels);
        g_string_append_printf(out, "%" PRIu64 "\n", value);
}

void prometheus_put_seconds(GString *out, const char *name, const char *labels, uint64_t ns)
{
        put_name(out, name, labels);
        g_string_append_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", ns / NS_PER_S, ns % NS_PER_S);
}
