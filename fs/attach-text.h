/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ATTACH_TEXT_H
#define BPFMETAFS_ATTACH_TEXT_H

/*
 * The words for one attachment: its type and its target.
 *
 * Pure. Names that others chose are escaped by the rules of text.h.
 */

#include "link-info.h"

#include <glib.h>
#include <stdint.h>

/* Names that the kernel's info of a link lacks, not escaped; NULL: not known, or the link is of
 * another type. */
typedef struct AttachNames {
        const char *function;  /* of a tracing link */
        const char *cgroup;    /* the path of a cgroup link's cgroup */
        const char *interface; /* of a link of type xdp, tcx or netkit */
        const char *netns; /* the network namespace of that, or that a netns link is attached to;
                              NULL as well if it is the daemon's own */
} AttachNames;

/* libbpf's name of the attach type, or its number. To be freed. */
char *attach_text_type(uint32_t attach_type);

/* The link's attach type: libbpf's name; kprobe, kretprobe, uprobe, uretprobe, tracepoint and
 * perf_event for links to events, raw_tp, freplace. To be freed. */
char *attach_text_link_type(const LinkFacts *facts);

/* The target of the link. To be freed. */
char *attach_text_link_target(const LinkFacts *facts, const AttachNames *names);

/* Append the name; or the number, if the name is NULL. @netns is the name of the network namespace
 * in which the interface is, or NULL. */
void attach_text_put_interface(GString *out, const char *name, uint32_t ifindex, const char *netns);
void attach_text_put_netns(GString *out, const char *name, uint64_t ino);
void attach_text_put_cgroup(GString *out, const char *path, uint64_t id);

#endif
