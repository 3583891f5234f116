/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CGROUPS_H
#define BPFMETAFS_CGROUPS_H

/*
 * The hierarchy of cgroup2: which programs are attached to which cgroup, and what the cgroups are
 * called.
 *
 * Nothing of it is kept open between two scans, so that its file system can be unmounted.
 */

#include <glib.h>
#include <stdint.h>

/* The most cgroups that are looked at, and how deep: each costs about 15 µs. */
#define CGROUPS_MAX 4096u
#define CGROUPS_MAX_DEPTH 64u

/* A program that is attached to a cgroup itself, not to one above it, by a link or without. */
typedef struct CgroupProg {
        uint64_t cgroup_id;
        uint32_t attach_type;
        uint32_t prog_id;
} CgroupProg;

typedef struct Cgroups Cgroups;

/* Looks for where cgroup2 is mounted. To be called before the sandbox, for /proc/self/mountinfo. */
Cgroups *cgroups_new(void);
void cgroups_free(Cgroups *cgroups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cgroups, cgroups_free)

/* Where cgroup2 is mounted: the directory beneath which cgroups_scan() opens and reads directories.
 * NULL: nowhere. */
const char *cgroups_mount(const Cgroups *cgroups);

/*
 * Looks at all cgroups. 0, or -errno if there are none to be seen (-ENODEV: cgroup2 is not
 * mounted, or not any more), or if some or all of them can't be looked at; what was seen is kept.
 * -E2BIG: there are more than CGROUPS_MAX, or than CGROUPS_MAX_DEPTH below each other. A cgroup
 * that goes meanwhile is no failure.
 */
int cgroups_scan(Cgroups *cgroups);

/* What the last scan has seen; borrowed until the next. */
guint cgroups_n_progs(const Cgroups *cgroups);
const CgroupProg *cgroups_prog(const Cgroups *cgroups, guint index);
/* The path below the mount, from "/" on, not escaped; NULL if there is no such cgroup. */
const char *cgroups_path(const Cgroups *cgroups, uint64_t id);

#endif
