/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MOUNTS_H
#define BPFMETAFS_MOUNTS_H

/*
 * The mounts of a mount namespace, as /proc/PID/mountinfo tells them (proc_pid_mountinfo(5)).
 *
 * Pure: text comes in. Paths are without escapes, and as the process PID sees them.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The largest mountinfo that is read: of a host with tens of thousands of mounts. */
#define MOUNTS_MAX_TEXT (16u << 20)

typedef struct Mount {
        uint32_t id;
        uint32_t parent;  /* the id of the mount that it is on */
        dev_t dev;        /* of the filesystem: st_dev of the files on it */
        const char *root; /* the directory of the filesystem that is seen at the path: "/", "/a" */
        const char *path;
        const char *type; /* "bpf" */
} Mount;

typedef struct Mounts {
        char *text;  /* all strings are in it */
        GArray *all; /* Mount, in the order of the text */
} Mounts;

/* Parses @text, and owns it from now on. Never NULL. A line that is not understood is left out. */
Mounts *mounts_new(char *text);
void mounts_free(Mounts *mounts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mounts, mounts_free)

/* Reads and parses the mountinfo that @fd is open on, from its beginning. 0 or -errno: -E2BIG if it
 * is larger than MOUNTS_MAX_TEXT. */
int mounts_read(int fd, Mounts **out);

static inline const Mount *mounts_get(const Mounts *mounts, guint index)
{
        return &g_array_index(mounts->all, Mount, index);
}

/* The mount with the id; NULL if there is none: the parent of the process's root mount is not
 * listed. */
const Mount *mounts_by_id(const Mounts *mounts, uint32_t id);

/* True if the path of the mount leads to it, and to no other that lies over it. It makes no system
 * call: even a lookup of the path keeps a mount busy for a moment. */
bool mounts_is_reached(const Mounts *mounts, const Mount *mount);

/* The part of @path below the directory @top, both absolute: "" for @top itself, "a/b" for a path
 * in it, NULL for all others. */
const char *mounts_below(const char *path, const char *top);

#endif
