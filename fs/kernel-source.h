/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_SOURCE_H
#define BPFMETAFS_KERNEL_SOURCE_H

/*
 * The running kernel as a source, from inside: for kernel.c, kernel-progs.c and kernel-maps.c
 * alone.
 */

#include "boottime.h"
#include "kernel-arrays.h"
#include "kernel-lines.h"
#include "source.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

/* A descriptor that is closed when it goes out of scope. */
#define autoclose __attribute__((cleanup(close_fd)))

static inline void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

/* A value that can't change, read by the way when its map was looked at: whoever looks at such a
 * map asks for its value next. */
typedef struct Ready {
        uint32_t map; /* 0: none */
        uint32_t btf_id;
        size_t size;
        uint8_t *bytes; /* owned */
} Ready;

typedef struct KernelSource {
        Source source;
        Ready ready;
        GArray *looked; /* maps that were looked at with the program whose turn it is; or NULL */
        /* The BTF that was parsed last for a map, and for a program. The first is lent to callers
         * of map_value() until the next call: so only map_value() may replace it. */
        ParsedBtf map_btf;
        ParsedBtf prog_btf;
        ParsedBtf entry_btf; /* of a map whose entries are looked at; lent by map_btf() */
        FdInfoFiles fdinfo;  /* the last one; for all calls but looks */
        FdInfoFiles looks[SOURCE_THREADS]; /* of each thread */
        pthread_mutex_t boot_lock;
        BootTime boot;
        pthread_mutex_t arrays_lock; /* held while a map is opened that may be a program array */
        KernelArrays *arrays;        /* that were opened just now */
        uint32_t n_cpus;             /* that there can be */
} KernelSource;

/* bpf_obj_get_info_by_fd(). 0 or -errno. */
static inline int get_info(int fd, void *info, uint32_t *len)
{
        return bpf_obj_get_info_by_fd(fd, info, len) < 0 ? -errno : 0;
}

#endif
