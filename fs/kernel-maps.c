/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Maps of the running kernel. */

#include "kernel-maps.h"

#include "kernel-entries.h"
#include "kernel-info.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libbpf 1.0 cannot pass open_flags; the system call has had them since Linux 4.15. */
int kernel_open_map(uint32_t id)
{
        union bpf_attr attr;
        int fd;

        memset(&attr, 0, sizeof(attr));
        attr.map_id = id;
        attr.open_flags = BPF_F_RDONLY;
        fd = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
        return fd < 0 ? -errno : fd;
}

static bool is_global_data(const struct bpf_map_info *info)
{
        return info->type == BPF_MAP_TYPE_ARRAY && info->max_entries == 1 && info->btf_id != 0 &&
               info->btf_value_type_id != 0;
}

static bool is_prog_array(const struct bpf_map_info *info)
{
        return info->type == BPF_MAP_TYPE_PROG_ARRAY;
}

static bool is_frozen(const FdInfo *fdinfo)
{
        uint64_t frozen;

        return fdinfo_get(fdinfo, "frozen", &frozen) && frozen != 0;
}

/* Looks */

/* The caller holds the lock of the arrays. Closes the array, whose rest begins, and returns what is
 * known of it. */
static const Resting *close_array(KernelSource *kernel, FdInfoFiles *files, uint32_t id,
                                  MapFacts *facts, int *fd)
{
        GArray *progs = NULL;
        MapShape shape;

        fdinfo_read(files, &facts->fdinfo, *fd);
        if (kernel->source.contents) {
                map_shape_init(&shape, &facts->info, kernel->n_cpus);
                progs = kernel_entries_progs(*fd, &shape);
        }
        close_fd(fd);
        return kernel_arrays_add(kernel->arrays, id, facts, progs);
}

/* The caller holds the lock of the arrays. *@array: NULL if it is none. */
static int open_or_find(KernelSource *kernel, FdInfoFiles *files, uint32_t id, MapFacts *out,
                        int *fd, const Resting **array)
{
        uint32_t len = sizeof(out->info);
        int r;

        *array = kernel_arrays_find(kernel->arrays, id);
        if (*array) {
                *out = (*array)->facts;
                return 0;
        }
        memset(&out->info, 0, sizeof(out->info));
        fdinfo_clear(&out->fdinfo);
        *fd = kernel_open_map(id);
        r = *fd < 0 ? *fd : get_info(*fd, &out->info, &len);
        if (r < 0)
                close_fd(fd);
        else if (is_prog_array(&out->info))
                *array = close_array(kernel, files, id, out, fd);
        return r;
}

/* Opens the map, unless it is a program array: that is closed again or at rest, and *@fd is
 * below 0. */
static int open_map(KernelSource *kernel, FdInfoFiles *files, uint32_t id, MapFacts *out, int *fd)
{
        const Resting *array;
        int r;

        pthread_mutex_lock(&kernel->arrays_lock);
        r = open_or_find(kernel, files, id, out, fd, &array);
        pthread_mutex_unlock(&kernel->arrays_lock);
        return r;
}

static void clear_ready(Ready *ready)
{
        g_free(ready->bytes);
        *ready = (Ready){ 0 };
}

/* @fd is open on the map. A value of more than @max bytes is not read. */
static void read_by_the_way(uint32_t id, int fd, const MapFacts *facts, size_t max, Ready *out)
{
        const struct bpf_map_info *info = &facts->info;
        g_autofree uint8_t *bytes = NULL;
        uint32_t key = 0;

        if (!is_global_data(info) || !(info->map_flags & BPF_F_RDONLY_PROG) ||
            info->value_size > max || !is_frozen(&facts->fdinfo))
                return;
        bytes = g_malloc(info->value_size);
        if (bpf_map_lookup_elem(fd, &key, bytes) == 0)
                *out = (Ready){ id, info->btf_id, info->value_size, g_steal_pointer(&bytes) };
}

/* An array at rest may have gone. 0 or -ENOENT. */
static int is_there(KernelSource *kernel, uint32_t id)
{
        return source_has(&kernel->source, source_next_map, id) ? 0 : -ENOENT;
}

/* fdinfo is read if @fdinfo is true, or if it matters. A value that can't change, of @max bytes at
 * most, is read by the way. */
static int look_at_map(KernelSource *kernel, FdInfoFiles *files, uint32_t id, bool fdinfo,
                       MapFacts *out, size_t max, Ready *ready)
{
        autoclose int fd = -1;
        int r = open_map(kernel, files, id, out, &fd);

        if (r < 0 || fd < 0)
                return r;
        if (fdinfo || is_global_data(&out->info))
                fdinfo_read(files, &out->fdinfo, fd);
        read_by_the_way(id, fd, out, max, ready);
        return 0;
}

/* A larger value is not read by the way. */
#define READY_MAX 65536u

int kernel_look_at_map(KernelSource *kernel, uint32_t id, bool fdinfo, MapFacts *out)
{
        int r;

        if (!fdinfo)
                clear_ready(&kernel->ready);
        r = look_at_map(kernel, &kernel->fdinfo, id, fdinfo, out, fdinfo ? 0 : READY_MAX,
                        &kernel->ready);
        return r == 0 && is_prog_array(&out->info) ? is_there(kernel, id) : r;
}

int kernel_array_progs(KernelSource *kernel, uint32_t id, GArray **out)
{
        const Resting *array;
        autoclose int fd = -1;
        MapFacts facts;
        int r;

        *out = NULL;
        pthread_mutex_lock(&kernel->arrays_lock);
        r = open_or_find(kernel, &kernel->fdinfo, id, &facts, &fd, &array);
        if (r == 0 && array && array->progs)
                *out = g_array_ref(array->progs);
        pthread_mutex_unlock(&kernel->arrays_lock);
        if (r == 0)
                r = is_there(kernel, id);
        return r < 0 || *out ? r : -ENOENT;
}

/* Looks by the way */

/* The most maps of a program that are looked at with it, and the most bytes of a value that is
 * read: they take memory until the program's turn comes. Where a value is larger, its map is opened
 * twice. */
#define LOOKED_MAPS 4
#define LOOKED_VALUE 4096u

/* A map that was looked at with its program. */
typedef struct LookedMap {
        uint32_t id; /* 0: its facts have been taken */
        bool frozen;
        struct bpf_map_info info;
        Ready ready;
} LookedMap;

static void clear_looked(gpointer data)
{
        LookedMap *looked = data;

        clear_ready(&looked->ready);
}

static bool is_among(const SourceCounted *counted, uint32_t id)
{
        for (uint32_t i = 0; i < MIN(counted->n_maps, SOURCE_COUNTED_MAPS); i++)
                if (counted->maps[i] == id)
                        return true;
        return false;
}

static int look_by_the_way(KernelSource *kernel, FdInfoFiles *files, uint32_t id, LookedMap *out)
{
        MapFacts facts;
        Ready ready = { 0 };
        int r = look_at_map(kernel, files, id, false, &facts, LOOKED_VALUE, &ready);

        if (r == 0)
                *out = (LookedMap){ id, is_frozen(&facts.fdinfo), facts.info, ready };
        return r;
}

void kernel_look_at_maps(KernelSource *kernel, FdInfoFiles *fdinfo, const SourceLook *before,
                         SourceLook *look)
{
        const SourceCounted *counted = &look->counted;
        g_autoptr(GArray) found = NULL;

        for (uint32_t i = 0; i < MIN(counted->n_maps, LOOKED_MAPS); i++) {
                LookedMap looked;

                if ((before && is_among(&before->counted, counted->maps[i])) ||
                    look_by_the_way(kernel, fdinfo, counted->maps[i], &looked) < 0)
                        continue;
                if (!found) {
                        found = g_array_sized_new(FALSE, FALSE, sizeof(LookedMap), 1);
                        g_array_set_clear_func(found, clear_looked);
                }
                g_array_append_val(found, looked);
        }
        look->maps = g_steal_pointer(&found);
}

void kernel_take_looked(KernelSource *kernel, SourceLook *look)
{
        g_clear_pointer(&kernel->looked, g_array_unref);
        kernel->looked = g_steal_pointer(&look->maps);
}

static LookedMap *looked_at(const KernelSource *kernel, guint i)
{
        return kernel->looked && i < kernel->looked->len
                       ? &g_array_index(kernel->looked, LookedMap, i)
                       : NULL;
}

/* Its facts count once: who asks again wants to know them anew. */
static LookedMap *take_facts(KernelSource *kernel, uint32_t id)
{
        LookedMap *looked;

        for (guint i = 0; (looked = looked_at(kernel, i)); i++)
                if (looked->id == id) {
                        looked->id = 0;
                        return looked;
                }
        return NULL;
}

/* NULL: the value was not read by the way. */
static Ready *find_ready(KernelSource *kernel, uint32_t id)
{
        LookedMap *looked;

        for (guint i = 0; (looked = looked_at(kernel, i)); i++)
                if (looked->ready.map == id)
                        return &looked->ready;
        return kernel->ready.map == id ? &kernel->ready : NULL;
}

void kernel_maps_clear(KernelSource *kernel)
{
        clear_ready(&kernel->ready);
        g_clear_pointer(&kernel->looked, g_array_unref);
}

/* Calls of the source */

int kernel_next_map(Source *source, uint32_t after, uint32_t *id)
{
        return bpf_map_get_next_id(after, id) < 0 ? -errno : 0;
}

static SourceMap facts_of(const KernelSource *kernel, const struct bpf_map_info *info, bool frozen)
{
        SourceMap map = {
                .name = g_strndup(info->name, sizeof(info->name)),
                .value_size = info->value_size,
                .btf_id = info->btf_id,
                .datasec = info->btf_value_type_id,
                .global_data = is_global_data(info),
                .keyless = info->btf_id != 0 && info->btf_key_type_id == 0,
                .rdonly_prog = (info->map_flags & BPF_F_RDONLY_PROG) != 0,
                .frozen = frozen,
                .gets_owner = is_prog_array(info),
                .struct_ops = info->type == BPF_MAP_TYPE_STRUCT_OPS,
        };

        if (kernel->source.contents)
                map_shape_init(&map.shape, info, kernel->n_cpus);
        return map;
}

int kernel_map(Source *source, uint32_t id, SourceMap *out)
{
        KernelSource *kernel = (KernelSource *)source;
        const LookedMap *looked = take_facts(kernel, id);
        MapFacts facts;
        int r;

        if (looked) {
                r = is_prog_array(&looked->info) ? is_there(kernel, id) : 0;
                if (r == 0)
                        *out = facts_of(kernel, &looked->info, looked->frozen);
                return r;
        }
        r = kernel_look_at_map(kernel, id, false, &facts);
        if (r == 0)
                *out = facts_of(kernel, &facts.info, is_frozen(&facts.fdinfo));
        return r;
}

typedef void (*AddMapFunc)(InfoBuilder *builder, const struct bpf_map_info *info,
                           const FdInfo *fdinfo);

static int make_map_info(Source *source, uint32_t id, AddMapFunc add, Info **out)
{
        InfoBuilder *builder;
        MapFacts facts;
        int r = kernel_look_at_map((KernelSource *)source, id, true, &facts);

        if (r < 0)
                return r;
        builder = info_builder_new();
        add(builder, &facts.info, &facts.fdinfo);
        *out = info_builder_end(builder);
        return 0;
}

int kernel_map_info(Source *source, uint32_t id, bool changing, Info **out)
{
        return make_map_info(source, id,
                             changing ? kernel_info_add_changing_map : kernel_info_add_fixed_map,
                             out);
}

int kernel_map_all_info(Source *source, uint32_t id, Info **out)
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
static int read_value(uint32_t id, Ready *out)
{
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info), key = 0;
        autoclose int fd = kernel_open_map(id);
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

int kernel_map_value(Source *source, uint32_t id, SourceValue *out)
{
        KernelSource *kernel = (KernelSource *)source;
        Ready *ready = find_ready(kernel, id);
        int r = 0;

        if (!ready) {
                ready = &kernel->ready;
                clear_ready(ready);
                r = read_value(id, ready);
        }
        if (r == 0)
                r = load_map_btf(kernel, ready->btf_id);
        if (r == 0)
                *out = (SourceValue){
                        .bytes = g_steal_pointer(&ready->bytes),
                        .size = ready->size,
                        .btf = kernel->map_btf.btf,
                        .btf_borrowed = true,
                        .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
                };
        clear_ready(ready);
        return r;
}
