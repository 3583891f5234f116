// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * An object with every kind of map that libbpf makes without being asked, programs that reach them
 * through functions, and metadata of each convention. It loads.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

volatile const char bpf_metadata_oncall[] = "net-team";
static volatile const int bpf_metadata_revision = 42;
volatile const struct bpf_prog_metadata_build {
	char commit[9];
	int port;
} stamp = { "deadbeef", 8080 };
volatile const char oncall[] SEC(".rodata.metadata") = "edge-team";
volatile const char note[] SEC(".metadata") = "not loaded";

int limit = 3;
int zeroed;
__hidden int own SEC(".data.own") = 7;

extern int CONFIG_HZ __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig;

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, long);
} inner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, long);
	__type(value, struct { char text[24]; });
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, int);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [1] = &inner },
};

static __noinline int deepest(int n)
{
	long key = n;

	return bpf_map_lookup_elem(&hash, &key) != 0;
}

static __noinline int deeper(int n)
{
	return deepest(n) + limit;
}

struct bpf_map;

static long visit(struct bpf_map *map, const void *key, void *value, void *context)
{
	own++;
	return 0;
}

__noinline int visible(int n)
{
	return deeper(n) + oncall[n & 7];
}

/* .bss, then through visible(): .rodata.metadata, .data, hash; then its own inner, .rodata ... */
SEC("xdp") int order_through_calls(struct xdp_md *ctx)
{
	int sum = zeroed;

	sum += visible(sum);
	return sum > bpf_metadata_revision ? XDP_DROP : XDP_PASS;
}

/* Only a callback reaches .data.own. */
SEC("tc") int order_through_callback(struct __sk_buff *skb)
{
	bpf_for_each_map_elem(&inner, visit, 0, 0);
	return CONFIG_HZ + CONFIG_BPF_SYSCALL;
}

SEC("cgroup_skb/ingress") int attached(struct __sk_buff *skb)
{
	int key = 1;

	bpf_trace_printk("a literal", 10);
	return bpf_map_lookup_elem(&outer, &key) ? 0 : 1;
}
