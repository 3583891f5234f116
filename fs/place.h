/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PLACE_H
#define BPFMETAFS_PLACE_H

/*
 * Places, rows and entries: a directory and its entries are made of them.
 *
 * A directory is a Place. It has a Row, which says what kind of directory it is; one object; and
 * one argument, whose meaning the row says. An entry has a key: a number above 0 that stays the
 * entry's as long as the directory exists. A listing goes on behind a key.
 */

#include "catalog.h"
#include "report.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Row Row;

/* A directory. The references are owned. */
typedef struct Place {
        const Row *row;
        Object *object;    /* the directory goes with it, and has its owner and time; NULL: none */
        gpointer argument; /* of the kind row->argument */
} Place;

/* Functions for the arguments of a row. */
typedef struct ArgumentKind {
        gpointer (*ref)(gpointer argument);
        void (*unref)(gpointer argument);
        /* True if both are of the same directory, where that can't be told by key and object. NULL:
         * it always can. */
        bool (*equal)(gconstpointer a, gconstpointer b);
} ArgumentKind;

/* The argument is an Object. The directory shows it, and lies in a directory of another object. */
extern const ArgumentKind place_shows_object;

/* @object and @argument are borrowed. */
Place place_new(const Row *row, Object *object, gpointer argument);
void place_clear(Place *place);
/* True if both are the same directory of the same parent. */
bool place_equal(const Place *a, const Place *b);
/* The object that the directory shows: the argument if that is an object, else the place's object.
 * Borrowed. */
Object *place_shown(const Place *place);
/* True if we are told when the directory goes. */
bool place_is_watched(const Place *place);

typedef enum EntryType {
        ENTRY_DIRECTORY,
        ENTRY_FILE, /* its content never changes: Row.content makes it from place and key */
        ENTRY_LINK, /* content: its target, always given */
        ENTRY_CHANGING_FILE, /* content: the present one; a lookup needs it, a listing does not */
        ENTRY_REPORT,        /* a file that is made when somebody looks at more than its name */
} EntryType;

typedef struct Entry {
        const char *name; /* borrowed until the function that got the entry returns */
        uint64_t key;     /* of an ENTRY_FILE: below ENTRY_MAX_KEY */
        uint64_t next;    /* where a listing goes on behind it; 0: at its key */
        EntryType type;
        bool lasting;    /* name and entry belong together while the directory is there */
        gint64 until;    /* if it isn't lasting: they do until then, g_get_monotonic_time(). 0: they
                            don't. With it a listing needs the content, too */
        uint64_t size;   /* ENTRY_FILE: of its content in bytes */
        Place place;     /* ENTRY_DIRECTORY: owned by the entry */
        bool only_whole; /* no remark can stand for the content: it is there or an error */
        GBytes *content; /* owned by the entry, or NULL */
} Entry;

#define ENTRY_MAX_KEY (1u << 24)

/* For so many milliseconds the kernel may remember what somebody works through right now, though no
 * event would make it forget that: what lies in the directory of a link, and files that change,
 * once a listing has told their contents. The directory itself is looked up each time. */
#define ENTRY_MOMENT_MS 3

/* The keys up to this one are those of a directory's own entries, in the order of its row. */
#define ENTRY_OWN_KEYS 16u

void entry_clear(Entry *entry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, entry_clear)

/* Make the entry @name of @key: an object's directory, a symlink to @target, or a file that changes
 * and has the @text, which may be NULL in a listing. The entry owns its arguments. */
Entry entry_directory(const char *name, uint64_t key, Place place);
Entry entry_link(const char *name, uint64_t key, char *target, bool lasting);
Entry entry_changing(const char *name, uint64_t key, char *text);
/* The only file of a directory whose object can't be looked at, and its name. */
#define ENTRY_CANNOT_BE_SHOWN "(cannot be shown)"
Entry entry_cannot_be_shown(const char *what, int error);

/* May move the place and the content out of @entry. Returns false to stop. */
typedef bool (*EntryFunc)(Entry *entry, void *data);

/* A listing that is under way. */
typedef struct Lister {
        Catalog *catalog;
        const Place *place;
        uint64_t after; /* only keys above it are wanted */
        EntryFunc func;
        void *data;
        bool given;       /* func was called */
        int64_t deadline; /* g_get_monotonic_time() at which the rest is left to the next request;
                             set with given */
        bool stopped;     /* nothing more is wanted */
} Lister;

/* True if the entry of that key is wanted, and has to be made. May stop the listing. */
bool lister_wants(Lister *lister, uint64_t key);
/* Gives @entry to lister->func, and owns it. */
void lister_give(Lister *lister, Entry entry);

/* One of a directory's own entries: a directory of the same object and argument, or a report. */
typedef struct OwnEntry {
        const char *name; /* NULL ends the list */
        const Row *row;   /* NULL: it is a report */
        /* NULL: always */
        bool (*is_there)(Catalog *catalog, const Place *place, const struct OwnEntry *own);
        const ReportOps *report;
} OwnEntry;

/* Everything about a kind of directory. */
struct Row {
        const OwnEntry *own; /* the filesystem's own entries in it; NULL: none */
        /* All other entries. One finds the entry @name: 0, -ENOENT or -errno. The other lists those
         * whose keys are above lister->after, in the order of keys: 0 or -errno. NULL: there are no
         * others. */
        int (*find)(Catalog *catalog, const Place *place, const char *name, Entry *out);
        int (*list)(Lister *lister);
        /* The content of the ENTRY_FILE with @key: *@size is its length, and at most @count bytes
         * from @offset on are appended to @out, which may be NULL if @count is 0. 0 or -errno.
         * NULL: no entry is such a file. */
        int (*content)(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset,
                       size_t count, GString *out, uint64_t *size);
        /* True if a directory that is watched may come to have other entries. NULL: never. */
        bool (*changes)(const Place *place);
        /* The directory is a snapshot: if anything in it changes, its name comes to mean another
         * one. Until when it certainly is the present one, g_get_monotonic_time(); -ENOENT: nothing
         * has its name any more; -ESTALE: another one has, to which the kernel goes on at this
         * error if it came by the name (path_openat(), fs/namei.c). NULL: it is no snapshot. */
        gint64 (*current)(Catalog *catalog, const Place *place);
        bool dated;                   /* its time is that of the last change among all of kind */
        bool links;                   /* its ENTRY_FILEs are symlinks, and content their targets */
        const ArgumentKind *argument; /* NULL: it has none */
        const Row *each;              /* the row of other entries that are directories */

        /* For functions that several kinds of directories share */
        const ObjectKind *kind;            /* the kind of the objects that it lists */
        Index *(*index)(Catalog *catalog); /* the holders of the objects that it shows or lists */
        const char *sub;                   /* the name of a subdirectory of info/ */
        NamesReserved reserves; /* tells the names of own, if others must not have them */
};

/* True if @name is an own entry of @row, whether it is there at the moment or not. */
bool row_has_own(const Row *row, const char *name);

/* Appends the wanted part of @text. */
void append_part(const char *text, size_t size, uint64_t offset, size_t count, GString *out);

#endif
