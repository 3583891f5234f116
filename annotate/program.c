/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Calls of bpf(2), and the meaning of their failures.
 *
 * BTF and map are not made by libbpf's functions: these load programs to find out what the kernel
 * can do, and others would see them come and go.
 */

#include "program.h"

#include "metadata.h"
#include "source.h"
#include "text.h"
#include "type-names.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A descriptor that is closed when it goes out of scope. */
#define autoclose __attribute__((cleanup(close_fd)))

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static void free_btf(struct btf **btf)
{
        btf__free(*btf);
}

void program_clear(Program *program)
{
        g_free(program->shown);
        if (program->maps)
                g_array_unref(program->maps);
}

static bool G_GNUC_PRINTF(3, 4) fail(GError **error, int number, const char *format, ...)
{
        g_autofree char *sentence = NULL;
        va_list args;

        va_start(args, format);
        sentence = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error_literal(error, G_FILE_ERROR, g_file_error_from_errno(number), sentence);
        return false;
}

static int sys_bpf(int command, union bpf_attr *attr)
{
        return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Opening */

static bool cannot_open_id(uint32_t id, int number, GError **error)
{
        if (number == ENOENT)
                return fail(error, number, "no program %u is loaded; bpftool prog lists them", id);
        if (number == EPERM)
                return fail(error, number,
                            "program %u cannot be opened by its id without CAP_SYS_ADMIN: be root, "
                            "or give the path of a pin",
                            id);
        return fail(error, number, "program %u cannot be opened: %s", id, g_strerror(number));
}

static bool is_in_bpffs(const char *path)
{
        struct statfs fs;

        return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

static bool cannot_open_pin(const char *path, int number, GError **error)
{
        g_autofree char *shown = text_escape(path);

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
                return fail(error, EISDIR,
                            "'%s' is a directory: a program is given by its id, which is the name "
                            "of its directory in a tree, or by the path of a pin",
                            shown);
        if (number == ENOENT)
                return fail(error, number,
                            "'%s' is not there; a program is given by its id or by "
                            "the path of a pin",
                            shown);
        if (number == EPERM)
                return fail(error, number, "'%s' cannot be opened without CAP_BPF: be root", shown);
        /* Whether it may be written is asked first, and a tree is read-only. */
        if (number == EACCES || (number == EROFS && !is_in_bpffs(path)))
                return fail(error, number, "'%s' is no pin in a bpffs, or may not be opened",
                            shown);
        return fail(error, number, "'%s' cannot be opened: %s", shown, g_strerror(number));
}

/* A pin may be a map's or a link's, too, and the kernel answers for any of them. */
static bool is_prog(int fd)
{
        char path[64], target[64];
        ssize_t n;

        g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof(target) - 1);
        target[MAX(n, 0)] = '\0';
        return strstr(target, "bpf-prog") != NULL;
}

static int open_pin(const char *path, GError **error)
{
        int fd = bpf_obj_get(path);

        if (fd < 0) {
                cannot_open_pin(path, errno, error);
        } else if (!is_prog(fd)) {
                g_autofree char *shown = text_escape(path);

                fail(error, EINVAL, "'%s' is the pin of a map or link, not of a program", shown);
                close(fd);
                fd = -1;
        }
        return fd;
}

static int open_id(uint32_t id, GError **error)
{
        int fd = bpf_prog_get_fd_by_id(id);

        if (fd < 0)
                cannot_open_id(id, errno, error);
        return fd;
}

static bool get_info(int fd, struct bpf_prog_info *info, GError **error)
{
        uint32_t len = sizeof(*info);

        if (bpf_obj_get_info_by_fd(fd, info, &len) == 0)
                return true;
        return fail(error, errno, "the program cannot be asked what it is: %s", g_strerror(errno));
}

static bool get_maps(int fd, uint32_t n, GArray *ids, GError **error)
{
        struct bpf_prog_info info = { .nr_map_ids = n };

        g_array_set_size(ids, n);
        info.map_ids = (uintptr_t)ids->data;
        if (!get_info(fd, &info, error))
                return false;
        g_array_set_size(ids, MIN(n, info.nr_map_ids));
        return true;
}

static char *describe(const struct bpf_prog_info *info)
{
        const char *type = prog_type_name(info->type);
        g_autofree char *name = g_strndup(info->name, sizeof(info->name));

        return g_strdup_printf("program %u (%s%s%s)", info->id, type ? type : "of a new type",
                               *name ? " " : "", name);
}

bool program_find(const char *word, Program *out, GError **error)
{
        struct bpf_prog_info info = { 0 };
        uint64_t id = names_number(word);
        autoclose int fd = -1;

        *out = (Program){ .pin = names_is_id(word) ? NULL : word };
        if (!out->pin && (id == 0 || id > UINT32_MAX))
                return fail(error, ERANGE, "%s is not the id of a program", word);
        fd = out->pin ? open_pin(out->pin, error) : open_id(id, error);
        if (fd < 0 || !get_info(fd, &info, error))
                return false;
        out->id = info.id;
        out->shown = describe(&info);
        out->maps = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        return get_maps(fd, info.nr_map_ids, out->maps, error);
}

/* Names in use */

static bool is_frozen(int fd)
{
        g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
        g_autofree char *text = NULL;

        return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, "\nfrozen:\t1\n");
}

/* True if bpfmetafs(5) looks for metadata in the map. */
static bool counts(int fd, const struct bpf_map_info *info)
{
        return info->type == BPF_MAP_TYPE_ARRAY && info->max_entries == 1 && info->btf_id != 0 &&
               info->btf_value_type_id != 0 && info->value_size <= SOURCE_MAX_VALUE &&
               (info->map_flags & BPF_F_RDONLY_PROG || is_frozen(fd));
}

static bool is_too_large(uint32_t btf_id)
{
        struct bpf_btf_info info = { 0 };
        uint32_t len = sizeof(info);
        autoclose int fd = bpf_btf_get_fd_by_id(btf_id);

        return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ||
               info.btf_size > SOURCE_MAX_BTF;
}

static void take_names(Names *names, const struct bpf_map_info *info)
{
        __attribute__((cleanup(free_btf))) struct btf *btf =
                is_too_large(info->btf_id) ? NULL : btf__load_from_kernel_by_id(info->btf_id);
        g_autoptr(GArray) variables = NULL;

        if (!btf)
                return;
        variables = metadata_variables(btf, info->btf_value_type_id);
        for (guint i = 0; i < variables->len; i++) {
                const MetadataVariable *one = &g_array_index(variables, MetadataVariable, i);

                if (one->entry)
                        g_free(names_give(names, one->entry, one->name));
        }
}

/* BPF_F_RDONLY: nothing here can write others' maps. */
static int open_map(uint32_t id)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof(attr));
        attr.map_id = id;
        attr.open_flags = BPF_F_RDONLY;
        return sys_bpf(BPF_MAP_GET_FD_BY_ID, &attr);
}

static bool reserved(const char *name)
{
        return strcmp(name, "info") == 0 || strcmp(name, "maps") == 0;
}

Names *program_names(const Program *program, GError **error)
{
        g_autoptr(Names) names = names_new(reserved);

        for (guint i = 0; i < program->maps->len; i++) {
                uint32_t id = g_array_index(program->maps, uint32_t, i);
                struct bpf_map_info info = { 0 };
                uint32_t len = sizeof(info);
                autoclose int fd = open_map(id);

                if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0) {
                        fail(error, errno,
                             "which names %s has cannot be told, for its map %u cannot be opened: "
                             "%s",
                             program->shown, id,
                             errno == EPERM ? "that takes CAP_SYS_ADMIN" : g_strerror(errno));
                        return NULL;
                }
                if (counts(fd, &info))
                        take_names(names, &info);
        }
        return g_steal_pointer(&names);
}

/* Making the map */

static int load_btf(const struct btf *btf)
{
        union bpf_attr attr;
        uint32_t size;

        memset(&attr, 0, sizeof(attr));
        attr.btf = (uintptr_t)btf__raw_data(btf, &size);
        attr.btf_size = size;
        return sys_bpf(BPF_BTF_LOAD, &attr);
}

static int create(int btf_fd, uint32_t section, uint32_t size)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof(attr));
        attr.map_type = BPF_MAP_TYPE_ARRAY;
        attr.key_size = sizeof(uint32_t);
        attr.value_size = size;
        attr.max_entries = 1;
        attr.map_flags = BPF_F_RDONLY_PROG;
        /* bpftool and perf look for metadata in maps with .rodata in their names. */
        g_strlcpy(attr.map_name, "bpfmeta.rodata", sizeof(attr.map_name));
        attr.btf_fd = btf_fd;
        attr.btf_value_type_id = section;
        return sys_bpf(BPF_MAP_CREATE, &attr);
}

int program_make_map(const struct btf *btf, uint32_t section, const GString *bytes, GError **error)
{
        struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
        autoclose int btf_fd = -1;
        uint32_t key = 0;
        int fd = -1;

        /* Before Linux 5.11 maps count against this limit. */
        setrlimit(RLIMIT_MEMLOCK, &unlimited);
        btf_fd = load_btf(btf);
        if (btf_fd >= 0)
                fd = create(btf_fd, section, bytes->len);
        if (fd >= 0 && bpf_map_update_elem(fd, &key, bytes->str, BPF_ANY) == 0 &&
            bpf_map_freeze(fd) == 0)
                return fd;
        fail(error, errno, "a map for the notes cannot be made: %s",
             errno == EPERM ? "that takes CAP_BPF, be root" : g_strerror(errno));
        close_fd(&fd);
        return -1;
}

/* Binding */

bool program_bind(const Program *program, int map, GError **error)
{
        autoclose int fd =
                program->pin ? open_pin(program->pin, error) : open_id(program->id, error);
        struct bpf_prog_info info = { 0 };

        if (fd < 0)
                return false;
        if (program->pin && !get_info(fd, &info, error))
                return false;
        if (program->pin && info.id != program->id)
                return fail(error, ESTALE, "another program was pinned in place of %s: try again",
                            program->shown);
        if (bpf_prog_bind_map(fd, map, NULL) == 0)
                return true;
        if (errno == EINVAL)
                return fail(error, errno,
                            "this kernel binds no maps to programs: it takes Linux "
                            "5.10 or later");
        return fail(error, errno, "the notes cannot be bound to %s: %s", program->shown,
                    g_strerror(errno));
}
