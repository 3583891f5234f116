/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CGROUPS_H
#define BPFMETAFS_CGROUPS_H

/*
 * The hierarchy of cgroup2: which programs are attached to which cgroup, and the paths of cgroups.
 *
 * Nothing of it is kept open between two scans, so that its file system can be unmounted.
 */

#include "prog-types.h"

#include <glib.h>
#include <stdint.h>

/* The most cgroups that are looked at, and how deep. Each costs 3 µs, and another 0.6 to 1 µs for
 * each hook that some loaded program could be attached to. */
#define CGROUPS_MAX 4096u
#define CGROUPS_MAX_DEPTH 64u

/* A program that is attached to a cgroup itself, not to one above it, with or without a link. */
typedef struct CgroupProg {
        uint64_t cgroup_id;
        uint32_t attach_type;
        uint32_t prog_id;
} CgroupProg;

typedef struct Cgroups Cgroups;

/* Finds the mount of cgroup2. To be called before the sandbox, since it reads
 * /proc/self/mountinfo. */
Cgroups *cgroups_new(void);
void cgroups_free(Cgroups *cgroups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cgroups, cgroups_free)

/* The mount point of cgroup2: cgroups_scan() opens and reads directories beneath it. NULL: there is
 * none. */
const char *cgroups_mount(const Cgroups *cgroups);

/*
 * Looks at all cgroups. 0, or -errno if there are none to be seen (-ENODEV: cgroup2 is not mounted,
 * or not any more), or if some or all of them can't be looked at; results so far are kept. -E2BIG:
 * there are more than CGROUPS_MAX, or than CGROUPS_MAX_DEPTH below each other. A cgroup that goes
 * meanwhile is no failure.
 */
int cgroups_scan(Cgroups *cgroups);

/* Those of the last scan, whether it failed or not; and with what was told since. */
const ProgTypes *cgroups_types(const Cgroups *cgroups);
/* As prog_types_tell(). */
void cgroups_tell_type(Cgroups *cgroups, uint32_t prog_id, uint32_t type, gint64 now);

/* The results of the last scan; borrowed until the next. */
guint cgroups_n_progs(const Cgroups *cgroups);
const CgroupProg *cgroups_prog(const Cgroups *cgroups, guint index);
/* The path below the mount, from "/" on, not escaped; NULL if there is no such cgroup. */
const char *cgroups_path(const Cgroups *cgroups, uint64_t id);

#endif
