/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_REPORT_PROG_H
#define BPFMETAFS_REPORT_PROG_H

/*
 * One program as JSON.
 *
 * Most members of a program never change. They are taken from the last text, where they stand right
 * behind the opening brace, and only members that may change are written anew behind them. So
 * nothing is kept twice.
 */

#include "json.h"
#include "prog-maps.h"
#include "report-seen.h"
#include "walk.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The most bytes of JSON that the metadata of one program takes. */
#define REPORT_MAX_METADATA (1u << 20)
/* The same if the whole text takes more than half of the option memory=. */
#define REPORT_LEAST_METADATA (4u << 10)
/* The same for one value. */
#define REPORT_MAX_VALUE (64u << 10)

/* The facts of a program that are kept. */
typedef struct ProgKept {
        WalkKept prog;
        uint32_t length; /* of the members that never change, and those that object is kept for */
        uint64_t offset; /* in the last text */
        Prog *object;    /* owned, if some of its names may change; else NULL */
} ProgKept;

/* An array of ProgKept, whose elements are cleared with it. */
GArray *report_prog_kept_new(guint n);

/* One making of the report. */
typedef struct ProgMaking {
        GArray *kept;     /* of this making */
        bool *struct_ops; /* becomes true if there is a program that only its map attaches */
        bool first;       /* all that is kept was asked for just now, for this making */
        Prog *before; /* owned: the one that was asked last. The programs of an object are asked in
                         a row: while it is there, its maps need not be looked at again. NULL: none
                         was */
        const char *last;
        const ReportSeen *seen;
        NamesReserved reserved;
        Json json;
} ProgMaking;

/* Writes the members that never change, with metadata and gifts of rules, and tells what to keep of
 * them. 0 or -errno. */
int report_prog_put_anew(ProgMaking *making, Catalog *catalog, const WalkProg *prog, ProgKept *now);

/* A WalkProgFunc: writes the whole program, and keeps what can be kept. @data: the ProgMaking. */
int report_prog_put(Catalog *catalog, const WalkProg *prog, void *data);

#endif
