/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program as most are: one object with metadata, a map of its own, and variables. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile const char bpf_metadata_oncall[] SEC(".rodata") = "net-team";
volatile const int bpf_metadata_revision SEC(".rodata") = 42;
volatile const struct {
        char commit[9];
        struct {
                char name[8];
                unsigned short port;
        } host;
} bpf_metadata_build SEC(".rodata") = { "deadbeef", { "forge", 8080 } };
volatile const unsigned int limit = 17;

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 8);
        __type(key, int);
        __type(value, long);
} counts SEC(".maps");

int hits;

SEC("xdp")
int hello(void *ctx)
{
        int key = 0;
        long *count = bpf_map_lookup_elem(&counts, &key);

        hits++;
        return count && *count > limit ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
