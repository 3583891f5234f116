/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_WALK_H
#define BPFMETAFS_WALK_H

/*
 * Goes through all programs, maps and links for reports: one look at each, in the order of ids.
 *
 * If a report needs more of a program and has not kept it, it asks the program itself.
 */

#include "prog-maps.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The facts of a program that reports keep: their arrays have structs that begin with this, in the
 * order of ids. */
typedef struct WalkKept {
        uint32_t id;
        uint32_t n_maps;
        uint64_t load_time;
} WalkKept;

/* A program in a walk. All is borrowed until the function returns. */
typedef struct WalkProg {
        uint32_t id;
        guint progs;   /* of the whole walk; some may have gone by their turn */
        int error;     /* -errno: it is there and can't be looked at; then nothing below is known */
        uint32_t type; /* enum bpf_prog_type, if nothing was kept */
        SourceCounts counts;
        const GArray
                *maps; /* uint32_t: the ids of its maps, in the order in which they were bound */
        const WalkKept *kept; /* its kept facts; NULL: none */
        Prog *prog;           /* the program itself, if nothing was kept; else NULL */
} WalkProg;

/* 0 or -errno, which ends the walk; but -ENOENT: the program has gone, and is left out. */
typedef int (*WalkProgFunc)(Catalog *catalog, const WalkProg *prog, void *data);

/* Calls @func for each program. 0 or -errno. */
int walk_progs(Catalog *catalog, const GArray *kept, WalkProgFunc func, void *data);

/* The program itself, as a reference of the caller's. 0 or -errno. */
int walk_take_prog(Catalog *catalog, const WalkProg *prog, Prog **out);

/* The facts of @prog to keep from now on. */
static inline WalkKept walk_keep(const WalkProg *prog)
{
        return (WalkKept){ prog->id, prog->maps->len, prog->counts.load_time };
}

/* @info is the info of a map or link, borrowed until the function returns; or @error is -errno: it
 * is there and can't be looked at. 0 or -errno, which ends the walk. */
typedef int (*WalkInfoFunc)(uint32_t id, const Info *info, int error, void *data);

/* Calls @func for each map, or each link, in the order of ids. 0 or -errno. */
int walk_maps(Catalog *catalog, WalkInfoFunc func, void *data);
int walk_links(Catalog *catalog, WalkInfoFunc func, void *data);

/* A name in a program's directory with its value, borrowed until the function returns. */
typedef struct WalkEntry {
        const char *name;
        Map *map; /* the authors' value: a variable of this map; NULL: it is a rule's */
        const Variable *variable;
        const char *text; /* a rule's value, as the text of the file; NULL: it is the authors' */
} WalkEntry;

/* 0 or -errno, which ends the walk. */
typedef int (*WalkEntryFunc)(const WalkEntry *entry, void *data);

/* Calls @func for each name of @prog, which has the @maps now: first those of its authors, then
 * those of rules. *@final: they will never change as long as no map is bound to it. 0 or -errno. */
int walk_entries(Prog *prog, const GArray *maps, NamesReserved reserved, WalkEntryFunc func,
                 void *data, bool *final);

#endif
