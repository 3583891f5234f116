/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "attach-text.h"

#include "bpf-uapi.h"
#include "text.h"
#include "type-names.h"

#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <linux/netfilter_arp.h>

char *attach_text_type(uint32_t attach_type)
{
        const char *name = attach_type_name(attach_type);

        return name ? g_strdup(name) : g_strdup_printf("attach_type_%" PRIu32, attach_type);
}
void attach_text_put_interface(GString *out, const char *name, uint32_t ifindex, const char *netns)
{
        if (name)
                text_append(out, name);
        else
                g_string_append_printf(out, "ifindex %" PRIu32, ifindex);
        if (!netns)
                return;
        g_string_append(out, " netns ");
        text_append(out, netns);
}

void attach_text_put_netns(GString *out, const char *name, uint64_t ino)
{
        g_string_append(out, "netns ");
        if (name)
                text_append(out, name);
        else
                g_string_append_printf(out, "%" PRIu64, ino);
}

void attach_text_put_cgroup(GString *out, const char *path, uint64_t id)
{
        if (path)
                text_append(out, path);
        else
                g_string_append_printf(out, "cgroup %" PRIu64, id);
}
/* bpftool's words. */
static void put_netfilter(GString *out, const LinkInfo *info)
{
        static const char *const families[] = {
                [NFPROTO_INET] = "inet",     [NFPROTO_IPV4] = "ip",       [NFPROTO_ARP] = "arp",
                [NFPROTO_NETDEV] = "netdev", [NFPROTO_BRIDGE] = "bridge", [NFPROTO_IPV6] = "ip6",
        };
        static const char *const hooks[] = {
                [NF_INET_PRE_ROUTING] = "prerouting",   [NF_INET_LOCAL_IN] = "input",
                [NF_INET_FORWARD] = "forward",          [NF_INET_LOCAL_OUT] = "output",
                [NF_INET_POST_ROUTING] = "postrouting",
        };
        static const char *const arp_hooks[] = { [NF_ARP_IN] = "input", [NF_ARP_OUT] = "output" };
        uint32_t pf = info->netfilter.pf, hook = info->netfilter.hooknum;
        const char *family = NAME_IN(families, pf), *name = NULL;

        if (pf == NFPROTO_ARP)
                name = NAME_IN(arp_hooks, hook);
        else if (pf == NFPROTO_INET || pf == NFPROTO_IPV4 || pf == NFPROTO_IPV6 ||
                 pf == NFPROTO_BRIDGE)
                name = NAME_IN(hooks, hook);
        if (family)
                g_string_append(out, family);
        else
                g_string_append_printf(out, "pf %" PRIu32, pf);
        if (name)
                g_string_append_printf(out, " %s", name);
        else
                g_string_append_printf(out, " hook %" PRIu32, hook);
        g_string_append_printf(out, " prio %" PRId32, info->netfilter.priority);
}

/* The name that the kernel gives to the link's target. */
static void put_name(GString *out, const LinkFacts *facts)
{
        if (facts->name)
                text_append(out, facts->name);
        else
                g_string_append(out, "(unknown)");
}

static void put_perf_event(GString *out, const LinkFacts *facts)
{
        const LinkInfo *info = &facts->info;

        switch (info->perf_event.type) {
        case PERF_LINK_UPROBE:
        case PERF_LINK_URETPROBE:
                put_name(out, facts);
                g_string_append_printf(out, "+0x%" PRIx32, info->perf_event.uprobe.offset);
                break;
        case PERF_LINK_KPROBE:
        case PERF_LINK_KRETPROBE:
                if (!facts->name) {
                        g_string_append_printf(out, "0x%" PRIx64,
                                               (uint64_t)info->perf_event.kprobe.addr);
                        break;
                }
                put_name(out, facts);
                if (info->perf_event.kprobe.offset != 0)
                        g_string_append_printf(out, "+0x%" PRIx32, info->perf_event.kprobe.offset);
                break;
        case PERF_LINK_EVENT:
                link_append_event(out, info->perf_event.event.type, info->perf_event.event.config);
                break;
        default:
                put_name(out, facts);
        }
}

/* The address or offset of a single function; the number of several. */
static void put_functions(GString *out, const LinkFacts *facts, guint list)
{
        uint32_t n = link_n_funcs(&facts->info);

        if (n == 1 && facts->lists[list] && facts->lists[list][0] != 0)
                g_string_append_printf(out, "%s0x%" PRIx64, list == LINK_OFFSETS ? "+" : "",
                                       facts->lists[list][0]);
        else
                g_string_append_printf(out, "%s%" PRIu32 " %s", list == LINK_OFFSETS ? " " : "", n,
                                       n == 1 ? "function" : "functions");
}

char *attach_text_link_type(const LinkFacts *facts)
{
        static const char *const perf_types[] = {
                [PERF_LINK_UNSPEC] = "perf_event",   [PERF_LINK_UPROBE] = "uprobe",
                [PERF_LINK_URETPROBE] = "uretprobe", [PERF_LINK_KPROBE] = "kprobe",
                [PERF_LINK_KRETPROBE] = "kretprobe", [PERF_LINK_TRACEPOINT] = "tracepoint",
                [PERF_LINK_EVENT] = "perf_event",
        };
        const LinkInfo *info = &facts->info;
        uint32_t number = 0;
        const char *name = NULL;

        switch (info->type) {
        case LINK_RAW_TRACEPOINT:
                return g_strdup("raw_tp");
        case LINK_PERF_EVENT:
                if (info->perf_event.type < G_N_ELEMENTS(perf_types))
                        return g_strdup(perf_types[info->perf_event.type]);
                return g_strdup("perf_event");
        case LINK_TRACING:
                /* The kernel says that its attach type is 0, which is another kind's. */
                if (facts->prog_type == BPF_PROG_TYPE_EXT)
                        return g_strdup("freplace");
                number = info->tracing.attach_type;
                break;
        case LINK_TRACING_MULTI:
                number = info->tracing_multi.attach_type;
                break;
        case LINK_CGROUP:
                number = info->cgroup.attach_type;
                break;
        case LINK_NETNS:
                number = info->netns.attach_type;
                break;
        case LINK_TCX:
        case LINK_NETKIT:
                number = info->tcx.attach_type;
                break;
        case LINK_SOCKMAP:
                number = info->sockmap.attach_type;
                break;
        case LINK_ITER:
                number = BPF_TRACE_ITER;
                break;
        case LINK_KPROBE_MULTI:
                number = BPF_TRACE_KPROBE_MULTI;
                break;
        case LINK_UPROBE_MULTI:
                number = ATTACH_TRACE_UPROBE_MULTI;
                break;
        default: /* the same name as that of the link's type */
                name = link_type_name(info->type);
                return name ? g_strdup(name) : g_strdup_printf("link_type_%" PRIu32, info->type);
        }
        return attach_text_type(number);
}
char *attach_text_link_target(const LinkFacts *facts, const AttachNames *names)
{
        const LinkInfo *info = &facts->info;
        GString *out = g_string_new(NULL);

        switch (info->type) {
        case LINK_RAW_TRACEPOINT:
                put_name(out, facts);
                break;
        case LINK_ITER:
                put_name(out, facts);
                if (info->iter.map_id != 0)
                        g_string_append_printf(out, " map %" PRIu32, info->iter.map_id);
                break;
        case LINK_TRACING:
                text_append(out, names->function ? names->function : "(unknown)");
                break;
        case LINK_CGROUP:
                if (info->cgroup.cgroup_id == 0)
                        g_string_append(out, "(detached)");
                else
                        attach_text_put_cgroup(out, names->cgroup, info->cgroup.cgroup_id);
                break;
        case LINK_NETNS:
                if (info->netns.netns_ino == 0)
                        g_string_append(out, "(detached)");
                else
                        attach_text_put_netns(out, names->netns, info->netns.netns_ino);
                break;
        case LINK_XDP:
        case LINK_TCX:
        case LINK_NETKIT:
                if (link_ifindex(info) == 0)
                        g_string_append(out, "(detached)");
                else
                        attach_text_put_interface(out, names->interface, link_ifindex(info),
                                                  names->netns);
                break;
        case LINK_PERF_EVENT:
                put_perf_event(out, facts);
                break;
        case LINK_KPROBE_MULTI:
        case LINK_TRACING_MULTI:
                put_functions(out, facts, LINK_ADDRS);
                break;
        case LINK_UPROBE_MULTI:
                put_name(out, facts);
                put_functions(out, facts, LINK_OFFSETS);
                if (info->uprobe_multi.pid != 0)
                        g_string_append_printf(out, " pid %" PRIu32, info->uprobe_multi.pid);
                break;
        case LINK_NETFILTER:
                put_netfilter(out, info);
                break;
        case LINK_STRUCT_OPS:
        case LINK_SOCKMAP:
                g_string_append_printf(out, "map %" PRIu32, info->sockmap.map_id);
                break;
        default:
                g_string_append(out, "(unknown)");
        }
        return g_string_free(out, FALSE);
}
