/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_MOUNTS_H
#define BPFMETAFS_MOUNTS_H

/*
 * The mounts of a mount namespace, as /proc/PID/mountinfo tells them (proc_pid_mountinfo(5)).
 *
 * Pure: text comes in. Paths are as the process sees them whose file it is, without escapes.
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
        dev_t dev;        /* of the filesystem: st_dev of what is on it */
        const char *root; /* the directory of the filesystem that is seen at the path: "/", "/a" */
        const char *path;
        const char *type; /* "bpf" */
} Mount;

typedef struct Mounts {
        char *text;  /* what the strings are in */
        GArray *all; /* Mount, in the order of the text */
} Mounts;

/* Parses @text, which it takes. Never NULL. A line that is not understood is left out. */
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

/* The mount with the id; NULL if there is none, as above the root of the process. */
const Mount *mounts_by_id(const Mounts *mounts, uint32_t id);

/* True if the path of the mount leads to it, and to no other that lies over it. Asks nobody: even
 * to look a path up keeps a mount busy for a moment. */
bool mounts_is_reached(const Mounts *mounts, const Mount *mount);

/* What of @path is below the directory @top, both absolute: "" for @top itself, "a/b" for what is
 * in it, NULL for all else. */
const char *mounts_below(const char *path, const char *top);

#endif
