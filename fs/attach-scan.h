/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ATTACH_SCAN_H
#define BPFMETAFS_ATTACH_SCAN_H

/*
 * Links, cgroups and interfaces joined: which programs are attached without a link, and which
 * interfaces links are attached to. Also in other network namespaces, if there is somebody to ask.
 *
 * The results of a scan of cgroups and interfaces are used for ATTACH_SCAN_MAX_AGE. A program's
 * link that is younger than the scan causes a new one. @now is g_get_monotonic_time() in all calls.
 */

#include "cgroups.h"
#include "links.h"
#include "netdevs.h"
#include "netns.h"

#include <glib.h>
#include <stdint.h>

/* The greatest age of a scan, in microseconds. */
#define ATTACH_SCAN_MAX_AGE 50000

/* For callers to read only. */
typedef struct AttachScan {
        Links *links;
        Cgroups *cgroups;
        Netdevs *netdevs;
        Netns *netns;    /* NULL: other network namespaces are not looked at */
        int links_error; /* 0, or the -errno of the last look at links */

        /* Of the last scan */
        int cgroups_error;    /* 0, or -errno as cgroups_scan() returns it */
        int netdevs_error;    /* 0, or -errno as netdevs_scan() returns it */
        int dissectors_error; /* 0, or -errno: there are flow dissectors, and none is looked for */
        GArray *cgroup_progs; /* CgroupProg: those that are attached without a link */
        GArray *netdev_progs; /* NetSpaceProg: the same */

        /* Private */
        gint64 scanned_at;  /* 0: never */
        GHashTable *linked; /* Spot -> how many links */
        GHashTable *seen;   /* Spot -> Seen: how often the queries have seen it, and where */
        GHashTable *owned;  /* the id of a link -> the NetSpace in which a query has seen it */
} AttachScan;

/* To be called before the sandbox. */
AttachScan *attach_scan_new(void);
void attach_scan_free(AttachScan *scan);

/* Looks at links alone, as links_update() does. */
void attach_scan_links(AttachScan *scan, uint32_t prog_id, gint64 now);

/* Looks at links, and at cgroups and interfaces if the last scan is too old for the program
 * @prog_id; 0: for any program. */
void attach_scan_update(AttachScan *scan, uint32_t prog_id, gint64 now);

/* The same for all programs; only a scan older than @max_age microseconds is too old. */
void attach_scan_update_all(AttachScan *scan, gint64 now, gint64 max_age);

/* From now on @netns is asked as well. It becomes the scan's. */
void attach_scan_set_netns(AttachScan *scan, Netns *netns);

/* The name of the link's interface, not escaped, if it is proven in which network namespace that
 * is; else NULL. *@space is the namespace, or NULL for the daemon's own. */
const char *attach_scan_interface(const AttachScan *scan, const LinkInfo *info,
                                  const NetSpace **space);

#endif
