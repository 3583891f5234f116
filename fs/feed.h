/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FEED_H
#define BPFMETAFS_FEED_H

/*
 * Load and unload events: opens the rings into which the kernel writes them, one for every CPU that
 * is online, and tells when another CPU has come online.
 *
 * To open them needs CAP_PERFMON or CAP_SYS_ADMIN. To read them needs no right.
 */

/* A poll of a ring wakes when this many bytes of records are in it, even if its bell is silent
 * (rings.h). */
#define FEED_ALARM 32768u

/* Gets the descriptors of a CPU's two events, which are closed after it has returned. 0; or -errno:
 * then feed_open() returns it. */
typedef int (*FeedFunc)(int bell, int ring, void *data);

/*
 * Opens the events of every CPU that is online. 0; or -errno: an error of @func; -EPERM or -EACCES
 * if events are not permitted; -EINVAL if the kernel does not have them; or another.
 */
int feed_open(FeedFunc func, void *data);

/*
 * Returns a descriptor that polls readable when a CPU has come online. The kernel writes nothing
 * into the rings that were opened for that CPU before, even if it was online then: feed_open() has
 * to be called again. -errno on failure.
 */
int feed_listen(void);

/* Makes it wait for the next CPU. */
void feed_heard(int fd);

#endif
