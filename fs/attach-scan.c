/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A query of a cgroup or an interface also returns the programs that links have attached to it.
 * Only the queries for tcx and netkit name the link. For all others we count: if N links say that
 * they attach a program to a place, then N of that program's results there are those links'. Links
 * are listed before and after the queries. Otherwise a link that was made or closed meanwhile would
 * make an attachment without a link.
 */

#include "attach-scan.h"

#include <linux/bpf.h>
#include <stdbool.h>

/* One program at one place. */
typedef struct Spot {
        uint64_t place; /* a cgroup's id, an ifindex, or the inode number of a network namespace */
        uint32_t attach_type; /* tells which of these it is */
        uint32_t prog_id;
} Spot;

/* What the queries say of a spot. */
typedef struct Seen {
        guint count;
        const NetSpace *space; /* in which it was seen; &several: in more than one */
} Seen;

/* Only their addresses mean something. */
static const NetSpace own, several;

static guint hash_spot(gconstpointer data)
{
        const Spot *spot = data;

        return (guint)(spot->place * 31 + spot->attach_type) * 31 + spot->prog_id;
}

static gboolean is_same_spot(gconstpointer a, gconstpointer b)
{
        const Spot *one = a, *other = b;

        return one->place == other->place && one->attach_type == other->attach_type &&
               one->prog_id == other->prog_id;
}

static GHashTable *new_counts(void)
{
        return g_hash_table_new_full(hash_spot, is_same_spot, g_free, NULL);
}

static guint count_of(GHashTable *counts, const Spot *spot)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(counts, spot));
}

static void set_count(GHashTable *counts, const Spot *spot, guint count)
{
        Spot *key = g_new(Spot, 1);

        *key = *spot;
        g_hash_table_replace(counts, key, GUINT_TO_POINTER(count));
}

AttachScan *attach_scan_new(void)
{
        AttachScan *scan = g_new0(AttachScan, 1);

        scan->links = links_new();
        scan->cgroups = cgroups_new();
        scan->netdevs = netdevs_new();
        scan->linked = new_counts();
        scan->seen = g_hash_table_new_full(hash_spot, is_same_spot, g_free, g_free);
        scan->owned = g_hash_table_new(NULL, NULL);
        scan->cgroup_progs = g_array_new(FALSE, FALSE, sizeof(CgroupProg));
        scan->netdev_progs = g_array_new(FALSE, FALSE, sizeof(NetSpaceProg));
        return scan;
}

void attach_scan_free(AttachScan *scan)
{
        links_free(scan->links);
        cgroups_free(scan->cgroups);
        netdevs_free(scan->netdevs);
        netns_free(scan->netns);
        g_hash_table_unref(scan->linked);
        g_hash_table_unref(scan->seen);
        g_hash_table_unref(scan->owned);
        g_array_unref(scan->cgroup_progs);
        g_array_unref(scan->netdev_progs);
        g_free(scan);
}

/* False if no query shows the link, or if the query names it. */
static bool spot_of_link(const LinkInfo *info, Spot *spot)
{
        switch (info->type) {
        case LINK_CGROUP:
                *spot = (Spot){ info->cgroup.cgroup_id, info->cgroup.attach_type, info->prog_id };
                return true;
        case LINK_XDP:
                *spot = (Spot){ info->xdp.ifindex, BPF_XDP, info->prog_id };
                return true;
        case LINK_NETNS:
                *spot = (Spot){ info->netns.netns_ino, info->netns.attach_type, info->prog_id };
                return true;
        default:
                return false;
        }
}

static Spot spot_of_cgroup(const CgroupProg *prog)
{
        return (Spot){ prog->cgroup_id, prog->attach_type, prog->prog_id };
}

static Spot spot_of_netdev(const AttachScan *scan, const NetSpaceProg *found)
{
        const NetdevProg *prog = &found->prog;
        uint64_t ino = found->space ? found->space->ino : netdevs_netns(scan->netdevs);

        return (Spot){ prog->how == NETDEV_NETNS ? ino : prog->ifindex, prog->attach_type,
                       prog->prog_id };
}

void attach_scan_links(AttachScan *scan, uint32_t prog_id, gint64 now)
{
        scan->links_error = links_update(scan->links, prog_id, now);
}

/* Counts the links of each spot. The larger of this count and an earlier one is kept. */
static void count_links(AttachScan *scan)
{
        g_autoptr(GHashTable) counts = new_counts();
        GHashTableIter iter;
        gpointer spot, count;

        for (guint i = 0; i < links_n(scan->links); i++) {
                Spot of_link;

                if (spot_of_link(&links_get(scan->links, i)->facts.info, &of_link))
                        set_count(counts, &of_link, count_of(counts, &of_link) + 1);
        }
        g_hash_table_iter_init(&iter, counts);
        while (g_hash_table_iter_next(&iter, &spot, &count))
                if (GPOINTER_TO_UINT(count) > count_of(scan->linked, spot))
                        set_count(scan->linked, spot, GPOINTER_TO_UINT(count));
}

/* True if one more program is seen at the spot than links say. */
static bool is_beyond_links(AttachScan *scan, const Spot *spot, const NetSpace *space)
{
        Seen *seen = g_hash_table_lookup(scan->seen, spot);

        if (!seen) {
                Spot *key = g_new(Spot, 1);

                *key = *spot;
                seen = g_new(Seen, 1);
                *seen = (Seen){ 0, space };
                g_hash_table_insert(scan->seen, key, seen);
        }
        seen->count++;
        if (seen->space != space)
                seen->space = &several;
        return seen->count > count_of(scan->linked, spot);
}

/* True if the program is attached without a link. */
static bool is_netdev_alone(AttachScan *scan, const NetSpaceProg *found)
{
        const NetSpace *space = found->space ? found->space : &own;
        const NetdevProg *prog = &found->prog;
        Spot spot = spot_of_netdev(scan, found);

        switch (prog->how) {
        case NETDEV_TC_INGRESS:
        case NETDEV_TC_EGRESS:
                return true;
        case NETDEV_TCX:
                if (prog->link_id != 0)
                        g_hash_table_insert(scan->owned, GUINT_TO_POINTER(prog->link_id),
                                            (gpointer)space);
                return prog->link_id == 0;
        default:
                return is_beyond_links(scan, &spot, space);
        }
}

static void subtract_from(AttachScan *scan, const NetSpaceProg *prog)
{
        if (is_netdev_alone(scan, prog))
                g_array_append_val(scan->netdev_progs, *prog);
}

/* Finds the programs that no link has attached. */
static void subtract_links(AttachScan *scan)
{
        g_hash_table_remove_all(scan->seen);
        g_hash_table_remove_all(scan->owned);
        g_array_set_size(scan->cgroup_progs, 0);
        g_array_set_size(scan->netdev_progs, 0);
        for (guint i = 0; i < cgroups_n_progs(scan->cgroups); i++) {
                const CgroupProg *prog = cgroups_prog(scan->cgroups, i);
                Spot spot = spot_of_cgroup(prog);

                if (is_beyond_links(scan, &spot, &own))
                        g_array_append_val(scan->cgroup_progs, *prog);
        }
        for (guint i = 0; i < netdevs_n_progs(scan->netdevs); i++) {
                const NetSpaceProg prog = { *netdevs_prog(scan->netdevs, i), NULL };

                subtract_from(scan, &prog);
        }
        for (guint i = 0; scan->netns && i < netns_n_progs(scan->netns); i++)
                subtract_from(scan, netns_prog(scan->netns, i));
}

static void scan_all(AttachScan *scan, gint64 now)
{
        gint64 began = g_get_monotonic_time();

        g_hash_table_remove_all(scan->linked);
        attach_scan_links(scan, 0, now);
        count_links(scan);
        scan->cgroups_error = cgroups_scan(scan->cgroups);
        scan->netdevs_error = netdevs_scan(scan->netdevs);
        scan->dissectors_error = 0;
        if (prog_types_has(cgroups_types(scan->cgroups), BPF_PROG_TYPE_FLOW_DISSECTOR))
                scan->dissectors_error = netdevs_netns_error(scan->netdevs);
        if (scan->netns)
                netns_scan(scan->netns, now);
        subtract_links(scan);
        if (scan->cgroup_progs->len + scan->netdev_progs->len > 0) {
                attach_scan_links(scan, 0, now);
                count_links(scan);
                subtract_links(scan);
        }
        for (guint i = 0; i < links_n(scan->links); i++)
                links_get(scan->links, i)->placed = true;
        /* The age counts from the end of the scan, so that the next one does not follow a long one
         * at once. */
        scan->scanned_at = now + g_get_monotonic_time() - began;
}

/* True if only a scan can tell the link's target, and the last scan is older than the link. */
static bool is_unplaced(const AttachScan *scan, const Link *link)
{
        return !link->placed &&
               (link->facts.info.type == LINK_CGROUP || link_ifindex(&link->facts.info) != 0 ||
                (scan->netns && link->facts.info.type == LINK_NETNS));
}

/* @prog_id 0: of all programs. */
static void update(AttachScan *scan, uint32_t prog_id, gint64 now, gint64 max_age)
{
        bool due = scan->scanned_at == 0 || now - scan->scanned_at > max_age;

        if (!due) {
                attach_scan_links(scan, prog_id, now);
                for (guint i = 0; i < links_n(scan->links) && !due; i++) {
                        const Link *link = links_get(scan->links, i);

                        due = (prog_id == 0 || link->facts.info.prog_id == prog_id) &&
                              is_unplaced(scan, link);
                }
        }
        if (due)
                scan_all(scan, now);
}

void attach_scan_update(AttachScan *scan, uint32_t prog_id, gint64 now)
{
        update(scan, prog_id, now, ATTACH_SCAN_MAX_AGE);
}

void attach_scan_update_all(AttachScan *scan, gint64 now, gint64 max_age)
{
        update(scan, 0, now, max_age);
}

void attach_scan_set_netns(AttachScan *scan, Netns *netns)
{
        scan->netns = netns;
}

/* The NetSpace in which the link's interface is; NULL: that is not known. A query for tcx or netkit
 * names the link. One for XDP names the program only, and a link in another network namespace may
 * have the same program at an interface of the same number: then there are more links than were
 * seen, or they were seen in several namespaces, and we can't tell which of them is where. */
static const NetSpace *space_of(const AttachScan *scan, const LinkInfo *info)
{
        const Seen *seen;
        guint n_links;
        Spot spot;

        if (!spot_of_link(info, &spot))
                return g_hash_table_lookup(scan->owned, GUINT_TO_POINTER(info->id));
        seen = g_hash_table_lookup(scan->seen, &spot);
        n_links = count_of(scan->linked, &spot);
        if (!seen || seen->space == &several || n_links == 0 || n_links > seen->count)
                return NULL;
        return seen->space;
}

const char *attach_scan_interface(const AttachScan *scan, const LinkInfo *info,
                                  const NetSpace **space)
{
        uint32_t ifindex = link_ifindex(info);
        const NetSpace *found = ifindex != 0 ? space_of(scan, info) : NULL;

        *space = found == &own ? NULL : found;
        if (!found)
                return NULL;
        return found == &own ? netdevs_name(scan->netdevs, ifindex)
                             : g_hash_table_lookup(found->interfaces, GUINT_TO_POINTER(ifindex));
}
