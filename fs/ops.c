/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * FUSE low-level operations. Each is a few lines: the tree does the work and returns an errno, and
 * the operation replies once. No handles exist: open and opendir are answered ENOSYS, after which
 * the kernel does not ask again, and keeps what it has cached.
 */

#include "ops.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>

static Ops *ops_of(fuse_req_t req)
{
        return fuse_req_userdata(req);
}

static struct fuse_entry_param entry_param(const TreeEntry *entry)
{
        return (struct fuse_entry_param){
                .ino = entry->ino,
                .attr = entry->attr,
                .attr_timeout = entry->attr_timeout,
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
        double timeout;
        int r = tree_getattr(ops_of(req)->tree, ino, &attr, &timeout);

        if (r < 0)
                fuse_reply_err(req, -r);
        else
                fuse_reply_attr(req, &attr, timeout);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
        fuse_reply_err(req, ENOSYS);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
        g_autoptr(GString) out = g_string_new(NULL);
        g_autoptr(GBytes) bytes = NULL;
        int r = tree_read(ops_of(req)->tree, ino, offset, size, out, &bytes);

        if (r < 0)
                fuse_reply_err(req, -r);
        else if (bytes)
                fuse_reply_buf(req, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
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
        GArray *inodes; /* of the entries that were looked up; NULL: a plain listing, which looks
                           none up */
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

        /* For an entry without a node the kernel counts no lookup, and keeps the node that it
         * has. */
        if (!add_entry(buffer, name, next + DOTS, &param))
                return false;
        if (buffer->inodes && param.ino)
                g_array_append_val(buffer->inodes, param.ino);
        return true;
}

/* The kernel counts no lookup of these; it only wants to know that they are directories. */
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
        /* When the kernel gets this empty answer, it takes the listing for complete. By then it
         * must have dropped the part of the listing that it has cached. The attributes go with
         * it. */
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

/* The mount is read-only. These answer requests after somebody has remounted it writable by
 * hand. */

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

const struct fuse_lowlevel_ops ops_table = {
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
