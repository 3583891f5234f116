/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PIECES_H
#define BPFMETAFS_PIECES_H

/*
 * Work that comes in pieces: a second thread does some of them.
 *
 * The thread is started when there is enough work for the first time, and sleeps until there is
 * again. Where it can't be started, or there is one CPU, the caller does all of the work.
 */

#include <glib.h>

typedef struct Pieces Pieces;

/* Does one piece. Called once for each, from either thread: @thread is 0 for the caller's, and 1
 * for the second one. */
typedef void (*PieceFunc)(guint piece, guint thread, void *data);

Pieces *pieces_new(void);
void pieces_free(Pieces *pieces);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pieces, pieces_free)

/* There is less work than is worth a wake-up if there are fewer pieces. */
#define PIECES_FEW 8
/* Nobody begins a piece that is so far behind the one that was waited for last: the results of more
 * would need memory. */
#define PIECES_AHEAD 16

/* Begins a work of @n pieces, numbered from 0. All of one work is called from one thread. */
void pieces_begin(Pieces *pieces, guint n, PieceFunc func, void *data);
/* Returns when @piece is done. Until then it does others. */
void pieces_wait(Pieces *pieces, guint piece);
/* Ends the work: no piece is being done any more, and what was not begun is left undone. */
void pieces_end(Pieces *pieces);

#endif
