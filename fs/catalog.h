/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CATALOG_H
#define BPFMETAFS_CATALOG_H

/*
 * The objects that are known: programs and maps, one of each by id, shared by all nodes that show
 * it and dropped with the last of them.
 *
 * An ObjectKind has what is particular to a kind of object, in a file of its own. The catalog finds
 * objects, and sees that they are still there.
 *
 * Not thread-safe: the tree's lock is held around every call.
 */

#include "contents.h"
#include "index.h"
#include "names.h"
#include "observers.h"
#include "source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Catalog Catalog;
typedef struct ObjectKind ObjectKind;

/* What all kinds of objects have; each kind's struct begins with it. */
typedef struct Object {
        const ObjectKind *kind;
        Catalog *catalog;
        uint32_t refs;
        uint32_t id;
        int error; /* -errno: the source has it and does not let us look; then nothing but the id is
                      known, and who gets it next asks again */
        bool gone; /* it was seen to be unloaded, or to be open now: then there is another Object */
        int64_t known_since; /* g_get_monotonic_time() */
} Object;

/* A key of info/ that an observer knows, and not the source. Its text may change. It is looked for
 * only if that file is looked up: not by a listing, nor for the sake of other keys. */
typedef struct ObservedKey {
        const char *name; /* NULL ends a table */
        bool (*is_there)(const Observers *observers);
        /* Appends the whole text. A line in parentheses stands for what can't be looked at. */
        void (*look)(const Observers *observers, Object *object, GString *out);
} ObservedKey;

struct ObjectKind {
        const char *noun; /* what a person calls one of them */
        size_t size;      /* of the kind's struct */
        /* The smallest id above @after that @source lists. -ENOENT: there is none. */
        int (*next)(Source *source, uint32_t after, uint32_t *id);
        /* Asks the source for object->id, and fills in what is the kind's own. 0 or -errno;
         * -ENOENT: it is not there. */
        int (*ask)(Object *object);
        /* The name that an object file gives it; owned by the caller. NULL: no such object has. */
        char *(*name)(Source *source, uint32_t id);
        /* True if it can't go without our being told. */
        bool (*is_watched)(const Object *object);
        /* When it was made, and by whom. */
        struct timespec (*time)(const Object *object);
        uid_t (*owner)(const Object *object);
        /* Its info: the keys whose values never change, borrowed from the object, and all others,
         * owned by the caller. A key may be in both. 0 or -errno. */
        int (*fixed_info)(Object *object, const Info **out);
        int (*changing_info)(Object *object, Info **out);
        const ObservedKey *observed; /* a table; no key of it is one of those */
        /* Releases what the struct has, which may be nothing yet. */
        void (*clear)(Object *object);
};

/* What the kernel may remember and must forget. */
typedef struct Forgotten {
        const ObjectKind *kind;
        uint32_t id;
        bool gone; /* the object has gone for good; false: it has to be looked up again */
} Forgotten;

/* @memory is how many bytes of texts may be kept. @source is borrowed. @events: catalog_came() and
 * catalog_went() will be called for programs, and a program that is not known to be gone is there.
 * Without them the source is asked each time. */
Catalog *catalog_new(Source *source, uint64_t memory, bool events);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/* The source and what was read of it last; borrowed. */
Source *catalog_source(Catalog *catalog);
Contents *catalog_contents(Catalog *catalog);
/* The observers, which are asked for observed keys; borrowed. There are none until they are set. */
void catalog_set_observers(Catalog *catalog, const Observers *observers);
const Observers *catalog_observers(const Catalog *catalog);
/* The index that @ops describes, made when it is asked for first; borrowed. */
Index *catalog_index(Catalog *catalog, const IndexOps *ops);

/* No file name of that kind may be one that @reserved has. To be called before names are asked for.
 */
void catalog_reserve(Catalog *catalog, const ObjectKind *kind, NamesReserved reserved);

/* Events: an object of @kind has come, or gone. */
void catalog_came(Catalog *catalog, const ObjectKind *kind, uint32_t id);
void catalog_went(Catalog *catalog, const ObjectKind *kind, uint32_t id);
/* Some were lost: objects that the source no longer lists have gone. */
void catalog_compare(Catalog *catalog, const ObjectKind *kind);
/* There will be no more events: all objects of which they told count as gone. */
void catalog_stop_events(Catalog *catalog, const ObjectKind *kind);
bool catalog_has_events(const Catalog *catalog);

/* Moves what has to be forgotten since the last call to the end of @list (Forgotten). */
void catalog_take_forgotten(Catalog *catalog, GArray *list);
/* True if there is any. */
bool catalog_has_forgotten(Catalog *catalog);

/* The object @id of a kind, if it is there now: the caller gets a reference. 0 or -errno. One that
 * can't be looked at is there all the same, see Object.error. */
int catalog_get(Catalog *catalog, const ObjectKind *kind, uint32_t id, Object **out);
/* The same if it is known already; borrowed, or NULL. */
Object *catalog_known(Catalog *catalog, const ObjectKind *kind, uint32_t id);

/* 0 if the object is still there, else -errno. */
int object_check(Object *object);
/* The first to find out that the object has gone, a request or an event, calls this. Later ones no
 * longer find the object, so without this call the kernel would never be told. */
void object_went(Object *object);
/* The kernel has to look the object up again. */
void object_forget(Catalog *catalog, const ObjectKind *kind, uint32_t id);
Object *object_ref(Object *object);
void object_unref(Object *object);

/* An object's file name: a source of object files has names, the kernel has ids. @text is room for
 * a number; the result is borrowed from it or from the catalog. */
#define CATALOG_NAME_MAX 16
const char *catalog_name(Catalog *catalog, const ObjectKind *kind, uint32_t id,
                         char text[CATALOG_NAME_MAX]);
/* The id that goes by @name; 0 if none can. An id is written in one way only: no sign, no zero in
 * front. */
uint32_t catalog_id(Catalog *catalog, const ObjectKind *kind, const char *name);

/* Accounts for @bytes of contents that are kept elsewhere; false: that would be too much. */
bool catalog_take_memory(Catalog *catalog, size_t bytes);
/* The same where there is no way to do without. */
void catalog_take_names(Catalog *catalog, size_t bytes);
void catalog_give_back(Catalog *catalog, size_t bytes);
/* How many bytes may still be kept. */
size_t catalog_memory(const Catalog *catalog);

#endif
