/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_LOOK_H
#define BPFMETAFS_LOG_LOOK_H

/*
 * What the log of loads says of a program itself. A look costs as much as a read of its directory,
 * and scans nothing.
 */

#include "catalog.h"
#include "loaders.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct LogFacts {
        char *text;         /* owned: pairs of log-text.h */
        bool named;         /* by its author: not if it is one of libbpf's probes */
        uint64_t load_time; /* the kernel's CLOCK_BOOTTIME, in nanoseconds */
} LogFacts;

/* 0 or -errno; -ENOENT: it has gone. */
int log_look_facts(Catalog *catalog, uint32_t id, LogFacts *out);

/* The text of the file oncall: its authors', or what prog_rules_find_known() finds with @loader,
 * which may be NULL. Owned by the caller; NULL: there is none, or it can't be read. @reserved:
 * names that no metadata may have. */
char *log_look_oncall(Catalog *catalog, uint32_t id, NamesReserved reserved, Loader *loader);

/* The same from what is kept of a program that others have looked at; nobody is asked. */
char *log_look_kept_oncall(Catalog *catalog, uint32_t id);

#endif
