/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Attachments come from four places: links, cgroups and interfaces by way of the scan, and maps of
 * struct_ops.
 */

#include "attachments.h"

#include "attach-scan.h"
#include "attach-text.h"
#include "kernel-btf.h"
#include "struct-ops.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

struct Attachments {
        AttachScan *scan;
        KernelBtf *btf;
        StructOps *struct_ops;
        GHashTable *maps; /* ids of struct_ops maps */
};

/* A line of text, in parts. */
typedef struct Line {
        uint32_t prog_id;
        uint32_t link_id; /* 0: none */
        char *type;
        char *target;
        char *how; /* NULL: by the link */
} Line;

Attachments *attachments_new(void)
{
        Attachments *attachments = g_new0(Attachments, 1);

        attachments->scan = attach_scan_new();
        attachments->btf = kernel_btf_new();
        attachments->struct_ops = struct_ops_new(attachments->btf);
        attachments->maps = g_hash_table_new(NULL, NULL);
        return attachments;
}

void attachments_free(Attachments *attachments)
{
        if (!attachments)
                return;
        attach_scan_free(attachments->scan);
        struct_ops_free(attachments->struct_ops);
        kernel_btf_free(attachments->btf);
        g_hash_table_unref(attachments->maps);
        g_free(attachments);
}

void attachments_set_netns(Attachments *attachments, Netns *netns)
{
        attach_scan_set_netns(attachments->scan, netns);
}

const char *attachments_cgroup_mount(const Attachments *attachments)
{
        return cgroups_mount(attachments->scan->cgroups);
}

void attachments_add_map(Attachments *attachments, uint32_t map_id)
{
        g_hash_table_add(attachments->maps, GUINT_TO_POINTER(map_id));
}

/* Lines */

/* NULL: it is the daemon's own, or has no name. */
static const char *name_of_netns(const AttachScan *scan, uint64_t ino)
{
        const NetSpace *space = scan->netns ? netns_space(scan->netns, ino) : NULL;

        return space ? space->name : NULL;
}

static char *target_of_link(const Attachments *attachments, const Link *link)
{
        const AttachScan *scan = attachments->scan;
        const LinkInfo *info = &link->facts.info;
        const NetSpace *space;
        AttachNames names = {
                .function = link->function,
                .cgroup = info->type == LINK_CGROUP
                                  ? cgroups_path(scan->cgroups, info->cgroup.cgroup_id)
                                  : NULL,
                .interface = attach_scan_interface(scan, info, &space),
        };

        if (info->type == LINK_NETNS)
                names.netns = name_of_netns(scan, info->netns.netns_ino);
        else if (space)
                names.netns = space->name;
        return attach_text_link_target(&link->facts, &names);
}

static void clear_line(gpointer data)
{
        Line *line = data;

        g_free(line->type);
        g_free(line->target);
        g_free(line->how);
}

static void add_line(GArray *lines, Line line)
{
        g_array_append_val(lines, line);
}

/* A map of struct_ops has a line for each operation of each program. 0, or -errno if the map is no
 * such map, or has gone. */
static int add_struct_ops(Attachments *attachments, uint32_t map_id, uint32_t link_id,
                          uint32_t prog_id, GArray *lines)
{
        const GArray *progs;
        bool alone;
        int r = struct_ops_look(attachments->struct_ops, map_id, &progs, &alone);

        for (guint i = 0; progs && (link_id != 0 || alone) && i < progs->len; i++) {
                const StructOpsProg *prog = &g_array_index(progs, StructOpsProg, i);

                if (prog_id == 0 || prog->prog_id == prog_id)
                        add_line(lines,
                                 (Line){
                                         .prog_id = prog->prog_id,
                                         .link_id = link_id,
                                         .type = g_strdup("struct_ops"),
                                         .target = g_strdup(prog->operation),
                                         .how = link_id ? NULL : g_strdup_printf("map %u", map_id),
                                 });
        }
        return r;
}

static void add_links(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < links_n(attachments->scan->links); i++) {
                const Link *link = links_get(attachments->scan->links, i);
                const LinkInfo *info = &link->facts.info;

                if (info->type == LINK_STRUCT_OPS)
                        add_struct_ops(attachments, info->struct_ops.map_id, info->id, prog_id,
                                       lines);
                else if (prog_id == 0 || info->prog_id == prog_id)
                        add_line(lines, (Line){
                                                .prog_id = info->prog_id,
                                                .link_id = info->id,
                                                .type = attach_text_link_type(&link->facts),
                                                .target = target_of_link(attachments, link),
                                        });
        }
}

static void add_cgroups(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < attachments->scan->cgroup_progs->len; i++) {
                const CgroupProg *prog =
                        &g_array_index(attachments->scan->cgroup_progs, CgroupProg, i);
                GString *target;

                if (prog_id != 0 && prog->prog_id != prog_id)
                        continue;
                target = g_string_new(NULL);
                attach_text_put_cgroup(target,
                                       cgroups_path(attachments->scan->cgroups, prog->cgroup_id),
                                       prog->cgroup_id);
                add_line(lines, (Line){
                                        .prog_id = prog->prog_id,
                                        .type = attach_text_type(prog->attach_type),
                                        .target = g_string_free(target, FALSE),
                                        .how = g_strdup("cgroup"),
                                });
        }
}

static char *type_of_netdev(const NetdevProg *prog)
{
        switch (prog->how) {
        case NETDEV_TC_INGRESS:
                return g_strdup("tc_ingress");
        case NETDEV_TC_EGRESS:
                return g_strdup("tc_egress");
        default:
                return attach_text_type(prog->attach_type);
        }
}

static const char *how_of_netdev(const NetdevProg *prog)
{
        switch (prog->how) {
        case NETDEV_TCX:
                return "attach"; /* BPF_PROG_ATTACH */
        case NETDEV_NETNS:
                return "netns";
        default:
                return "netlink";
        }
}

static const char *interface_of(const AttachScan *scan, const NetSpaceProg *found)
{
        uint32_t ifindex = found->prog.ifindex;

        return found->space
                       ? g_hash_table_lookup(found->space->interfaces, GUINT_TO_POINTER(ifindex))
                       : netdevs_name(scan->netdevs, ifindex);
}

static char *target_of_netdev(const AttachScan *scan, const NetSpaceProg *found)
{
        const NetdevProg *prog = &found->prog;
        const char *netns = found->space ? found->space->name : NULL;
        GString *out = g_string_new(NULL);

        if (prog->how == NETDEV_NETNS) {
                attach_text_put_netns(out, netns, netdevs_netns(scan->netdevs));
        } else {
                attach_text_put_interface(out, interface_of(scan, found), prog->ifindex, netns);
                if (prog->qdisc != 0)
                        g_string_append_printf(out, " qdisc %x:", prog->qdisc >> 16);
        }
        return g_string_free(out, FALSE);
}

static void add_netdevs(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        for (guint i = 0; i < attachments->scan->netdev_progs->len; i++) {
                const NetSpaceProg *found =
                        &g_array_index(attachments->scan->netdev_progs, NetSpaceProg, i);
                const NetdevProg *prog = &found->prog;

                if (prog_id != 0 && prog->prog_id != prog_id)
                        continue;
                add_line(lines, (Line){
                                        .prog_id = prog->prog_id,
                                        .type = type_of_netdev(prog),
                                        .target = target_of_netdev(attachments->scan, found),
                                        .how = g_strdup(how_of_netdev(prog)),
                                });
        }
}

static void add_maps(Attachments *attachments, uint32_t prog_id, GArray *lines)
{
        GHashTableIter iter;
        gpointer id;

        g_hash_table_iter_init(&iter, attachments->maps);
        while (g_hash_table_iter_next(&iter, &id, NULL)) {
                if (add_struct_ops(attachments, GPOINTER_TO_UINT(id), 0, prog_id, lines) < 0)
                        g_hash_table_iter_remove(&iter);
        }
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
        const Line *one = a, *other = b;
        int r = strcmp(one->type, other->type);

        if (r == 0)
                r = strcmp(one->target, other->target);
        if (r == 0)
                r = one->link_id < other->link_id ? -1 : one->link_id > other->link_id;
        if (r == 0)
                r = g_strcmp0(one->how, other->how);
        if (r == 0)
                r = one->prog_id < other->prog_id ? -1 : one->prog_id > other->prog_id;
        return r;
}

/* Sorted; @prog_id 0: of all programs. */
static GArray *find_lines(Attachments *attachments, uint32_t prog_id)
{
        GArray *lines = g_array_new(FALSE, FALSE, sizeof(Line));

        g_array_set_clear_func(lines, clear_line);
        add_links(attachments, prog_id, lines);
        add_cgroups(attachments, prog_id, lines);
        add_netdevs(attachments, prog_id, lines);
        add_maps(attachments, prog_id, lines);
        g_array_sort(lines, compare_lines);
        return lines;
}

void attachments_append_notes(const Attachments *attachments, GString *out)
{
        if (attachments->scan->links_error < 0)
                g_string_append_printf(out, "(links cannot be looked at: %s)\n",
                                       g_strerror(-attachments->scan->links_error));
        if (links_more(attachments->scan->links))
                g_string_append_printf(out, "(only the first %u links are looked at)\n", LINKS_MAX);
        if (attachments->scan->cgroups_error == -ENODEV)
                g_string_append(out, "(cgroups cannot be looked at: no cgroup2 is mounted)\n");
        else if (attachments->scan->cgroups_error == -E2BIG)
                g_string_append_printf(out,
                                       "(not all cgroups are looked at: there are more than %u, or "
                                       "more than %u below each other)\n",
                                       CGROUPS_MAX, CGROUPS_MAX_DEPTH);
        else if (attachments->scan->cgroups_error < 0)
                g_string_append_printf(out, "(not all cgroups can be looked at: %s)\n",
                                       g_strerror(-attachments->scan->cgroups_error));
        if (attachments->scan->netdevs_error == -E2BIG)
                g_string_append_printf(out, "(only the first %u interfaces are looked at)\n",
                                       NETDEVS_MAX);
        else if (attachments->scan->netdevs_error < 0)
                g_string_append_printf(out, "(not all interfaces can be looked at: %s)\n",
                                       g_strerror(-attachments->scan->netdevs_error));
        if (attachments->scan->dissectors_error < 0)
                g_string_append_printf(out,
                                       "(flow dissectors without a link cannot be looked at: %s)\n",
                                       g_strerror(-attachments->scan->dissectors_error));
        if (attachments->scan->netns)
                netns_append_notes(attachments->scan->netns, out);
}

/* Calls @func for each line but those that are there twice: two filters with one program, for
 * example. */
static void for_lines(const GArray *lines, AttachmentLineFunc func, void *data)
{
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < lines->len; i++) {
                const Line *line = &g_array_index(lines, Line, i);

                if (i > 0 && compare_lines(line, &g_array_index(lines, Line, i - 1)) == 0)
                        continue;
                g_string_printf(text, "%s %s ", line->type, line->target);
                if (line->how)
                        g_string_append(text, line->how);
                else
                        g_string_append_printf(text, "link %" PRIu32, line->link_id);
                func(line->prog_id, text->str, data);
        }
}

static void append_line(uint32_t prog_id, const char *line, void *data)
{
        g_string_append_printf(data, "%s\n", line);
}

void attachments_append(Attachments *attachments, uint32_t prog_id, gint64 now, GString *out)
{
        g_autoptr(GArray) lines = NULL;

        attach_scan_update(attachments->scan, prog_id, now);
        lines = find_lines(attachments, prog_id);
        for_lines(lines, append_line, out);
        attachments_append_notes(attachments, out);
}

void attachments_tell_type(Attachments *attachments, uint32_t prog_id, uint32_t type, gint64 now)
{
        cgroups_tell_type(attachments->scan->cgroups, prog_id, type, now);
}

void attachments_foreach_line(Attachments *attachments, gint64 now, gint64 max_age,
                              AttachmentLineFunc func, void *data)
{
        g_autoptr(GArray) lines = NULL;

        attach_scan_update_all(attachments->scan, now, max_age);
        lines = find_lines(attachments, 0);
        for_lines(lines, func, data);
}

void attachments_foreach(Attachments *attachments, gint64 now, AttachmentFunc func, void *data)
{
        g_autoptr(GArray) lines = NULL;

        attach_scan_update(attachments->scan, 0, now);
        lines = find_lines(attachments, 0);
        for (guint i = 0; i < lines->len; i++) {
                const Line *line = &g_array_index(lines, Line, i);

                func(line->prog_id, line->type, line->target, data);
        }
}

static bool is_link_of(Attachments *attachments, const LinkInfo *info, uint32_t prog_id)
{
        const GArray *progs;
        bool alone;

        if (info->type != LINK_STRUCT_OPS)
                return info->prog_id == prog_id;
        struct_ops_look(attachments->struct_ops, info->struct_ops.map_id, &progs, &alone);
        for (guint i = 0; progs && i < progs->len; i++)
                if (g_array_index(progs, StructOpsProg, i).prog_id == prog_id)
                        return true;
        return false;
}

void attachments_links(Attachments *attachments, uint32_t prog_id, gint64 now, GArray *ids)
{
        attach_scan_links(attachments->scan, prog_id, now);
        for (guint i = 0; i < links_n(attachments->scan->links); i++) {
                const LinkInfo *info = &links_get(attachments->scan->links, i)->facts.info;

                if (is_link_of(attachments, info, prog_id))
                        g_array_append_val(ids, info->id);
        }
}

int attachments_link_info(Attachments *attachments, uint32_t id, gint64 now, Info **out)
{
        g_auto(LinkFacts) facts = { 0 };
        const NetSpace *space = NULL;
        const char *devname = NULL;
        int r = link_look(id, true, &facts);

        if (r < 0)
                return r;
        if (link_ifindex(&facts.info) != 0) {
                attach_scan_update(attachments->scan, facts.info.prog_id, now);
                devname = attach_scan_interface(attachments->scan, &facts.info, &space);
        }
        /* Here, another interface may have the name. */
        *out = link_info(&facts, space ? NULL : devname);
        return 0;
}
