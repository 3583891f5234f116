/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_QUERY_H
#define BPFMETAFS_PROG_QUERY_H

/*
 * BPF_PROG_QUERY: the programs that are attached to one target. It changes nothing and holds
 * nothing.
 */

#include <stdint.h>

/* The most programs that the kernel attaches to one target at one hook: BPF_CGROUP_MAX_PROGS
 * (include/linux/bpf-cgroup-defs.h) and BPF_MPROG_MAX (include/linux/bpf_mprog.h). */
#define PROG_QUERY_MAX 64

typedef struct QueriedProg {
        uint32_t prog_id;
        uint32_t link_id; /* 0: not attached by a link; always 0 without @link_ids */
} QueriedProg;

/*
 * The programs that are attached to @target (a descriptor or an ifindex in the caller's network
 * namespace) as @attach_type. Returns their number, or -errno: -EINVAL if the kernel does not know
 * the type. @link_ids: asks for the links, too; only tcx and netkit can tell them.
 */
int prog_query(uint32_t target, uint32_t attach_type, int link_ids,
               QueriedProg progs[PROG_QUERY_MAX]);

#endif
