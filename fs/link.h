/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LINK_H
#define BPFMETAFS_LINK_H

/*
 * A link as an object of the catalog.
 *
 * Nothing of it is kept: no event tells that its program has changed, or that it has gone.
 */

#include "catalog.h"

#include <stdint.h>

extern const ObjectKind link_kind;

/* The program that the link runs now. 0 or -errno. */
int link_prog(Object *link, uint32_t *prog);

#endif
