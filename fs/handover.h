/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HANDOVER_H
#define BPFMETAFS_HANDOVER_H

/*
 * How the descriptors of event rings come from the process that opens them to the one that reads
 * them: over a SOCK_SEQPACKET socket, a message for each CPU, and one that ends the set.
 */

/* Sends a CPU's two events. 0, or -errno: -EPIPE if nobody is there to receive. */
int handover_send(int socket, int bell, int ring);

/* Ends the set; @error is 0, or -errno of what makes it useless. */
int handover_end(int socket, int error);

/* Waits for a message. 1: *@bell and *@ring are the caller's to close. 0: the set has ended. Or
 * -errno: what it ended with; -EPIPE if nobody sends any more. */
int handover_receive(int socket, int *bell, int *ring);

#endif
