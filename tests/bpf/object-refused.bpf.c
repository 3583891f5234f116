// SPDX-License-Identifier: GPL-2.0-or-later

/* An object that compilers take and loaders do not: each part of it is refused. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

#define ARRAY                                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, 3);                                                            \
		__type(key, int);                                                                  \
		__type(value, int);                                                                \
	}

ARRAY first SEC(".maps");
static ARRAY hidden SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(colour, 1);
} colourful SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	int max_entries;
	__uint(key_size, 4);
	__uint(value_size, 4);
} endless SEC(".maps");

struct {
	__uint(max_entries, 3);
} typeless SEC(".maps");

/* Defined as in a "maps" section, but not in one. */
struct map_def old_in_new SEC(".maps") = { BPF_MAP_TYPE_ARRAY, 4, 4, 3, 0 };

int number SEC(".maps");

struct map_def old SEC("maps/old") = { BPF_MAP_TYPE_ARRAY, 4, 8, 5, 0 };
static struct map_def old_hidden SEC("maps") = { BPF_MAP_TYPE_HASH, 4, 8, 6, 0 };
struct map_def old_last SEC("maps") = { BPF_MAP_TYPE_ARRAY, 4, 8, 7, 0 };

static volatile int stray SEC(".elsewhere") = 1;

SEC("xdp") int uses_first(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&first, &(int){ 0 }) != 0;
}

SEC("xdp") int uses_hidden(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&hidden, &(int){ 0 }) != 0;
}

SEC("xdp") int uses_old(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&old, &(int){ 0 }) != 0;
}

SEC("xdp") int uses_old_hidden(struct xdp_md *ctx)
{
	return bpf_map_lookup_elem(&old_hidden, &(int){ 0 }) != 0;
}

SEC("xdp") int uses_stray(struct xdp_md *ctx)
{
	return stray;
}

SEC("xdp") __attribute__((used)) static int hidden_program(struct xdp_md *ctx)
{
	return XDP_PASS;
}
