/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BROKER_H
#define BPFMETAFS_BROKER_H

/*
 * The broker: a process for what the one that serves may not do.
 *
 * It is forked before the serving process is shut in. It unmounts, opens the event rings of CPUs
 * that come online, and looks at what is pinned. It decodes nothing that others made, and answers
 * questions of a fixed size.
 *
 * It ends when the serving process does, however that ends, and unmounts before. If it is killed
 * itself, broker_unmount() fails, and the receiver of rings is told.
 */

#include "pins-look.h"

#include <glib.h>
#include <stdbool.h>

typedef struct Broker Broker;

typedef struct BrokerWork {
        const char *mountpoint; /* absolute; NULL: somebody else unmounts */
        int device;             /* of /dev/fuse: it tells whether it is still mounted; else -1 */
        int news;               /* feed_listen()'s, or -1: no rings are to be opened */
        PinsLook *pins;         /* borrowed; NULL: nobody looks at what is pinned */
        bool keeps_output;      /* it may write to standard error; else it lets go of 0, 1 and 2 */
        char **arguments;       /* main()'s argv: what ps(1) shows; NULL: they stay */
} BrokerWork;

/*
 * Starts the broker and waits until it has given up what it does not need. The calling process has
 * one thread, and no child that it still waits for. From then on it is the broker
 * that unmounts.
 *
 * 0; or -errno and a sentence in @error, and the mount is the caller's.
 */
int broker_new(Broker **out, const BrokerWork *work, GError **error);

/* The socket from which handover_receive() gets the rings of CPUs that come online. It becomes the
 * caller's. Only if there are @news, and once. */
int broker_take_rings(Broker *broker);

/* Unmounts, if that has not happened, and waits for it, but no longer than some seconds. 0; -EBUSY:
 * something else is mounted over it; -EPIPE: the broker is gone; or another -errno. */
int broker_unmount(Broker *broker);

/* A PinsAsk; @broker is a Broker with pins. Waits for a fraction of a second at most. -ETIMEDOUT:
 * it is not ready yet; -EPIPE: the broker is gone. */
int broker_list_pins(void *broker, GByteArray *out);

/* Ends the broker. If the tree is still mounted, it is unmounted. */
void broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

#endif
