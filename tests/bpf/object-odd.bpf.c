// SPDX-License-Identifier: GPL-2.0-or-later

/* An object that libbpf cannot load: section and map names that it does not know, map definitions with
 * everything that a definition can have, a section that libbpf before 1.2 does not know. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Proprietary\n\033[31m";

int spare SEC(".bss.own");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__uint(value_size, 16);
	__uint(map_flags, BPF_F_NUMA_NODE | BPF_F_RDONLY_PROG);
	__uint(numa_node, 1);
	__uint(map_extra, 9);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} everything SEC(".maps");

struct {
	__uint(type, 4711);
	__uint(max_entries, 1);
} from_the_future SEC(".maps");

SEC("xdp/\x01odd\\") int odd(void *ctx)
{
	return bpf_map_lookup_elem(&everything, &(int){ 0 }) ? spare : 0;
}

SEC("no/such/type") int unknown(void *ctx)
{
	return bpf_map_lookup_elem(&from_the_future, &(int){ 0 }) != 0;
}

SEC("?xdp") int on_request(struct xdp_md *ctx)
{
	return XDP_PASS;
}
