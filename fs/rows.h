/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ROWS_H
#define BPFMETAFS_ROWS_H

/*
 * The one table of the tree: a row for each kind of directory. It begins with the root's row, and
 * the other rows are reached from there.
 */

#include "place.h"

extern const Row row_root;

#endif
