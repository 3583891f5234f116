/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FEED_H
#define BPFMETAFS_FEED_H

/*
 * Where load and unload events come from: opens what the kernel writes them into, for every CPU
 * that is online, and tells when another one is.
 *
 * It needs CAP_PERFMON or CAP_SYS_ADMIN, and is all that does: reading what was written needs
 * nothing.
 */

/* Bytes of records that wake whoever polls a ring, also if its bell is silent (rings.h). */
#define FEED_ALARM 32768u

/* Gets the descriptors of a CPU's two events; they are closed when it has returned. 0, or -errno,
 * which ends the feeding. */
typedef int (*FeedFunc)(int bell, int ring, void *data);

/*
 * Opens the events of every CPU that is online. 0; or -errno: of @func; or they are not permitted
 * (-EPERM, -EACCES), or the kernel does not have them (-EINVAL), or something else.
 */
int feed_open(FeedFunc func, void *data);

/*
 * Returns a descriptor that polls readable when a CPU has come online. The kernel writes into
 * nothing of what was opened before for that CPU, even if it was online then: feed_open() has to be
 * called again. -errno on failure.
 */
int feed_listen(void);

/* Makes it wait for the next CPU. */
void feed_heard(int fd);

#endif
