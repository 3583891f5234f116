/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MAP_SHAPE_H
#define BPFMETAFS_MAP_SHAPE_H

/*
 * The form of a map's entries, and the way to read them, by the map's type.
 *
 * Pure. A type is read only if that is known to change nothing: neither the contents of a map nor
 * the order in which entries are dropped. The shape of a map never changes.
 */

#include <stdbool.h>
#include <stdint.h>

struct bpf_map_info;

/* The largest key in bytes, and the largest value with those of all CPUs, that are read. */
#define MAP_SHAPE_MAX_KEY 65536u
#define MAP_SHAPE_MAX_VALUE (8u << 20)
/* The most entries of a program array that are read: all of them at each look. */
#define MAP_SHAPE_MAX_PROGS 4096u

typedef enum MapReading {
        MAP_READ_BATCHES, /* many entries with one call, if the kernel can do that */
        MAP_READ_KEYS,    /* one key after the other */
        MAP_READ_NEXT,    /* only the element that would be taken out next; it has no key */
        MAP_READ_ONCE,    /* together with the map's info, since it is rarely opened */
} MapReading;

typedef enum MapHolds {
        MAP_HOLDS_VALUES,
        MAP_HOLDS_MAPS,  /* their ids */
        MAP_HOLDS_PROGS, /* their ids */
} MapHolds;

typedef struct MapShape {
        const char *closed; /* why its entries are not read, as the end of a sentence; NULL: they
                               are */
        MapReading reading;
        MapHolds holds;
        bool numbered;       /* keys are numbers from 0 to max_entries - 1, of 32 bits */
        bool full;           /* each of these keys has an entry */
        uint32_t key_size;   /* bytes; 0 if there are no keys */
        uint32_t value_size; /* bytes of one value */
        uint32_t n_cpus;     /* an entry has this many values, one for each CPU; 0: one for all */
        uint32_t stride;     /* bytes from one CPU's value to the next */
        uint32_t max_entries;
        uint32_t btf_id;               /* 0: none */
        uint32_t key_type, value_type; /* type ids in that BTF; 0: none */
} MapShape;

/* @info is the kernel's answer for the map; @n_cpus is the number of possible CPUs. */
void map_shape_init(MapShape *shape, const struct bpf_map_info *info, uint32_t n_cpus);

bool map_shape_equal(const MapShape *a, const MapShape *b);

/* The bytes of the values of one entry. */
uint32_t map_shape_entry_size(const MapShape *shape);

#endif
