/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One bpffs, directory by directory.
 *
 * BPF_OBJ_GET sets the time of access of a pin. So everything is done in a copy of the mount. It
 * exists only while its descriptor is open, no path leads to it, and it has the attribute noatime.
 * It also follows no symlink. The kernel takes names relative to the working directory, so we make
 * directories of the copy the working directory; a path relative to a descriptor (BPF_F_PATH_FD)
 * would need Linux 6.5.
 */

#include "pins-tree.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the systems that this is built on: include/uapi/linux/mount.h, and the numbers of
 * all architectures but alpha. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

enum {
        TREE_CLONE = 1,            /* OPEN_TREE_CLONE */
        ATTR_NOATIME = 0x10,       /* MOUNT_ATTR_NOATIME */
        ATTR_ATIME = 0x70,         /* MOUNT_ATTR__ATIME: all bits about times of access */
        ATTR_NOSYMFOLLOW = 1 << 21 /* MOUNT_ATTR_NOSYMFOLLOW, from Linux 5.14 on */
};

/* struct mount_attr */
typedef struct MountAttr {
        uint64_t set;
        uint64_t clear;
        uint64_t propagation;
        uint64_t userns;
} MountAttr;

#define WATCHED                                                                                    \
        (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_MOVE_SELF |          \
         IN_DELETE_SELF | IN_ONLYDIR)

static void dir_free(PinDir *dir)
{
        PinWatches *watches = dir->tree->watches;
        gpointer watch = GINT_TO_POINTER(dir->watch);

        /* The same directory may have been found again at another place meanwhile. */
        if (dir->watch >= 0 && g_hash_table_lookup(watches->dirs, watch) == dir) {
                g_hash_table_remove(watches->dirs, watch);
                inotify_rm_watch(watches->fd, dir->watch);
        }
        watches->n_dirs--;
        watches->n_pins -= g_hash_table_size(dir->pins);
        g_hash_table_unref(dir->pins);
        g_hash_table_unref(dir->changed);
        g_free(dir->path);
        g_free(dir);
}

static PinDir *dir_new(PinTree *tree, const char *path)
{
        PinDir *dir = g_new0(PinDir, 1);

        dir->tree = tree;
        dir->path = g_strdup(path);
        dir->watch = -1;
        dir->pins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        dir->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        tree->watches->n_dirs++;
        g_hash_table_replace(tree->dirs, dir->path, dir);
        return dir;
}

PinTree *pin_tree_new(PinWatches *watches, dev_t dev, const char *root)
{
        PinTree *tree = g_new0(PinTree, 1);

        tree->watches = watches;
        tree->dev = dev;
        tree->root = g_strdup(root);
        tree->dirs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)dir_free);
        tree->stale = true;
        return tree;
}

void pin_tree_free(PinTree *tree)
{
        g_hash_table_unref(tree->dirs);
        g_free(tree->root);
        g_free(tree);
}

void pin_dir_change(PinDir *dir, const char *name)
{
        g_hash_table_add(dir->changed, g_strdup(name));
        dir->tree->changed = true;
}

/* A copy of the mount at @path. A look at the copy changes nothing. A descriptor or -errno. */
static int copy_mount(const char *path)
{
        MountAttr attr = { .set = ATTR_NOATIME | ATTR_NOSYMFOLLOW, .clear = ATTR_ATIME };
        int fd = syscall(SYS_open_tree, AT_FDCWD, path,
                         TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
        int r;

        if (fd < 0)
                return -errno;
        r = syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
        if (r < 0 && errno == EINVAL) {
                attr.set = ATTR_NOATIME;
                r = syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
        }
        if (r == 0)
                return fd;
        r = -errno;
        close(fd);
        return r;
}

/* Opens a directory below @top, and follows no symlink. */
static int open_dir(int top, const char *path)
{
        g_auto(GStrv) names = g_strsplit(path, "/", -1);
        int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        for (char **name = names; fd >= 0 && *name; name++) {
                int next = openat(fd, *name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                int error = errno;

                close(fd);
                fd = next;
                errno = error;
        }
        return fd < 0 ? -errno : fd;
}

/* Opens and enters it. */
static int enter_dir(int top, const char *path)
{
        int fd = open_dir(top, path);
        int r;

        if (fd < 0 || fchdir(fd) == 0)
                return fd;
        r = -errno;
        close(fd);
        return r;
}

/*
 * Looks at the pin @name in the working directory. As little as possible is done between open and
 * close: if the pin goes meanwhile, the object goes when we close it, and not before. We ask for a
 * descriptor to read, and the result tells the kind (bpf_obj_get_user(), kernel/bpf/inode.c, from
 * Linux 5.12 on): a map gives one, a program gives one to read and write, and a link gives none.
 * The infos of all three begin with type and id.
 */
static int get_pin(const char *name, Pin *pin)
{
        LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
        struct bpf_link_info info = { 0 };
        uint32_t len = offsetof(struct bpf_link_info, id) + sizeof(info.id);
        int fd = bpf_obj_get_opts(name, &opts);
        int r = 0;

        if (fd >= 0) {
                pin->kind = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY ? PIN_MAP : PIN_PROG;
        } else if (errno == EINVAL) {
                pin->kind = PIN_LINK;
                fd = bpf_obj_get(name);
        }
        if (fd < 0)
                return -errno;
        if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
                r = -errno;
        close(fd);
        pin->id = info.id;
        return r;
}

static void forget_pin(PinDir *dir, const char *name)
{
        if (g_hash_table_remove(dir->pins, name))
                dir->tree->watches->n_pins--;
}

/* @dir is the working directory. */
static void look_at_pin(PinDir *dir, const char *name)
{
        g_autofree Pin *pin = g_new0(Pin, 1);
        int r;

        forget_pin(dir, name);
        if (dir->tree->watches->n_pins >= PINS_MAX) {
                dir->tree->more = true;
                return;
        }
        r = get_pin(name, pin);
        if (r == -ENOENT)
                return;
        pin->error = -r;
        g_hash_table_insert(dir->pins, g_strdup(name), g_steal_pointer(&pin));
        dir->tree->watches->n_pins++;
}

/* @dir is the working directory. From now on the kernel tells of all changes in it. */
static void watch_dir(PinDir *dir)
{
        PinWatches *watches = dir->tree->watches;

        if (watches->fd >= 0)
                dir->watch = inotify_add_watch(watches->fd, ".", WATCHED);
        if (dir->watch < 0)
                dir->tree->unwatched = true;
        else
                g_hash_table_insert(watches->dirs, GINT_TO_POINTER(dir->watch), dir);
}

static char *join(const char *path, const char *name)
{
        return *path ? g_strconcat(path, "/", name, NULL) : g_strdup(name);
}

static uint32_t depth_of(const char *path)
{
        uint32_t depth = *path ? 1 : 0;

        for (; *path; path++)
                depth += *path == '/';
        return depth;
}

/* Looks at all that is in a directory, and appends to @found its own directories. */
static void read_dir(PinTree *tree, int top, const char *path, GQueue *found)
{
        struct dirent *entry;
        PinDir *dir;
        DIR *stream;
        int fd;

        if (tree->watches->n_dirs >= PINS_MAX_DIRECTORIES || depth_of(path) > PINS_MAX_DEPTH) {
                tree->more = true;
                return;
        }
        fd = enter_dir(top, path);
        /* It has gone, or is something else now: its parent directory has events for that. */
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
                return;
        dir = dir_new(tree, path);
        if (fd < 0) {
                dir->error = -fd;
                /* For other directories, the parent directory has the events. */
                if (!*path)
                        tree->unwatched = true;
                return;
        }
        watch_dir(dir);
        stream = fdopendir(fd);
        if (!stream) {
                dir->error = errno;
                close(fd);
                return;
        }
        while ((entry = readdir(stream))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (entry->d_type == DT_DIR)
                        g_queue_push_tail(found, join(path, entry->d_name));
                else if (entry->d_type == DT_REG)
                        look_at_pin(dir, entry->d_name);
        }
        closedir(stream);
}

/* Looks at a directory and all that is below it. */
static void walk(PinTree *tree, int top, const char *path)
{
        GQueue queue = G_QUEUE_INIT;
        char *next;

        g_queue_push_tail(&queue, g_strdup(path));
        while ((next = g_queue_pop_head(&queue))) {
                read_dir(tree, top, next, &queue);
                g_free(next);
        }
}

static gboolean is_in(gpointer key, gpointer dir, gpointer path)
{
        return g_str_has_prefix(key, path) &&
               (((const char *)key)[strlen(path)] == '/' || strcmp(key, path) == 0);
}

/* Looks at one name of the working directory @dir: it may be anything now. */
static void look_at_name(PinDir *dir, int top, const char *name)
{
        g_autofree char *path = join(dir->path, name);
        PinTree *tree = dir->tree;
        struct stat st;

        forget_pin(dir, name);
        g_hash_table_foreach_remove(tree->dirs, is_in, path);
        if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        if (S_ISREG(st.st_mode))
                look_at_pin(dir, name);
        else if (S_ISDIR(st.st_mode))
                walk(tree, top, path);
}

/* Looks at the names that have changed in the directory. */
static void look_again(PinTree *tree, int top, const char *path)
{
        PinDir *dir = g_hash_table_lookup(tree->dirs, path);
        g_autoptr(GHashTable) names = NULL;
        GHashTableIter iter;
        gpointer name;
        int fd;

        if (!dir || g_hash_table_size(dir->changed) == 0)
                return;
        names = dir->changed;
        dir->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        fd = enter_dir(top, path);
        if (fd < 0)
                return;
        g_hash_table_iter_init(&iter, names);
        while (g_hash_table_iter_next(&iter, &name, NULL)) {
                look_at_name(dir, top, name);
                if (fchdir(fd) < 0)
                        break;
        }
        close(fd);
}

static void look_at_changes(PinTree *tree, int top)
{
        g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
        GHashTableIter iter;
        gpointer dir;

        g_hash_table_iter_init(&iter, tree->dirs);
        while (g_hash_table_iter_next(&iter, NULL, &dir))
                if (g_hash_table_size(((PinDir *)dir)->changed) > 0)
                        g_ptr_array_add(paths, g_strdup(((PinDir *)dir)->path));
        for (guint i = 0; i < paths->len; i++)
                look_again(tree, top, paths->pdata[i]);
}

void pin_tree_update(PinTree *tree, const char *path)
{
        struct stat st;
        int top = copy_mount(path);

        tree->error = 0;
        if (top < 0)
                tree->error = -top;
        else if (fstat(top, &st) < 0 || st.st_dev != tree->dev)
                tree->error = ESTALE;
        if (tree->error != 0) {
                g_hash_table_remove_all(tree->dirs);
                tree->stale = true;
        } else if (tree->stale) {
                tree->stale = tree->unwatched = tree->more = false;
                g_hash_table_remove_all(tree->dirs);
                walk(tree, top, "");
        } else if (tree->changed) {
                look_at_changes(tree, top);
        }
        tree->changed = false;
        if (top >= 0)
                close(top);
}
