/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Links, cgroups and interfaces joined.
 *
 * A query of a cgroup or an interface also tells the programs that links have attached to it. Only
 * tcx and netkit say by which link; of the others, as many of one program at one place count as
 * links' as there are links that say so. Links are listed before and after the queries: a link that
 * was made or closed meanwhile would be taken for an attachment without one.
 */

#include "attachments.h"

#include "cgroups.h"
#include "kernel-btf.h"
#include "links.h"
#include "netdevs.h"
#include "struct-ops.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <linux/netfilter_arp.h>
#include <stdbool.h>
#include <string.h>

/* One program at one place. */
typedef struct Spot {
        uint64_t place; /* a cgroup's id, an ifindex, or the inode number of a network namespace */
        uint32_t attach_type; /* tells these apart */
        uint32_t prog_id;
} Spot;

struct Attachments {
        Links *links;
        Cgroups *cgroups;
        Netdevs *netdevs;
        KernelBtf *btf;
        StructOps *struct_ops;
        GHashTable *maps; /* ids of struct_ops maps */
        int links_error;

        /* Of the last scan */
        gint64 scanned_at; /* 0: never */
        int cgroups_error;
        int netdevs_error;
        GHashTable *linked;       /* Spot -> how many links */
        GHashTable *seen;         /* Spot -> how often the queries have seen it */
        GHashTable *owned;        /* ids of the links that are in the daemon's network namespace */
        GArray *unlinked_cgroups; /* CgroupProg: by no link */
        GArray *unlinked_netdevs; /* NetdevProg: the same */
};

/* A line of text, in parts. */
typedef struct Line {
        uint32_t prog_id;
        uint32_t link_id; /* 0: none */
        char *type;
        char *target;
        char *how; /* NULL: by the link */
} Line;

static guint hash_spot(gconstpointer data)
{
        const Spot *spot = data;

        return (guint)(spot->place * 31 + spot->attach_type) * 31 + spot->prog_id;
}

static gboolean is_same_spot(gconstpointer a, gconstpointer b)
{
        const Spot *one = a, *other = b;

        return one->place == other->place && one->attach_type == other->attach_type &&
               one->prog_id == other->prog_id;
}

static GHashTable *new_counts(void)
{
        return g_hash_table_new_full(hash_spot, is_same_spot, g_free, NULL);
}

static guint count_of(GHashTable *counts, const Spot *spot)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(counts, spot));
}

static void set_count(GHashTable *counts, const Spot *spot, guint count)
{
        Spot *key = g_new(Spot, 1);

        *key = *spot;
        g_hash_table_replace(counts, key, GUINT_TO_POINTER(count));
}

Attachments *attachments_new(void)
{
        Attachments *attachments = g_new0(Attachments, 1);

        attachments->links = links_new();
        attachments->cgroups = cgroups_new();
        attachments->netdevs = netdevs_new();
        attachments->btf = kernel_btf_new();
        attachments->struct_ops = struct_ops_new(attachments->btf);
        attachments->maps = g_hash_table_new(NULL, NULL);
        attachments->linked = new_counts();
        attachments->seen = new_counts();
        attachments->owned = g_hash_table_new(NULL, NULL);
        attachments->unlinked_cgroups = g_array_new(FALSE, FALSE, sizeof(CgroupProg));
        attachments->unlinked_netdevs = g_array_new(FALSE, FALSE, sizeof(NetdevProg));
        return attachments;
}

void attachments_free(Attachments *attachments)
{
        if (!attachments)
                return;
        links_free(attachments->links);
        cgroups_free(attachments->cgroups);
        netdevs_free(attachments->netdevs);
        struct_ops_free(attachments->struct_ops);
        kernel_btf_free(attachments->btf);
        g_hash_table_unref(attachments->maps);
        g_hash_table_unref(attachments->linked);
        g_hash_table_unref(attachments->seen);
        g_hash_table_unref(attachments->owned);
        g_array_unref(attachments->unlinked_cgroups);
        g_array_unref(attachments->unlinked_netdevs);
        g_free(attachments);
}

const char *attachments_cgroup_mount(const Attachments *attachments)
{
        return cgroups_mount(attachments->cgroups);
}

void attachments_add_map(Attachments *attachments, uint32_t map_id)
{
        g_hash_table_add(attachments->maps, GUINT_TO_POINTER(map_id));
}

/* The scan */

/* False: no query would show the link, or one tells its id. */
static bool spot_of_link(const LinkInfo *info, Spot *spot)
{
        switch (info->type) {
        case LINK_CGROUP:
                *spot = (Spot){ info->cgroup.cgroup_id, info->cgroup.attach_type, info->prog_id };
                return true;
        case LINK_XDP:
                *spot = (Spot){ info->xdp.ifindex, BPF_XDP, info->prog_id };
                return true;
        case LINK_NETNS:
                *spot = (Spot){ info->netns.netns_ino, info->netns.attach_type, info->prog_id };
                return true;
        default:
                return false;
        }
}

static Spot spot_of_cgroup(const CgroupProg *prog)
{
        return (Spot){ prog->cgroup_id, prog->attach_type, prog->prog_id };
}

static Spot spot_of_netdev(const Attachments *attachments, const NetdevProg *prog)
{
        uint64_t place =
                prog->how == NETDEV_NETNS ? netdevs_netns(attachments->netdevs) : prog->ifindex;

        return (Spot){ place, prog->attach_type, prog->prog_id };
}

static void look_at_links(Attachments *attachments, uint32_t prog_id, gint64 now)
{
        attachments->links_error = links_update(attachments->links, prog_id, now);
}

/* Counts the links of each spot, and keeps the larger of this and an earlier count. */
static void count_links(Attachments *attachments)
{
        g_autoptr(GHashTable) counts = new_counts();
        GHashTableIter iter;
        gpointer spot, count;

        for (guint i = 0; i < links_n(attachments->links); i++) {
                Spot of_link;

                if (spot_of_link(&links_get(attachments->links, i)->facts.info, &of_link))
                        set_count(counts, &of_link, count_of(counts, &of_link) + 1);
        }
        g_hash_table_iter_init(&iter, counts);
        while (g_hash_table_iter_next(&iter, &spot, &count))
                if (GPOINTER_TO_UINT(count) > count_of(attachments->linked, spot))
                        set_count(attachments->linked, spot, GPOINTER_TO_UINT(count));
}

/* True if one more program is seen at the spot than links say. */
static bool is_beyond_links(Attachments *attachments, const Spot *spot)
{
        guint seen = count_of(attachments->seen, spot) + 1;

        set_count(attachments->seen, spot, seen);
        return seen > count_of(attachments->linked, spot);
}

/* True if a query tells the program's link, or nothing else is asked that would. */
static bool is_netdev_alone(Attachments *attachments, const NetdevProg *prog)
{
        Spot spot = spot_of_netdev(attachments, prog);

        switch (prog->how) {
        case NETDEV_TC_INGRESS:
        case NETDEV_TC_EGRESS:
                return true;
        case NETDEV_TCX:
                if (prog->link_id != 0)
                        g_hash_table_add(attachments->owned, GUINT_TO_POINTER(prog->link_id));
                return prog->link_id == 0;
        default:
                return is_beyond_links(attachments, &spot);
        }
}

/* Sorts out what no link has attached. */
static void subtract_links(Attachments *attachments)
{
        g_hash_table_remove_all(attachments->seen);
        g_hash_table_remove_all(attachments->owned);
        g_array_set_size(attachments->unlinked_cgroups, 0);
        g_array_set_size(attachments->unlinked_netdevs, 0);
        for (guint i = 0; i < cgroups_n_progs(attachments->cgroups); i++) {
                const CgroupProg *prog = cgroups_prog(attachments->cgroups, i);
                Spot spot = spot_of_cgroup(prog);

                if (is_beyond_links(attachments, &spot))
                        g_array_append_val(attachments->unlinked_cgroups, *prog);
        }
        for (guint i = 0; i < netdevs_n_progs(attachments->netdevs); i++) {
                const NetdevProg *prog = netdevs_prog(attachments->netdevs, i);

                if (is_netdev_alone(attachments, prog))
                        g_array_append_val(attachments->unlinked_netdevs, *prog);
        }
}

static void scan(Attachments *attachments, gint64 now)
{
        gint64 began = g_get_monotonic_time();

        g_hash_table_remove_all(attachments->linked);
        look_at_links(attachments, 0, now);
        count_links(attachments);
        attachments->cgroups_error = cgroups_scan(attachments->cgroups);
        attachments->netdevs_error = netdevs_scan(attachments->netdevs);
        subtract_links(attachments);
        if (attachments->unlinked_cgroups->len + attachments->unlinked_netdevs->len > 0) {
                look_at_links(attachments, 0, now);
                count_links(attachments);
                subtract_links(attachments);
        }
        for (guint i = 0; i < links_n(attachments->links); i++)
                links_get(attachments->links, i)->placed = true;
        /* The age counts from the end: however long a scan takes, it is not begun again at once. */
        attachments->scanned_at = now + g_get_monotonic_time() - began;
}

/* True if the link's target is known by the scan alone, and the scan is older than the link. */
static bool is_unplaced(const Link *link)
{
        return !link->placed &&
               (link->facts.info.type == LINK_CGROUP || link_ifindex(&link->facts.info) != 0);
}

/* @prog_id 0: of all programs. */
static void update(Attachments *attachments, uint32_t prog_id, gint64 now)
{
        bool due =
                attachments->scanned_at == 0 || now - attachments->scanned_at > ATTACHMENTS_MAX_AGE;

        if (!due) {
                look_at_links(attachments, prog_id, now);
                for (guint i = 0; i < links_n(attachments->links) && !due; i++) {
                        const Link *link = links_get(attachments->links, i);

                        due = (prog_id == 0 || link->facts.info.prog_id == prog_id) &&
                              is_unplaced(link);
                }
        }
        if (due)
                scan(attachments, now);
}

/* Lines */

/* The name of the link's interface, not escaped, if that is proven to be in the daemon's network
 * namespace: of tcx and netkit the kernel tells the link. Of XDP it tells the program, so there may
 * be no other link to the same program at an interface with that number. */
static const char *own_interface(const Attachments *attachments, const LinkInfo *info)
{
        uint32_t ifindex = link_ifindex(info);
        bool own = false;
        Spot spot;

        if (ifindex == 0)
                return NULL;
        if (spot_of_link(info, &spot)) {
                guint n_links = count_of(attachments->linked, &spot);

                own = n_links > 0 && n_links <= count_of(attachments->seen, &spot);
        } else {
                own = g_hash_table_contains(attachments->owned, GUINT_TO_POINTER(info->id));
        }
        return own ? netdevs_name(attachments->netdevs, ifindex) : NULL;
}

static void put_interface(GString *out, const char *name, uint32_t ifindex)
{
        if (name)
                text_append(out, name);
        else
                g_string_append_printf(out, "ifindex %" PRIu32, ifindex);
}

static void put_cgroup(const Attachments *attachments, GString *out, uint64_t id)
{
        const char *path = cgroups_path(attachments->cgroups, id);

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
        const char *family = pf < G_N_ELEMENTS(families) ? families[pf] : NULL, *name = NULL;

        if (pf == NFPROTO_ARP)
                name = hook < G_N_ELEMENTS(arp_hooks) ? arp_hooks[hook] : NULL;
        else if (pf == NFPROTO_INET || pf == NFPROTO_IPV4 || pf == NFPROTO_IPV6 ||
                 pf == NFPROTO_BRIDGE)
                name = hook < G_N_ELEMENTS(hooks) ? hooks[hook] : NULL;
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

/* The link's name for what it is attached to. */
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

/* One function is told by where it is, more by how many they are. */
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

/* The first word of a line. */
static char *type_of_link(const LinkFacts *facts)
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
                /* Its attach type is 0, which is that of another kind. */
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
        name = attach_type_name(number);
        return name ? g_strdup(name) : g_strdup_printf("attach_type_%" PRIu32, number);
}

static char *target_of_link(const Attachments *attachments, const Link *link)
{
        const LinkFacts *facts = &link->facts;
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
                text_append(out, link->function ? link->function : "(unknown)");
                break;
        case LINK_CGROUP:
                if (info->cgroup.cgroup_id == 0)
                        g_string_append(out, "(detached)");
                else
                        put_cgroup(attachments, out, info->cgroup.cgroup_id);
                break;
        case LINK_NETNS:
                if (info->netns.netns_ino == 0)
                        g_string_append(out, "(detached)");
                else
                        g_string_append_printf(out, "netns %" PRIu32, info->netns.netns_ino);
                break;
        case LINK_XDP:
        case LINK_TCX:
        case LINK_NETKIT:
                if (link_ifindex(info) == 0)
                        g_string_append(out, "(detached)");
                else
                        put_interface(out, own_interface(attachments, info), link_ifindex(info));
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

static void clear_line(gpointer data)
{
        Line *line = data;

        g_free(line->type);
        g_free(line->target);
        g_free(line->how);
}

static void add_line(GArray *lines, Line line)
{
        g_array_append_val(lines, line);
}

/* A map of struct_ops has a line for each operation of each program. 0, or -errno if the map is no
 * such map, or has gone. */
static int add_struct_ops(Attachments *attachments, uint32_t map_id, uint32_t link_id,
                          uint32_t prog_id, GArray *lines)
{
        const GArray *progs;
        bool alone;
        int r = struct_ops_look(attachments->struct_ops, map_id, &progs, &alone);

        for (guint i = 0; progs && (link_id != 0 || alone) && i < progs->len; i++) {
                const StructOpsProg *prog = &g_array_index(progs, StructOpsProg, i);

                if (prog_id == 0 || prog->prog_id == prog_id)
                        add_line(lines,
                                 (Line){
                                         .prog_id = prog->prog_id,
                                         .link_id = link_id,
                                         .type = g_strdup("struct_ops"),
                                         .target = g_strdup(prog->operation),
                                         .how = link_id ? NULL : g_strdup_printf("map %u", map_id),
                                 });
        }
        return r;
}

static void add_links(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < links_n(attachments->links); i++) {
                const Link *link = links_get(attachments->links, i);
                const LinkInfo *info = &link->facts.info;

                if (info->type == LINK_STRUCT_OPS)
                        add_struct_ops(attachments, info->struct_ops.map_id, info->id, prog_id,
                                       lines);
                else if (prog_id == 0 || info->prog_id == prog_id)
                        add_line(lines, (Line){
                                                .prog_id = info->prog_id,
                                                .link_id = info->id,
                                                .type = type_of_link(&link->facts),
                                                .target = target_of_link(attachments, link),
                                        });
        }
}

static char *attach_type_word(uint32_t type)
{
        const char *name = attach_type_name(type);

        return name ? g_strdup(name) : g_strdup_printf("attach_type_%" PRIu32, type);
}

static void add_cgroups(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < attachments->unlinked_cgroups->len; i++) {
                const CgroupProg *prog =
                        &g_array_index(attachments->unlinked_cgroups, CgroupProg, i);
                GString *target;

                if (prog_id != 0 && prog->prog_id != prog_id)
                        continue;
                target = g_string_new(NULL);
                put_cgroup(attachments, target, prog->cgroup_id);
                add_line(lines, (Line){
                                        .prog_id = prog->prog_id,
                                        .type = attach_type_word(prog->attach_type),
                                        .target = g_string_free(target, FALSE),
                                        .how = g_strdup("cgroup"),
                                });
        }
}

static char *type_of_netdev(const NetdevProg *prog)
{
        switch (prog->how) {
        case NETDEV_TC_INGRESS:
                return g_strdup("tc_ingress");
        case NETDEV_TC_EGRESS:
                return g_strdup("tc_egress");
        default:
                return attach_type_word(prog->attach_type);
        }
}

static const char *how_of_netdev(const NetdevProg *prog)
{
        switch (prog->how) {
        case NETDEV_TCX:
                return "attach"; /* BPF_PROG_ATTACH */
        case NETDEV_NETNS:
                return "netns";
        default:
                return "netlink";
        }
}

static char *target_of_netdev(const Attachments *attachments, const NetdevProg *prog)
{
        GString *out = g_string_new(NULL);

        if (prog->how == NETDEV_NETNS) {
                g_string_append_printf(out, "netns %" PRIu64, netdevs_netns(attachments->netdevs));
        } else {
                put_interface(out, netdevs_name(attachments->netdevs, prog->ifindex),
                              prog->ifindex);
                if (prog->qdisc != 0)
                        g_string_append_printf(out, " qdisc %x:", prog->qdisc >> 16);
        }
        return g_string_free(out, FALSE);
}

static void add_netdevs(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < attachments->unlinked_netdevs->len; i++) {
                const NetdevProg *prog =
                        &g_array_index(attachments->unlinked_netdevs, NetdevProg, i);

                if (prog_id != 0 && prog->prog_id != prog_id)
                        continue;
                add_line(lines, (Line){
                                        .prog_id = prog->prog_id,
                                        .type = type_of_netdev(prog),
                                        .target = target_of_netdev(attachments, prog),
                                        .how = g_strdup(how_of_netdev(prog)),
                                });
        }
}

static void add_maps(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        GHashTableIter iter;
        gpointer id;

        g_hash_table_iter_init(&iter, attachments->maps);
        while (g_hash_table_iter_next(&iter, &id, NULL)) {
                if (add_struct_ops(attachments, GPOINTER_TO_UINT(id), 0, prog_id, lines) < 0)
                        g_hash_table_iter_remove(&iter);
        }
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
        const Line *one = a, *other = b;
        int r = strcmp(one->type, other->type);

        if (r == 0)
                r = strcmp(one->target, other->target);
        if (r == 0)
                r = one->link_id < other->link_id ? -1 : one->link_id > other->link_id;
        return r ? r : g_strcmp0(one->how, other->how);
}

/* Sorted; @prog_id 0: of all programs. */
static GArray *find_lines(Attachments *attachments, uint32_t prog_id)
{
        GArray *lines = g_array_new(FALSE, FALSE, sizeof(Line));

        g_array_set_clear_func(lines, clear_line);
        add_links(attachments, prog_id, lines);
        add_cgroups(attachments, prog_id, lines);
        add_netdevs(attachments, prog_id, lines);
        add_maps(attachments, prog_id, lines);
        g_array_sort(lines, compare_lines);
        return lines;
}

static void put_notes(const Attachments *attachments, GString *out)
{
        if (attachments->links_error < 0)
                g_string_append_printf(out, "(links cannot be looked at: %s)\n",
                                       g_strerror(-attachments->links_error));
        if (links_more(attachments->links))
                g_string_append_printf(out, "(only the first %u links are looked at)\n", LINKS_MAX);
        if (attachments->cgroups_error == -ENODEV)
                g_string_append(out, "(cgroups cannot be looked at: no cgroup2 is mounted)\n");
        else if (attachments->cgroups_error == -E2BIG)
                g_string_append_printf(out,
                                       "(not all cgroups are looked at: there are more than %u, or "
                                       "more than %u below each other)\n",
                                       CGROUPS_MAX, CGROUPS_MAX_DEPTH);
        else if (attachments->cgroups_error < 0)
                g_string_append_printf(out, "(not all cgroups can be looked at: %s)\n",
                                       g_strerror(-attachments->cgroups_error));
        if (attachments->netdevs_error == -E2BIG)
                g_string_append_printf(out, "(only the first %u interfaces are looked at)\n",
                                       NETDEVS_MAX);
        else if (attachments->netdevs_error < 0)
                g_string_append_printf(out, "(not all interfaces can be looked at: %s)\n",
                                       g_strerror(-attachments->netdevs_error));
}

void attachments_append(Attachments *attachments, uint32_t prog_id, gint64 now, GString *out)
{
        g_autoptr(GArray) lines = NULL;

        update(attachments, prog_id, now);
        lines = find_lines(attachments, prog_id);
        for (guint i = 0; i < lines->len; i++) {
                const Line *line = &g_array_index(lines, Line, i);

                /* Two filters with one program, for example. */
                if (i > 0 && compare_lines(line, &g_array_index(lines, Line, i - 1)) == 0)
                        continue;
                g_string_append_printf(out, "%s %s ", line->type, line->target);
                if (line->how)
                        g_string_append_printf(out, "%s\n", line->how);
                else
                        g_string_append_printf(out, "link %" PRIu32 "\n", line->link_id);
        }
        put_notes(attachments, out);
}

void attachments_foreach(Attachments *attachments, gint64 now, AttachmentFunc func, void *data)
{
        g_autoptr(GArray) lines = NULL;

        update(attachments, 0, now);
        lines = find_lines(attachments, 0);
        for (guint i = 0; i < lines->len; i++) {
                const Line *line = &g_array_index(lines, Line, i);

                func(line->prog_id, line->type, data);
        }
}

static bool is_link_of(Attachments *attachments, const LinkInfo *info, uint32_t prog_id)
{
        const GArray *progs;
        bool alone;

        if (info->type != LINK_STRUCT_OPS)
                return info->prog_id == prog_id;
        struct_ops_look(attachments->struct_ops, info->struct_ops.map_id, &progs, &alone);
        for (guint i = 0; progs && i < progs->len; i++)
                if (g_array_index(progs, StructOpsProg, i).prog_id == prog_id)
                        return true;
        return false;
}

void attachments_links(Attachments *attachments, uint32_t prog_id, gint64 now, GArray *ids)
{
        look_at_links(attachments, prog_id, now);
        for (guint i = 0; i < links_n(attachments->links); i++) {
                const LinkInfo *info = &links_get(attachments->links, i)->facts.info;

                if (is_link_of(attachments, info, prog_id))
                        g_array_append_val(ids, info->id);
        }
}

int attachments_link_info(Attachments *attachments, uint32_t id, gint64 now, Info **out)
{
        g_auto(LinkFacts) facts = { 0 };
        const char *devname = NULL;
        int r = link_look(id, true, &facts);

        if (r < 0)
                return r;
        if (link_ifindex(&facts.info) != 0) {
                update(attachments, facts.info.prog_id, now);
                devname = own_interface(attachments, &facts.info);
        }
        *out = link_info(&facts, devname);
        return 0;
}
