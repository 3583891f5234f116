/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PARENT_H
#define BPFMETAFS_PARENT_H

/*
 * How a process that was forked from the daemon learns that the daemon has ended.
 *
 * A socket to the daemon tells it once the daemon's last thread has gone. After SIGKILL that may
 * never come: the follower makes the kernel forget an entry, and waits, without a way to end it,
 * for a directory that a reader holds; the reader waits for the answer of the thread that served,
 * which has gone; and /dev/fuse, whose end would let the reader go, is open as long as the follower
 * is there. A parent-death signal comes when the thread that forked has gone, which is the thread
 * that serves (forget_original_parent(), kernel/exit.c).
 */

#include <poll.h>
#include <stdbool.h>

/* Begins to wait for the end of the thread that has forked this process, and blocks all other
 * signals: a terminal and a manager of services signal all processes of the daemon. To be called
 * once, first thing after fork(2). */
void parent_watch(void);

/* poll(2); @wait: without an end, else at once. False: that thread has ended. */
bool parent_poll(struct pollfd *fds, nfds_t n, bool wait);

#endif
