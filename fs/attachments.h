/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ATTACHMENTS_H
#define BPFMETAFS_ATTACHMENTS_H

/*
 * Where programs are attached: by links, and without them to cgroups, interfaces, the network
 * namespace and struct_ops maps.
 *
 * Links are looked at in each call (links.h says what that means). A scan of cgroups and interfaces
 * finds attachments without a link; attach-scan.h has its greatest age. @now is
 * g_get_monotonic_time() in all calls.
 *
 * Nothing shows programs that are attached to sockets (SO_ATTACH_BPF, reuseport) or routes, to perf
 * events by ioctl(2), to sockmaps and infrared devices without a link, as actions of tc, or to
 * another network namespace without a link, unless attachments_set_netns() was called.
 */

#include "info.h"
#include "netns.h"

#include <glib.h>
#include <stdint.h>

typedef struct Attachments Attachments;

/* To be called before the sandbox. It never fails: if something can't be opened, a line of text
 * says so. */
Attachments *attachments_new(void);
void attachments_free(Attachments *attachments);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attachments, attachments_free)

/* From now on the network namespaces of @netns are looked at as well. It becomes @attachments'. */
void attachments_set_netns(Attachments *attachments, Netns *netns);

/* The directory that a scan opens, with all beneath it, to list it; NULL: none. */
const char *attachments_cgroup_mount(const Attachments *attachments);

/* Tells that there is a map of type struct_ops. Each call then asks it for programs that it
 * attaches without a link, until the map has gone. Maps that have a link are found without this
 * call. */
void attachments_add_map(Attachments *attachments, uint32_t map_id);

/*
 * Appends a line for each attachment of the program @prog_id to @out, ended by a newline: the
 * attach type (libbpf's name; kprobe, kretprobe, uprobe, uretprobe, tracepoint and perf_event for
 * links to events, raw_tp, freplace, and tc_ingress or tc_egress for classic tc), the target, and
 * the way: "link 7", "netlink", "cgroup", "netns", "attach" (tcx and netkit without a link) or "map
 * 7". The lines are sorted. Behind them is a line in parentheses for each kind of attachment that
 * could not be looked at.
 */
void attachments_append(Attachments *attachments, uint32_t prog_id, gint64 now, GString *out);

/* Appends the ids of the links of the program @prog_id to @ids (elements: uint32_t), in ascending
 * order. */
void attachments_links(Attachments *attachments, uint32_t prog_id, gint64 now, GArray *ids);

/* @type is the first word of a line, @target what it is attached to; both are borrowed until the
 * function returns. */
typedef void (*AttachmentFunc)(uint32_t prog_id, const char *type, const char *target, void *data);

/* Calls @func for each attachment of each program. */
void attachments_foreach(Attachments *attachments, gint64 now, AttachmentFunc func, void *data);

/* Calls @func for each line of each program that attachments_append() would append, but its notes:
 * those of one program sorted, and borrowed until the function returns. A scan may be @max_age
 * microseconds old. */
typedef void (*AttachmentLineFunc)(uint32_t prog_id, const char *line, void *data);
void attachments_foreach_line(Attachments *attachments, gint64 now, gint64 max_age,
                              AttachmentLineFunc func, void *data);

/* Tells the type of a program, as prog_types_tell(): the next scan need not ask for it. */
void attachments_tell_type(Attachments *attachments, uint32_t prog_id, uint32_t type, gint64 now);

/* Appends the lines in parentheses, as of the last look. */
void attachments_append_notes(const Attachments *attachments, GString *out);

/* The keys of a link (see link_info()), to be freed with info_free(). 0 or -errno; -ENOENT: it has
 * gone. */
int attachments_link_info(Attachments *attachments, uint32_t id, gint64 now, Info **out);

#endif
