/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Interfaces by rtnetlink.
 *
 * The socket is connected to the kernel, and what another process sends to it is dropped. Every
 * length is checked all the same, by libmnl or here.
 */

#include "netdevs.h"

#include "bpf-uapi.h"
#include "prog-query.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel fills no more than this at a time (netlink_dump(), net/netlink/af_netlink.c). */
#define ANSWER_SIZE 32768
/* How long in milliseconds an answer may take. The kernel gives it at once, or once whoever
 * configures interfaces at the moment is done. */
#define PATIENCE_MS 500
/* How often a listing is begun again because something changed meanwhile, before it is taken as it
 * is. */
#define MAX_TRIES 3

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
        int socket;   /* or -errno */
        int netns;    /* or -errno */
        uint64_t ino; /* of netns */
        uint32_t sequence;
        uint8_t *answer;    /* ANSWER_SIZE and, for libmnl rounds lengths up, NLMSG_ALIGNTO */
        GArray *interfaces; /* Interface */
        GArray *qdiscs;     /* Qdisc: where filters may be */
        GArray *progs;      /* NetdevProg */
        GHashTable *names;  /* ifindex -> char *, borrowed from interfaces */
};

/* A queueing discipline as tc calls it: what filters are attached to. */
typedef struct Qdisc {
        uint32_t ifindex;
        uint32_t handle;
        bool egress; /* has a place for filters on the way out: all but ingress */
        bool clsact; /* or ingress */
} Qdisc;

static int open_socket(void)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

Netdevs *netdevs_new(void)
{
        Netdevs *netdevs = g_new0(Netdevs, 1);
        struct stat attr;

        netdevs->socket = open_socket();
        netdevs->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (netdevs->netns < 0)
                netdevs->netns = -errno;
        else if (fstat(netdevs->netns, &attr) == 0)
                netdevs->ino = attr.st_ino;
        netdevs->answer = g_malloc0(ANSWER_SIZE + NLMSG_ALIGNTO);
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
        if (netdevs->socket >= 0)
                close(netdevs->socket);
        if (netdevs->netns >= 0)
                close(netdevs->netns);
        g_free(netdevs->answer);
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

static void add_prog(Netdevs *netdevs, NetdevProg prog)
{
        if (netdevs->progs->len < NETDEVS_MAX_PROGS)
                g_array_append_val(netdevs->progs, prog);
}

/* Netlink */

/* Takes one message of an answer. @context is the caller's. */
typedef void (*MessageFunc)(Netdevs *netdevs, const struct nlmsghdr *message, const void *context);

/* A datagram of the kernel's into netdevs->answer: its length, or -errno. */
static ssize_t receive(Netdevs *netdevs, int flags)
{
        for (;;) {
                struct sockaddr_nl from = { 0 };
                socklen_t from_len = sizeof(from);
                ssize_t n = recvfrom(netdevs->socket, netdevs->answer, ANSWER_SIZE,
                                     flags | MSG_TRUNC, (struct sockaddr *)&from, &from_len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (from_len != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
                        continue;
                return n > ANSWER_SIZE ? -EMSGSIZE : n;
        }
}

/* What is left of an answer that was given up. */
static void drain(Netdevs *netdevs)
{
        while (receive(netdevs, MSG_DONTWAIT) >= 0)
                ;
}

static int error_of(const struct nlmsghdr *message)
{
        int error = 0;

        /* NLMSG_DONE and NLMSG_ERROR both begin with a negative errno, or 0. */
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
                memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
        return error < 0 && error >= -4095 ? error : 0;
}

/* Also for lengths that libmnl takes for negative. */
static bool is_whole(const struct nlmsghdr *message, int left)
{
        return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

/* Looks through one datagram. 1: there is more to come; 0: that was all; or -errno. */
static int take(Netdevs *netdevs, size_t len, MessageFunc func, const void *context,
                bool *interrupted)
{
        const struct nlmsghdr *message = (const void *)netdevs->answer;
        int left = (int)len;

        for (; is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
                if (message->nlmsg_seq != netdevs->sequence)
                        continue;
                if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                        *interrupted = true;
                if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
                        return error_of(message);
                func(netdevs, message, context);
        }
        return 1;
}

static int dump_once(Netdevs *netdevs, struct nlmsghdr *request, MessageFunc func,
                     const void *context, bool *interrupted)
{
        int r = 1;

        drain(netdevs);
        request->nlmsg_seq = ++netdevs->sequence;
        if (send(netdevs->socket, request, request->nlmsg_len, 0) < 0)
                return -errno;
        while (r > 0) {
                ssize_t n = receive(netdevs, 0);

                r = n < 0 ? (int)n : take(netdevs, n, func, context, interrupted);
        }
        return r;
}

/* Lists by @request, whose answers go to @func. @out, where @func puts them, is cut back to what it
 * was before the listing is begun again. */
static int dump(Netdevs *netdevs, struct nlmsghdr *request, MessageFunc func, const void *context,
                GArray *out)
{
        bool interrupted = true;
        guint len = out->len;
        int r = 0;

        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        for (int i = 0; i < MAX_TRIES && interrupted && r == 0; i++) {
                interrupted = false;
                g_array_set_size(out, len);
                r = dump_once(netdevs, request, func, context, &interrupted);
        }
        return r;
}

/* The attributes of a message or of an attribute, by their types up to @max. */
typedef struct Attributes {
        const struct nlattr **found; /* max + 1 of them */
        uint16_t max;
} Attributes;

static int take_attribute(const struct nlattr *attr, void *data)
{
        const Attributes *attributes = data;
        uint16_t type = mnl_attr_get_type(attr);

        if (type <= attributes->max)
                attributes->found[type] = attr;
        return MNL_CB_OK;
}

/* Both leave in @found, which has @max + 1 elements, what is well-formed up to the first fault. */
static void parse(const struct nlmsghdr *message, size_t header, const struct nlattr **found,
                  uint16_t max)
{
        Attributes attributes = { found, max };

        memset(found, 0, (max + 1u) * sizeof(*found));
        mnl_attr_parse(message, header, take_attribute, &attributes);
}

static void parse_nested(const struct nlattr *attr, const struct nlattr **found, uint16_t max)
{
        Attributes attributes = { found, max };

        memset(found, 0, (max + 1u) * sizeof(*found));
        if (attr)
                mnl_attr_parse_nested(attr, take_attribute, &attributes);
}

/* 0 if it is not there, or has another size. */
static uint32_t u32_of(const struct nlattr *attr)
{
        return attr && mnl_attr_get_payload_len(attr) == sizeof(uint32_t) ? mnl_attr_get_u32(attr)
                                                                          : 0;
}

static bool is_text(const struct nlattr *attr, const char *text)
{
        size_t len = strlen(text);

        return attr && mnl_attr_get_payload_len(attr) >= len &&
               memcmp(mnl_attr_get_payload(attr), text, len) == 0 &&
               (mnl_attr_get_payload_len(attr) == len ||
                ((const char *)mnl_attr_get_payload(attr))[len] == '\0');
}

/* Interfaces */

static void take_interface(Netdevs *netdevs, const struct nlmsghdr *message, const void *context)
{
        const struct nlattr *attrs[IFLA_XDP + 1], *info[IFLA_INFO_KIND + 1],
                *xdp[IFLA_XDP_HW_PROG_ID + 1];
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
        Interface interface = { 0 };

        if (message->nlmsg_type != RTM_NEWLINK ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*header) || header->ifi_index <= 0)
                return;
        parse(message, sizeof(*header), attrs, IFLA_XDP);
        interface.ifindex = header->ifi_index;
        if (attrs[IFLA_IFNAME])
                memcpy(interface.name, mnl_attr_get_payload(attrs[IFLA_IFNAME]),
                       MIN(mnl_attr_get_payload_len(attrs[IFLA_IFNAME]), IF_NAMESIZE - 1));
        parse_nested(attrs[IFLA_LINKINFO], info, IFLA_INFO_KIND);
        interface.netkit = is_text(info[IFLA_INFO_KIND], "netkit");
        parse_nested(attrs[IFLA_XDP], xdp, IFLA_XDP_HW_PROG_ID);
        for (guint i = 0; i < N_XDP_MODES; i++)
                interface.xdp[i] = u32_of(xdp[xdp_modes[i]]);
        /* One more than the most tells that there are more. */
        if (netdevs->interfaces->len <= NETDEVS_MAX)
                g_array_append_val(netdevs->interfaces, interface);
}

static void add_xdp(Netdevs *netdevs, const Interface *interface)
{
        for (guint i = 0; i < N_XDP_MODES; i++)
                if (interface->xdp[i] != 0)
                        add_prog(netdevs, (NetdevProg){
                                                  .how = NETDEV_XDP,
                                                  .ifindex = interface->ifindex,
                                                  .prog_id = interface->xdp[i],
                                                  .attach_type = BPF_XDP,
                                          });
}

/* Classic tc */

static void take_qdisc(Netdevs *netdevs, const struct nlmsghdr *message, const void *context)
{
        const struct tcmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attrs[TCA_KIND + 1];
        Qdisc qdisc = { 0 };

        if (message->nlmsg_type != RTM_NEWQDISC ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return;
        parse(message, sizeof(*header), attrs, TCA_KIND);
        qdisc.ifindex = header->tcm_ifindex;
        qdisc.handle = header->tcm_handle;
        qdisc.clsact = is_text(attrs[TCA_KIND], "clsact") || is_text(attrs[TCA_KIND], "ingress");
        qdisc.egress = !is_text(attrs[TCA_KIND], "ingress");
        /* Without a handle nothing can be attached to it. */
        if (qdisc.handle != 0 && netdevs->qdiscs->len < NETDEVS_MAX)
                g_array_append_val(netdevs->qdiscs, qdisc);
}

/* @context is the NetdevProg that a filter with a program makes, but for its id. */
static void take_filter(Netdevs *netdevs, const struct nlmsghdr *message, const void *context)
{
        const struct nlattr *attrs[TCA_OPTIONS + 1], *options[TCA_BPF_ID + 1];
        NetdevProg prog = *(const NetdevProg *)context;

        if (message->nlmsg_type != RTM_NEWTFILTER ||
            mnl_nlmsg_get_payload_len(message) < sizeof(struct tcmsg))
                return;
        parse(message, sizeof(struct tcmsg), attrs, TCA_OPTIONS);
        if (!is_text(attrs[TCA_KIND], "bpf"))
                return;
        parse_nested(attrs[TCA_OPTIONS], options, TCA_BPF_ID);
        prog.prog_id = u32_of(options[TCA_BPF_ID]);
        /* A classic filter has none. */
        if (prog.prog_id != 0)
                add_prog(netdevs, prog);
}

/* The filters of one place that can have some. */
static int scan_filters(Netdevs *netdevs, uint32_t parent, NetdevProg prog)
{
        uint8_t buffer[256];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct tcmsg *header;

        request->nlmsg_type = RTM_GETTFILTER;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->tcm_family = AF_UNSPEC;
        header->tcm_ifindex = (int)prog.ifindex;
        header->tcm_parent = parent;
        return dump(netdevs, request, take_filter, &prog, netdevs->progs);
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
        uint8_t buffer[256];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct tcmsg *header;
        int r;

        request->nlmsg_type = RTM_GETQDISC;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->tcm_family = AF_UNSPEC;
        r = dump(netdevs, request, take_qdisc, NULL, netdevs->qdiscs);
        /* A kernel without traffic control. */
        if (r == -EOPNOTSUPP)
                return 0;
        for (guint i = 0; r == 0 && i < netdevs->qdiscs->len; i++)
                r = scan_qdisc(netdevs, &g_array_index(netdevs->qdiscs, Qdisc, i));
        return r;
}

/* By BPF_PROG_QUERY */

/* False: this kernel does not know the type. */
static bool query(Netdevs *netdevs, uint32_t target, bool link_ids, NetdevProg prog)
{
        QueriedProg progs[PROG_QUERY_MAX];
        int n = prog_query(target, prog.attach_type, link_ids, progs);

        for (int i = 0; i < n; i++) {
                prog.prog_id = progs[i].prog_id;
                prog.link_id = progs[i].link_id;
                add_prog(netdevs, prog);
        }
        return n != -EINVAL;
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
                        if (!query(netdevs, interface->ifindex, true, prog) && !types[t].netkit)
                                break;
                }
        }
}

/* A flow dissector may be attached without a link. Those with one are in the answer, too. */
static void query_netns(Netdevs *netdevs)
{
        if (netdevs->netns >= 0)
                query(netdevs, netdevs->netns, false,
                      (NetdevProg){ .how = NETDEV_NETNS, .attach_type = BPF_FLOW_DISSECTOR });
}

static int scan_interfaces(Netdevs *netdevs)
{
        uint8_t buffer[256];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        struct ifinfomsg *header;
        int r;

        request->nlmsg_type = RTM_GETLINK;
        header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
        header->ifi_family = AF_UNSPEC;
        /* Statistics are most of an answer. */
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        r = dump(netdevs, request, take_interface, NULL, netdevs->interfaces);
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
        if (netdevs->socket < 0)
                return netdevs->socket;
        r = scan_interfaces(netdevs);
        tc = scan_tc(netdevs);
        query_interfaces(netdevs);
        return r < 0 ? r : tc;
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
