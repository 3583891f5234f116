// SPDX-License-Identifier: GPL-2.0-or-later

/* Forbids everybody to open one map or one program, as a security module can. */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

struct bpf_map {
        __u32 id;
} __attribute__((preserve_access_index));

struct bpf_prog_aux {
        __u32 id;
} __attribute__((preserve_access_index));

struct bpf_prog {
        struct bpf_prog_aux *aux;
} __attribute__((preserve_access_index));

volatile __u32 forbidden_map;
volatile __u32 forbidden_prog;

SEC("fmod_ret/security_bpf_map")
int BPF_PROG(forbid_map, struct bpf_map *map, __u32 mode, int ret)
{
        return forbidden_map && map->id == forbidden_map ? -EPERM : ret;
}

SEC("fmod_ret/security_bpf_prog")
int BPF_PROG(forbid_prog, struct bpf_prog *prog, int ret)
{
        return forbidden_prog && prog->aux->id == forbidden_prog ? -EPERM : ret;
}

char LICENSE[] SEC("license") = "GPL";
