/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NETNS_LOOK_H
#define BPFMETAFS_NETNS_LOOK_H

/*
 * Looks for programs that are attached in network namespaces with a name in /run/netns: the half of
 * the observer `netns` that needs rights.
 *
 * It enters each of them, since rtnetlink and BPF_PROG_QUERY only tell of the caller's namespace.
 * So it is for a process of its own with one thread. System calls of netns_look_list(): those of
 * netdevs.h with socket(2), connect(2) and setsockopt(2) of rtnetlink; openat(2) to read the
 * directory and what is in it, getdents64(2), fstat(2), setns(2), close(2).
 *
 * Nothing of a namespace is kept open, so namespaces can be removed.
 */

#include <glib.h>

typedef struct NetnsLook NetnsLook;

/* To be called in the network namespace to which the caller comes back each time, and which is not
 * looked at. Never fails: the list says what can't be looked at. */
NetnsLook *netns_look_new(void);
void netns_look_free(NetnsLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NetnsLook, netns_look_free)

/* Looks, and appends a list (netns-list.h) of at most NETNS_MAX_LIST bytes to @out. A namespace
 * with several names is there once. */
void netns_look_list(NetnsLook *look, GByteArray *out);

#endif
