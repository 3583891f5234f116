/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Walks through cgroup2. A cgroup's id is the inode number of its directory. */

#include "cgroups.h"

#include "bpf-uapi.h"
#include "prog-query.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every hook of a cgroup, and the type of the programs that can be attached to it
 * (attach_type_to_prog_type(), kernel/bpf/syscall.c). A kernel that does not know one answers
 * EINVAL. */
static const struct {
        uint8_t attach_type;
        uint8_t prog_type;
} hooks[] = {
        { BPF_CGROUP_INET_INGRESS, BPF_PROG_TYPE_CGROUP_SKB },
        { BPF_CGROUP_INET_EGRESS, BPF_PROG_TYPE_CGROUP_SKB },
        { BPF_CGROUP_INET_SOCK_CREATE, BPF_PROG_TYPE_CGROUP_SOCK },
        { BPF_CGROUP_INET_SOCK_RELEASE, BPF_PROG_TYPE_CGROUP_SOCK },
        { BPF_CGROUP_SOCK_OPS, BPF_PROG_TYPE_SOCK_OPS },
        { BPF_CGROUP_DEVICE, BPF_PROG_TYPE_CGROUP_DEVICE },
        { BPF_CGROUP_INET4_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET6_BIND, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET4_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET6_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET4_POST_BIND, BPF_PROG_TYPE_CGROUP_SOCK },
        { BPF_CGROUP_INET6_POST_BIND, BPF_PROG_TYPE_CGROUP_SOCK },
        { BPF_CGROUP_UDP4_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_UDP6_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_UDP4_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_UDP6_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_SYSCTL, BPF_PROG_TYPE_CGROUP_SYSCTL },
        { BPF_CGROUP_GETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT },
        { BPF_CGROUP_SETSOCKOPT, BPF_PROG_TYPE_CGROUP_SOCKOPT },
        { BPF_CGROUP_INET4_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET6_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET4_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_CGROUP_INET6_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { BPF_LSM_CGROUP, BPF_PROG_TYPE_LSM },
        { ATTACH_CGROUP_UNIX_CONNECT, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { ATTACH_CGROUP_UNIX_SENDMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { ATTACH_CGROUP_UNIX_RECVMSG, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { ATTACH_CGROUP_UNIX_GETPEERNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
        { ATTACH_CGROUP_UNIX_GETSOCKNAME, BPF_PROG_TYPE_CGROUP_SOCK_ADDR },
};

struct Cgroups {
        char *mount; /* NULL: there is none */
        dev_t dev;   /* of the mount */
        GArray *progs;
        GHashTable *paths; /* guint64: id -> path */
        ProgTypes *types;
        /* For the scan that is under way. */
        bool unknown[G_N_ELEMENTS(hooks)]; /* to this kernel */
        int error;
};

/* mountinfo writes blanks and the like as backslash and three octal digits. */
static char *unescape(const char *field, size_t len)
{
        g_autofree char *text = g_strndup(field, len);

        return g_strcompress(text);
}

/* Fields 4 and 5 of a line of mountinfo(5): the root of the mount, and its mount point. */
static bool is_cgroup2(const char *line, char **mount, bool *whole)
{
        g_auto(GStrv) fields = g_strsplit(line, " ", -1);
        guint n = g_strv_length(fields), i = 6;

        while (i < n && strcmp(fields[i], "-") != 0)
                i++;
        if (i + 1 >= n || strcmp(fields[i + 1], "cgroup2") != 0)
                return false;
        *mount = unescape(fields[4], strlen(fields[4]));
        *whole = strcmp(fields[3], "/") == 0;
        return true;
}

/* Prefers a mount that shows the whole hierarchy, as far as this process may see it, to one that
 * shows a part. */
static char *find_mount(void)
{
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        char *found = NULL;

        if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
                return NULL;
        lines = g_strsplit(text, "\n", -1);
        for (guint i = 0; lines[i]; i++) {
                g_autofree char *mount = NULL;
                bool whole;

                if (!is_cgroup2(lines[i], &mount, &whole) || (found && !whole))
                        continue;
                g_free(found);
                found = g_steal_pointer(&mount);
                if (whole)
                        break;
        }
        return found;
}

Cgroups *cgroups_new(void)
{
        Cgroups *cgroups = g_new0(Cgroups, 1);
        struct stat attr;

        cgroups->progs = g_array_new(FALSE, FALSE, sizeof(CgroupProg));
        cgroups->paths = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
        cgroups->types = prog_types_new();
        cgroups->mount = find_mount();
        if (cgroups->mount && stat(cgroups->mount, &attr) == 0)
                cgroups->dev = attr.st_dev;
        return cgroups;
}

void cgroups_free(Cgroups *cgroups)
{
        if (!cgroups)
                return;
        g_free(cgroups->mount);
        g_array_unref(cgroups->progs);
        g_hash_table_unref(cgroups->paths);
        prog_types_free(cgroups->types);
        g_free(cgroups);
}

const char *cgroups_mount(const Cgroups *cgroups)
{
        return cgroups->mount;
}

const ProgTypes *cgroups_types(const Cgroups *cgroups)
{
        return cgroups->types;
}

void cgroups_tell_type(Cgroups *cgroups, uint32_t prog_id, uint32_t type, gint64 now)
{
        prog_types_tell(cgroups->types, prog_id, type, now);
}

static void query(Cgroups *cgroups, int fd, uint64_t id)
{
        QueriedProg progs[PROG_QUERY_MAX];

        for (guint i = 0; i < G_N_ELEMENTS(hooks); i++) {
                int n;

                if (cgroups->unknown[i] || !prog_types_has(cgroups->types, hooks[i].prog_type))
                        continue;
                n = prog_query(fd, hooks[i].attach_type, false, progs);
                if (n == -EINVAL)
                        cgroups->unknown[i] = true;
                else if (n == -EPERM || n == -EACCES || n == -ENOSYS)
                        cgroups->error = n;
                /* Other errors mean that the cgroup is going, or concern this type alone: the other
                 * types are still looked at. */
                for (int j = 0; j < n; j++) {
                        const CgroupProg prog = {
                                .cgroup_id = id,
                                .attach_type = hooks[i].attach_type,
                                .prog_id = progs[j].prog_id,
                        };

                        g_array_append_val(cgroups->progs, prog);
                }
        }
}

static void remember(Cgroups *cgroups, uint64_t id, const char *path)
{
        guint64 *key = g_new(guint64, 1);

        *key = id;
        g_hash_table_insert(cgroups->paths, key, g_strdup(path));
}

/* The link count of a directory counts its name, itself, and each directory in it
 * (kernfs_refresh_inode(), fs/kernfs/inode.c). Most cgroups have no directory in them, and to list
 * their files costs as much as all else. */
static bool has_children(int fd)
{
        struct stat attr;

        return fstat(fd, &attr) < 0 || attr.st_nlink != 2;
}

/* Looks at the cgroup whose directory is @fd, which is closed, and at those below. @path is its own
 * and the same again afterwards. */
static void walk(Cgroups *cgroups, int fd, uint64_t id, GString *path, guint depth)
{
        gsize len = path->len;
        struct dirent *entry;
        DIR *dir;

        if (depth > CGROUPS_MAX_DEPTH) {
                cgroups->error = -E2BIG;
                close(fd);
                return;
        }
        remember(cgroups, id, len > 0 ? path->str : "/");
        query(cgroups, fd, id);
        dir = has_children(fd) ? fdopendir(fd) : NULL;
        if (!dir) {
                close(fd);
                return;
        }
        while ((entry = readdir(dir))) {
                int child;

                if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
                    strcmp(entry->d_name, "..") == 0)
                        continue;
                if (g_hash_table_size(cgroups->paths) >= CGROUPS_MAX) {
                        cgroups->error = -E2BIG;
                        break;
                }
                child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child < 0) {
                        if (errno != ENOENT)
                                cgroups->error = -errno;
                        continue;
                }
                g_string_append_c(path, '/');
                g_string_append(path, entry->d_name);
                walk(cgroups, child, entry->d_ino, path, depth + 1);
                g_string_truncate(path, len);
        }
        closedir(dir);
}

int cgroups_scan(Cgroups *cgroups)
{
        g_autoptr(GString) path = g_string_new(NULL);
        struct stat attr;
        int fd;

        g_array_set_size(cgroups->progs, 0);
        g_hash_table_remove_all(cgroups->paths);
        memset(cgroups->unknown, 0, sizeof(cgroups->unknown));
        cgroups->error = 0;
        prog_types_update(cgroups->types, g_get_monotonic_time());
        if (!cgroups->mount)
                return -ENODEV;
        fd = open(cgroups->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ENODEV : -errno;
        /* It has been unmounted, or something else lies over it. */
        if (fstat(fd, &attr) < 0 || attr.st_dev != cgroups->dev) {
                close(fd);
                return -ENODEV;
        }
        walk(cgroups, fd, attr.st_ino, path, 0);
        return cgroups->error;
}

guint cgroups_n_progs(const Cgroups *cgroups)
{
        return cgroups->progs->len;
}

const CgroupProg *cgroups_prog(const Cgroups *cgroups, guint index)
{
        return &g_array_index(cgroups->progs, CgroupProg, index);
}

const char *cgroups_path(const Cgroups *cgroups, uint64_t id)
{
        gint64 key = (gint64)id;

        return g_hash_table_lookup(cgroups->paths, &key);
}
