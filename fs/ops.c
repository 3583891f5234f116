/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * FUSE low-level operations. Each is a few lines: the tree does the work and returns an errno, and
 * the operation replies once. No handles exist: open and opendir are answered ENOSYS, after which
 * the kernel does not ask again, and keeps what it has cached.
 */

#include "ops.h"

#include "inside.h"
#include "linger.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

struct Ops {
        Tree *tree;
        struct fuse_session *session;
        OpsReadyFunc ready;
        void *data;
        sigset_t signals; /* the signal mask while we wait for a request */
        Linger linger;
        Inside *inside; /* the mount, if it is in another namespace */
        bool mounted;
        bool handles_signals;
};

static Ops *ops_of(fuse_req_t req)
{
        return fuse_req_userdata(req);
}

static struct fuse_entry_param entry_param(const TreeEntry *entry)
{
        return (struct fuse_entry_param){
                .ino = entry->ino,
                .attr = entry->attr,
                .attr_timeout = TREE_FOREVER,
                .entry_timeout = entry->entry_timeout,
        };
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
        Ops *ops = userdata;

        /* One round trip for a directory and all its entries. */
        conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
        conn->want &= ~FUSE_CAP_READDIRPLUS_AUTO;
        conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
        if (ops->ready)
                ops->ready(ops->data);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        Tree *tree = ops_of(req)->tree;
        struct fuse_entry_param param;
        TreeEntry entry;
        int r = tree_lookup(tree, parent, name, &entry);

        if (r < 0) {
                fuse_reply_err(req, -r);
                return;
        }
        param = entry_param(&entry);
        /* The kernel was interrupted and did not take the entry: it will not forget it either. */
        if (fuse_reply_entry(req, &param) == -ENOENT)
                tree_forget(tree, param.ino, 1);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
        tree_forget(ops_of(req)->tree, ino, nlookup);
        fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
        for (size_t i = 0; i < count; i++)
                tree_forget(ops_of(req)->tree, forgets[i].ino, forgets[i].nlookup);
        fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        struct stat attr;
        int r = tree_getattr(ops_of(req)->tree, ino, &attr);

        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_attr(req, &attr, TREE_FOREVER);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        fuse_reply_err(req, ENOSYS);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
        g_autoptr(GString) out = g_string_new(NULL);
        int r = tree_read(ops_of(req)->tree, ino, offset, size, out);

        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_buf(req, out->str, out->len);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
        g_autoptr(GString) out = g_string_new(NULL);
        int r = tree_readlink(ops_of(req)->tree, ino, out);

        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_readlink(req, out->str);
}

/* Listings. "." and ".." have the offsets 1 and 2; an entry's offset is its key after these. */
#define DOTS 2

typedef struct Buffer {
        fuse_req_t req;
        char *bytes;
        size_t size;
        size_t used;
        GArray *inodes; /* of what was looked up; NULL: nothing is */
} Buffer;

/* Returns false if there is no room for it. */
static bool add_entry(Buffer *buffer, const char *name, off_t offset,
                      const struct fuse_entry_param *param)
{
        size_t room = buffer->size - buffer->used, n;
        char *at = buffer->bytes + buffer->used;

        n = buffer->inodes ? fuse_add_direntry_plus(buffer->req, at, room, name, param, offset)
                           : fuse_add_direntry(buffer->req, at, room, name, &param->attr, offset);
        if (n > room)
                return false;
        buffer->used += n;
        return true;
}

static bool add_tree_entry(const char *name, uint64_t next, const TreeEntry *entry, void *data)
{
        struct fuse_entry_param param = entry_param(entry);
        Buffer *buffer = data;

        /* The kernel takes no lookup of an entry without a node, and leaves alone what it has. */
        if (!add_entry(buffer, name, next + DOTS, &param))
                return false;
        if (buffer->inodes && param.ino)
                g_array_append_val(buffer->inodes, param.ino);
        return true;
}

/* The kernel takes no lookup of these; it only wants to know that they are directories. */
static void add_dots(Buffer *buffer, uint64_t st_ino, off_t offset)
{
        static const char *const names[DOTS] = { ".", ".." };
        struct fuse_entry_param param = { .attr = { .st_ino = st_ino, .st_mode = S_IFDIR } };

        for (off_t i = offset; i < DOTS; i++)
                add_entry(buffer, names[i], i + 1, &param);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus)
{
        g_autofree char *bytes = g_malloc(size);
        g_autoptr(GArray) inodes = plus ? g_array_new(FALSE, FALSE, sizeof(fuse_ino_t)) : NULL;
        Buffer buffer = { .req = req, .bytes = bytes, .size = size, .inodes = inodes };
        Ops *ops = ops_of(req);
        bool changes;
        int r;

        if (offset < 0) {
                fuse_reply_err(req, EINVAL);
                return;
        }
        add_dots(&buffer, tree_shown_ino(ops->tree, ino), offset);
        r = tree_list(ops->tree, ino, offset > DOTS ? offset - DOTS : 0, plus, add_tree_entry,
                      &buffer, &changes);
        /* The kernel takes the listing for complete when it gets this empty answer; by
         * then the part of the listing that it kept must be gone. The attributes go with it. */
        if (r == 0 && changes && buffer.used == 0) {
                fuse_lowlevel_notify_inval_inode(ops->session, ino, 0, 0);
                tree_drop_attr(ops->tree, ino);
        }
        if (r == 0)
                r = fuse_reply_buf(req, buffer.bytes, buffer.used);
        else
                fuse_reply_err(req, -r);
        /* The kernel did not take these entries, so it will not forget them either. */
        for (guint i = 0; r < 0 && inodes && i < inodes->len; i++)
                tree_forget(ops->tree, g_array_index(inodes, fuse_ino_t, i), 1);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *fi)
{
        list(req, ino, size, offset, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                           struct fuse_file_info *fi)
{
        list(req, ino, size, offset, true);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
        /* Like procfs: nothing is stored here. */
        struct statvfs stat = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

        fuse_reply_statfs(req, &stat);
}

/* The mount is read-only; these answer who has remounted it writable by hand. */

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                       struct fuse_file_info *fi)
{
        fuse_reply_err(req, EROFS);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
        fuse_reply_err(req, EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
        fuse_reply_err(req, EROFS);
}

static void op_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
        fuse_reply_err(req, EROFS);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
        fuse_reply_err(req, EROFS);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned int flags)
{
        fuse_reply_err(req, EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
        fuse_reply_err(req, EROFS);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *fi)
{
        fuse_reply_err(req, EROFS);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                      struct fuse_file_info *fi)
{
        fuse_reply_err(req, EROFS);
}

static const struct fuse_lowlevel_ops operations = {
        .init = op_init,
        .lookup = op_lookup,
        .forget = op_forget,
        .forget_multi = op_forget_multi,
        .getattr = op_getattr,
        .setattr = op_setattr,
        .readlink = op_readlink,
        .mknod = op_mknod,
        .mkdir = op_mkdir,
        .unlink = op_remove,
        .rmdir = op_remove,
        .symlink = op_symlink,
        .rename = op_rename,
        .link = op_link,
        .open = op_open,
        .read = op_read,
        .write = op_write,
        .opendir = op_open,
        .readdir = op_readdir,
        .readdirplus = op_readdirplus,
        .statfs = op_statfs,
        .create = op_create,
};

/* Mounting */

G_GNUC_PRINTF(2, 0)
static void log_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
        vsyslog(level, format, args);
}

/* A value in an option list: commas and backslashes stand behind a backslash. */
static void append_escaped(GString *out, const char *value)
{
        for (; *value; value++) {
                if (*value == ',' || *value == '\\')
                        g_string_append_c(out, '\\');
                g_string_append_c(out, *value);
        }
}

static char *session_options(const OpsMount *mount)
{
        GString *options = g_string_new("ro,default_permissions,subtype=bpfmetafs,fsname=");

        append_escaped(options, mount->source);
        if (mount->allow_other)
                g_string_append(options, ",allow_other");
        if (*mount->options)
                g_string_append_printf(options, ",%s", mount->options);
        for (guint i = 0; mount->labels && i < mount->labels->len; i++) {
                g_string_append_c(options, ',');
                append_escaped(options, mount->labels->pdata[i]);
        }
        return g_string_free(options, FALSE);
}

/* What libfuse tells the kernel when it mounts. */
static bool mount_inside(Ops *ops, const OpsMount *mount, GError **error)
{
        g_autoptr(GString) data = g_string_new("default_permissions");
        InsideMount how = {
                .type = "fuse.bpfmetafs",
                .source = mount->source,
                .mountpoint = mount->mountpoint,
                .flags = MS_RDONLY | mount->flags,
        };

        if (mount->allow_other)
                g_string_append(data, ",allow_other");
        for (guint i = 0; mount->labels && i < mount->labels->len; i++)
                g_string_append_printf(data, ",%s", (const char *)mount->labels->pdata[i]);
        how.data = data->str;
        ops->inside = inside_mount(mount->namespace, &how, error);
        return ops->inside;
}

static bool mount_here(Ops *ops, const char *mountpoint, GError **error)
{
        errno = 0;
        if (fuse_session_mount(ops->session, mountpoint) == 0)
                return true;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot mount on '%s'%s%s",
                    mountpoint, errno ? ": " : "", errno ? g_strerror(errno) : "");
        return false;
}

static bool mount_session(Ops *ops, const OpsMount *mount, GError **error)
{
        g_autofree char *options = session_options(mount), *mountpoint = NULL;
        const char *argv[] = { mount->program, "-o", options, mount->debug ? "-d" : NULL, NULL };
        struct fuse_args args = FUSE_ARGS_INIT(mount->debug ? 4 : 3, (char **)argv);
        int fd;

        ops->session = fuse_session_new(&args, &operations, sizeof(operations), ops);
        fuse_opt_free_args(&args);
        if (!ops->session) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "libfuse does not take the mount options '%s'", options);
                return false;
        }
        if (fuse_set_signal_handlers(ops->session) < 0) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot handle signals: %s",
                            g_strerror(errno));
                return false;
        }
        ops->handles_signals = true;
        if (mount->namespace) {
                if (!mount_inside(ops, mount, error))
                        return false;
                /* libfuse takes the descriptor of what is mounted for a mount point. */
                mountpoint = g_strdup_printf("/dev/fd/%d", inside_take_fd(ops->inside));
        }
        if (!mount_here(ops, mountpoint ? mountpoint : mount->mountpoint, error))
                return false;
        ops->mounted = true;
        fd = fuse_session_fd(ops->session);
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot set up /dev/fuse: %s",
                            g_strerror(errno));
                return false;
        }
        return true;
}

Ops *ops_mount(const OpsMount *mount, Tree *tree, OpsReadyFunc ready, void *data, GError **error)
{
        g_autoptr(Ops) ops = g_new0(Ops, 1);

        ops->tree = tree;
        ops->ready = ready;
        ops->data = data;
        fuse_set_log_func(log_libfuse);
        return mount_session(ops, mount, error) ? g_steal_pointer(&ops) : NULL;
}

/* Waits as fuse_session_receive_buf() does on a descriptor that blocks. -EINTR: it is time to end.
 * Signals come only while we wait: libfuse drops a request that it has read when one has come
 * since, and one that comes just before we sleep would not wake us. */
static int next_request(Ops *ops, struct fuse_buf *buffer)
{
        int r = -EINTR;

        linger_begin(&ops->linger);
        while (!fuse_session_exited(ops->session)) {
                int ready = linger_poll(&ops->linger, fuse_session_fd(ops->session), &ops->signals);

                if (ready < 0 && ready != -EINTR)
                        return ready;
                r = ready > 0 ? fuse_session_receive_buf(ops->session, buffer) : -EINTR;
                if (r != -EINTR && r != -EAGAIN)
                        break;
        }
        linger_end(&ops->linger);
        return r == -EAGAIN ? -EINTR : r;
}

int ops_serve(Ops *ops)
{
        struct fuse_buf buffer = { .mem = NULL };
        sigset_t ends;
        int r = 0;

        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGINT);
        sigaddset(&ends, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &ends, &ops->signals);
        while (!fuse_session_exited(ops->session)) {
                r = next_request(ops, &buffer);
                if (r > 0)
                        fuse_session_process_buf(ops->session, &buffer);
                else if (r != -EINTR)
                        break;
        }
        free(buffer.mem);
        /* ECONNABORTED: it was unmounted by force while the kernel was giving us a request. */
        return r == -EINTR || r == -ECONNABORTED ? 0 : MIN(r, 0);
}

void ops_serve_until(Ops *ops, int fd)
{
        struct pollfd fds[] = {
                { .fd = fd, .events = POLLIN },
                { .fd = fuse_session_fd(ops->session), .events = POLLIN },
        };
        struct fuse_buf buffer = { .mem = NULL };

        /* While a session counts as ended libfuse drops the requests that it reads. A second signal
         * does not come: ops_serve() has left them blocked. */
        fuse_session_reset(ops->session);
        while (poll(fds, G_N_ELEMENTS(fds), -1) >= 0 || errno == EINTR) {
                if (fds[0].revents)
                        break;
                if (fds[1].revents && fuse_session_receive_buf(ops->session, &buffer) > 0)
                        fuse_session_process_buf(ops->session, &buffer);
                /* Unmounted: nothing blocks any more, and nothing more is to be read. */
                if (fds[1].revents & (POLLERR | POLLHUP))
                        fds[1].fd = -1;
                fds[0].revents = fds[1].revents = 0;
        }
        free(buffer.mem);
}

/* fuse_lowlevel_notify_delete() without its complaint: the kernel answers ENOTEMPTY when a file is
 * open below, and the entry has gone all the same (fuse_reverse_inval_entry(), fs/fuse/dir.c). */
static void notify_delete(Ops *ops, uint64_t parent, uint64_t child, const char *name)
{
        struct fuse_notify_delete_out out = {
                .parent = parent,
                .child = child,
                .namelen = strlen(name),
        };
        struct fuse_out_header header = {
                .len = sizeof(header) + sizeof(out) + out.namelen + 1,
                .error = FUSE_NOTIFY_DELETE,
        };
        struct iovec parts[] = {
                { &header, sizeof(header) },
                { &out, sizeof(out) },
                { (char *)name, out.namelen + 1 },
        };

        if (writev(fuse_session_fd(ops->session), parts, G_N_ELEMENTS(parts)) < 0)
                return;
}

void ops_forget_entry(Ops *ops, uint64_t parent, uint64_t child, const char *name)
{
        /* The kernel may have forgotten it by itself: an error says no more than that. */
        if (child)
                notify_delete(ops, parent, child, name);
        else
                fuse_lowlevel_notify_inval_entry(ops->session, parent, name, strlen(name));
}

int ops_fd(const Ops *ops)
{
        return fuse_session_fd(ops->session);
}

bool ops_is_mounted(const Ops *ops)
{
        struct pollfd fd = { .fd = ops_fd(ops) };

        /* fuse_dev_poll(), fs/fuse/dev.c */
        return poll(&fd, 1, 0) == 0;
}

bool ops_unmount_inside(Ops *ops)
{
        if (!ops->inside)
                return false;
        if (ops->mounted)
                inside_unmount(ops->inside, ops_fd(ops));
        ops->mounted = false;
        return true;
}

void ops_free(Ops *ops)
{
        /* Leaves a tree alone that somebody else has unmounted. */
        if (!ops_unmount_inside(ops) && ops->mounted)
                fuse_session_unmount(ops->session);
        if (ops->handles_signals)
                fuse_remove_signal_handlers(ops->session);
        if (ops->session)
                fuse_session_destroy(ops->session);
        g_clear_pointer(&ops->inside, inside_free);
        g_free(ops);
}
