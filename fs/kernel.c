/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The running kernel as a source.
 *
 * Every call opens the object by its id, asks, and closes it again: a descriptor that lived longer
 * would keep a program loaded after its owner let it go. Maps are opened with BPF_F_RDONLY, so that
 * nothing here could write one even by mistake.
 */

#include "kernel.h"
#include "kernel-lines.h"

#include "boottime.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A descriptor that is closed when it goes out of scope. */
#define autoclose __attribute__((cleanup(close_fd)))

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

typedef struct KernelSource {
        Source source;
        /* Parsed last, of a map and of a program. The first is lent to callers of map_value() until
         * the next of them: only there may it be replaced. */
        ParsedBtf map_btf;
        ParsedBtf prog_btf;
        BootTime boot;
        GHashTable *arrays; /* id -> MapFacts of program arrays that were opened just now */
} KernelSource;

/* True if the kernel filled in @member: an older one knows a shorter structure. */
#define HAS(len, type, member) ((len) >= offsetof(type, member) + sizeof(((type *)NULL)->member))

static int open_prog(uint32_t id)
{
        int fd = bpf_prog_get_fd_by_id(id);

        return fd < 0 ? -errno : fd;
}

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

static int get_info(int fd, void *info, uint32_t *len)
{
        return bpf_obj_get_info_by_fd(fd, info, len) < 0 ? -errno : 0;
}

/* Opens the program and asks for its info. *@len is how much of it the kernel knows. */
static int prog_info_by_id(uint32_t id, struct bpf_prog_info *info, uint32_t *len, int *fd)
{
        memset(info, 0, sizeof(*info));
        *len = sizeof(*info);
        *fd = open_prog(id);
        return *fd < 0 ? *fd : get_info(*fd, info, len);
}

/* /proc/self/fdinfo has what no structure of bpf(2) has: memlock and frozen, owner_prog_type. */
typedef struct FdInfo {
        char text[1024]; /* begins with a newline, so that each line is found by "\nkey:" */
} FdInfo;

static void fdinfo_read(FdInfo *info, int fd)
{
        autoclose int file = -1;
        char path[64];
        ssize_t n = -1;

        g_snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        file = open(path, O_RDONLY | O_CLOEXEC);
        info->text[0] = '\n';
        if (file >= 0)
                n = read(file, info->text + 1, sizeof(info->text) - 2);
        info->text[n > 0 ? n + 1 : 1] = '\0';
}

/* True if the line is there; its number, which the kernel prints in decimal, is in *@value. */
static bool fdinfo_get(const FdInfo *info, const char *key, uint64_t *value)
{
        char line[64];
        const char *at;

        g_snprintf(line, sizeof(line), "\n%s:", key);
        at = strstr(info->text, line);
        if (!at)
                return false;
        *value = g_ascii_strtoull(at + strlen(line), NULL, 10);
        return true;
}

/* What one look at a map has shown. */
typedef struct MapFacts {
        struct bpf_map_info info;
        FdInfo fdinfo; /* empty if it was not asked for */
        int64_t time;  /* g_get_monotonic_time() */
} MapFacts;

/* How long in microseconds a program array is not opened again. Whenever its last user reference
 * goes, and ours is one, the kernel schedules work to clear it (prog_array_map_clear(),
 * kernel/bpf/arraymap.c), and takes a reference for that work; when the work is pending already,
 * nobody gives that reference back, and the map would stay for ever. */
#define ARRAY_REST 100000

static gboolean has_rested(gpointer id, gpointer value, gpointer now)
{
        const MapFacts *facts = value;

        return *(const int64_t *)now - facts->time > ARRAY_REST;
}

static bool is_global_data(const struct bpf_map_info *info)
{
        return info->type == BPF_MAP_TYPE_ARRAY && info->max_entries == 1 && info->btf_id != 0 &&
               info->btf_value_type_id != 0;
}

/* Reading fdinfo costs more than all the rest: it is read if @fdinfo, or if whether the map is
 * frozen matters, or if this may be the only look for a while. */
static int look_at_map(KernelSource *kernel, uint32_t id, bool fdinfo, MapFacts *out)
{
        int64_t now = g_get_monotonic_time();
        const MapFacts *recent;
        autoclose int fd = -1;
        uint32_t len = sizeof(out->info);
        int r;

        g_hash_table_foreach_remove(kernel->arrays, has_rested, &now);
        recent = g_hash_table_lookup(kernel->arrays, GUINT_TO_POINTER(id));
        if (recent) {
                *out = *recent;
                return source_has(&kernel->source, kernel->source.ops->next_map, id) ? 0 : -ENOENT;
        }
        memset(&out->info, 0, sizeof(out->info));
        out->fdinfo.text[0] = '\0';
        out->time = now;
        fd = open_map(id);
        r = fd < 0 ? fd : get_info(fd, &out->info, &len);
        if (r < 0)
                return r;
        if (fdinfo || is_global_data(&out->info) || out->info.type == BPF_MAP_TYPE_PROG_ARRAY)
                fdinfo_read(&out->fdinfo, fd);
        if (out->info.type == BPF_MAP_TYPE_PROG_ARRAY) {
                MapFacts *copy = g_new(MapFacts, 1);

                *copy = *out;
                g_hash_table_insert(kernel->arrays, GUINT_TO_POINTER(id), copy);
        }
        return 0;
}

/* Where the BTF of a program is, or is to be. */
static ParsedBtf *prog_btf(KernelSource *kernel, uint32_t id)
{
        return kernel->map_btf.id == id ? &kernel->map_btf : &kernel->prog_btf;
}

/* The kernel cuts names to 15 characters; the program's BTF has the whole. @lines may be NULL. */
static char *prog_name(const KernelLines *lines, const struct bpf_prog_info *info)
{
        g_autofree char *name = g_strndup(info->name, sizeof(info->name));
        const char *full = NULL;

        if (lines && strlen(name) == sizeof(info->name) - 1)
                full = kernel_lines_name(lines, name);
        return full ? g_strdup(full) : g_steal_pointer(&name);
}

static int next_prog(Source *source, uint32_t after, uint32_t *id)
{
        return bpf_prog_get_next_id(after, id) < 0 ? -errno : 0;
}

static int next_map(Source *source, uint32_t after, uint32_t *id)
{
        return bpf_map_get_next_id(after, id) < 0 ? -errno : 0;
}

/* load_time counts from boot, suspended time included (bpf_prog_load(), kernel/bpf/syscall.c). */
static struct timespec loaded_at(KernelSource *kernel, const struct bpf_prog_info *info)
{
        return boottime_to_real(&kernel->boot, info->load_time);
}

static int prog(Source *source, uint32_t id, SourceProg *out)
{
        struct bpf_prog_info info;
        autoclose int fd = -1;
        uint32_t len;
        int r = prog_info_by_id(id, &info, &len, &fd);

        if (r < 0)
                return r;
        *out = (SourceProg){
                .name = g_strndup(info.name, sizeof(info.name)),
                .mtime = loaded_at((KernelSource *)source, &info),
                .uid = info.created_by_uid,
                .n_maps = info.nr_map_ids,
        };
        return 0;
}

/* Most programs have fewer maps: one system call tells of all. */
#define MAPS_GUESS 16

static int prog_maps(Source *source, uint32_t id, GArray *ids)
{
        autoclose int fd = open_prog(id);
        guint start = ids->len;
        uint32_t room = 0, n = MAPS_GUESS;
        int r = fd < 0 ? fd : 0;

        /* A map that is bound between two calls is there at the next look. */
        for (int i = 0; i < 2 && r == 0 && n > room; i++) {
                struct bpf_prog_info info = { .nr_map_ids = n };
                uint32_t len = sizeof(info);

                room = n;
                g_array_set_size(ids, start + room);
                info.map_ids = (uintptr_t)&g_array_index(ids, uint32_t, start);
                r = get_info(fd, &info, &len);
                n = info.nr_map_ids;
        }
        g_array_set_size(ids, r < 0 ? start : start + MIN(n, room));
        return r;
}

static void add_dev(InfoBuilder *builder, uint32_t ifindex, uint64_t netns_dev, uint64_t netns_ino)
{
        if (ifindex == 0)
                return;
        info_builder_add(builder, "dev/ifindex", "%u", ifindex);
        info_builder_add(builder, "dev/ns_dev", "%" G_GUINT64_FORMAT, netns_dev);
        info_builder_add(builder, "dev/ns_inode", "%" G_GUINT64_FORMAT, netns_ino);
}

static void add_prog_type(InfoBuilder *builder, const char *key, uint32_t type)
{
        const char *name = libbpf_bpf_prog_type_str(type);

        if (name)
                info_builder_add(builder, key, "%s", name);
        else
                info_builder_add(builder, key, "%u", type);
}

static void add_fixed_prog(KernelSource *kernel, InfoBuilder *builder,
                           const struct bpf_prog_info *info, uint32_t len, int fd)
{
        g_autoptr(KernelLines) lines = kernel_lines_new(prog_btf(kernel, info->btf_id), fd, info);
        g_autofree char *name = prog_name(lines, info);
        uint64_t memlock;
        FdInfo fdinfo;

        info_builder_add(builder, "id", "%u", info->id);
        add_prog_type(builder, "type", info->type);
        if (*name)
                info_builder_add(builder, "name", "%s", name);
        info_builder_add(builder, "tag", "%02x%02x%02x%02x%02x%02x%02x%02x", info->tag[0],
                         info->tag[1], info->tag[2], info->tag[3], info->tag[4], info->tag[5],
                         info->tag[6], info->tag[7]);
        info_builder_add(builder, "gpl_compatible", "%s", info->gpl_compatible ? "true" : "false");
        add_dev(builder, info->ifindex, info->netns_dev, info->netns_ino);
        info_builder_add(builder, "loaded_at", "%" G_GINT64_FORMAT,
                         (gint64)loaded_at(kernel, info).tv_sec);
        info_builder_add(builder, "uid", "%u", info->created_by_uid);
        info_builder_add(builder, "bytes_xlated", "%u", info->xlated_prog_len);
        info_builder_add(builder, "jited", "%s", info->jited_prog_len ? "true" : "false");
        if (info->jited_prog_len)
                info_builder_add(builder, "bytes_jited", "%u", info->jited_prog_len);
        fdinfo_read(&fdinfo, fd);
        if (fdinfo_get(&fdinfo, "memlock", &memlock))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, memlock);
        if (info->btf_id)
                info_builder_add(builder, "btf_id", "%u", info->btf_id);
        if (HAS(len, struct bpf_prog_info, verified_insns))
                info_builder_add(builder, "verified_insns", "%u", info->verified_insns);
        if (HAS(len, struct bpf_prog_info, attach_btf_id) && info->attach_btf_id) {
                info_builder_add(builder, "attach_btf_obj_id", "%u", info->attach_btf_obj_id);
                info_builder_add(builder, "attach_btf_id", "%u", info->attach_btf_id);
        }
        if (lines)
                kernel_lines_add_keys(lines, builder);
}

static void add_changing_prog(InfoBuilder *builder, const struct bpf_prog_info *info, uint32_t len,
                              const GArray *ids)
{
        g_autoptr(GString) text = g_string_new(NULL);

        if (HAS(len, struct bpf_prog_info, run_cnt)) {
                info_builder_add(builder, "run_time_ns", "%" G_GUINT64_FORMAT,
                                 (guint64)info->run_time_ns);
                info_builder_add(builder, "run_cnt", "%" G_GUINT64_FORMAT, (guint64)info->run_cnt);
        }
        if (HAS(len, struct bpf_prog_info, recursion_misses))
                info_builder_add(builder, "recursion_misses", "%" G_GUINT64_FORMAT,
                                 (guint64)info->recursion_misses);
        for (guint i = 0; i < ids->len; i++)
                g_string_append_printf(text, i ? " %u" : "%u", g_array_index(ids, uint32_t, i));
        info_builder_add(builder, "map_ids", "%s", text->str);
}

static int prog_info(Source *source, uint32_t id, bool changing, Info **out)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        struct bpf_prog_info info;
        autoclose int fd = -1;
        InfoBuilder *builder;
        uint32_t len;
        int r = prog_info_by_id(id, &info, &len, &fd);

        if (r >= 0 && changing && info.nr_map_ids > 0)
                r = prog_maps(source, id, ids);
        if (r < 0)
                return r;
        builder = info_builder_new();
        if (changing)
                add_changing_prog(builder, &info, len, ids);
        else
                add_fixed_prog((KernelSource *)source, builder, &info, len, fd);
        *out = info_builder_end(builder);
        return 0;
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
                .rdonly_prog = (info->map_flags & BPF_F_RDONLY_PROG) != 0,
                .gets_owner = info->type == BPF_MAP_TYPE_PROG_ARRAY,
                .struct_ops = info->type == BPF_MAP_TYPE_STRUCT_OPS,
        };
        out->frozen = fdinfo_get(&facts.fdinfo, "frozen", &frozen) && frozen != 0;
        return 0;
}

static void add_fixed_map(InfoBuilder *builder, const MapFacts *facts)
{
        const struct bpf_map_info *info = &facts->info;
        const char *type = libbpf_bpf_map_type_str(info->type);
        uint64_t value;

        info_builder_add(builder, "id", "%u", info->id);
        if (type)
                info_builder_add(builder, "type", "%s", type);
        else
                info_builder_add(builder, "type", "%u", info->type);
        if (info->name[0])
                info_builder_add(builder, "name", "%.*s", (int)sizeof(info->name), info->name);
        info_builder_add(builder, "flags", "%u", info->map_flags);
        add_dev(builder, info->ifindex, info->netns_dev, info->netns_ino);
        info_builder_add(builder, "bytes_key", "%u", info->key_size);
        info_builder_add(builder, "bytes_value", "%u", info->value_size);
        info_builder_add(builder, "max_entries", "%u", info->max_entries);
        if (info->btf_id)
                info_builder_add(builder, "btf_id", "%u", info->btf_id);
        /* An array's memory is allocated with it, and what is frozen stays so: then these do not
         * change any more, and hide what add_changing_map() has. */
        if (info->type == BPF_MAP_TYPE_ARRAY && fdinfo_get(&facts->fdinfo, "memlock", &value))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, value);
        if (fdinfo_get(&facts->fdinfo, "frozen", &value) && value != 0)
                info_builder_add(builder, "frozen", "%" G_GUINT64_FORMAT, value);
}

static void add_changing_map(InfoBuilder *builder, const MapFacts *facts)
{
        uint64_t value;

        if (fdinfo_get(&facts->fdinfo, "memlock", &value))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, value);
        if (fdinfo_get(&facts->fdinfo, "frozen", &value))
                info_builder_add(builder, "frozen", "%" G_GUINT64_FORMAT, value);
        /* A program array belongs to the first program that uses it. */
        if (facts->info.type != BPF_MAP_TYPE_PROG_ARRAY)
                return;
        if (fdinfo_get(&facts->fdinfo, "owner_prog_type", &value))
                add_prog_type(builder, "owner_prog_type", value);
        if (fdinfo_get(&facts->fdinfo, "owner_jited", &value))
                info_builder_add(builder, "owner_jited", "%s", value ? "true" : "false");
}

static int map_info(Source *source, uint32_t id, bool changing, Info **out)
{
        InfoBuilder *builder;
        MapFacts facts;
        int r = look_at_map((KernelSource *)source, id, true, &facts);

        if (r < 0)
                return r;
        builder = info_builder_new();
        if (changing)
                add_changing_map(builder, &facts);
        else
                add_fixed_map(builder, &facts);
        *out = info_builder_end(builder);
        return 0;
}

static int map_value(Source *source, uint32_t id, SourceValue *out)
{
        KernelSource *kernel = (KernelSource *)source;
        g_auto(SourceValue) value = {
                .btf_borrowed = true,
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
        };
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info), key = 0;
        autoclose int fd = open_map(id);
        int r = fd < 0 ? fd : get_info(fd, &info, &len);

        if (r < 0)
                return r;
        if (info.value_size > SOURCE_MAX_VALUE)
                return -E2BIG;
        if (kernel->prog_btf.id == info.btf_id) {
                ParsedBtf other = kernel->map_btf;

                kernel->map_btf = kernel->prog_btf;
                kernel->prog_btf = other;
        }
        r = parsed_btf_load(&kernel->map_btf, info.btf_id);
        if (r < 0)
                return r;
        value.btf = kernel->map_btf.btf;
        value.size = info.value_size;
        value.bytes = g_try_malloc(value.size);
        if (!value.bytes)
                return -ENOMEM;
        if (bpf_map_lookup_elem(fd, &key, value.bytes) < 0)
                return -errno;
        *out = value;
        value = (SourceValue){ 0 };
        return 0;
}

static void kernel_free(Source *source)
{
        KernelSource *kernel = (KernelSource *)source;

        g_hash_table_unref(kernel->arrays);
        parsed_btf_clear(&kernel->map_btf);
        parsed_btf_clear(&kernel->prog_btf);
        g_free(kernel);
}

static const SourceOps kernel_ops = {
        .free = kernel_free,
        .next_prog = next_prog,
        .prog = prog,
        .prog_maps = prog_maps,
        .prog_info = prog_info,
        .next_map = next_map,
        .map = map,
        .map_info = map_info,
        .map_value = map_value,
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
        return 0;
}

int kernel_source_new(Source **out, GError **error)
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
        boottime_init(&kernel->boot);
        kernel->arrays = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        clock_gettime(CLOCK_REALTIME, &kernel->source.time);
        kernel->source.uid = geteuid();
        *out = &kernel->source;
        return 0;
}
