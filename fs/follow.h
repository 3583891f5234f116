/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FOLLOW_H
#define BPFMETAFS_FOLLOW_H

/*
 * The thread that makes the kernel forget entries of objects that have gone.
 *
 * It waits for events and sends the notifications. These can block while a request on the same
 * directory is being served, so they are sent without any lock, and from no other thread.
 */

#include "session.h"
#include "tree.h"
#include "watch.h"

#include <glib.h>

typedef struct Follow Follow;

/* Opens the descriptors that the thread needs; all three arguments are borrowed. NULL: the sentence
 * is in @error. */
Follow *follow_new(Watch *watch, Tree *tree, Session *session, GError **error);

/* Starts the thread. 0; or -errno and a sentence in @error. */
int follow_start(Follow *follow, GError **error);

/* Ends the thread, if it was started. It may wait for the answer to a request, so requests are
 * served until it ends. */
void follow_free(Follow *follow);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Follow, follow_free)

#endif
