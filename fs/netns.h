/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NETNS_H
#define BPFMETAFS_NETNS_H

/*
 * Observer: the programs that are attached to interfaces in network namespaces with a name in
 * /run/netns.
 *
 * This is the half that knows: netns-look looks, in another process.
 */

#include "netdevs.h"

#include <glib.h>
#include <stdint.h>

/* If the other half can't be asked, it is asked again only after this many microseconds, since each
 * question may have to wait. */
#define NETNS_RETRY 1000000

/* A network namespace. */
typedef struct NetSpace {
        char *name; /* not escaped */
        uint64_t ino;
        GHashTable *interfaces; /* ifindex -> char *: the names of those that have programs */
} NetSpace;

/* A program and the place at which it is attached. */
typedef struct NetSpaceProg {
        NetdevProg prog;
        const NetSpace *space; /* NULL: the daemon's own */
} NetSpaceProg;

typedef struct Netns Netns;

/* Looks, and appends a list (netns-list.h) to @out. 0 or -errno. */
typedef int (*NetnsAsk)(void *data, GByteArray *out);

/* @ask is called with @data, only within netns_scan(). */
Netns *netns_new(NetnsAsk ask, void *data);
void netns_free(Netns *netns);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Netns, netns_free)

/* Asks the other half to look at all namespaces. @now is g_get_monotonic_time(). If the other half
 * can't be asked, nothing is known, and a note says so. */
void netns_scan(Netns *netns, gint64 now);

/* The results of the last scan; borrowed until the next. */
guint netns_n_progs(const Netns *netns);
const NetSpaceProg *netns_prog(const Netns *netns, guint index);
/* NULL: there is none with that inode number. */
const NetSpace *netns_space(const Netns *netns, uint64_t ino);

/* Appends a line in parentheses for each thing that could not be looked at. */
void netns_append_notes(const Netns *netns, GString *out);

#endif
