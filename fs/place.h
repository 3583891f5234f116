/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PLACE_H
#define BPFMETAFS_PLACE_H

/*
 * What a directory and its entries are made of: places, rows and entries.
 *
 * A directory is a Place: what kind of directory it is (its Row), of which object, and one argument
 * whose meaning is the row's. An entry has a key, a number above 0 that is the entry's for as long
 * as the directory is, and is where a listing goes on.
 */

#include "catalog.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Row Row;

/* A directory. The references are owned. */
typedef struct Place {
        const Row *row;
        Object *object;    /* with which it goes, and whose owner and time it has; NULL: none */
        gpointer argument; /* as row->argument says */
} Place;

/* How the arguments of a row are kept. */
typedef struct ArgumentKind {
        gpointer (*ref)(gpointer argument);
        void (*unref)(gpointer argument);
} ArgumentKind;

/* The argument is an Object: the directory shows it, and lies in another one's. */
extern const ArgumentKind place_shows_object;

/* @object and @argument are borrowed. */
Place place_new(const Row *row, Object *object, gpointer argument);
void place_clear(Place *place);
/* True if both are the same directory of the same parent. */
bool place_equal(const Place *a, const Place *b);
/* What the directory shows: the argument if that is an object, else the place's object. Borrowed.
 */
Object *place_shown(const Place *place);
/* True if the directory can't go without our being told. */
bool place_is_watched(const Place *place);

typedef enum EntryType {
        ENTRY_DIRECTORY,
        ENTRY_FILE, /* its content never changes: Row.content makes it from place and key */
        ENTRY_LINK, /* content: its target, always given */
        ENTRY_CHANGING_FILE, /* content: as it is now; only a lookup needs it, a listing does not */
} EntryType;

typedef struct Entry {
        const char *name; /* borrowed until the function that got the entry returns */
        uint64_t key;     /* of an ENTRY_FILE: below ENTRY_MAX_KEY */
        EntryType type;
        bool lasting;    /* name and entry belong together while the directory is there */
        uint64_t size;   /* ENTRY_FILE: of its content in bytes */
        Place place;     /* ENTRY_DIRECTORY: owned by the entry */
        GBytes *content; /* owned by the entry, or NULL */
} Entry;

#define ENTRY_MAX_KEY (1u << 24)

/* The keys up to this one are those of a directory's own entries, in the order of its row. */
#define ENTRY_OWN_KEYS 16u

void entry_clear(Entry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, entry_clear)

/* The entry @name of @key: an object's directory, a symlink to @target, or a file that changes and
 * has the @text, which may be NULL in a listing. All are taken. */
Entry entry_directory(const char *name, uint64_t key, Place place);
Entry entry_link(const char *name, uint64_t key, char *target, bool lasting);
Entry entry_changing(const char *name, uint64_t key, char *text);
/* The only file of a directory whose object can't be looked at, and its name. */
#define ENTRY_CANNOT_BE_SHOWN "(cannot be shown)"
Entry entry_cannot_be_shown(const char *what, int error);

/* Takes what it needs out of @entry. Returns false to stop. */
typedef bool (*EntryFunc)(Entry *entry, void *data);

/* A listing that is under way. */
typedef struct Lister {
        Catalog *catalog;
        const Place *place;
        uint64_t after; /* only keys above it are wanted */
        EntryFunc func;
        void *data;
        bool given;       /* func was called */
        int64_t deadline; /* g_get_monotonic_time(): then the rest is left to the next request; set
                             with given */
        bool stopped;     /* nothing more is wanted */
} Lister;

/* True if the entry of that key is asked for, so that it has to be made. May stop the listing. */
bool lister_wants(Lister *lister, uint64_t key);
/* Gives @entry, which is taken, to whoever asks for the listing. */
void lister_give(Lister *lister, Entry entry);

/* One of a directory's own entries, which is a directory of the same object and argument. */
typedef struct OwnEntry {
        const char *name; /* NULL ends the list */
        const Row *row;
        /* NULL: always */
        bool (*is_there)(Catalog *catalog, const Place *place, const struct OwnEntry *own);
} OwnEntry;

/* All that there is to say of a kind of directory. */
struct Row {
        const OwnEntry *own; /* the filesystem's own entries in it; NULL: none */
        /* All other entries: the one called @name (0, -ENOENT or -errno), and those whose keys are
         * above lister->after, in the order of keys (0 or -errno). NULL: there are none. */
        int (*find)(Catalog *catalog, const Place *place, const char *name, Entry *out);
        int (*list)(Lister *lister);
        /* Of the ENTRY_FILE with @key: *@size is its length, and at most @count bytes from @offset
         * on are appended to @out, which may be NULL if @count is 0. 0 or -errno. NULL: no entry is
         * such a file. */
        int (*content)(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                       size_t count, GString *out, uint64_t *size);
        /* True if a directory that is watched may come to have other entries. NULL: never. */
        bool (*changes)(const Place *place);
        const ArgumentKind *argument; /* NULL: it has none */
        const Row *each;              /* of those other entries that are directories */

        /* For what several kinds of directories share */
        const ObjectKind *kind;            /* whose objects it lists */
        Index *(*index)(Catalog *catalog); /* who holds what it shows or lists */
        const char *sub;                   /* of info/: this subdirectory of it */
        NamesReserved reserves;            /* the names in own, where others have to keep clear */
};

/* True if @name is one of the own entries of @row, there or not. */
bool row_has_own(const Row *row, const char *name);

/* Appends the part of @text that is asked for. */
void append_part(const char *text, size_t size, uint64_t offset, size_t count, GString *out);

#endif
