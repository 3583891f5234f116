/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs and maps of many types. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(kind, label, entries, key_bytes, value_bytes, ...) \
        struct { \
                __uint(type, kind); \
                __uint(max_entries, entries); \
                __uint(key_size, key_bytes); \
                __uint(value_size, value_bytes); \
                __VA_ARGS__ \
        } label SEC(".maps")

MAP(BPF_MAP_TYPE_HASH, a_hash, 8, 4, 8);
MAP(BPF_MAP_TYPE_PERCPU_HASH, a_percpu_hash, 8, 4, 8);
MAP(BPF_MAP_TYPE_LRU_HASH, an_lru_hash, 8, 16, 1);
MAP(BPF_MAP_TYPE_ARRAY, an_array, 3, 4, 24);
MAP(BPF_MAP_TYPE_PERCPU_ARRAY, a_percpu_array, 2, 4, 4);
MAP(BPF_MAP_TYPE_PROG_ARRAY, jumps, 4, 4, 4);
MAP(BPF_MAP_TYPE_LPM_TRIE, a_trie, 4, 8, 4, __uint(map_flags, BPF_F_NO_PREALLOC););
MAP(BPF_MAP_TYPE_QUEUE, a_queue, 4, 0, 4);
MAP(BPF_MAP_TYPE_RINGBUF, a_ring_with_a_name_that_is_long, 4096, 0, 0);
MAP(BPF_MAP_TYPE_PERF_EVENT_ARRAY, events, 4, 4, 4);

int hits;
volatile const char bpf_metadata_oncall[] SEC(".rodata") = "kernel-team";

/* Each map that a program names is bound to it. */
static int use(void *map)
{
        int key = 0;

        return bpf_map_lookup_elem(map, &key) != NULL;
}

SEC("xdp")
int on_xdp(void *ctx)
{
        char large_key[16] = {};
        int value = 0;

        hits++;
        bpf_map_lookup_elem(&an_lru_hash, large_key);
        bpf_map_push_elem(&a_queue, &value, 0);
        bpf_ringbuf_output(&a_ring_with_a_name_that_is_long, &value, sizeof(value), 0);
        bpf_tail_call(ctx, &jumps, 1);
        return use(&a_hash) + use(&a_percpu_hash) + use(&an_array) + use(&a_percpu_array);
}

SEC("socket")
int a_socket_filter_with_a_name_that_is_long(void *ctx)
{
        char prefix[8] = {};

        return bpf_map_lookup_elem(&a_trie, prefix) != NULL;
}

SEC("tc")
int on_tc(void *ctx)
{
        return hits;
}

SEC("tp/sched/sched_switch")
int on_switch(void *ctx)
{
        int value = 0;

        return bpf_perf_event_output(ctx, &events, 0, &value, sizeof(value));
}

SEC("raw_tp/sys_enter")
int on_enter(void *ctx)
{
        return 0;
}

SEC("cgroup_skb/egress")
int on_egress(void *ctx)
{
        return 1;
}

SEC("cgroup/sock_create")
int on_socket(void *ctx)
{
        return 1;
}

char _license[] SEC("license") = "GPL";
