/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netdevs.h"

#include "bpf-uapi.h"
#include "netlink.h"
#include "prog-query.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An interface can have an XDP program for each mode in which it can run one. */
static const uint16_t xdp_modes[] = { IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID,
                                      IFLA_XDP_HW_PROG_ID };
#define N_XDP_MODES G_N_ELEMENTS(xdp_modes)

typedef struct Interface {
        uint32_t ifindex;
        char name[IF_NAMESIZE];
        bool netkit;
        uint32_t xdp[N_XDP_MODES]; /* ids of programs, or 0 */
} Interface;

struct Netdevs {
        Netlink netlink;
        int netns;          /* or -errno */
        uint64_t ino;       /* of netns */
        GArray *interfaces; /* Interface */
        GArray *qdiscs;     /* Qdisc: where filters may be */
        GArray *progs;      /* NetdevProg */
        GHashTable *names;  /* ifindex -> char *, borrowed from interfaces */
        int netns_error;    /* of query_netns() in the last scan */
};

/* A queueing discipline (tc's word): filters are attached to it. */
typedef struct Qdisc {
        uint32_t ifindex;
        uint32_t handle;
        bool egress; /* it has a place for filters on the way out: all but ingress have */
        bool clsact; /* it is clsact or ingress */
} Qdisc;

Netdevs *netdevs_new(void)
{
        Netdevs *netdevs = g_new0(Netdevs, 1);
        struct stat attr;

        netlink_init(&netdevs->netlink);
        netdevs->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (netdevs->netns < 0)
                netdevs->netns = -errno;
        else if (fstat(netdevs->netns, &attr) == 0)
                netdevs->ino = attr.st_ino;
        netdevs->interfaces = g_array_new(FALSE, TRUE, sizeof(Interface));
        netdevs->qdiscs = g_array_new(FALSE, TRUE, sizeof(Qdisc));
        netdevs->progs = g_array_new(FALSE, TRUE, sizeof(NetdevProg));
        netdevs->names = g_hash_table_new(NULL, NULL);
        return netdevs;
}

void netdevs_free(Netdevs *netdevs)
{
        if (!netdevs)
                return;
        netlink_clear(&netdevs->netlink);
        if (netdevs->netns >= 0)
                close(netdevs->netns);
        g_array_unref(netdevs->interfaces);
        g_array_unref(netdevs->qdiscs);
        g_array_unref(netdevs->progs);
        g_hash_table_unref(netdevs->names);
        g_free(netdevs);
}

uint64_t netdevs_netns(const Netdevs *netdevs)
{
        return netdevs->ino;
}

static void add_prog(GArray *progs, NetdevProg prog)
{
        if (progs->len < NETDEVS_MAX_PROGS)
                g_array_append_val(progs, prog);
}

/* Interfaces */

static void take_interface(const struct nlmsghdr *message, const void *context, GArray *out)
{
        const struct nlattr *attrs[IFLA_XDP + 1], *info[IFLA_INFO_KIND + 1],
                *xdp[IFLA_XDP_HW_PROG_ID + 1];
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
        Interface interface = { 0 };

        if (message->nlmsg_type != RTM_NEWLINK ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->ifi_index <= 0)
                return;
        netlink_parse(message, sizeof(*header), attrs, IFLA_XDP);
        interface.ifindex = header->ifi_index;
        if (attrs[IFLA_IFNAME])
                memcpy(interface.name, mnl_attr_get_payload(attrs[IFLA_IFNAME]),
                       MIN(mnl_attr_get_payload_len(attrs[IFLA_IFNAME]), IF_NAMESIZE - 1));
        netlink_parse_nested(attrs[IFLA_LINKINFO], info, IFLA_INFO_KIND);
        interface.netkit = netlink_is_text(info[IFLA_INFO_KIND], "netkit");
        netlink_parse_nested(attrs[IFLA_XDP], xdp, IFLA_XDP_HW_PROG_ID);
        for (guint i = 0; i < N_XDP_MODES; i++)
                interface.xdp[i] = netlink_u32(xdp[xdp_modes[i]]);
        /* One more than the most tells that there are more. */
        if (out->len <= NETDEVS_MAX)
                g_array_append_val(out, interface);
}

static void add_xdp(Netdevs *netdevs, const Interface *interface)
{
        for (guint i = 0; i < N_XDP_MODES; i++)
                if (interface->xdp[i] != 0)
                        add_prog(netdevs->progs, (NetdevProg){
                                                         .how = NETDEV_XDP,
                                                         .ifindex = interface->ifindex,
                                                         .prog_id = interface->xdp[i],
                                                         .attach_type = BPF_XDP,
                                                 });
}

/* Classic tc */

static void take_qdisc(const struct nlmsghdr *message, const void *context, GArray *out)
{
        const struct tcmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attrs[TCA_KIND + 1];
        Qdisc qdisc = { 0 };

        if (message->nlmsg_type != RTM_NEWQDISC ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return;
        netlink_parse(message, sizeof(*header), attrs, TCA_KIND);
        qdisc.ifindex = header->tcm_ifindex;
        qdisc.handle = header->tcm_handle;
        qdisc.clsact = netlink_is_text(attrs[TCA_KIND], "clsact") ||
                       netlink_is_text(attrs[TCA_KIND], "ingress");
        qdisc.egress = !netlink_is_text(attrs[TCA_KIND], "ingress");
        /* Without a handle nothing can be attached to it. */
        if (qdisc.handle != 0 && out->len < NETDEVS_MAX)
                g_array_append_val(out, qdisc);
}

/* @context is the NetdevProg that a filter with a program makes, but for its id. */
static void take_filter(const struct nlmsghdr *message, const void *context, GArray *out)
{
        const struct nlattr *attrs[TCA_OPTIONS + 1], *options[TCA_BPF_ID + 1];
        NetdevProg prog = *(const NetdevProg *)context;

        if (message->nlmsg_type != RTM_NEWTFILTER ||
            mnl_nlmsg_get_payload_len(message) < sizeof(struct tcmsg))
                return;
        netlink_parse(message, sizeof(struct tcmsg), attrs, TCA_OPTIONS);
        if (!netlink_is_text(attrs[TCA_KIND], "bpf"))
                return;
        netlink_parse_nested(attrs[TCA_OPTIONS], options, TCA_BPF_ID);
        prog.prog_id = netlink_u32(options[TCA_BPF_ID]);
        /* A classic filter has none. */
        if (prog.prog_id != 0)
                add_prog(out, prog);
}

/* Lists the filters of one place. */
static int scan_filters(Netdevs *netdevs, uint32_t parent, NetdevProg prog)
{
        NetlinkRequest request;
        struct tcmsg *header = netlink_begin(&request, RTM_GETTFILTER, sizeof(*header));

        header->tcm_ifindex = (int)prog.ifindex;
        header->tcm_parent = parent;
        return netlink_list(&netdevs->netlink, &request, take_filter, &prog, netdevs->progs);
}

static int scan_qdisc(Netdevs *netdevs, const Qdisc *qdisc)
{
        NetdevProg in = { .how = NETDEV_TC_INGRESS, .ifindex = qdisc->ifindex };
        NetdevProg out = { .how = NETDEV_TC_EGRESS, .ifindex = qdisc->ifindex };
        int r = 0;

        if (qdisc->clsact) {
                r = scan_filters(netdevs, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), in);
                if (r == 0 && qdisc->egress)
                        r = scan_filters(netdevs, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), out);
        } else {
                out.qdisc = qdisc->handle;
                r = scan_filters(netdevs, qdisc->handle, out);
        }
        /* The interface or its queueing discipline has gone, or has no filters. */
        return r == -ENODEV || r == -EINVAL || r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
}

static int scan_tc(Netdevs *netdevs)
{
        NetlinkRequest request;
        int r;

        netlink_begin(&request, RTM_GETQDISC, sizeof(struct tcmsg));
        r = netlink_list(&netdevs->netlink, &request, take_qdisc, NULL, netdevs->qdiscs);
        /* A kernel without traffic control. */
        if (r == -EOPNOTSUPP)
                return 0;
        for (guint i = 0; r == 0 && i < netdevs->qdiscs->len; i++)
                r = scan_qdisc(netdevs, &g_array_index(netdevs->qdiscs, Qdisc, i));
        return r;
}

/* By BPF_PROG_QUERY */

/* 0, or -errno; -EINVAL: this kernel does not know the type. */
static int query(Netdevs *netdevs, uint32_t target, bool link_ids, NetdevProg prog)
{
        QueriedProg progs[PROG_QUERY_MAX];
        int n = prog_query(target, prog.attach_type, link_ids, progs);

        for (int i = 0; i < n; i++) {
                prog.prog_id = progs[i].prog_id;
                prog.link_id = progs[i].link_id;
                add_prog(netdevs->progs, prog);
        }
        return MIN(n, 0);
}

static void query_interfaces(Netdevs *netdevs)
{
        static const struct {
                uint32_t type;
                bool netkit;
        } types[] = {
                { ATTACH_TCX_INGRESS, false },
                { ATTACH_TCX_EGRESS, false },
                { ATTACH_NETKIT_PRIMARY, true },
                { ATTACH_NETKIT_PEER, true },
        };

        for (guint t = 0; t < G_N_ELEMENTS(types); t++) {
                for (guint i = 0; i < netdevs->interfaces->len; i++) {
                        const Interface *interface =
                                &g_array_index(netdevs->interfaces, Interface, i);
                        const NetdevProg prog = {
                                .how = NETDEV_TCX,
                                .ifindex = interface->ifindex,
                                .attach_type = types[t].type,
                        };

                        if (types[t].netkit && !interface->netkit)
                                continue;
                        if (query(netdevs, interface->ifindex, true, prog) == -EINVAL &&
                            !types[t].netkit)
                                break;
                }
        }
}

/* A flow dissector may be attached without a link. The answer has those with a link, too. */
static void query_netns(Netdevs *netdevs)
{
        const NetdevProg prog = { .how = NETDEV_NETNS, .attach_type = BPF_FLOW_DISSECTOR };
        int r = netdevs->netns < 0 ? netdevs->netns : query(netdevs, netdevs->netns, false, prog);

        /* A kernel may be built without network namespaces, or not know flow dissectors. */
        netdevs->netns_error = r == -ENOENT || r == -EINVAL ? 0 : r;
}

static int scan_interfaces(Netdevs *netdevs)
{
        NetlinkRequest request;
        int r;

        netlink_begin(&request, RTM_GETLINK, sizeof(struct ifinfomsg));
        /* Without this, most of an answer is statistics. */
        mnl_attr_put_u32((void *)request.bytes, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        r = netlink_list(&netdevs->netlink, &request, take_interface, NULL, netdevs->interfaces);
        if (netdevs->interfaces->len > NETDEVS_MAX) {
                g_array_set_size(netdevs->interfaces, NETDEVS_MAX);
                r = -E2BIG;
        }
        for (guint i = 0; i < netdevs->interfaces->len; i++) {
                Interface *interface = &g_array_index(netdevs->interfaces, Interface, i);

                g_hash_table_insert(netdevs->names, GUINT_TO_POINTER(interface->ifindex),
                                    interface->name);
                add_xdp(netdevs, interface);
        }
        return r;
}

int netdevs_scan(Netdevs *netdevs)
{
        int r, tc;

        g_hash_table_remove_all(netdevs->names);
        g_array_set_size(netdevs->interfaces, 0);
        g_array_set_size(netdevs->qdiscs, 0);
        g_array_set_size(netdevs->progs, 0);
        query_netns(netdevs);
        r = scan_interfaces(netdevs);
        tc = scan_tc(netdevs);
        query_interfaces(netdevs);
        return r < 0 ? r : tc;
}

int netdevs_netns_error(const Netdevs *netdevs)
{
        return netdevs->netns_error;
}

guint netdevs_n_progs(const Netdevs *netdevs)
{
        return netdevs->progs->len;
}

const NetdevProg *netdevs_prog(const Netdevs *netdevs, guint index)
{
        return &g_array_index(netdevs->progs, NetdevProg, index);
}

const char *netdevs_name(const Netdevs *netdevs, uint32_t ifindex)
{
        return g_hash_table_lookup(netdevs->names, GUINT_TO_POINTER(ifindex));
}
