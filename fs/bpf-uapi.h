/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BPF_UAPI_H
#define BPFMETAFS_BPF_UAPI_H

/*
 * Numbers of types, links and attachments, as newer kernels have them.
 *
 * The headers that this is built with may be older than the kernel that it runs on. Numbers and
 * layouts of the interface never change once they are released, so they are written down here, as
 * include/uapi/linux/bpf.h of Linux 7.2 has them.
 */

#include <linux/types.h>

/* enum bpf_prog_type and enum bpf_map_type: those that are younger than Linux 6.0. */
enum {
        PROG_TYPE_NETFILTER = 32,
};
enum {
        MAP_TYPE_USER_RINGBUF = 31,
        MAP_TYPE_CGRP_STORAGE = 32,
        MAP_TYPE_ARENA = 33,
        MAP_TYPE_INSN_ARRAY = 34,
        MAP_TYPE_RHASH = 35,
};

/* enum bpf_link_type */
enum {
        LINK_UNSPEC = 0,
        LINK_RAW_TRACEPOINT = 1,
        LINK_TRACING = 2,
        LINK_CGROUP = 3,
        LINK_ITER = 4,
        LINK_NETNS = 5,
        LINK_XDP = 6,
        LINK_PERF_EVENT = 7,
        LINK_KPROBE_MULTI = 8,
        LINK_STRUCT_OPS = 9,
        LINK_NETFILTER = 10,
        LINK_TCX = 11,
        LINK_UPROBE_MULTI = 12,
        LINK_NETKIT = 13,
        LINK_SOCKMAP = 14,
        LINK_TRACING_MULTI = 15,
};

/* enum bpf_attach_type: those that are younger than Linux 6.0, with which any libbpf has a name. */
enum {
        ATTACH_STRUCT_OPS = 44,
        ATTACH_NETFILTER = 45,
        ATTACH_TCX_INGRESS = 46,
        ATTACH_TCX_EGRESS = 47,
        ATTACH_TRACE_UPROBE_MULTI = 48,
        ATTACH_CGROUP_UNIX_CONNECT = 49,
        ATTACH_CGROUP_UNIX_SENDMSG = 50,
        ATTACH_CGROUP_UNIX_RECVMSG = 51,
        ATTACH_CGROUP_UNIX_GETPEERNAME = 52,
        ATTACH_CGROUP_UNIX_GETSOCKNAME = 53,
        ATTACH_NETKIT_PRIMARY = 54,
        ATTACH_NETKIT_PEER = 55,
        ATTACH_TRACE_KPROBE_SESSION = 56,
        ATTACH_TRACE_UPROBE_SESSION = 57,
        ATTACH_TRACE_FSESSION = 58,
        ATTACH_TRACE_FENTRY_MULTI = 59,
        ATTACH_TRACE_FEXIT_MULTI = 60,
        ATTACH_TRACE_FSESSION_MULTI = 61,
};

/* enum bpf_perf_event_type: the kinds of events of a link of type LINK_PERF_EVENT */
enum {
        PERF_LINK_UNSPEC = 0,
        PERF_LINK_UPROBE = 1,
        PERF_LINK_URETPROBE = 2,
        PERF_LINK_KPROBE = 3,
        PERF_LINK_KRETPROBE = 4,
        PERF_LINK_TRACEPOINT = 5,
        PERF_LINK_EVENT = 6,
};

enum {
        KPROBE_MULTI_RETURN = 1 << 0, /* BPF_F_KPROBE_MULTI_RETURN */
        UPROBE_MULTI_RETURN = 1 << 0, /* BPF_F_UPROBE_MULTI_RETURN */
};

/* struct bpf_link_info. Addresses are those of buffers that the caller gives. */
typedef struct LinkInfo {
        __u32 type;
        __u32 id;
        __u32 prog_id;
        __u32 : 32;
        union {
                struct {
                        __u64 tp_name;
                        __u32 tp_name_len;
                        __u32 : 32;
                        __u64 cookie;
                } raw_tracepoint;
                struct {
                        __u32 attach_type;
                        __u32 target_obj_id; /* of a program or a BTF object */
                        __u32 target_btf_id; /* a type in it */
                        __u32 : 32;
                        __u64 cookie;
                } tracing;
                struct {
                        __u64 cgroup_id;
                        __u32 attach_type;
                } cgroup;
                struct {
                        __u64 target_name;
                        __u32 target_name_len;
                        __u32 map_id;
                        union {
                                struct {
                                        __u64 cgroup_id;
                                        __u32 order;
                                } cgroup;
                                struct {
                                        __u32 tid;
                                        __u32 pid;
                                } task;
                        };
                } iter;
                struct {
                        __u32 netns_ino;
                        __u32 attach_type;
                } netns;
                struct {
                        __u32 ifindex;
                } xdp;
                struct {
                        __u32 map_id;
                } struct_ops;
                struct {
                        __u32 pf;
                        __u32 hooknum;
                        __s32 priority;
                        __u32 flags;
                } netfilter;
                struct {
                        __u64 addrs;
                        __u32 count;
                        __u32 flags;
                        __u64 missed;
                        __u64 cookies;
                } kprobe_multi;
                struct {
                        __u64 path;
                        __u64 offsets;
                        __u64 ref_ctr_offsets;
                        __u64 cookies;
                        __u32 path_size;
                        __u32 count;
                        __u32 flags;
                        __u32 pid;
                } uprobe_multi;
                struct {
                        __u32 attach_type;
                        __u32 count;
                        __u32 btf_obj_id;
                        __u32 : 32;
                        __u64 ids; /* of __u32 */
                        __u64 addrs;
                        __u64 cookies;
                } tracing_multi;
                struct {
                        __u32 type;
                        __u32 : 32;
                        union {
                                /* The member that all but event have at the same place. */
                                struct {
                                        __u64 name;
                                        __u32 name_len;
                                } named;
                                struct {
                                        __u64 file_name;
                                        __u32 name_len;
                                        __u32 offset;
                                        __u64 cookie;
                                        __u64 ref_ctr_offset;
                                } uprobe;
                                struct {
                                        __u64 func_name;
                                        __u32 name_len;
                                        __u32 offset;
                                        __u64 addr;
                                        __u64 missed;
                                        __u64 cookie;
                                } kprobe;
                                struct {
                                        __u64 tp_name;
                                        __u32 name_len;
                                        __u32 : 32;
                                        __u64 cookie;
                                } tracepoint;
                                struct {
                                        __u64 config;
                                        __u32 type;
                                        __u32 : 32;
                                        __u64 cookie;
                                } event;
                        };
                } perf_event;
                struct {
                        __u32 ifindex;
                        __u32 attach_type;
                } tcx; /* and netkit */
                struct {
                        __u32 map_id;
                        __u32 attach_type;
                } sockmap;
        };
} __attribute__((aligned(8))) LinkInfo;

/* The part of union bpf_attr for BPF_PROG_QUERY. */
typedef struct ProgQuery {
        __u32 target; /* a descriptor; or an ifindex, for hooks of interfaces */
        __u32 attach_type;
        __u32 query_flags;
        __u32 attach_flags;
        __u64 prog_ids; /* address of __u32 */
        __u32 count;    /* in: how many there is room for; out: how many there are */
        __u32 : 32;
        __u64 prog_attach_flags;
        __u64 link_ids; /* address of __u32: 0 where no link has attached the program */
        __u64 link_attach_flags;
        __u64 revision;
} __attribute__((aligned(8))) ProgQuery;

#endif
