/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The running kernel as a source.
 *
 * Every call opens the object by its id, asks, and closes it again: a descriptor that lived longer
 * would keep a program loaded after its owner let it go. Maps are opened with BPF_F_RDONLY, so that
 * nothing here could write one even by mistake.
 */

#include "kernel.h"

#include "kernel-entries.h"
#include "kernel-maps.h"
#include "kernel-progs.h"
#include "kernel-source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

/* Not the one that map_value() lends: values that were read before are still looked at. */
static int map_btf(Source *source, uint32_t btf_id, const struct btf **out)
{
        KernelSource *kernel = (KernelSource *)source;
        int r = parsed_btf_load(&kernel->entry_btf, btf_id);

        *out = kernel->entry_btf.btf;
        return r;
}

/* Opens the map if it is still the one of that shape: the kernel writes as much as the map has. */
static int open_shaped(KernelSource *kernel, uint32_t id, const MapShape *shape)
{
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info);
        int fd = kernel_open_map(id);
        int r = fd < 0 ? fd : get_info(fd, &info, &len);
        MapShape now;

        if (r == 0) {
                map_shape_init(&now, &info, kernel->n_cpus);
                r = map_shape_equal(&now, shape) ? fd : -ENOENT;
        }
        if (r < 0 && fd >= 0)
                close(fd);
        return r;
}

static int walk(Source *source, uint32_t id, const MapShape *shape, const SourceWalk *walk)
{
        KernelSource *kernel = (KernelSource *)source;
        g_autoptr(GArray) progs = NULL;
        autoclose int fd = -1;
        int r;

        if (shape->reading == MAP_READ_ONCE) {
                r = kernel_array_progs(kernel, id, &progs);
                return r < 0 ? r : kernel_entries_walk_progs(progs, walk);
        }
        fd = open_shaped(kernel, id, shape);
        return fd < 0 ? fd : kernel_entries_walk(fd, shape, walk);
}

static int entry(Source *source, uint32_t id, const MapShape *shape, const uint8_t *key,
                 uint8_t *values)
{
        KernelSource *kernel = (KernelSource *)source;
        g_autoptr(GArray) progs = NULL;
        autoclose int fd = -1;
        uint32_t number;
        int r;

        if (shape->reading == MAP_READ_ONCE) {
                memcpy(&number, key, sizeof(number));
                r = kernel_array_progs(kernel, id, &progs);
                if (r < 0 || number >= progs->len || g_array_index(progs, uint32_t, number) == 0)
                        return r < 0 ? r : -ENOENT;
                memcpy(values, &g_array_index(progs, uint32_t, number), sizeof(uint32_t));
                return 0;
        }
        fd = open_shaped(kernel, id, shape);
        return fd < 0 ? fd : kernel_entries_get(fd, shape, key, values);
}

static void kernel_free(Source *source)
{
        KernelSource *kernel = (KernelSource *)source;

        kernel_prog_looks_end(source);
        fdinfo_close(&kernel->fdinfo);
        pthread_mutex_destroy(&kernel->boot_lock);
        pthread_mutex_destroy(&kernel->arrays_lock);
        kernel_arrays_free(kernel->arrays);
        kernel_maps_clear(kernel);
        parsed_btf_clear(&kernel->map_btf);
        parsed_btf_clear(&kernel->prog_btf);
        parsed_btf_clear(&kernel->entry_btf);
        g_free(kernel);
}

static const SourceOps kernel_ops = {
        .free = kernel_free,
        .next_prog = kernel_next_prog,
        .prog = kernel_prog,
        .prog_maps = kernel_prog_maps,
        .prog_counts = kernel_prog_counts,
        .prog_look = kernel_prog_look,
        .prog_looked = kernel_prog_looked,
        .prog_looks_end = kernel_prog_looks_end,
        .prog_info = kernel_prog_info,
        .next_map = kernel_next_map,
        .map = kernel_map,
        .map_info = kernel_map_info,
        .map_all_info = kernel_map_all_info,
        .map_value = kernel_map_value,
        .walk = walk,
        .entry = entry,
        .map_btf = map_btf,
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
        return 0;
}

int kernel_source_new(bool contents, Source **out, GError **error)
{
        KernelSource *kernel;
        uint32_t id;

        /* libbpf's messages about hostile BTF do not help the reader of a log. */
        libbpf_set_print(quiet);
        if (bpf_prog_get_next_id(0, &id) < 0 && errno != ENOENT) {
                int r = -errno;

                if (r == -EPERM)
                        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
                                    "listing BPF programs needs CAP_SYS_ADMIN: run as root");
                else if (r == -ENOSYS)
                        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                                    "this kernel has no BPF (CONFIG_BPF_SYSCALL is off)");
                else
                        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                                    "cannot list BPF programs: %s", g_strerror(-r));
                return r;
        }
        kernel = g_new0(KernelSource, 1);
        kernel->source.ops = &kernel_ops;
        kernel->source.contents = contents;
        fdinfo_init(&kernel->fdinfo, 1);
        for (guint i = 0; i < SOURCE_THREADS; i++)
                fdinfo_init(&kernel->looks[i], FDINFO_FILES);
        pthread_mutex_init(&kernel->boot_lock, NULL);
        pthread_mutex_init(&kernel->arrays_lock, NULL);
        boottime_init(&kernel->boot);
        kernel->arrays = kernel_arrays_new();
        kernel->n_cpus = MAX(libbpf_num_possible_cpus(), 1);
        clock_gettime(CLOCK_REALTIME, &kernel->source.time);
        kernel->source.uid = geteuid();
        *out = &kernel->source;
        return 0;
}
