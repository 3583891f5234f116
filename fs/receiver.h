/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RECEIVER_H
#define BPFMETAFS_RECEIVER_H

/*
 * The thread that maps the event rings of CPUs that have come online, so that no thread that serves
 * has to be able to map a descriptor.
 */

#include "watch.h"

#include <glib.h>

typedef struct Receiver Receiver;

/* Starts the thread, which gives its rights up before this returns. It takes what comes from
 * @socket, which is its own from now on, also on failure, to @watch, which is borrowed. 0; or
 * -errno and a sentence in @error. */
int receiver_new(Receiver **out, Watch *watch, int socket, GError **error);

/* Ends the thread. */
void receiver_free(Receiver *receiver);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Receiver, receiver_free)

#endif
