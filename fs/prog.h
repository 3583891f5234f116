/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_H
#define BPFMETAFS_PROG_H

/*
 * A program as an object of the catalog.
 */

#include "prog-maps.h"

#include <stdbool.h>
#include <stdint.h>

extern const ObjectKind prog_kind;

/* catalog_get() for a program. */
int prog_get(Catalog *catalog, uint32_t id, Prog **out);

/* The program @id as @look has just seen it; its info is taken. The caller gets a reference. */
Prog *prog_seen(Catalog *catalog, uint32_t id, SourceLook *look);

/* True if it is of the type struct_ops. */
bool prog_is_struct_ops(Prog *prog);
/* Looks at all maps whose ids are above *@after, which becomes the last: code that looks at a map
 * tells the observers of programs that only it attaches. */
void prog_look_at_maps(Catalog *catalog, uint32_t *after);

#endif
