/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Links as texts. The keys of each type are those that bpftool gives to it
 * (tools/bpf/bpftool/link.c, Linux 7.2). */

#include "link-info.h"

#include "text.h"
#include "type-names.h"

#include <inttypes.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <string.h>

void link_facts_clear(LinkFacts *facts)
{
        g_free(facts->name);
        for (guint i = 0; i < LINK_N_LISTS; i++)
                g_free(facts->lists[i]);
        *facts = (LinkFacts){ 0 };
}

uint32_t link_n_funcs(const LinkInfo *info)
{
        switch (info->type) {
        case LINK_KPROBE_MULTI:
                return info->kprobe_multi.count;
        case LINK_UPROBE_MULTI:
                return info->uprobe_multi.count;
        case LINK_TRACING_MULTI:
                return info->tracing_multi.count;
        default:
                return 0;
        }
}

uint32_t link_ifindex(const LinkInfo *info)
{
        switch (info->type) {
        case LINK_XDP:
                return info->xdp.ifindex;
        case LINK_TCX:
        case LINK_NETKIT:
                return info->tcx.ifindex;
        default:
                return 0;
        }
}

/* True if this kernel fills in @member. */
#define KNOWS(facts, member)                                                                       \
        ((facts)->size >= offsetof(LinkInfo, member) + sizeof(((const LinkInfo *)NULL)->member))

static void add_u32(InfoBuilder *builder, const char *key, uint32_t value)
{
        info_builder_add(builder, key, "%" PRIu32, value);
}

static void add_u64(InfoBuilder *builder, const char *key, uint64_t value)
{
        info_builder_add(builder, key, "%" PRIu64, value);
}

static void add_bool(InfoBuilder *builder, const char *key, bool value)
{
        info_builder_add(builder, key, "%s", value ? "true" : "false");
}

/* The name of a number, or the number. */
static void add_named(InfoBuilder *builder, const char *key, const char *name, uint64_t number)
{
        if (name)
                info_builder_add(builder, key, "%s", name);
        else
                add_u64(builder, key, number);
}

static void add_attach_type(InfoBuilder *builder, uint32_t type)
{
        add_named(builder, "attach_type", attach_type_name(type), type);
}

static void add_name(InfoBuilder *builder, const char *key, const LinkFacts *facts)
{
        g_autofree char *text = NULL;

        if (!facts->name)
                return;
        text = text_escape(facts->name);
        info_builder_add(builder, key, "%s", text);
}

static void add_list(InfoBuilder *builder, const char *key, const LinkFacts *facts, guint list)
{
        g_autoptr(GString) text = NULL;

        if (!facts->lists[list])
                return;
        text = g_string_new(NULL);
        for (uint32_t i = 0; i < facts->n_funcs; i++)
                g_string_append_printf(text, i ? " %" PRIu64 : "%" PRIu64, facts->lists[list][i]);
        if (facts->n_funcs < link_n_funcs(&facts->info))
                g_string_append_printf(text, " (only %" PRIu32 " elements are shown)",
                                       facts->n_funcs);
        info_builder_add(builder, key, "%s", text->str);
}

static void add_device(InfoBuilder *builder, uint32_t ifindex, const char *devname)
{
        if (ifindex == 0 || !devname) {
                info_builder_add(builder, "devname", "%s",
                                 ifindex == 0 ? "(detached)" : "(unknown)");
        } else {
                g_autofree char *text = text_escape(devname);

                info_builder_add(builder, "devname", "%s", text);
        }
        add_u32(builder, "ifindex", ifindex);
}

/* Iterators */

static bool is_one_of(const char *name, const char *const *names)
{
        return name && g_strv_contains(names, name);
}

static void add_iter(InfoBuilder *builder, const LinkFacts *facts)
{
        static const char *const of_maps[] = { "bpf_map_elem", "bpf_sk_storage_map", NULL };
        static const char *const of_tasks[] = { "task", "task_file", "task_vma", NULL };
        static const char *const of_cgroups[] = { "cgroup", NULL };
        static const char *const orders[] = { "order_unspec", "self_only", "descendants_pre",
                                              "descendants_post", "ancestors_up" };
        const LinkInfo *info = &facts->info;

        add_name(builder, "target_name", facts);
        if (is_one_of(facts->name, of_maps) && KNOWS(facts, iter.map_id))
                add_u32(builder, "map_id", info->iter.map_id);
        if (is_one_of(facts->name, of_tasks) && KNOWS(facts, iter.task)) {
                if (info->iter.task.tid)
                        add_u32(builder, "tid", info->iter.task.tid);
                else if (info->iter.task.pid)
                        add_u32(builder, "pid", info->iter.task.pid);
        }
        if (is_one_of(facts->name, of_cgroups) && KNOWS(facts, iter.cgroup)) {
                add_u64(builder, "cgroup_id", info->iter.cgroup.cgroup_id);
                add_named(builder, "order", NAME_IN(orders, info->iter.cgroup.order),
                          info->iter.cgroup.order);
        }
}

/* Events */

static const char *const event_types[] = {
        [PERF_TYPE_HARDWARE] = "hardware",
        [PERF_TYPE_SOFTWARE] = "software",
        [PERF_TYPE_TRACEPOINT] = "tracepoint",
        [PERF_TYPE_HW_CACHE] = "hw-cache",
        [PERF_TYPE_RAW] = "raw",
        [PERF_TYPE_BREAKPOINT] = "breakpoint",
};

static const char *const hardware_events[] = {
        [PERF_COUNT_HW_CPU_CYCLES] = "cpu-cycles",
        [PERF_COUNT_HW_INSTRUCTIONS] = "instructions",
        [PERF_COUNT_HW_CACHE_REFERENCES] = "cache-references",
        [PERF_COUNT_HW_CACHE_MISSES] = "cache-misses",
        [PERF_COUNT_HW_BRANCH_INSTRUCTIONS] = "branch-instructions",
        [PERF_COUNT_HW_BRANCH_MISSES] = "branch-misses",
        [PERF_COUNT_HW_BUS_CYCLES] = "bus-cycles",
        [PERF_COUNT_HW_STALLED_CYCLES_FRONTEND] = "stalled-cycles-frontend",
        [PERF_COUNT_HW_STALLED_CYCLES_BACKEND] = "stalled-cycles-backend",
        [PERF_COUNT_HW_REF_CPU_CYCLES] = "ref-cycles",
};

static const char *const software_events[] = {
        [PERF_COUNT_SW_CPU_CLOCK] = "cpu-clock",
        [PERF_COUNT_SW_TASK_CLOCK] = "task-clock",
        [PERF_COUNT_SW_PAGE_FAULTS] = "page-faults",
        [PERF_COUNT_SW_CONTEXT_SWITCHES] = "context-switches",
        [PERF_COUNT_SW_CPU_MIGRATIONS] = "cpu-migrations",
        [PERF_COUNT_SW_PAGE_FAULTS_MIN] = "minor-faults",
        [PERF_COUNT_SW_PAGE_FAULTS_MAJ] = "major-faults",
        [PERF_COUNT_SW_ALIGNMENT_FAULTS] = "alignment-faults",
        [PERF_COUNT_SW_EMULATION_FAULTS] = "emulation-faults",
        [PERF_COUNT_SW_DUMMY] = "dummy",
        [PERF_COUNT_SW_BPF_OUTPUT] = "bpf-output",
        [PERF_COUNT_SW_CGROUP_SWITCHES] = "cgroup-switches",
};

static const char *const caches[] = { "L1-dcache", "L1-icache", "LLC", "dTLB",
                                      "iTLB",      "branch",    "node" };
static const char *const cache_ops[] = { "load", "store", "prefetch" };
static const char *const cache_results[] = { "refs", "misses" };

/* A part of a cache event's config: its name, or the number. */
static void append_part(GString *out, const char *name, uint64_t number)
{
        if (name)
                g_string_append(out, name);
        else
                g_string_append_printf(out, "%" PRIu64, number);
}

static char *event_config(uint32_t type, uint64_t config)
{
        GString *out = g_string_new(NULL);
        uint64_t cache = config & 0xff, op = config >> 8 & 0xff, result = config >> 16;

        switch (type) {
        case PERF_TYPE_HARDWARE:
                append_part(out, NAME_IN(hardware_events, config), config);
                break;
        case PERF_TYPE_SOFTWARE:
                append_part(out, NAME_IN(software_events, config), config);
                break;
        case PERF_TYPE_HW_CACHE:
                append_part(out, NAME_IN(caches, cache), cache);
                g_string_append_c(out, '-');
                append_part(out, NAME_IN(cache_ops, op), op);
                g_string_append_c(out, '-');
                append_part(out, NAME_IN(cache_results, result), result);
                break;
        default:
                append_part(out, NULL, config);
        }
        return g_string_free(out, FALSE);
}

void link_append_event(GString *out, uint32_t type, uint64_t config)
{
        g_autofree char *text = event_config(type, config);

        append_part(out, NAME_IN(event_types, type), type);
        g_string_append_printf(out, " %s", text);
}

static void add_perf_event(InfoBuilder *builder, const LinkFacts *facts)
{
        const LinkInfo *info = &facts->info;
        uint32_t kind = info->perf_event.type;
        g_autofree char *config = NULL;

        switch (kind) {
        case PERF_LINK_UPROBE:
        case PERF_LINK_URETPROBE:
                add_bool(builder, "retprobe", kind == PERF_LINK_URETPROBE);
                add_name(builder, "file", facts);
                add_u32(builder, "offset", info->perf_event.uprobe.offset);
                if (KNOWS(facts, perf_event.uprobe.cookie))
                        add_u64(builder, "cookie", info->perf_event.uprobe.cookie);
                if (KNOWS(facts, perf_event.uprobe.ref_ctr_offset))
                        add_u64(builder, "ref_ctr_offset", info->perf_event.uprobe.ref_ctr_offset);
                break;
        case PERF_LINK_KPROBE:
        case PERF_LINK_KRETPROBE:
                add_bool(builder, "retprobe", kind == PERF_LINK_KRETPROBE);
                add_u64(builder, "addr", info->perf_event.kprobe.addr);
                add_name(builder, "func", facts);
                add_u32(builder, "offset", info->perf_event.kprobe.offset);
                if (KNOWS(facts, perf_event.kprobe.missed))
                        add_u64(builder, "missed", info->perf_event.kprobe.missed);
                if (KNOWS(facts, perf_event.kprobe.cookie))
                        add_u64(builder, "cookie", info->perf_event.kprobe.cookie);
                break;
        case PERF_LINK_TRACEPOINT:
                add_name(builder, "tracepoint", facts);
                if (KNOWS(facts, perf_event.tracepoint.cookie))
                        add_u64(builder, "cookie", info->perf_event.tracepoint.cookie);
                break;
        case PERF_LINK_EVENT:
                config = event_config(info->perf_event.event.type, info->perf_event.event.config);
                add_named(builder, "event_type", NAME_IN(event_types, info->perf_event.event.type),
                          info->perf_event.event.type);
                info_builder_add(builder, "event_config", "%s", config);
                if (KNOWS(facts, perf_event.event.cookie))
                        add_u64(builder, "cookie", info->perf_event.event.cookie);
                break;
        }
}

static void add_keys_of_type(InfoBuilder *builder, const LinkFacts *facts, const char *devname)
{
        const LinkInfo *info = &facts->info;

        switch (info->type) {
        case LINK_RAW_TRACEPOINT:
                add_name(builder, "tp_name", facts);
                if (KNOWS(facts, raw_tracepoint.cookie))
                        add_u64(builder, "cookie", info->raw_tracepoint.cookie);
                break;
        case LINK_TRACING:
                if (facts->prog_type)
                        add_named(builder, "prog_type", prog_type_name(facts->prog_type),
                                  facts->prog_type);
                add_attach_type(builder, info->tracing.attach_type);
                if (KNOWS(facts, tracing.target_btf_id)) {
                        add_u32(builder, "target_obj_id", info->tracing.target_obj_id);
                        add_u32(builder, "target_btf_id", info->tracing.target_btf_id);
                }
                if (KNOWS(facts, tracing.cookie))
                        add_u64(builder, "cookie", info->tracing.cookie);
                break;
        case LINK_CGROUP:
                add_u64(builder, "cgroup_id", info->cgroup.cgroup_id);
                add_attach_type(builder, info->cgroup.attach_type);
                break;
        case LINK_ITER:
                add_iter(builder, facts);
                break;
        case LINK_NETNS:
                add_u32(builder, "netns_ino", info->netns.netns_ino);
                add_attach_type(builder, info->netns.attach_type);
                break;
        case LINK_XDP:
                add_device(builder, info->xdp.ifindex, devname);
                break;
        case LINK_TCX:
        case LINK_NETKIT:
                add_device(builder, info->tcx.ifindex, devname);
                add_attach_type(builder, info->tcx.attach_type);
                break;
        case LINK_PERF_EVENT:
                add_perf_event(builder, facts);
                break;
        case LINK_KPROBE_MULTI:
                add_bool(builder, "retprobe", info->kprobe_multi.flags & KPROBE_MULTI_RETURN);
                add_u32(builder, "func_cnt", info->kprobe_multi.count);
                if (KNOWS(facts, kprobe_multi.missed))
                        add_u64(builder, "missed", info->kprobe_multi.missed);
                add_list(builder, "addrs", facts, LINK_ADDRS);
                add_list(builder, "cookies", facts, LINK_COOKIES);
                break;
        case LINK_UPROBE_MULTI:
                add_bool(builder, "retprobe", info->uprobe_multi.flags & UPROBE_MULTI_RETURN);
                add_name(builder, "path", facts);
                add_u32(builder, "func_cnt", info->uprobe_multi.count);
                add_u32(builder, "pid", info->uprobe_multi.pid);
                add_list(builder, "offsets", facts, LINK_OFFSETS);
                add_list(builder, "ref_ctr_offsets", facts, LINK_REF_CTR_OFFSETS);
                add_list(builder, "cookies", facts, LINK_COOKIES);
                break;
        case LINK_TRACING_MULTI:
                add_attach_type(builder, info->tracing_multi.attach_type);
                add_u32(builder, "func_cnt", info->tracing_multi.count);
                add_u32(builder, "btf_obj_id", info->tracing_multi.btf_obj_id);
                add_list(builder, "btf_ids", facts, LINK_BTF_IDS);
                add_list(builder, "addrs", facts, LINK_ADDRS);
                add_list(builder, "cookies", facts, LINK_COOKIES);
                break;
        case LINK_STRUCT_OPS:
                add_u32(builder, "map_id", info->struct_ops.map_id);
                break;
        case LINK_NETFILTER:
                add_u32(builder, "pf", info->netfilter.pf);
                add_u32(builder, "hook", info->netfilter.hooknum);
                info_builder_add(builder, "prio", "%" PRId32, info->netfilter.priority);
                add_u32(builder, "flags", info->netfilter.flags);
                break;
        case LINK_SOCKMAP:
                add_u32(builder, "map_id", info->sockmap.map_id);
                add_attach_type(builder, info->sockmap.attach_type);
                break;
        }
}

Info *link_info(const LinkFacts *facts, const char *devname)
{
        InfoBuilder *builder = info_builder_new();

        add_u32(builder, "id", facts->info.id);
        add_named(builder, "type", link_type_name(facts->info.type), facts->info.type);
        add_u32(builder, "prog_id", facts->info.prog_id);
        add_keys_of_type(builder, facts, devname);
        return info_builder_end(builder);
}
