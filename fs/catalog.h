/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CATALOG_H
#define BPFMETAFS_CATALOG_H

/*
 * What is known of programs and maps: one object each, by id, shared by all nodes that show it and
 * dropped with the last of them. What can't change is asked of the source once.
 *
 * Not thread-safe: the tree's lock is held around every call.
 */

#include "source.h"
#include "variables.h"
#include "watch.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Catalog Catalog;

typedef struct Map {
        Catalog *catalog;
        uint32_t refs;
        uint32_t id;
        bool gone; /* it was seen to be unloaded */
        SourceMap facts;
        Info *info;           /* its fixed keys; NULL until asked for */
        Variables *variables; /* NULL until asked for */
        uint32_t guardian; /* a program that was seen to hold the map: while it lives, the map does
                            */
} Map;

/* The most metadata entries of one program. */
#define CATALOG_MAX_ENTRIES (1u << 20)

/* An entry of a program's directory that is metadata. */
typedef struct ProgEntry {
        char *name; /* file name, a GRefString */
        Map *map;   /* borrowed from the program */
        uint32_t variable;
        bool settled; /* no map bound earlier may come to have metadata: the name is final */
} ProgEntry;

typedef struct Prog {
        Catalog *catalog;
        uint32_t refs;
        uint32_t id;
        bool gone;        /* it was seen to be unloaded */
        bool unsettled;   /* has a map that would be metadata's if it were frozen */
        bool examined;    /* maps and entries have been looked for */
        SourceProg facts; /* n_maps: how many are in maps */
        Info *info;       /* its fixed keys; NULL until asked for */
        Map **maps;       /* in the order in which they were bound; grows at the end only */
        char **links;     /* the file name of each map's symlink, a GRefString; NULL: it has none */
        ProgEntry *entries; /* in the order in which they were found; grows at the end only */
        uint32_t n_entries;
} Prog;

/* @memory is how many bytes of texts may be kept. @source and @watch are borrowed. With a watch,
 * load and unload events are followed: a program that is not known to be gone is there. @watch may
 * be NULL: the source is asked each time. */
Catalog *catalog_new(Source *source, uint64_t memory, Watch *watch);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/* The source; borrowed. */
Source *catalog_source(Catalog *catalog);

/* True if events are followed. */
bool catalog_has_events(Catalog *catalog);
/* Begins a request: takes up the events that there are. To be called before anything is said that
 * depends on which programs there are. Costs next to nothing if there are none. */
void catalog_follow(Catalog *catalog);

/* The same for the follower, with watch_take()'s @wait. 0; or -errno: events are not followed any
 * more, and all programs that were known until then count as gone. */
int catalog_take_events(Catalog *catalog, int *wait);

/* What the kernel may remember and must forget: programs that have gone, and maps that nothing is
 * known to hold any more. Moves the ids that were noted since the last call to the arrays
 * (uint32_t).
 */
void catalog_take_gone(Catalog *catalog, GArray *progs, GArray *maps);
/* True if there are any. */
bool catalog_has_gone(Catalog *catalog);

/* The program @id, if it is there now: the caller gets a reference. 0 or -errno. */
int catalog_prog(Catalog *catalog, uint32_t id, Prog **out);
/* 0 if the program is still there, else -errno. */
int prog_check(Prog *prog);
/* Brings maps and entries up to date. */
int prog_update(Prog *prog);
/* The fixed keys of info, borrowed from @prog. */
int prog_info(Prog *prog, const Info **out);
Prog *prog_ref(Prog *prog);
void prog_unref(Prog *prog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Prog, prog_unref)

/* The same for maps. */
int catalog_map(Catalog *catalog, uint32_t id, Map **out);
int map_check(Map *map);
int map_info(Map *map, const Info **out);
Map *map_ref(Map *map);
void map_unref(Map *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_unref)

/* Looks again whether the map has been frozen, if that matters. */
int map_update(Map *map);
/* True if its variables are shown in vars/; and if those that are metadata's are in its programs'
 * directories. They are final: once true, always true. */
bool map_is_shown(const Map *map);
bool map_is_metadata(const Map *map);
/* True if no value of it can change any more. */
bool map_is_fixed(const Map *map);
/* True while a live program that we are told about holds the map. */
bool map_is_guarded(const Map *map);
/* Looks for such a program among those that are known. May look at all programs, as
 * catalog_map_progs() does. */
void map_seek_guardian(Map *map);
/* Its variables, borrowed from @map; empty if it is no global-data map. */
int map_variables(Map *map, Variables **out);
/* Its bytes and BTF as they are now, borrowed until map_value() is called for another map or
 * another request begins. Within a request they stay the same. */
int map_value(Map *map, const SourceValue **out);

/* At most @count bytes from @offset on of the text of the value at @ref are appended to @out, which
 * may be NULL if @count is 0. *@size is the length of the whole text. 0 or -errno. */
int map_text(Map *map, const ValueRef *ref, uint64_t offset, size_t count, GString *out,
             uint64_t *size);

/* decoded_members() of the struct at @ref, with @value as map_value() gave it; borrowed until the
 * next call. */
const GArray *map_members(Map *map, const SourceValue *value, const ValueRef *ref);

/* The ids of the programs to which the map is bound, appended to @ids (uint32_t), ascending. */
int catalog_map_progs(Catalog *catalog, uint32_t id, GArray *ids);
/* 0 if @prog_id is bound to @map_id now, else -errno. */
int catalog_is_bound(Catalog *catalog, uint32_t prog_id, uint32_t map_id);

/* For sources with names instead of ids: the file name of a program or map, borrowed; NULL if there
 * is none. And the id that goes by @name, 0 if none does. */
const char *catalog_prog_name(Catalog *catalog, uint32_t id);
const char *catalog_map_name(Catalog *catalog, uint32_t id);
uint32_t catalog_prog_named(Catalog *catalog, const char *name);
uint32_t catalog_map_named(Catalog *catalog, const char *name);

/* Accounts for @bytes of contents that are kept elsewhere; false: that would be too much. */
bool catalog_take(Catalog *catalog, size_t bytes);
void catalog_give_back(Catalog *catalog, size_t bytes);

/* True if @name is the filesystem's own in a program's directory. */
bool catalog_reserves(const char *name);

#endif
