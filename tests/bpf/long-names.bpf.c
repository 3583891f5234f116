/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs and maps that the kernel, which keeps 15 characters, knows by equal names. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, __u32);
} addresses_allowed SEC(".maps"), addresses_allow_later SEC(".maps");

const volatile char bpf_metadata_addresses_allowed[] SEC(".rodata") = "one";
const volatile char bpf_metadata_addresses_allow_later[] SEC(".rodata") = "two";

SEC("socket")
int addresses_allow_in(void *ctx)
{
        __u32 key = 0;

        return bpf_map_lookup_elem(&addresses_allowed, &key) ||
               bpf_map_lookup_elem(&addresses_allow_later, &key);
}

SEC("socket")
int addresses_allow_out(void *ctx)
{
        return 0;
}

char _license[] SEC("license") = "GPL";
