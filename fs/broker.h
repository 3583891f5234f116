/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BROKER_H
#define BPFMETAFS_BROKER_H

/*
 * The broker: a process that has the rights which the serving process lacks.
 *
 * It is forked before the serving process is shut in. It unmounts, opens the event rings of CPUs
 * that come online, and looks at what is pinned and at processes. It decodes nothing that others
 * made, and answers questions of a fixed size.
 *
 * When the serving process ends, in whatever way, the broker unmounts and ends. If it is killed
 * itself, broker_unmount() fails, and the receiver of rings is told.
 */

#include "broker-process.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Broker Broker;

/*
 * Starts the broker and waits until it has given up the rights that it does not need. The calling
 * process has one thread, and no child that it still waits for. From then on the broker unmounts.
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

/* A NetnsAsk; @broker is a Broker with netns. The same holds for it. */
int broker_list_netns(void *broker, GByteArray *out);

/* HoldersOps; @broker is a Broker with pins. Begins a look at the processes from the pid @from on,
 * and does not wait. 0; -ETIMEDOUT: the broker is not ready yet; -EPIPE: it is gone. */
int broker_begin_holders(void *broker, uint32_t from);
/* The list of the look that was begun last, and when it ended, g_get_monotonic_time(). Waits for it
 * for at most @wait milliseconds. 0; -ETIMEDOUT: it has not ended; -EPIPE: the broker is gone; or
 * why it can't look. To be called until there is another answer than -ETIMEDOUT. */
int broker_hear_holders(void *broker, int wait, GByteArray *out, gint64 *ended);

/* LoadersOps; @broker is a Broker. Asks for the process @pid, and does not wait; only if there are
 * @news. *@number is the question's. 0; -ETIMEDOUT: it is not ready yet; -EPIPE: the broker is
 * gone. */
int broker_ask_process(void *broker, uint32_t pid, uint32_t *number);
/* Takes the next answer, in the order of the questions, and waits for it for at most @wait
 * milliseconds. 0: *@number is the question's, and process_look() was called with @out if there is
 * that process; -ETIMEDOUT: there is no answer yet; -EPIPE: the broker is gone. */
int broker_hear_process(void *broker, int wait, uint32_t *number, GByteArray *out);

/* Ends the broker. If the tree is still mounted, it is unmounted. */
void broker_free(Broker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Broker, broker_free)

#endif
