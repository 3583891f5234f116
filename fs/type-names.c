/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names that are younger than libbpf 1.0, in tables; all others are libbpf's. */

#include "type-names.h"

#include "bpf-uapi.h"

#include <bpf/libbpf.h>
#include <glib.h>

static const char *const newer_prog_types[] = {
        [PROG_TYPE_NETFILTER] = "netfilter",
};

static const char *const newer_map_types[] = {
        [MAP_TYPE_USER_RINGBUF] = "user_ringbuf",
        [MAP_TYPE_CGRP_STORAGE] = "cgrp_storage",
        [MAP_TYPE_ARENA] = "arena",
        [MAP_TYPE_INSN_ARRAY] = "insn_array",
        [MAP_TYPE_RHASH] = "rhash",
};

static const char *const newer_link_types[] = {
        [LINK_STRUCT_OPS] = "struct_ops",
        [LINK_NETFILTER] = "netfilter",
        [LINK_TCX] = "tcx",
        [LINK_UPROBE_MULTI] = "uprobe_multi",
        [LINK_NETKIT] = "netkit",
        [LINK_SOCKMAP] = "sockmap",
        [LINK_TRACING_MULTI] = "tracing_multi",
};

static const char *const newer_attach_types[] = {
        [ATTACH_STRUCT_OPS] = "struct_ops",
        [ATTACH_NETFILTER] = "netfilter",
        [ATTACH_TCX_INGRESS] = "tcx_ingress",
        [ATTACH_TCX_EGRESS] = "tcx_egress",
        [ATTACH_TRACE_UPROBE_MULTI] = "trace_uprobe_multi",
        [ATTACH_CGROUP_UNIX_CONNECT] = "cgroup_unix_connect",
        [ATTACH_CGROUP_UNIX_SENDMSG] = "cgroup_unix_sendmsg",
        [ATTACH_CGROUP_UNIX_RECVMSG] = "cgroup_unix_recvmsg",
        [ATTACH_CGROUP_UNIX_GETPEERNAME] = "cgroup_unix_getpeername",
        [ATTACH_CGROUP_UNIX_GETSOCKNAME] = "cgroup_unix_getsockname",
        [ATTACH_NETKIT_PRIMARY] = "netkit_primary",
        [ATTACH_NETKIT_PEER] = "netkit_peer",
        [ATTACH_TRACE_KPROBE_SESSION] = "trace_kprobe_session",
        [ATTACH_TRACE_UPROBE_SESSION] = "trace_uprobe_session",
        [ATTACH_TRACE_FSESSION] = "trace_fsession",
        [ATTACH_TRACE_FENTRY_MULTI] = "trace_fentry_multi",
        [ATTACH_TRACE_FEXIT_MULTI] = "trace_fexit_multi",
        [ATTACH_TRACE_FSESSION_MULTI] = "trace_fsession_multi",
};

const char *prog_type_name(uint32_t type)
{
        const char *name = NAME_IN(newer_prog_types, type);

        return name ? name : libbpf_bpf_prog_type_str(type);
}

const char *map_type_name(uint32_t type)
{
        const char *name = NAME_IN(newer_map_types, type);

        return name ? name : libbpf_bpf_map_type_str(type);
}

const char *link_type_name(uint32_t type)
{
        const char *name = NAME_IN(newer_link_types, type);

        return name ? name : libbpf_bpf_link_type_str(type);
}

const char *attach_type_name(uint32_t type)
{
        const char *name = NAME_IN(newer_attach_types, type);

        return name ? name : libbpf_bpf_attach_type_str(type);
}
