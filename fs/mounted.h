/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MOUNTED_H
#define BPFMETAFS_MOUNTED_H

/*
 * Whether a tree of ours is mounted at a directory, for the daemon and its mount helper.
 *
 * mountinfo tells (proc_pid_mountinfo(5)). Reading it is a step that makes system calls alone, so
 * that it can be made in another mount namespace (namespace.h).
 */

#include <glib.h>

/* The words of mountinfo about a mounted tree. */
typedef struct Mounted {
        char *source; /* "bpf" */
        char *root;   /* the directory of the tree that is seen there: "/" */
        char *flags;  /* words of the mount: "rw,nosuid" */
        char *shared; /* words of the filesystem behind it: "rw,user_id=0,allow_other" */
} Mounted;

void mounted_clear(Mounted *mounted);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mounted, mounted_clear)

/* Opens the caller's /proc/self. -1: there is none. */
int mounted_open_proc(void);

/* Appends the mountinfo of @proc, of mounted_open_proc(), to @out: it tells of the mount namespace
 * that the caller is in by now. System calls alone. */
void mounted_read(int proc, GString *out);

/* Looks in @text, of a mountinfo, for a tree of ours at the absolute path @dir, which has no links.
 * It has to be the topmost mount there. 0; -ENOENT: there is none. */
int mounted_find(const char *text, const char *dir, Mounted *out);

/* Says that the whole tree of @source is at @dir already, as mounted_find() finds it: one sentence
 * without a full stop, owned by the caller. NULL: it is not. The kernel refuses the same for its
 * own filesystems, of which each is one (do_add_mount(), fs/namespace.c); FUSE makes a new
 * filesystem for each mount. */
char *mounted_fault(const char *text, const char *dir, const char *source);

#endif
