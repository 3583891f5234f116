/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of map types. */

#include "map-shape.h"

#include "bpf-uapi.h"

#include <glib.h>
#include <linux/bpf.h>

typedef struct Type {
        const char *closed;
        MapReading reading;
        MapHolds holds;
        bool numbered;
        bool full;
        bool per_cpu;
} Type;

/*
 * Lookups by system call leave the order of LRU maps as it is (htab_lru_map_lookup_elem_sys(),
 * kernel/bpf/hashtab.c), and show the head of a queue without taking it. Types that are closed
 * can't be read without a change.
 */
static const Type types[] = {
        [BPF_MAP_TYPE_UNSPEC] = { .closed = "its type has no number" },
        [BPF_MAP_TYPE_HASH] = { .reading = MAP_READ_BATCHES },
        [BPF_MAP_TYPE_ARRAY] = { .reading = MAP_READ_BATCHES, .numbered = true, .full = true },
        [BPF_MAP_TYPE_PROG_ARRAY] = { .reading = MAP_READ_ONCE,
                                      .holds = MAP_HOLDS_PROGS,
                                      .numbered = true },
        [BPF_MAP_TYPE_PERF_EVENT_ARRAY] = { .closed = "the kernel does not tell which events are "
                                                      "in it" },
        [BPF_MAP_TYPE_PERCPU_HASH] = { .reading = MAP_READ_BATCHES, .per_cpu = true },
        [BPF_MAP_TYPE_PERCPU_ARRAY] = { .reading = MAP_READ_BATCHES,
                                        .numbered = true,
                                        .full = true,
                                        .per_cpu = true },
        [BPF_MAP_TYPE_STACK_TRACE] = { .closed = "to read a stack takes it out of the map for a "
                                                 "moment" },
        [BPF_MAP_TYPE_CGROUP_ARRAY] = { .closed = "the kernel does not tell which cgroups are in "
                                                  "it" },
        [BPF_MAP_TYPE_LRU_HASH] = { .reading = MAP_READ_BATCHES },
        [BPF_MAP_TYPE_LRU_PERCPU_HASH] = { .reading = MAP_READ_BATCHES, .per_cpu = true },
        [BPF_MAP_TYPE_LPM_TRIE] = { .reading = MAP_READ_KEYS },
        [BPF_MAP_TYPE_ARRAY_OF_MAPS] = { .reading = MAP_READ_KEYS,
                                         .holds = MAP_HOLDS_MAPS,
                                         .numbered = true },
        [BPF_MAP_TYPE_HASH_OF_MAPS] = { .reading = MAP_READ_KEYS, .holds = MAP_HOLDS_MAPS },
        [BPF_MAP_TYPE_DEVMAP] = { .reading = MAP_READ_KEYS, .numbered = true },
        [BPF_MAP_TYPE_SOCKMAP] = { .closed = "when the last user of a map of sockets closes it, it "
                                             "is emptied, and a reader is a user" },
        [BPF_MAP_TYPE_CPUMAP] = { .reading = MAP_READ_KEYS, .numbered = true },
        [BPF_MAP_TYPE_XSKMAP] = { .closed = "the kernel does not tell which sockets are in it" },
        [BPF_MAP_TYPE_SOCKHASH] = { .closed = "when the last user of a map of sockets closes it, "
                                              "it is emptied, and a reader is a user" },
        [BPF_MAP_TYPE_CGROUP_STORAGE] = { .reading = MAP_READ_KEYS },
        [BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = { .closed = "to read a socket's cookie gives it one" },
        [BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = { .reading = MAP_READ_KEYS, .per_cpu = true },
        [BPF_MAP_TYPE_QUEUE] = { .reading = MAP_READ_NEXT },
        [BPF_MAP_TYPE_STACK] = { .reading = MAP_READ_NEXT },
        [BPF_MAP_TYPE_SK_STORAGE] = { .closed = "the kernel does not list the sockets that have "
                                                "entries" },
        [BPF_MAP_TYPE_DEVMAP_HASH] = { .reading = MAP_READ_KEYS },
        [BPF_MAP_TYPE_STRUCT_OPS] = { .reading = MAP_READ_KEYS, .numbered = true },
        [BPF_MAP_TYPE_RINGBUF] = { .closed = "a ring buffer can only be read by taking records out "
                                             "of it" },
        [BPF_MAP_TYPE_INODE_STORAGE] = { .closed = "the kernel does not list the inodes that have "
                                                   "entries" },
        [BPF_MAP_TYPE_TASK_STORAGE] = { .closed = "the kernel does not list the tasks that have "
                                                  "entries" },
        [BPF_MAP_TYPE_BLOOM_FILTER] = { .closed = "a bloom filter does not tell what is in it" },
        [MAP_TYPE_USER_RINGBUF] = { .closed = "a ring buffer can only be read by taking "
                                              "records out of it" },
        [MAP_TYPE_CGRP_STORAGE] = { .closed = "the kernel does not list the cgroups that have "
                                              "entries" },
        [MAP_TYPE_ARENA] = { .closed = "an arena can only be read by mapping it" },
        [MAP_TYPE_INSN_ARRAY] = { .closed = "where instructions are is not read" },
};

static const char *find_closed(const Type *type, const struct bpf_map_info *info,
                               const MapShape *shape)
{
        uint64_t size = shape->n_cpus ? (uint64_t)shape->stride * shape->n_cpus : shape->value_size;

        if (type->closed)
                return type->closed;
        if (info->ifindex)
                return "it is in a network device";
        if (shape->key_size > MAP_SHAPE_MAX_KEY || size > MAP_SHAPE_MAX_VALUE)
                return "its keys or values are too large";
        if (type->reading == MAP_READ_ONCE && info->max_entries > MAP_SHAPE_MAX_PROGS)
                return "it can hold too many programs";
        return NULL;
}

void map_shape_init(MapShape *shape, const struct bpf_map_info *info, uint32_t n_cpus)
{
        static const Type unknown = { .closed = "whether a map of this type can be read without "
                                                "changing it is not known" };
        const Type *type = info->type < G_N_ELEMENTS(types) ? &types[info->type] : &unknown;

        *shape = (MapShape){
                .reading = type->reading,
                .holds = type->holds,
                .numbered = type->numbered,
                .full = type->full,
                .key_size = info->key_size,
                .value_size = info->value_size,
                .n_cpus = type->per_cpu ? n_cpus : 0,
                /* bpf_map_value_size(), kernel/bpf/syscall.c */
                .stride = (info->value_size + 7) & ~7u,
                .max_entries = info->max_entries,
                .btf_id = info->btf_id,
                .key_type = info->btf_key_type_id,
                .value_type = info->btf_value_type_id,
        };
        shape->closed = find_closed(type, info, shape);
}

uint32_t map_shape_entry_size(const MapShape *shape)
{
        return shape->n_cpus ? shape->n_cpus * shape->stride : shape->value_size;
}

bool map_shape_equal(const MapShape *a, const MapShape *b)
{
        return a->closed == b->closed && a->reading == b->reading && a->holds == b->holds &&
               a->numbered == b->numbered && a->full == b->full && a->key_size == b->key_size &&
               a->value_size == b->value_size && a->n_cpus == b->n_cpus &&
               a->max_entries == b->max_entries && a->btf_id == b->btf_id &&
               a->key_type == b->key_type && a->value_type == b->value_type;
}
