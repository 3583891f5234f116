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
#include "kernel-info.h"
#include "kernel-progs.h"
#include "kernel-source.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libbpf 1.0 cannot pass open_flags; the system call has had them since Linux 4.15. */
static int open_map(uint32_t id)
{
        union bpf_attr attr;
        int fd;

        memset(&attr, 0, sizeof(attr));
        attr.map_id = id;
        attr.open_flags = BPF_F_RDONLY;
        fd = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
        return fd < 0 ? -errno : fd;
}

static void lay_to_rest(KernelSource *kernel, uint32_t id, int fd, const MapFacts *facts)
{
        GArray *progs = NULL;
        MapShape shape;

        if (kernel->source.contents) {
                map_shape_init(&shape, &facts->info, kernel->n_cpus);
                progs = kernel_entries_progs(fd, &shape);
        }
        kernel_arrays_add(kernel->arrays, id, facts, progs);
}

static bool is_global_data(const struct bpf_map_info *info)
{
        return info->type == BPF_MAP_TYPE_ARRAY && info->max_entries == 1 && info->btf_id != 0 &&
               info->btf_value_type_id != 0;
}

/* A larger value is not read by the way. */
#define READY_MAX 65536u

static void drop_ready(KernelSource *kernel)
{
        g_free(kernel->ready.bytes);
        kernel->ready = (Ready){ 0 };
}

/* @fd is open on the map. */
static void read_by_the_way(KernelSource *kernel, uint32_t id, int fd, const MapFacts *facts)
{
        const struct bpf_map_info *info = &facts->info;
        g_autofree uint8_t *bytes = NULL;
        uint64_t frozen;
        uint32_t key = 0;

        drop_ready(kernel);
        if (!is_global_data(info) || !(info->map_flags & BPF_F_RDONLY_PROG) ||
            info->value_size > READY_MAX || !fdinfo_get(&facts->fdinfo, "frozen", &frozen) ||
            frozen == 0)
                return;
        bytes = g_malloc(info->value_size);
        if (bpf_map_lookup_elem(fd, &key, bytes) == 0)
                kernel->ready =
                        (Ready){ id, info->btf_id, info->value_size, g_steal_pointer(&bytes) };
}

/* To read fdinfo costs more than all the rest. It is read if @fdinfo is true, if it matters whether
 * the map is frozen, or if this may be the only look for a while. */
static int look_at_map(KernelSource *kernel, uint32_t id, bool fdinfo, MapFacts *out)
{
        int64_t now = g_get_monotonic_time();
        const Resting *resting;
        autoclose int fd = -1;
        uint32_t len = sizeof(out->info);
        int r;

        resting = kernel_arrays_find(kernel->arrays, id, now);
        if (resting) {
                *out = resting->facts;
                return source_has(&kernel->source, kernel->source.ops->next_map, id) ? 0 : -ENOENT;
        }
        memset(&out->info, 0, sizeof(out->info));
        fdinfo_clear(&out->fdinfo);
        out->time = now;
        fd = open_map(id);
        r = fd < 0 ? fd : get_info(fd, &out->info, &len);
        if (r < 0)
                return r;
        if (fdinfo || is_global_data(&out->info) || out->info.type == BPF_MAP_TYPE_PROG_ARRAY)
                fdinfo_read(&kernel->fdinfo, &out->fdinfo, fd);
        if (out->info.type == BPF_MAP_TYPE_PROG_ARRAY)
                lay_to_rest(kernel, id, fd, out);
        if (!fdinfo)
                read_by_the_way(kernel, id, fd, out);
        return 0;
}

static int next_map(Source *source, uint32_t after, uint32_t *id)
{
        return bpf_map_get_next_id(after, id) < 0 ? -errno : 0;
}

static int map(Source *source, uint32_t id, SourceMap *out)
{
        KernelSource *kernel = (KernelSource *)source;
        uint64_t frozen = 0;
        MapFacts facts;
        const struct bpf_map_info *info = &facts.info;
        int r = look_at_map(kernel, id, false, &facts);

        if (r < 0)
                return r;
        *out = (SourceMap){
                .name = g_strndup(info->name, sizeof(info->name)),
                .value_size = info->value_size,
                .btf_id = info->btf_id,
                .datasec = info->btf_value_type_id,
                .global_data = is_global_data(info),
                .keyless = info->btf_id != 0 && info->btf_key_type_id == 0,
                .rdonly_prog = (info->map_flags & BPF_F_RDONLY_PROG) != 0,
                .gets_owner = info->type == BPF_MAP_TYPE_PROG_ARRAY,
                .struct_ops = info->type == BPF_MAP_TYPE_STRUCT_OPS,
        };
        if (source->contents)
                map_shape_init(&out->shape, info, kernel->n_cpus);
        out->frozen = fdinfo_get(&facts.fdinfo, "frozen", &frozen) && frozen != 0;
        return 0;
}

typedef void (*AddMapFunc)(InfoBuilder *builder, const struct bpf_map_info *info,
                           const FdInfo *fdinfo);

static int make_map_info(Source *source, uint32_t id, AddMapFunc add, Info **out)
{
        InfoBuilder *builder;
        MapFacts facts;
        int r = look_at_map((KernelSource *)source, id, true, &facts);

        if (r < 0)
                return r;
        builder = info_builder_new();
        add(builder, &facts.info, &facts.fdinfo);
        *out = info_builder_end(builder);
        return 0;
}

static int map_info(Source *source, uint32_t id, bool changing, Info **out)
{
        return make_map_info(source, id,
                             changing ? kernel_info_add_changing_map : kernel_info_add_fixed_map,
                             out);
}

static int map_all_info(Source *source, uint32_t id, Info **out)
{
        return make_map_info(source, id, kernel_info_add_map, out);
}

static int load_map_btf(KernelSource *kernel, uint32_t id)
{
        if (kernel->prog_btf.id == id) {
                ParsedBtf other = kernel->map_btf;

                kernel->map_btf = kernel->prog_btf;
                kernel->prog_btf = other;
        }
        return parsed_btf_load(&kernel->map_btf, id);
}

/* The bytes of the map's value, to be freed, their number, and the BTF that is for them. */
static int read_value(KernelSource *kernel, uint32_t id, Ready *out)
{
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info), key = 0;
        autoclose int fd = open_map(id);
        g_autofree uint8_t *bytes = NULL;
        int r = fd < 0 ? fd : get_info(fd, &info, &len);

        if (r < 0)
                return r;
        if (info.value_size > SOURCE_MAX_VALUE)
                return -E2BIG;
        bytes = g_try_malloc(info.value_size);
        if (!bytes)
                return -ENOMEM;
        if (bpf_map_lookup_elem(fd, &key, bytes) < 0)
                return -errno;
        *out = (Ready){ id, info.btf_id, info.value_size, g_steal_pointer(&bytes) };
        return 0;
}

static int map_value(Source *source, uint32_t id, SourceValue *out)
{
        KernelSource *kernel = (KernelSource *)source;
        int r = 0;

        if (kernel->ready.map != id) {
                drop_ready(kernel);
                r = read_value(kernel, id, &kernel->ready);
        }
        if (r == 0)
                r = load_map_btf(kernel, kernel->ready.btf_id);
        if (r == 0)
                *out = (SourceValue){
                        .bytes = g_steal_pointer(&kernel->ready.bytes),
                        .size = kernel->ready.size,
                        .btf = kernel->map_btf.btf,
                        .btf_borrowed = true,
                        .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
                };
        drop_ready(kernel);
        return r;
}

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
        int fd = open_map(id);
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

/* The programs in the array @id, borrowed, from when it was opened last. */
static int find_progs(KernelSource *kernel, uint32_t id, const GArray **out)
{
        const Resting *resting;
        MapFacts facts;
        int r = look_at_map(kernel, id, false, &facts);

        if (r < 0)
                return r;
        resting = kernel_arrays_find(kernel->arrays, id, g_get_monotonic_time());
        *out = resting ? resting->progs : NULL;
        return *out ? 0 : -ENOENT;
}

static int walk(Source *source, uint32_t id, const MapShape *shape, const SourceWalk *walk)
{
        KernelSource *kernel = (KernelSource *)source;
        const GArray *progs;
        autoclose int fd = -1;
        int r;

        if (shape->reading == MAP_READ_ONCE) {
                r = find_progs(kernel, id, &progs);
                return r < 0 ? r : kernel_entries_walk_progs(progs, walk);
        }
        fd = open_shaped(kernel, id, shape);
        return fd < 0 ? fd : kernel_entries_walk(fd, shape, walk);
}

static int entry(Source *source, uint32_t id, const MapShape *shape, const uint8_t *key,
                 uint8_t *values)
{
        KernelSource *kernel = (KernelSource *)source;
        const GArray *progs;
        autoclose int fd = -1;
        uint32_t number;
        int r;

        if (shape->reading == MAP_READ_ONCE) {
                memcpy(&number, key, sizeof(number));
                r = find_progs(kernel, id, &progs);
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
        kernel_arrays_free(kernel->arrays);
        drop_ready(kernel);
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
        .next_map = next_map,
        .map = map,
        .map_info = map_info,
        .map_all_info = map_all_info,
        .map_value = map_value,
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
        boottime_init(&kernel->boot);
        kernel->arrays = kernel_arrays_new();
        kernel->n_cpus = MAX(libbpf_num_possible_cpus(), 1);
        clock_gettime(CLOCK_REALTIME, &kernel->source.time);
        kernel->source.uid = geteuid();
        *out = &kernel->source;
        return 0;
}
