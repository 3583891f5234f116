/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs of the running kernel. */

#include "kernel-progs.h"

#include "kernel-info.h"
#include "kernel-maps.h"
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
        struct timespec at;

        pthread_mutex_lock(&kernel->boot_lock);
        at = boottime_to_real(&kernel->boot, info->load_time);
        pthread_mutex_unlock(&kernel->boot_lock);
        return at;
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
 * appended to @ids. */
static int info_with_maps(int fd, struct bpf_prog_info *info, GArray *ids)
{
        guint start = ids->len;
        uint32_t room = 0, n = MAPS_GUESS, len;
        int r = 0;

        /* A map that is bound between the two calls is found at the next look. */
        for (int i = 0; i < 2 && r == 0 && n > room; i++) {
                room = n;
                g_array_set_size(ids, start + room);
                *info = (struct bpf_prog_info){
                        .nr_map_ids = n,
                        .map_ids = (uintptr_t)&g_array_index(ids, uint32_t, start),
                };
                len = sizeof(*info);
                r = get_info(fd, info, &len);
                n = info->nr_map_ids;
        }
        g_array_set_size(ids, r < 0 ? start : start + MIN(n, room));
        return r;
}

int kernel_prog_maps(Source *source, uint32_t id, GArray *ids)
{
        autoclose int fd = open_prog(id);
        struct bpf_prog_info info;

        return fd < 0 ? fd : info_with_maps(fd, &info, ids);
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

/* A program that is looked at. */
typedef struct Looking {
        KernelSource *kernel;
        FdInfoFiles *fdinfo; /* of this thread */
        int fd;
        const struct bpf_prog_info *info;
        uint32_t len;                 /* how much of it the kernel knows */
        const KernelRecords *records; /* NULL: they did not come with it */
        ParsedBtf *btf; /* the place for its BTF: it is there, or is to be loaded there */
} Looking;

static Info *fixed_info(const Looking *looking)
{
        g_autoptr(KernelLines) lines =
                kernel_lines_new(looking->btf, looking->fd, looking->info, looking->records);
        InfoBuilder *builder = info_builder_new();
        FdInfo fdinfo;
        const ProgFacts facts = {
                .info = looking->info,
                .size = looking->len,
                .loaded_at = loaded_at(looking->kernel, looking->info),
                .fdinfo = &fdinfo,
                .lines = lines,
        };

        fdinfo_read(looking->fdinfo, &fdinfo, looking->fd);
        kernel_info_add_fixed_prog(builder, &facts);
        return info_builder_end(builder);
}

/* Of @source nothing may be used but what is this thread's, or has a lock. */
int kernel_prog_look(Source *source, uint32_t id, const SourceLooking *how, SourceLook *out)
{
        KernelSource *kernel = (KernelSource *)source;
        const SourceLook *before = how->with_btf;
        SourceCounted *counted = &out->counted;
        autoclose int fd = open_prog(id);
        struct bpf_prog_info info = {
                .nr_map_ids = SOURCE_COUNTED_MAPS,
                .map_ids = (uintptr_t)counted->maps,
        };
        KernelRecords records;
        ParsedBtf btf = { 0 };
        Looking looking = { kernel, &kernel->looks[how->thread], fd, &info, sizeof(info), &records,
                            &btf };
        int r;

        kernel_records_want(&records, &info);
        r = fd < 0 ? fd : get_info(fd, &info, &looking.len);
        if (r < 0)
                return r;
        if (before && before->btf_id == info.btf_id)
                btf = (ParsedBtf){ before->btf, before->btf_id };
        counted->counts = counts_of(&info);
        counted->n_maps = info.nr_map_ids;
        out->facts = (SourceProg){
                .mtime = loaded_at(kernel, &info),
                .uid = info.created_by_uid,
                .n_maps = info.nr_map_ids,
        };
        out->type = info.type;
        out->info = fixed_info(&looking);
        if (!before || btf.btf != before->btf) {
                out->btf = btf.btf;
                out->btf_id = btf.id;
        }
        /* The program may go. */
        close_fd(&fd);
        if (how->maps)
                kernel_look_at_maps(kernel, looking.fdinfo, how->last, out);
        return 0;
}

/* All that map_value() lends stays. */
void kernel_prog_looked(Source *source, SourceLook *look)
{
        KernelSource *kernel = (KernelSource *)source;
        const ParsedBtf *known = prog_btf(kernel, look->btf_id);

        kernel_take_looked(kernel, look);
        if (!look->btf || (known->btf && known->id == look->btf_id))
                return;
        parsed_btf_clear(&kernel->prog_btf);
        kernel->prog_btf = (ParsedBtf){ g_steal_pointer(&look->btf), look->btf_id };
}

void kernel_prog_looks_end(Source *source)
{
        KernelSource *kernel = (KernelSource *)source;

        g_clear_pointer(&kernel->looked, g_array_unref);
        for (guint i = 0; i < SOURCE_THREADS; i++)
                fdinfo_close(&kernel->looks[i]);
}

int kernel_prog_info(Source *source, uint32_t id, bool changing, Info **out)
{
        KernelSource *kernel = (KernelSource *)source;
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
                *out = fixed_info(&(Looking){
                        .kernel = kernel,
                        .fdinfo = &kernel->fdinfo,
                        .fd = fd,
                        .info = &info,
                        .len = len,
                        .btf = prog_btf(kernel, info.btf_id),
                });
                return 0;
        }
        builder = info_builder_new();
        kernel_info_add_changing_prog(builder, &info, len, ids);
        *out = info_builder_end(builder);
        return 0;
}
