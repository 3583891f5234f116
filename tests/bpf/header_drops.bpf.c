/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two programs that share a map and all metadata: what the recipes of docs/ are about. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfmeta.h>

BPF_METADATA_APP("firewall");
BPF_METADATA_ONCALL("net-team");
BPF_METADATA(runbook, "https://wiki.example.org/net/drops");
BPF_METADATA_VALUE(int, severity, 2);
BPF_METADATA_BUILD();

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u64);
} drops SEC(".maps");

static __attribute__((noinline)) int drop(void)
{
        __u32 key = 0;
        __u64 *count = bpf_map_lookup_elem(&drops, &key);

        if (count)
                __sync_fetch_and_add(count, 1);
        return XDP_DROP;
}

SEC("xdp")
int drop_all(struct xdp_md *packet)
{
        return drop();
}

SEC("xdp")
int drop_large(struct xdp_md *packet)
{
        return packet->data_end - packet->data > 1500 ? drop() : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
