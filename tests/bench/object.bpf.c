/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the benchmark loads: an object as most are, with two programs, a map and metadata. It is
 * compiled twice, with different ONCALL. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfmeta.h>

BPF_METADATA_ONCALL(ONCALL);
BPF_METADATA_DESCRIPTION("counts and samples what passes");
BPF_METADATA_VERSION("2.7.1");
BPF_METADATA_VALUE(int, severity, 2);

static const volatile struct {
        char commit[41];
        struct {
                char name[16];
                unsigned short port;
        } host;
} bpf_metadata_build SEC(".rodata")
        __attribute__((used)) = { "8b0b1f6f0c37e0a1e6f5d1f0b8a7c9d2e3f40516", { "forge", 8080 } };

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 4);
        __type(key, __u32);
        __type(value, __u64);
} counts SEC(".maps");

SEC("cgroup_skb/egress")
int count(struct __sk_buff *skb)
{
        __u32 key = skb->protocol & 3;
        __u64 *value = bpf_map_lookup_elem(&counts, &key);

        if (value)
                __sync_fetch_and_add(value, 1);
        return 0;
}

SEC("cgroup_skb/egress")
int sample(struct __sk_buff *skb)
{
        return skb->len & 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
