/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LAYOUT_H
#define BPFMETAFS_LAYOUT_H

/*
 * Which entries each kind of directory has: the one table of the tree.
 *
 * Lookup, listing and attributes all go through it. A directory is a Place; its entries have a key,
 * a number above 0 that is the entry's for as long as the directory is, and is where a listing goes
 * on.
 */

#include "catalog.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum PlaceKind {
        PLACE_ROOT,
        PLACE_MAPS,      /* maps/ */
        PLACE_PROG,      /* 131/ */
        PLACE_PROG_INFO, /* 131/info/, and 131/info/dev/ */
        PLACE_PROG_MAPS, /* 131/maps/ */
        PLACE_MAP,       /* 131/maps/30/ and maps/30/ */
        PLACE_MAP_INFO,
        PLACE_MAP_VARS,
        PLACE_MAP_PROGS, /* maps/30/progs/ */
        PLACE_VALUE,     /* a struct, a union or an array of them */
        PLACE_N
} PlaceKind;

/* A value's directory: where in which map it is. */
typedef struct ValuePlace {
        Variables *variables;   /* owned: keeps decoded */
        const Decoded *decoded; /* its members, if they are kept; else NULL */
        ValueRef ref;
} ValuePlace;

/* A directory. The references are owned. */
typedef struct Place {
        PlaceKind kind;
        Prog *prog;        /* NULL above the programs and below maps/ */
        Map *map;          /* NULL above the maps */
        ValuePlace *value; /* only PLACE_VALUE */
        const char *sub;   /* below info/: a key of the subdirectory, static; NULL: info/ itself */
} Place;

void place_clear(Place *place);

typedef enum EntryType {
        ENTRY_DIRECTORY,
        ENTRY_FILE, /* its content never changes: layout_content() makes it from place and key */
        ENTRY_LINK, /* content: its target, always given */
        ENTRY_CHANGING_FILE, /* content: as it is now, always given */
} EntryType;

typedef struct Entry {
        const char *name; /* borrowed until the function that got the entry returns */
        uint64_t key;     /* of a file whose content never changes: below LAYOUT_MAX_KEY */
        EntryType type;
        bool fixed;      /* name and entry belong together while the directory's objects live */
        uint64_t size;   /* ENTRY_FILE: of its content in bytes */
        Place place;     /* ENTRY_DIRECTORY: owned by the entry */
        GBytes *content; /* owned by the entry */
} Entry;

#define LAYOUT_MAX_KEY (1u << 24)

/* The longest text in bytes of a value that may change: each of its versions is kept as a whole. */
#define LAYOUT_MAX_CHANGING (1u << 20)

void entry_clear(Entry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, entry_clear)

/* Takes what it needs out of @entry. Returns false to stop. */
typedef bool (*LayoutFunc)(Entry *entry, void *data);

/* Calls @func for the entries of @place whose keys are above @after, in the order of keys. 0 or
 * -errno; -ENOENT: what the directory is of has gone. Entries that vanish meanwhile are left out.
 */
int layout_list(Catalog *catalog, const Place *place, uint64_t after, LayoutFunc func, void *data);

/* The entry @name; the name in *@out is @name. 0 or -errno. */
int layout_find(Catalog *catalog, const Place *place, const char *name, Entry *out);

/* Of the ENTRY_FILE with @key: *@size is its length, and at most @count bytes from @offset on are
 * appended to @out, which may be NULL if @count is 0. 0 or -errno. */
int layout_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                   size_t count, GString *out, uint64_t *size);

/* True if the directory's listing may change, or the directory go, without our being told. */
bool layout_changes(Catalog *catalog, const Place *place);

/* The keys of a program in the root, of maps/ there, and of a map in maps/. */
#define LAYOUT_MAPS_KEY 1
#define LAYOUT_PROG_KEY(id) (LAYOUT_MAPS_KEY + (uint64_t)(id))
#define LAYOUT_MAP_KEY(id) ((uint64_t)(id))

/* When it was made, and by whom. */
struct timespec layout_time(Catalog *catalog, const Place *place);
uid_t layout_owner(Catalog *catalog, const Place *place);

/* True if what the place is of can't go without our being told. */
bool layout_is_followed(Catalog *catalog, const Place *place);

#endif
