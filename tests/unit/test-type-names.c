/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names of types: whatever version of libbpf is installed, they are the same. */

#include "bpf-uapi.h"
#include "type-names.h"

#include <glib.h>
#include <linux/bpf.h>

static void test_programs(void)
{
        for (uint32_t i = 0; i <= PROG_TYPE_NETFILTER; i++)
                g_assert_nonnull(prog_type_name(i));
        g_assert_cmpstr(prog_type_name(BPF_PROG_TYPE_XDP), ==, "xdp");
        g_assert_cmpstr(prog_type_name(BPF_PROG_TYPE_SYSCALL), ==, "syscall");
        g_assert_cmpstr(prog_type_name(PROG_TYPE_NETFILTER), ==, "netfilter");
        g_assert_null(prog_type_name(4711));
}

static void test_maps(void)
{
        for (uint32_t i = 0; i <= MAP_TYPE_RHASH; i++)
                g_assert_nonnull(map_type_name(i));
        g_assert_cmpstr(map_type_name(BPF_MAP_TYPE_HASH), ==, "hash");
        g_assert_cmpstr(map_type_name(BPF_MAP_TYPE_BLOOM_FILTER), ==, "bloom_filter");
        g_assert_cmpstr(map_type_name(MAP_TYPE_USER_RINGBUF), ==, "user_ringbuf");
        g_assert_cmpstr(map_type_name(MAP_TYPE_INSN_ARRAY), ==, "insn_array");
        g_assert_cmpstr(map_type_name(MAP_TYPE_RHASH), ==, "rhash");
        g_assert_null(map_type_name(4711));
}

static void test_links(void)
{
        static const char *const types[] = {
                "unspec",       "raw_tracepoint", "tracing",   "cgroup",
                "iter",         "netns",          "xdp",       "perf_event",
                "kprobe_multi", "struct_ops",     "netfilter", "tcx",
                "uprobe_multi", "netkit",         "sockmap",   "tracing_multi",
        };

        for (guint i = 0; i < G_N_ELEMENTS(types); i++)
                g_assert_cmpstr(link_type_name(i), ==, types[i]);
        g_assert_null(link_type_name(4711));
}

static void test_attachments(void)
{
        g_assert_cmpstr(attach_type_name(BPF_CGROUP_INET_INGRESS), ==, "cgroup_inet_ingress");
        g_assert_cmpstr(attach_type_name(BPF_LSM_CGROUP), ==, "lsm_cgroup");
        for (guint i = 0; i <= ATTACH_TRACE_FSESSION_MULTI; i++)
                g_assert_nonnull(attach_type_name(i));
        g_assert_null(attach_type_name(4711));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/type-names/programs", test_programs);
        g_test_add_func("/type-names/maps", test_maps);
        g_test_add_func("/type-names/links", test_links);
        g_test_add_func("/type-names/attachments", test_attachments);
        return g_test_run();
}
