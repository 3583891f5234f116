/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Links as texts, of every type, also such as no kernel here makes. */

#include "link-info.h"
#include "text.h"

#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

/* The keys and texts of an info, "key=text" and a newline each. */
static char *all_of(const LinkFacts *facts, const char *devname)
{
        g_autoptr(Info) info = link_info(facts, devname);
        GString *out = g_string_new(NULL);

        for (uint32_t i = 0; i < info_n(info); i++)
                g_string_append_printf(out, "%s=%s", info_key(info, i), info_text(info, i));
        return g_string_free(out, FALSE);
}

#define assert_info(facts, devname, text)                                                          \
        do {                                                                                       \
                g_autofree char *shown = all_of(facts, devname);                                   \
                g_assert_cmpstr(shown, ==, text);                                                  \
        } while (0)

#define HEAD(type) "id=7\ntype=" type "\nprog_id=3\n"

static LinkFacts facts_of(uint32_t type)
{
        return (LinkFacts){
                .info = { .type = type, .id = 7, .prog_id = 3 },
                .size = sizeof(LinkInfo),
        };
}

/* The numbers are the kernel's: where this is built with headers that have them, they agree. */
static void test_layout(void)
{
        g_assert_cmpuint(offsetof(LinkInfo, raw_tracepoint), ==,
                         offsetof(struct bpf_link_info, raw_tracepoint));
        g_assert_cmpuint(offsetof(LinkInfo, iter.map_id), ==,
                         offsetof(struct bpf_link_info, iter.map.map_id));
        g_assert_cmpuint(offsetof(LinkInfo, tracing.target_btf_id), ==,
                         offsetof(struct bpf_link_info, tracing.target_btf_id));
        g_assert_cmpuint(offsetof(LinkInfo, cgroup.attach_type), ==,
                         offsetof(struct bpf_link_info, cgroup.attach_type));
        g_assert_cmpuint(offsetof(LinkInfo, perf_event.kprobe.cookie), ==, 56);
        g_assert_cmpuint(offsetof(LinkInfo, uprobe_multi.pid), ==, 60);
        g_assert_cmpuint(offsetof(LinkInfo, tracing_multi.cookies), ==, 48);
        g_assert_cmpuint(offsetof(LinkInfo, kprobe_multi.cookies), ==, 40);
        g_assert_cmpuint(sizeof(LinkInfo), ==, 64);
}

static void test_devices(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_XDP);

        facts.info.xdp.ifindex = 2;
        assert_info(&facts, "eth0", HEAD("xdp") "devname=eth0\nifindex=2\n");
        assert_info(&facts, NULL, HEAD("xdp") "devname=(unknown)\nifindex=2\n");
        assert_info(&facts, "\033[2J\\", HEAD("xdp") "devname=\\x1b[2J\\\\\nifindex=2\n");
        facts.info.xdp.ifindex = 0;
        assert_info(&facts, "eth0", HEAD("xdp") "devname=(detached)\nifindex=0\n");

        facts.info.type = LINK_TCX;
        facts.info.tcx.ifindex = 2;
        facts.info.tcx.attach_type = ATTACH_TCX_EGRESS;
        assert_info(&facts, "eth0",
                    HEAD("tcx") "devname=eth0\nifindex=2\nattach_type=tcx_egress\n");
        facts.info.type = LINK_NETKIT;
        facts.info.tcx.attach_type = ATTACH_NETKIT_PEER;
        assert_info(&facts, "nk0",
                    HEAD("netkit") "devname=nk0\nifindex=2\nattach_type=netkit_peer\n");
}

static void test_plain_numbers(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_CGROUP);

        facts.info.cgroup.cgroup_id = G_MAXUINT64;
        facts.info.cgroup.attach_type = 4711;
        assert_info(&facts, NULL,
                    HEAD("cgroup") "cgroup_id=18446744073709551615\nattach_type=4711\n");

        facts = facts_of(LINK_NETFILTER);
        facts.info.netfilter.pf = 2;
        facts.info.netfilter.hooknum = 1;
        facts.info.netfilter.priority = -128;
        facts.info.netfilter.flags = 1;
        assert_info(&facts, NULL, HEAD("netfilter") "pf=2\nhook=1\nprio=-128\nflags=1\n");

        facts = facts_of(LINK_NETNS);
        facts.info.netns.netns_ino = 4026531840;
        facts.info.netns.attach_type = BPF_SK_LOOKUP;
        assert_info(&facts, NULL, HEAD("netns") "netns_ino=4026531840\nattach_type=sk_lookup\n");

        facts = facts_of(LINK_STRUCT_OPS);
        facts.info.struct_ops.map_id = 5;
        assert_info(&facts, NULL, HEAD("struct_ops") "map_id=5\n");

        facts = facts_of(LINK_SOCKMAP);
        facts.info.sockmap.map_id = 5;
        facts.info.sockmap.attach_type = BPF_SK_MSG_VERDICT;
        assert_info(&facts, NULL, HEAD("sockmap") "map_id=5\nattach_type=sk_msg_verdict\n");

        facts = facts_of(LINK_TRACING);
        facts.prog_type = BPF_PROG_TYPE_TRACING;
        facts.info.tracing.attach_type = BPF_TRACE_FENTRY;
        facts.info.tracing.target_obj_id = 1;
        facts.info.tracing.target_btf_id = 2;
        facts.info.tracing.cookie = 9;
        assert_info(&facts, NULL,
                    HEAD("tracing") "prog_type=tracing\nattach_type=trace_fentry\n"
                                    "target_obj_id=1\ntarget_btf_id=2\ncookie=9\n");

        /* A type of a kernel to come: what is common. */
        facts = facts_of(99);
        assert_info(&facts, NULL, "id=7\ntype=99\nprog_id=3\n");
}

/* A kernel that knows a shorter structure says nothing of what is behind. */
static void test_older(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_RAW_TRACEPOINT);

        facts.name = g_strdup("sched_switch");
        assert_info(&facts, NULL, HEAD("raw_tracepoint") "tp_name=sched_switch\ncookie=0\n");
        facts.size = offsetof(LinkInfo, raw_tracepoint.cookie);
        assert_info(&facts, NULL, HEAD("raw_tracepoint") "tp_name=sched_switch\n");
        link_facts_clear(&facts);

        facts = facts_of(LINK_TRACING);
        facts.info.tracing.attach_type = BPF_LSM_MAC;
        facts.size = offsetof(LinkInfo, tracing.target_obj_id);
        assert_info(&facts, NULL, HEAD("tracing") "attach_type=lsm_mac\n");

        facts = facts_of(LINK_PERF_EVENT);
        assert_info(&facts, NULL, HEAD("perf_event"));
}

static void test_iter(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_ITER);

        facts.name = g_strdup("bpf_map_elem");
        facts.info.iter.map_id = 5;
        assert_info(&facts, NULL, HEAD("iter") "target_name=bpf_map_elem\nmap_id=5\n");
        g_free(facts.name);
        facts.name = g_strdup("task");
        facts.info.iter.task.tid = 11;
        assert_info(&facts, NULL, HEAD("iter") "target_name=task\ntid=11\n");
        facts.info.iter.task.tid = 0;
        facts.info.iter.task.pid = 12;
        assert_info(&facts, NULL, HEAD("iter") "target_name=task\npid=12\n");
        g_free(facts.name);
        facts.name = g_strdup("cgroup");
        facts.info.iter.cgroup.cgroup_id = 1;
        facts.info.iter.cgroup.order = 4;
        assert_info(&facts, NULL,
                    HEAD("iter") "target_name=cgroup\ncgroup_id=1\norder=ancestors_up\n");
        facts.info.iter.cgroup.order = 44;
        assert_info(&facts, NULL, HEAD("iter") "target_name=cgroup\ncgroup_id=1\norder=44\n");
}

static void test_perf_event(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_PERF_EVENT);

        facts.name = g_strdup("/bin/\xff\n\u2028x");
        facts.info.perf_event.type = PERF_LINK_URETPROBE;
        facts.info.perf_event.uprobe.offset = 64;
        facts.info.perf_event.uprobe.cookie = 1;
        facts.info.perf_event.uprobe.ref_ctr_offset = 2;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "retprobe=true\nfile=/bin/\\xff\\x0a\\xe2\\x80\\xa8x\n"
                                       "offset=64\ncookie=1\nref_ctr_offset=2\n");
        g_free(facts.name);
        facts.name = g_strdup("vfs_unlink");
        facts.info.perf_event.type = PERF_LINK_KPROBE;
        facts.info.perf_event.kprobe.addr = 0xffffffff81000000;
        facts.info.perf_event.kprobe.missed = 3;
        facts.info.perf_event.kprobe.cookie = 4;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "retprobe=false\naddr=18446744071578845184\n"
                                       "func=vfs_unlink\noffset=64\nmissed=3\ncookie=4\n");
        facts.info.perf_event.type = PERF_LINK_TRACEPOINT;
        facts.info.perf_event.tracepoint.cookie = 5;
        assert_info(&facts, NULL, HEAD("perf_event") "tracepoint=vfs_unlink\ncookie=5\n");

        facts.info.perf_event.type = PERF_LINK_EVENT;
        facts.info.perf_event.event.type = 1;
        facts.info.perf_event.event.config = 0;
        facts.info.perf_event.event.cookie = 6;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "event_type=software\nevent_config=cpu-clock\ncookie=6\n");
        facts.info.perf_event.event.type = 3;
        facts.info.perf_event.event.config = 0x10002;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "event_type=hw-cache\nevent_config=LLC-load-misses\n"
                                       "cookie=6\n");
        facts.info.perf_event.event.config = 0x50909;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "event_type=hw-cache\nevent_config=9-9-5\ncookie=6\n");
        facts.info.perf_event.event.type = 99;
        assert_info(&facts, NULL,
                    HEAD("perf_event") "event_type=99\nevent_config=329993\ncookie=6\n");
}

static uint64_t *list(uint64_t first, uint64_t second)
{
        uint64_t *values = g_new(uint64_t, 2);

        values[0] = first;
        values[1] = second;
        return values;
}

static void test_multi(void)
{
        g_auto(LinkFacts) facts = facts_of(LINK_UPROBE_MULTI);

        facts.name = g_strdup("/bin/true");
        facts.info.uprobe_multi.count = 2;
        facts.info.uprobe_multi.flags = UPROBE_MULTI_RETURN;
        facts.info.uprobe_multi.pid = 11;
        facts.n_funcs = 2;
        facts.lists[LINK_OFFSETS] = list(1, 2);
        facts.lists[LINK_REF_CTR_OFFSETS] = list(0, 0);
        facts.lists[LINK_COOKIES] = list(G_MAXUINT64, 4);
        assert_info(&facts, NULL,
                    HEAD("uprobe_multi") "retprobe=true\npath=/bin/true\nfunc_cnt=2\npid=11\n"
                                         "offsets=1 2\nref_ctr_offsets=0 0\n"
                                         "cookies=18446744073709551615 4\n");
        facts.info.uprobe_multi.count = 3;
        g_clear_pointer(&facts.lists[LINK_REF_CTR_OFFSETS], g_free);
        g_clear_pointer(&facts.lists[LINK_COOKIES], g_free);
        assert_info(&facts, NULL,
                    HEAD("uprobe_multi") "retprobe=true\npath=/bin/true\nfunc_cnt=3\npid=11\n"
                                         "offsets=1 2 (only 2 elements are shown)\n");
        link_facts_clear(&facts);

        facts = facts_of(LINK_KPROBE_MULTI);
        facts.info.kprobe_multi.count = 2;
        facts.info.kprobe_multi.missed = 8;
        facts.n_funcs = 2;
        facts.lists[LINK_ADDRS] = list(1, 2);
        facts.lists[LINK_COOKIES] = list(3, 4);
        assert_info(&facts, NULL,
                    HEAD("kprobe_multi") "retprobe=false\nfunc_cnt=2\nmissed=8\naddrs=1 2\n"
                                         "cookies=3 4\n");
        link_facts_clear(&facts);

        facts = facts_of(LINK_TRACING_MULTI);
        facts.info.tracing_multi.attach_type = ATTACH_TRACE_FENTRY_MULTI;
        facts.info.tracing_multi.count = 2;
        facts.info.tracing_multi.btf_obj_id = 1;
        facts.n_funcs = 2;
        facts.lists[LINK_BTF_IDS] = list(1, 2);
        assert_info(&facts, NULL,
                    HEAD("tracing_multi") "attach_type=trace_fentry_multi\nfunc_cnt=2\n"
                                          "btf_obj_id=1\nbtf_ids=1 2\n");
}

static void test_text(void)
{
        g_autofree char *text = text_escape("a\tb\\c\x1b\x7f\n\xc3\xa4\xc3 \xe2\x80\xae");

        g_assert_cmpstr(text, ==, "a\\x09b\\\\c\\x1b\\x7f\\x0a\xc3\xa4\\xc3 \\xe2\\x80\\xae");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/link-info/layout", test_layout);
        g_test_add_func("/link-info/devices", test_devices);
        g_test_add_func("/link-info/plain-numbers", test_plain_numbers);
        g_test_add_func("/link-info/older", test_older);
        g_test_add_func("/link-info/iter", test_iter);
        g_test_add_func("/link-info/perf-event", test_perf_event);
        g_test_add_func("/link-info/multi", test_multi);
        g_test_add_func("/link-info/text", test_text);
        return g_test_run();
}
