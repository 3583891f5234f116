/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HANDOVER_H
#define BPFMETAFS_HANDOVER_H

/*
 * The way of event rings from the process that opens them to the one that reads them: a
 * SOCK_SEQPACKET socket carries a message with the descriptors for each CPU, and one that ends the
 * set.
 */

/* Sends a CPU's two events. 0, or -errno: -EPIPE if nobody is there to receive. */
int handover_send(int socket, int bell, int ring);

/* Ends the set; @error is 0, or -errno: why the set is useless. */
int handover_end(int socket, int error);

/* Waits for a message. 1: *@bell and *@ring are the caller's to close. 0: the set has ended. Or
 * -errno: the set has ended with that error; -EPIPE if nobody sends any more. */
int handover_receive(int socket, int *bell, int *ring);

#endif
