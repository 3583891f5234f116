/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which types of programs are loaded, as seen on real ones. Others may load programs meanwhile. */

#include "attach.h"
#include "prog-types.h"

#include <linux/bpf.h>
#include <unistd.h>

/* No kernel has so many. */
#define NO_TYPE 63

static void test_loaded(void)
{
        g_autoptr(ProgTypes) types = prog_types_new();
        gint64 now = g_get_monotonic_time();
        int before = attach_load(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, 0), after;

        prog_types_update(types, now);
        g_assert_true(prog_types_has(types, BPF_PROG_TYPE_SOCKET_FILTER));
        g_assert_false(prog_types_has(types, NO_TYPE));
        after = attach_load(BPF_PROG_TYPE_FLOW_DISSECTOR, 0, 0, 0);
        prog_types_update(types, now);
        g_assert_true(prog_types_has(types, BPF_PROG_TYPE_FLOW_DISSECTOR));
        g_assert_true(prog_types_has(types, BPF_PROG_TYPE_SOCKET_FILTER));
        close(before);
        close(after);
}

/* Of a type that it has no room for nothing is known. */
static void test_unknown(void)
{
        g_autoptr(ProgTypes) types = prog_types_new();

        prog_types_update(types, g_get_monotonic_time());
        g_assert_true(prog_types_has(types, 64));
}

/* A program of which the type was told is not opened. What was told counts as long as what was
 * seen. */
static void test_told(void)
{
        g_autoptr(ProgTypes) types = prog_types_new();
        gint64 now = g_get_monotonic_time();
        int fd;

        prog_types_tell(types, INT32_MAX - 1, NO_TYPE, now);
        prog_types_tell(types, 1, NO_TYPE - 1, now);
        g_assert_true(prog_types_has(types, NO_TYPE));
        g_assert_false(prog_types_has(types, NO_TYPE - 1));
        fd = attach_load(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, 0);
        prog_types_update(types, now);
        g_assert_false(prog_types_has(types, BPF_PROG_TYPE_SOCKET_FILTER));
        prog_types_update(types, now + PROG_TYPES_MAX_AGE + 1);
        g_assert_true(prog_types_has(types, BPF_PROG_TYPE_SOCKET_FILTER));
        g_assert_false(prog_types_has(types, NO_TYPE));
        prog_types_tell(types, INT32_MAX, PROG_TYPE_UNKNOWN, now);
        g_assert_true(prog_types_has(types, NO_TYPE));
        close(fd);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/prog-types/loaded", test_loaded);
        g_test_add_func("/prog-types/unknown", test_unknown);
        g_test_add_func("/prog-types/told", test_told);
        return g_test_run();
}
