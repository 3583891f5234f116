/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The offset of a time namespace, and the time of day that follows from it. */

#include "boottime.h"

#include <glib.h>

#define SECOND INT64_C(1000000000)

static void test_offset(void)
{
        static const struct {
                const char *text;
                int64_t offset;
        } rows[] = {
                { "monotonic           0         0\nboottime            0         0\n", 0 },
                { "monotonic           7         5\nboottime        86400         0\n",
                  86400 * SECOND },
                { "monotonic           0         0\nboottime           -2 500000000\n",
                  -3 * SECOND / 2 },
                { "boottime   9223372000 999999999", 9223372000 * SECOND + 999999999 },
                { "monotonic 5 0\n", 0 },
                { "boottime", 0 },
                { "", 0 },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                g_assert_cmpint(boottime_parse_offset(rows[i].text), ==, rows[i].offset);
}

/* A clock that is ahead by a day says of the same moment what the kernel's own clock says. */
static void test_real(void)
{
        struct timespec now;
        BootTime host, ahead;
        struct timespec a, b;

        boottime_init(&host);
        ahead = host;
        ahead.offset += 86400 * SECOND;
        clock_gettime(CLOCK_BOOTTIME, &now);
        a = boottime_to_real(&host, now.tv_sec * SECOND + now.tv_nsec - host.offset);
        b = boottime_to_real(&ahead, now.tv_sec * SECOND + now.tv_nsec - ahead.offset);
        g_assert_cmpint(ABS(a.tv_sec - b.tv_sec), <=, 1);
        g_assert_cmpint(ABS(a.tv_sec - time(NULL)), <=, 1);

        /* To the nanosecond the same, as long as nobody sets the clock. */
        b = boottime_to_real(&host, now.tv_sec * SECOND + now.tv_nsec - host.offset);
        g_assert_cmpint(a.tv_sec, ==, b.tv_sec);
        g_assert_cmpint(a.tv_nsec, ==, b.tv_nsec);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/boottime/offset", test_offset);
        g_test_add_func("/boottime/real", test_real);
        return g_test_run();
}
