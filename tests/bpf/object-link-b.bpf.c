// SPDX-License-Identifier: GPL-2.0-or-later

/* The other of two objects that are linked into one: it has the function that both call. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

static volatile const int bpf_metadata_part = 2;
int counter = 5;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, int);
} of_b SEC(".maps");

__noinline int shared(int n)
{
	return bpf_map_lookup_elem(&of_b, &n) ? counter : XDP_PASS;
}

SEC("xdp") int program_b(struct xdp_md *ctx)
{
	return shared(bpf_metadata_part);
}
