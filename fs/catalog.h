/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CATALOG_H
#define BPFMETAFS_CATALOG_H

/*
 * The objects that are known: programs, maps and links. There is one of each by kind and id; all
 * nodes that show it share it, and it goes with the last of them.
 *
 * An ObjectKind says what is particular to a kind of object, and has a file of its own. The catalog
 * finds objects, and checks that they are still there.
 *
 * Not thread-safe: the tree's lock is held around every call.
 */

#include "contents.h"
#include "index.h"
#include "names.h"
#include "observers.h"
#include "passes.h"
#include "report.h"
#include "source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Catalog Catalog;
typedef struct ObjectKind ObjectKind;

/* Members that all kinds of objects have; each kind's struct begins with it. */
typedef struct Object {
        const ObjectKind *kind;
        Catalog *catalog;
        uint32_t refs;
        uint32_t id;
        int error; /* -errno: the source has it and does not let us look. Then only its id is known,
                      and the next catalog_get() asks again */
        bool gone; /* it has been unloaded; or it had an error and can be looked at now, and another
                      Object stands for it */
        Info *info;          /* the keys whose values never change; NULL until asked for */
        int64_t known_since; /* g_get_monotonic_time() */
} Object;

/* A key of info/ that an observer knows, not the source. Its text may change. The observer is asked
 * only when that file is looked up: not by a listing, and not when other keys are looked up. */
typedef struct ObservedKey {
        const char *name; /* NULL ends a table */
        bool (*is_there)(const Observers *observers);
        /* Appends the whole text. A line in parentheses stands for everything that can't be looked
         * at. */
        void (*look)(const Observers *observers, Object *object, GString *out);
} ObservedKey;

struct ObjectKind {
        const char *noun;  /* the word for one of them */
        PinKind pin;       /* the kind that a pin of one has */
        HolderKind holder; /* the kind that a descriptor of one has */
        size_t size;       /* of the kind's struct */
        /* The smallest id above @after that @source lists. -ENOENT: there is none. */
        int (*next)(Source *source, uint32_t after, uint32_t *id);
        /* Asks the source for object->id, and fills in the kind's own members. 0 or -errno;
         * -ENOENT: it is not there. */
        int (*ask)(Object *object);
        /* The name that an object file gives it; owned by the caller. NULL: none has such objects.
         */
        char *(*name)(Source *source, uint32_t id);
        /* True if we are told when it goes. */
        bool (*is_watched)(const Object *object);
        /* When it was made, and by which user; not called for an object with an error. NULL: not
         * known. */
        struct timespec (*time)(const Object *object);
        uid_t (*owner)(const Object *object);
        /* Its info: the keys whose values may change, or the others; owned by the caller. A key may
         * be in both. 0 or -errno. */
        int (*info)(Object *object, bool changing, Info **out);
        const ObservedKey *observed; /* a table; no key of it is one of those */
        /* Releases the kind's own members, which may still be empty. NULL: it has none. */
        void (*clear)(Object *object);
};

/* What the kernel may remember and must forget: the directory of an object, or an entry of by/. */
typedef struct Forgotten {
        const ObjectKind *kind;
        uint32_t id;       /* an entry of by/: 0 if it is a value */
        bool gone;         /* the object has gone for good; false: it has to be looked up again */
        uint32_t by_key;   /* the number of its key in by/; 0: it is an object's directory */
        uint32_t by_value; /* the number of the value */
        char *name;        /* the value's name, owned */
} Forgotten;

/* Something that is made of a catalog, and kept with it, for those above. */
typedef struct KeptOps {
        gpointer (*make)(Catalog *catalog);
        /* An object has gone. */
        void (*went)(gpointer data, const ObjectKind *kind, uint32_t id);
        void (*free)(gpointer data);
} KeptOps;

/* @memory is how many bytes of texts may be kept. @source is borrowed. @events: catalog_came() and
 * catalog_went() will be called for programs, so a program is there until we are told that it has
 * gone. Without events the source is asked each time. */
Catalog *catalog_new(Source *source, uint64_t memory, bool events);
void catalog_free(Catalog *catalog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Catalog, catalog_free)

/* The source, and the last reads of its maps; borrowed. */
Source *catalog_source(Catalog *catalog);
Contents *catalog_contents(Catalog *catalog);
Passes *catalog_passes(Catalog *catalog);
/* The observers, which are asked for observed keys; borrowed. There are none until they are set. */
void catalog_set_observers(Catalog *catalog, const Observers *observers);
const Observers *catalog_observers(const Catalog *catalog);
/* The index that @ops describes, made when it is asked for first; borrowed. */
Index *catalog_index(Catalog *catalog, const IndexOps *ops);

/* The report that @ops describes, likewise. */
Report *catalog_report(Catalog *catalog, const ReportOps *ops);
/* What @ops makes, which is a constant, when it is asked for first; borrowed. */
gpointer catalog_kept(Catalog *catalog, const KeptOps *ops);

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

/* The kernel has to forget that as well; the name is taken. */
void catalog_forget(Catalog *catalog, const Forgotten *forgotten);
/* Moves what has come to be forgotten since the last call to the end of @list (Forgotten). */
void catalog_take_forgotten(Catalog *catalog, GArray *list);
/* True if there is any. */
bool catalog_has_forgotten(Catalog *catalog);

/* The object @id of a kind, if it is there now: the caller gets a reference. 0 or -errno. One that
 * can't be looked at is there all the same, see Object.error. */
int catalog_get(Catalog *catalog, const ObjectKind *kind, uint32_t id, Object **out);
/* The same of an object that was just seen to be there, and may be looked at: if it is not known,
 * it is new (*@is_new), and the caller fills in what ObjectKind.ask would. */
Object *catalog_seen(Catalog *catalog, const ObjectKind *kind, uint32_t id, bool *is_new);
/* The same if it is known already; borrowed, or NULL. */
Object *catalog_known(Catalog *catalog, const ObjectKind *kind, uint32_t id);

/* 0 if the object is still there, else -errno. */
int object_check(Object *object);
/* To be called by the request or the event that finds out first that the object has gone. Later
 * ones no longer find the object, so without this call the kernel would never be told. */
void object_went(Object *object);
/* The kernel has to look the object up again. */
void object_forget(Catalog *catalog, const ObjectKind *kind, uint32_t id);
Object *object_ref(Object *object);
void object_unref(Object *object);

/* When it was made, and by which user; if that is not known, the source's time and owner. */
struct timespec object_time(const Object *object);
uid_t object_owner(const Object *object);
/* The keys of its info whose values never change, borrowed from the object, and all others, owned
 * by the caller. A key may be in both. 0 or -errno. */
int object_fixed_info(Object *object, const Info **out);
int object_changing_info(Object *object, Info **out);

/* For tables: objects are the same if kind and id are. */
guint object_hash(gconstpointer object);
gboolean object_equal(gconstpointer a, gconstpointer b);

/* An object's file name: a source of object files has names, the kernel has ids. @text is room for
 * a number; the result is borrowed from it or from the catalog. */
#define CATALOG_NAME_MAX 16
const char *catalog_name(Catalog *catalog, const ObjectKind *kind, uint32_t id,
                         char text[CATALOG_NAME_MAX]);
/* The id whose file name is @name; 0 if there can be none. An id is written in one way only: no
 * sign, no zero in front. */
uint32_t catalog_id(Catalog *catalog, const ObjectKind *kind, const char *name);

/* Counts @bytes of contents that are kept elsewhere against the memory; false: that would be too
 * much. */
bool catalog_take_memory(Catalog *catalog, size_t bytes);
/* The same, but never refused: for names, which are needed. */
void catalog_take_names(Catalog *catalog, size_t bytes);
void catalog_give_back(Catalog *catalog, size_t bytes);
/* How many bytes may be kept if nothing else is. */
size_t catalog_most_memory(const Catalog *catalog);
/* How many bytes may still be kept. */
size_t catalog_memory(const Catalog *catalog);

#endif
