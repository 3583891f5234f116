/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of the tree, from the leaves to the root. */

#include "rows.h"

#include "dir-by.h"
#include "dir-entries.h"
#include "dir-info.h"
#include "dir-links.h"
#include "dir-loader.h"
#include "dir-map.h"
#include "dir-objects.h"
#include "dir-pids.h"
#include "dir-prog.h"
#include "dir-value.h"
#include "link.h"
#include "map.h"
#include "prog.h"
#include "report-metrics.h"
#include "report-objects.h"
#include "report-progs.h"

static bool always(const Place *place)
{
        return true;
}

/* Values */

/* A struct, a union or an array of them */
static const Row row_value = {
        .find = value_find,
        .list = value_list,
        .content = value_content,
        .argument = &value_argument,
        .each = &row_value,
};

/* vars/ */
static const Row row_vars = {
        .find = vars_find,
        .list = vars_list,
        .content = vars_content,
        .argument = &place_shows_object,
        .each = &row_value,
};

/* Processes */

/* info/pids/4711/ */
static const Row row_pid = {
        .find = pid_find,
        .list = pid_list,
        .current = pid_current,
        .argument = &pids_argument,
};

#define PIDS .find = pids_find, .list = pids_list, .changes = always, .each = &row_pid

/* 131/info/pids/ and links/7/info/pids/ */
static const Row row_pids = { PIDS };

/* maps/30/info/pids/ and 131/maps/30/info/pids/ */
static const Row row_map_pids = { PIDS, .argument = &place_shows_object };

/* Maps */

/* maps/30/entries/ */
static const Row row_entries = {
        .find = entries_find,
        .list = entries_list,
        .changes = always,
        .argument = &place_shows_object,
        .each = &row_value,
};

/* maps/30/entries/KEY/ of a map that has a value for each CPU */
static const Row row_cpus = {
        .find = cpus_find,
        .list = cpus_list,
        .changes = always,
        .argument = &value_argument,
        .each = &row_value,
};

static const Row row_cpu_entries = {
        .find = entries_find,
        .list = entries_list,
        .changes = always,
        .argument = &place_shows_object,
        .each = &row_cpus,
};

#define INFO_OF_A_MAP                                                                              \
        .find = info_find, .list = info_list, .content = info_content,                             \
        .argument = &place_shows_object

static const Row row_map_info_dev = { INFO_OF_A_MAP, .sub = "dev" };
static const Row row_map_info_inner = { INFO_OF_A_MAP, .sub = "inner" };

/* maps/30/info/ and 131/maps/30/info/ */
static const Row row_map_info = {
        INFO_OF_A_MAP,
        .own = (const OwnEntry[]){ { "dev", &row_map_info_dev, info_has_sub },
                                   { "inner", &row_map_info_inner, info_has_sub },
                                   { "pids", &row_map_pids, pids_are_known },
                                   { NULL } },
        .changes = map_info_changes,
};

/* maps/30/progs/ */
static const Row row_map_progs = {
        .find = users_find,
        .list = users_list,
        .changes = always,
        .argument = &place_shows_object,
        .kind = &prog_kind,
        .index = map_holders,
};

/* maps/30/ */
static const Row row_map = {
        .own = (const OwnEntry[]){ { "info", &row_map_info, object_is_readable },
                                   { "vars", &row_vars, map_has_vars },
                                   { "progs", &row_map_progs },
                                   { "entries", &row_entries, map_has_entries },
                                   { "entries", &row_cpu_entries, map_has_cpu_entries },
                                   { NULL } },
        .find = map_find,
        .list = map_list,
        .changes = map_changes,
        .argument = &place_shows_object,
};

/* 131/maps/30/ */
static const Row row_prog_map = {
        .own = (const OwnEntry[]){ { "info", &row_map_info, object_is_readable },
                                   { "vars", &row_vars, map_has_vars },
                                   { NULL } },
        .find = unreadable_find,
        .list = unreadable_list,
        .changes = map_changes,
        .argument = &place_shows_object,
};

/* maps/ */
static const Row row_maps = {
        .find = objects_find,
        .list = objects_list,
        .changes = always,
        .each = &row_map,
        .dated = true,
        .kind = &map_kind,
        .index = map_holders,
};

/* Links */

static const Row row_link_info = {
        .own = (const OwnEntry[]){ { "pids", &row_pids, pids_are_known }, { NULL } },
        .find = info_find,
        .list = info_list,
        .content = info_content,
        .changes = always,
};

/* links/7/ */
static const Row row_link = {
        .own = (const OwnEntry[]){ { "info", &row_link_info }, { NULL } },
        .find = link_dir_find,
        .list = link_dir_list,
        .current = link_dir_current,
};

/* links/ */
static const Row row_links = {
        .find = objects_find,
        .list = objects_list,
        .changes = always,
        .each = &row_link,
        .dated = true,
        .kind = &link_kind,
};

/* 131/info/links/ */
static const Row row_prog_links = {
        .find = prog_links_find,
        .list = prog_links_list,
        .changes = always,
};

/* Programs */

static const Row row_prog_info_dev = {
        .find = info_find,
        .list = info_list,
        .content = info_content,
        .sub = "dev",
};

/* 131/info/loader/ */
static const Row row_loader = {
        .find = loader_find,
        .list = loader_list,
        .content = loader_content,
        .changes = loader_changes,
};

/* 131/info/ */
static const Row row_prog_info = {
        .own = (const OwnEntry[]){ { "dev", &row_prog_info_dev, info_has_sub },
                                   { "links", &row_prog_links, links_are_known },
                                   { "loader", &row_loader, loader_is_known },
                                   { "pids", &row_pids, pids_are_known },
                                   { NULL } },
        .find = info_find,
        .list = info_list,
        .content = info_content,
        .changes = loader_may_come,
};

static const Row row_prog;

static bool prog_reserves(const char *name)
{
        return row_has_own(&row_prog, name);
}

/* 131/maps/ */
static const Row row_prog_maps = {
        .find = prog_maps_find,
        .list = prog_maps_list,
        .changes = always,
        .each = &row_prog_map,
        .reserves = prog_reserves,
};

/* 131/: only these names are the filesystem's; all others are the authors' */
static const Row row_prog = {
        .own = (const OwnEntry[]){ { "info", &row_prog_info, object_is_readable },
                                   { "maps", &row_prog_maps, object_is_readable },
                                   { NULL } },
        .find = prog_find,
        .list = prog_list,
        .content = prog_content,
        .changes = always,
        .each = &row_value,
        .reserves = prog_reserves,
};

/* by/ */

static const Row row_by_value = {
        .find = by_value_dir_find,
        .list = by_value_dir_list,
        .content = by_value_dir_content,
        .links = true,
        .changes = always,
        .argument = &by_value_argument,
        .kind = &prog_kind,
        .reserves = prog_reserves,
};

static const Row row_by_key = {
        .find = by_key_dir_find,
        .list = by_key_dir_list,
        .changes = always,
        .argument = &by_key_argument,
        .each = &row_by_value,
        .reserves = prog_reserves,
};

static const Row row_by = {
        .find = by_find,
        .list = by_list,
        .changes = always,
        .each = &row_by_key,
        .reserves = prog_reserves,
};

/* The root */

/* An object file has few objects, and they belong to no host. */
static bool is_kernel(Catalog *catalog, const Place *place, const OwnEntry *own)
{
        return !catalog_source(catalog)->named;
}

static bool root_reserves(const char *name)
{
        return row_has_own(&row_root, name);
}

const Row row_root = {
        .own = (const OwnEntry[]){ { "maps", &row_maps },
                                   { "links", &row_links, links_are_known },
                                   { "by", &row_by, is_kernel },
                                   { "programs.json", NULL, is_kernel, &report_progs },
                                   { "maps.json", NULL, is_kernel, &report_maps },
                                   { "links.json", NULL, links_are_known, &report_links },
                                   { "metrics.prom", NULL, is_kernel, &report_metrics },
                                   { NULL } },
        .find = objects_find,
        .list = objects_list,
        .changes = always,
        .each = &row_prog,
        .dated = true,
        .kind = &prog_kind,
        .reserves = root_reserves,
};
