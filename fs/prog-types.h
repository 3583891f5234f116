/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_TYPES_H
#define BPFMETAFS_PROG_TYPES_H

/*
 * The types of the programs that are loaded. If no program of a type is loaded, none can be
 * attached to its hooks, and we need not look there.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* For how many microseconds a type may count as loaded after its last program has gone. */
#define PROG_TYPES_MAX_AGE (60 * G_USEC_PER_SEC)

typedef struct ProgTypes ProgTypes;

ProgTypes *prog_types_new(void);
void prog_types_free(ProgTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProgTypes, prog_types_free)

/* Tells the type of a program, so that it need not be opened. Between the last one that is known
 * and this one there are only programs that have gone. Of one that can't be looked at,
 * PROG_TYPE_UNKNOWN.
 * @now is g_get_monotonic_time(). */
void prog_types_tell(ProgTypes *types, uint32_t id, uint32_t type, gint64 now);
#define PROG_TYPE_UNKNOWN UINT32_MAX

/* Takes up the programs that were loaded since the last call. @now is g_get_monotonic_time(). */
void prog_types_update(ProgTypes *types, gint64 now);

/* False if no program of the type @type (enum bpf_prog_type) was loaded before the last update.
 * True if that can't be known. */
bool prog_types_has(const ProgTypes *types, uint32_t type);

#endif
