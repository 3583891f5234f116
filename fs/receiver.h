/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RECEIVER_H
#define BPFMETAFS_RECEIVER_H

/*
 * The thread that maps the event rings of CPUs that have come online, so that the serving thread
 * need not have the right to map a descriptor.
 */

#include "watch.h"

#include <glib.h>

typedef struct Receiver Receiver;

/* Starts the thread, which gives up its rights before this returns. It passes the rings that come
 * from @socket on to @watch. @socket is its own from now on, also on failure; @watch is borrowed.
 * 0; or -errno and a sentence in @error. */
int receiver_new(Receiver **out, Watch *watch, int socket, GError **error);

/* Ends the thread. */
void receiver_free(Receiver *receiver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Receiver, receiver_free)

#endif
