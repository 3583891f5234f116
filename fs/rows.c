/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of the tree, from the leaves to the root. */

#include "rows.h"

#include "dir-info.h"
#include "dir-links.h"
#include "dir-map.h"
#include "dir-objects.h"
#include "dir-prog.h"
#include "dir-value.h"
#include "link.h"
#include "map.h"
#include "prog.h"

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

/* Maps */

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
                                   { NULL } },
        .find = unreadable_find,
        .list = unreadable_list,
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
        .kind = &map_kind,
        .index = map_holders,
};

/* Links */

static const Row row_link_info = {
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
        .changes = always,
};

/* links/ */
static const Row row_links = {
        .find = objects_find,
        .list = objects_list,
        .changes = always,
        .each = &row_link,
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

/* 131/info/ */
static const Row row_prog_info = {
        .own = (const OwnEntry[]){ { "dev", &row_prog_info_dev, info_has_sub },
                                   { "links", &row_prog_links, links_are_known },
                                   { NULL } },
        .find = info_find,
        .list = info_list,
        .content = info_content,
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

/* 131/: these names and no more are the filesystem's, for all others are the authors' */
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

/* The root */

static bool root_reserves(const char *name)
{
        return row_has_own(&row_root, name);
}

const Row row_root = {
        .own = (const OwnEntry[]){ { "maps", &row_maps },
                                   { "links", &row_links, links_are_known },
                                   { NULL } },
        .find = objects_find,
        .list = objects_list,
        .changes = always,
        .each = &row_prog,
        .kind = &prog_kind,
        .reserves = root_reserves,
};
