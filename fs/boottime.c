/* SPDX-License-Identifier: GPL-2.0-or-later */

/* When the machine was booted, seen from any time namespace. */

#include "boottime.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NANOSECONDS 1000000000
/* Smaller differences come from reading two clocks one after the other, not from setting one. */
#define CLOCK_JITTER_NS 10000000

static int64_t nanoseconds(struct timespec time)
{
        return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

int64_t boottime_parse_offset(const char *text)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
                char *end;
                int64_t seconds;

                if (!g_str_has_prefix(*line, "boottime "))
                        continue;
                seconds = g_ascii_strtoll(*line + strlen("boottime "), &end, 10);
                return seconds * NANOSECONDS + g_ascii_strtoll(end, NULL, 10);
        }
        return 0;
}

/* /proc/self/timens_offsets has the offsets of the namespace of the children to come. A process
 * that has asked for a new namespace and neither forked nor run a program since is not in it. */
static bool is_in_namespace_of_children(void)
{
        g_autofree char *own = g_file_read_link("/proc/self/ns/time", NULL);
        g_autofree char *children = g_file_read_link("/proc/self/ns/time_for_children", NULL);

        return own && g_strcmp0(own, children) == 0;
}

void boottime_init(BootTime *boot)
{
        g_autofree char *text = NULL;

        *boot = (BootTime){ 0 };
        /* A kernel without time namespaces has neither of these files. */
        if (is_in_namespace_of_children() &&
            g_file_get_contents("/proc/self/timens_offsets", &text, NULL, NULL))
                boot->offset = boottime_parse_offset(text);
}

/* A host that mounts early sets its clock later, so the time of boot is asked for again each time.
 * It stays the same to the nanosecond as long as nobody sets the clock. */
struct timespec boottime_to_real(BootTime *boot, uint64_t since_boot)
{
        struct timespec real, now;
        int64_t at_boot, ns;

        clock_gettime(CLOCK_REALTIME, &real);
        clock_gettime(CLOCK_BOOTTIME, &now);
        at_boot = nanoseconds(real) - (nanoseconds(now) - boot->offset);
        if (llabs(at_boot - boot->at_boot) > CLOCK_JITTER_NS)
                boot->at_boot = at_boot;
        ns = boot->at_boot + (int64_t)since_boot;
        return (struct timespec){ .tv_sec = ns / NANOSECONDS, .tv_nsec = ns % NANOSECONDS };
}
