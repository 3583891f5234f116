// SPDX-License-Identifier: GPL-2.0-or-later

/* One of two objects that are linked into one: its data come first. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

volatile const char bpf_metadata_oncall[] = "first-team";
static volatile const int bpf_metadata_part = 1;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, int);
} of_a SEC(".maps");

int shared(int n);

SEC("xdp") int program_a(struct xdp_md *ctx)
{
	int key = bpf_metadata_part;

	return bpf_map_lookup_elem(&of_a, &key) ? shared(key) : XDP_PASS;
}
