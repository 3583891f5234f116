/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ATTACHMENTS_H
#define BPFMETAFS_ATTACHMENTS_H

/*
 * Where programs are attached: by links, and without them to cgroups, interfaces, the network
 * namespace and struct_ops maps.
 *
 * Links are looked at in each call (links.h says what that means). A scan of cgroups and interfaces
 * finds attachments without a link and serves everybody for ATTACHMENTS_MAX_AGE; a program's link
 * that is younger than the scan causes a new one. @now is g_get_monotonic_time() in all calls.
 *
 * Nothing shows programs that are attached to sockets (SO_ATTACH_BPF, reuseport) or
 * routes, to perf events by ioctl(2), to sockmaps and infrared devices without a link, as actions
 * of tc, or to another network namespace without a link.
 */

#include "info.h"

#include <glib.h>
#include <stdint.h>

/* How old in microseconds a scan may be. */
#define ATTACHMENTS_MAX_AGE 50000

typedef struct Attachments Attachments;

/* To be called before the sandbox. It never fails: what can't be opened becomes a line of text. */
Attachments *attachments_new(void);
void attachments_free(Attachments *attachments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attachments, attachments_free)

/* The directory that a scan opens, with all beneath it, to list it; NULL: none. */
const char *attachments_cgroup_mount(const Attachments *attachments);

/* Tells that there is a map of type struct_ops. It is asked in each call for programs that are
 * attached by it alone, until it has gone. Maps that have a link need not be told. */
void attachments_add_map(Attachments *attachments, uint32_t map_id);

/*
 * A line for each attachment of the program @prog_id is appended to @out, ended by a newline: the
 * attach type (libbpf's name; kprobe, kretprobe, uprobe, uretprobe, tracepoint and perf_event for
 * links to events, raw_tp, freplace, and tc_ingress or tc_egress for classic tc), what it is
 * attached to, and how: "link 7", "netlink", "cgroup", "netns", "attach" (tcx and netkit without a
 * link) or "map 7". Sorted. Then a line in
 * parentheses for each kind of attachment that could not be looked at.
 */
void attachments_append(Attachments *attachments, uint32_t prog_id, gint64 now, GString *out);

/* The ids of the links of the program @prog_id, in ascending order, are appended to @ids (elements:
 * uint32_t). */
void attachments_links(Attachments *attachments, uint32_t prog_id, gint64 now, GArray *ids);

/* @type is the first word of a line, borrowed until the function returns. */
typedef void (*AttachmentFunc)(uint32_t prog_id, const char *type, void *data);

/* Calls @func for each attachment of each program. */
void attachments_foreach(Attachments *attachments, gint64 now, AttachmentFunc func, void *data);

/* All that is known of a link (see link_info()), to be freed with info_free(). 0 or -errno;
 * -ENOENT: it has gone. */
int attachments_link_info(Attachments *attachments, uint32_t id, gint64 now, Info **out);

#endif
