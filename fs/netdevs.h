/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NETDEVS_H
#define BPFMETAFS_NETDEVS_H

/*
 * The interfaces of one network namespace, and which programs are attached to them: XDP and classic
 * tc by rtnetlink, tcx and netkit by BPF_PROG_QUERY. Also the programs that are attached to the
 * namespace itself.
 *
 * The namespace is always the caller's, since BPF_PROG_QUERY takes no other.
 */

#include <glib.h>
#include <net/if.h>
#include <stdint.h>

/* The most interfaces that are looked at; each costs about 8 µs. */
#define NETDEVS_MAX 4096u
/* The most programs that are remembered. */
#define NETDEVS_MAX_PROGS 65536u

typedef enum NetdevHow {
        NETDEV_XDP,        /* by netlink or a link: the kernel does not tell which */
        NETDEV_TC_INGRESS, /* a filter of classic tc */
        NETDEV_TC_EGRESS,  /* the same, or a filter of the queueing discipline @qdisc */
        NETDEV_TCX,        /* tcx or netkit; @attach_type tells which */
        NETDEV_NETNS, /* at the namespace itself, without a link; @attach_type tells the hook */
} NetdevHow;

typedef struct NetdevProg {
        NetdevHow how;
        uint32_t ifindex;
        uint32_t prog_id;
        uint32_t link_id;     /* 0: none, or not known (NETDEV_XDP) */
        uint32_t attach_type; /* libbpf's number */
        uint32_t qdisc;       /* its handle; 0: clsact or ingress */
} NetdevProg;

typedef struct Netdevs Netdevs;

/*
 * Opens what netdevs_scan() needs in the network namespace that the caller is in. It never fails:
 * if something can't be opened, netdevs_scan() says so. To be called before the sandbox.
 */
Netdevs *netdevs_new(void);
void netdevs_free(Netdevs *netdevs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Netdevs, netdevs_free)

/* The inode number of the namespace; 0 if it is not known. */
uint64_t netdevs_netns(const Netdevs *netdevs);

/* Looks at all interfaces. 0, or -errno if some or all can't be looked at; results so far are kept.
 * -E2BIG: there are more than NETDEVS_MAX. */
int netdevs_scan(Netdevs *netdevs);

/* 0; or -errno: the last scan could not ask which flow dissector is attached. */
int netdevs_netns_error(const Netdevs *netdevs);

/* The results of the last scan; borrowed until the next. */
guint netdevs_n_progs(const Netdevs *netdevs);
const NetdevProg *netdevs_prog(const Netdevs *netdevs, guint index);
/* Not escaped; NULL if there is no such interface. */
const char *netdevs_name(const Netdevs *netdevs, uint32_t ifindex);

#endif
