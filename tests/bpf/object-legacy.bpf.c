// SPDX-License-Identifier: GPL-2.0-or-later

/* An object from before BTF: map definitions as plain structs, and no license. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct map_def {
	unsigned int type;
	unsigned int key_size;
	unsigned int value_size;
	unsigned int max_entries;
	unsigned int map_flags;
};

struct map_def SEC("maps") second_by_name = { BPF_MAP_TYPE_HASH, 8, 24, 1024, 1 };
struct map_def SEC("maps") first_by_name = { BPF_MAP_TYPE_ARRAY, 4, 2, 100, 0 };

SEC("xdp") int legacy(void *ctx)
{
	return bpf_map_lookup_elem(&first_by_name, &(int){ 0 }) != 0;
}
