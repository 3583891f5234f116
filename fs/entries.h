/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ENTRIES_H
#define BPFMETAFS_ENTRIES_H

/*
 * The metadata entries of a program and what they are called, and the names of its maps' symlinks.
 */

#include "prog.h"

/* Adds the entries of maps that have come to have metadata, and names all anew if there are any
 * that can change a name. @reserved: names that no entry may have. */
void entries_update(Prog *prog, NamesReserved reserved);

/* Releases all names. */
void entries_clear_names(Prog *prog);

#endif
