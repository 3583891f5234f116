/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_ARRAYS_H
#define BPFMETAFS_KERNEL_ARRAYS_H

/*
 * Program arrays that were opened just now, and the results of that look.
 *
 * An array is opened at most once in KERNEL_ARRAYS_REST microseconds. When its last user reference
 * goes, and ours may be the last, the kernel schedules work to clear it (prog_array_map_clear(),
 * kernel/bpf/arraymap.c), and takes a reference for that work. If the work is pending already,
 * nothing gives that reference back, and the map stays for ever. So no two threads may open a map
 * at the same time that may be one: whoever calls these functions holds a lock.
 */

#include "fdinfo.h"

#include <glib.h>
#include <linux/bpf.h>
#include <stdint.h>

#define KERNEL_ARRAYS_REST 100000

/* The results of one look at a map. */
typedef struct MapFacts {
        struct bpf_map_info info;
        FdInfo fdinfo; /* empty if it was not needed */
} MapFacts;

/* The facts of such an array until it may be opened again. */
typedef struct Resting {
        MapFacts facts;
        int64_t since; /* g_get_monotonic_time() when it was closed */
        GArray *progs; /* kernel_entries_progs(), if contents are shown; else NULL */
} Resting;

typedef struct KernelArrays KernelArrays;

KernelArrays *kernel_arrays_new(void);
void kernel_arrays_free(KernelArrays *arrays);

/* The array was closed just now. @progs is owned from now on. Returns what
 * kernel_arrays_find() would. */
const Resting *kernel_arrays_add(KernelArrays *arrays, uint32_t id, const MapFacts *facts,
                                 GArray *progs);
/* The array, if it must not be opened now; borrowed until the next call. Else NULL. */
const Resting *kernel_arrays_find(KernelArrays *arrays, uint32_t id);

#endif
