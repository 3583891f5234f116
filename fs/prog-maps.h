/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_MAPS_H
#define BPFMETAFS_PROG_MAPS_H

/*
 * Finds the maps and the metadata of a program, and looks at them again.
 */

#include "entries.h"

/* Brings maps and entries up to date. @reserved: names that no entry may have. 0 or -errno; a map
 * that can't be looked at does not hide the others. */
int prog_update(Prog *prog, NamesReserved reserved);
/* The same for a program that was just seen to have these @maps (uint32_t ids), and no others. */
int prog_update_seen(Prog *prog, const GArray *maps, NamesReserved reserved);

#endif
