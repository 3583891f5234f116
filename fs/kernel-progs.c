/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs of the running kernel. */

#include "kernel-progs.h"

#include "kernel-info.h"
#include "kernel-source.h"

#include <linux/bpf.h>
#include <string.h>

static SourceCounts counts_of(const struct bpf_prog_info *info)
{
        return (SourceCounts){
                .load_time = info->load_time,
                .run_time_ns = info->run_time_ns,
                .run_cnt = info->run_cnt,
                .recursion_misses = info->recursion_misses,
        };
}

/* Any look at a program tells its counts. */
static void tell_counts(Source *source, uint32_t id, const struct bpf_prog_info *info)
{
        const SourceCounts counts = counts_of(info);

        source_tell_counts(source, id, &counts);
}

static int open_prog(uint32_t id)
{
        int fd = bpf_prog_get_fd_by_id(id);

        return fd < 0 ? -errno : fd;
}

/* Opens the program and asks for its info. *@len is how much of it the kernel knows. */
static int prog_info_by_id(uint32_t id, struct bpf_prog_info *info, uint32_t *len, int *fd)
{
        memset(info, 0, sizeof(*info));
        *len = sizeof(*info);
        *fd = open_prog(id);
        return *fd < 0 ? *fd : get_info(*fd, info, len);
}

/* The place for the BTF of a program: it is there, or is to be loaded there. */
static ParsedBtf *prog_btf(KernelSource *kernel, uint32_t id)
{
        return kernel->map_btf.id == id ? &kernel->map_btf : &kernel->prog_btf;
}

int kernel_next_prog(Source *source, uint32_t after, uint32_t *id)
{
        return bpf_prog_get_next_id(after, id) < 0 ? -errno : 0;
}

/* load_time counts from boot, suspended time included (bpf_prog_load(), kernel/bpf/syscall.c). */
static struct timespec loaded_at(KernelSource *kernel, const struct bpf_prog_info *info)
{
        return boottime_to_real(&kernel->boot, info->load_time);
}

int kernel_prog(Source *source, uint32_t id, SourceProg *out)
{
        struct bpf_prog_info info;
        autoclose int fd = -1;
        uint32_t len;
        int r = prog_info_by_id(id, &info, &len, &fd);

        if (r < 0)
                return r;
        tell_counts(source, id, &info);
        *out = (SourceProg){
                .name = g_strndup(info.name, sizeof(info.name)),
                .mtime = loaded_at((KernelSource *)source, &info),
                .uid = info.created_by_uid,
                .n_maps = info.nr_map_ids,
        };
        return 0;
}

/* Most programs have fewer maps: one system call tells their ids. */
#define MAPS_GUESS 16

/* Asks for the info of the program that @fd is open on, with the ids of its maps, which are
 * appended to @ids, and with @records, unless they are NULL. *@len is how much of it the kernel
 * knows. */
static int info_with_maps(int fd, struct bpf_prog_info *info, uint32_t *len, GArray *ids,
                          KernelRecords *records)
{
        guint start = ids->len;
        uint32_t room = 0, n = MAPS_GUESS;
        int r = 0;

        /* A map that is bound between the two calls is found at the next look. */
        for (int i = 0; i < 2 && r == 0 && n > room; i++) {
                room = n;
                g_array_set_size(ids, start + room);
                *info = (struct bpf_prog_info){
                        .nr_map_ids = n,
                        .map_ids = (uintptr_t)&g_array_index(ids, uint32_t, start),
                };
                if (records)
                        kernel_records_want(records, info);
                *len = sizeof(*info);
                r = get_info(fd, info, len);
                n = info->nr_map_ids;
        }
        g_array_set_size(ids, r < 0 ? start : start + MIN(n, room));
        return r;
}

int kernel_prog_maps(Source *source, uint32_t id, GArray *ids)
{
        autoclose int fd = open_prog(id);
        struct bpf_prog_info info;
        uint32_t len;

        return fd < 0 ? fd : info_with_maps(fd, &info, &len, ids, NULL);
}

/* Of @source nothing may be used: another thread may be here. */
int kernel_prog_counts(Source *source, uint32_t id, SourceCounted *out)
{
        struct bpf_prog_info info = {
                .nr_map_ids = SOURCE_COUNTED_MAPS,
                .map_ids = (uintptr_t)out->maps,
        };
        autoclose int fd = open_prog(id);
        uint32_t len = sizeof(info);
        int r = fd < 0 ? fd : get_info(fd, &info, &len);

        if (r < 0)
                return r;
        out->counts = counts_of(&info);
        out->n_maps = info.nr_map_ids;
        return 0;
}

static void add_fixed_prog(KernelSource *kernel, InfoBuilder *builder,
                           const struct bpf_prog_info *info, uint32_t len, int fd,
                           const KernelRecords *records)
{
        g_autoptr(KernelLines) lines =
                kernel_lines_new(prog_btf(kernel, info->btf_id), fd, info, records);
        FdInfo fdinfo;
        const ProgFacts facts = {
                .info = info,
                .size = len,
                .loaded_at = loaded_at(kernel, info),
                .fdinfo = &fdinfo,
                .lines = lines,
        };

        fdinfo_read(&kernel->fdinfo, &fdinfo, fd);
        kernel_info_add_fixed_prog(builder, &facts);
}

static Info *fixed_info(KernelSource *kernel, const struct bpf_prog_info *info, uint32_t len,
                        int fd, const KernelRecords *records)
{
        InfoBuilder *builder = info_builder_new();

        add_fixed_prog(kernel, builder, info, len, fd, records);
        return info_builder_end(builder);
}

int kernel_prog_look(Source *source, uint32_t id, SourceLook *out, GArray *ids)
{
        KernelSource *kernel = (KernelSource *)source;
        autoclose int fd = open_prog(id);
        struct bpf_prog_info info;
        KernelRecords records;
        uint32_t len;
        int r = fd < 0 ? fd : info_with_maps(fd, &info, &len, ids, &records);

        if (r < 0)
                return r;
        tell_counts(source, id, &info);
        *out = (SourceLook){
                .facts = { .mtime = loaded_at(kernel, &info),
                           .uid = info.created_by_uid,
                           .n_maps = info.nr_map_ids },
                .counts = counts_of(&info),
                .info = fixed_info(kernel, &info, len, fd, &records),
        };
        return 0;
}

int kernel_prog_info(Source *source, uint32_t id, bool changing, Info **out)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        struct bpf_prog_info info;
        autoclose int fd = -1;
        InfoBuilder *builder;
        uint32_t len;
        int r = prog_info_by_id(id, &info, &len, &fd);

        if (r >= 0 && changing && info.nr_map_ids > 0)
                r = kernel_prog_maps(source, id, ids);
        if (r < 0)
                return r;
        tell_counts(source, id, &info);
        if (!changing) {
                *out = fixed_info((KernelSource *)source, &info, len, fd, NULL);
                return 0;
        }
        builder = info_builder_new();
        kernel_info_add_changing_prog(builder, &info, len, ids);
        *out = info_builder_end(builder);
        return 0;
}
