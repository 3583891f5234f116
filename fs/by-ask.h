/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BY_ASK_H
#define BPFMETAFS_BY_ASK_H

/*
 * Asks programs and observers which values of which keys programs have, and remembers when: for
 * by.c, whose header says for how long an answer is used.
 */

#include "by-metadata.h"
#include "by-table.h"
#include "catalog.h"
#include "prog.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Milliseconds for which an answer is used again. The kernel counts in ticks of up to 4 ms, most
 * often, and may remember for two of them longer than it is told: so it is told less. */
#define BY_LAG_MS 50
#define BY_TICKS_MS 10
#define BY_BIND_LAG_MS 1000
/* Milliseconds of a CPU that one request may ask, whatever programs make that cost. The next one
 * goes on. */
#define BY_TIME_MS 1000
/* The most bytes of memory that keys and values may take. */
#define BY_MAX_BYTES (64u << 20)

typedef struct By By;

/* What is asked for together, as each program's set of that number in the table. */
typedef enum BySet {
        BY_FACTS, /* of info/, and never changes */
        BY_METADATA,
        BY_ATTACHED, /* what an observer tells of all programs at once */
        BY_PINNED,
        BY_COMM,
        BY_UNIT,
        BY_N_SETS,
} BySet;

G_STATIC_ASSERT(BY_N_SETS == BY_SETS);

/* A key that is the filesystem's own. */
typedef struct ByOwnKey {
        const char *name;
        BySet set;
        bool (*is_there)(const Observers *observers); /* NULL: always */
        /* Calls @func for each text of each program, and says what can't be known; NULL: BY_FACTS
         */
        void (*foreach)(const Observers *observers, ObservedFunc func, void *data, GString *notes);
} ByOwnKey;

/* How many keys are not metadata. */
#define BY_N_OWN 8

/* A program that was asked for anything. */
typedef struct ByProg {
        ByHolder holder;
        Prog *prog; /* owned */
        int64_t asked_at[BY_N_SETS];
        bool partial[BY_N_SETS]; /* there is more than it has told */
        ByMetadataFor metadata;  /* of what it has told */
        bool remembered;         /* the kernel may remember an entry for its sake */
        uint32_t named;          /* prog->named when it told its metadata; UINT32_MAX: not yet */
} ByProg;

/* The last look at all programs. */
typedef struct ByLook {
        int64_t at;      /* g_get_monotonic_time(); 0: it has not come to its end */
        uint32_t newest; /* the last id that there was */
        uint32_t resume; /* where it has stopped for want of time, or 0 */
        guint late;      /* how many were not asked for that */
        guint partial;   /* how many ByProgs are */
        GString *notes;  /* the observer's */
} ByLook;

struct By {
        Catalog *catalog;
        NamesReserved reserved;
        bool events; /* catalog_has_events() at the last call */
        ByTable *table;
        ByKey *own[BY_N_OWN]; /* owned; NULL: it is not there */
        GHashTable *progs;    /* id -> ByProg */
        ByLook looks[BY_N_SETS];
        uint32_t newest_map; /* the last id that there was */
        int64_t maps_came;   /* g_get_monotonic_time() when one was seen to have come */
};

/* They are these. */
extern const ByOwnKey by_own_keys[BY_N_OWN];

/* True if an observer tells @set of all programs at once. */
static inline bool by_is_observed(BySet set)
{
        return set != BY_FACTS && set != BY_METADATA;
}

/* The program if it was asked for anything; borrowed, or NULL. */
ByProg *by_known(By *by, uint32_t id);
/* The program, known or not. NULL: it is not there, and not in the table any more. */
ByProg *by_get(By *by, uint32_t id);
/* Also removes it from the table. */
void by_drop(By *by, ByProg *prog);

/* True if what the program has told need not be asked again at @now. */
bool by_is_current(const By *by, const ByProg *prog, BySet set, int64_t now);
/* Asks for @set, which is not observed. False: the program has gone, and was dropped. */
bool by_ask(By *by, ByProg *prog, BySet set);
/* Asks all programs that are not current, or until one has the key and value; each may be NULL. */
void by_ask_all(By *by, BySet set, const char *key, const char *value);
/* Asks the observer of by_own_keys[@own], if that was not done lately. */
void by_observe(By *by, guint own);

#endif
