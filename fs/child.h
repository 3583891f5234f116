/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_CHILD_H
#define BPFMETAFS_CHILD_H

/*
 * How a process begins and ends that the daemon forks for work with other rights than its own.
 */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What ps(1) shows of the new process, and where it may write. */
typedef struct ChildLook {
        const char *name;  /* shorter than 16 bytes */
        char **arguments;  /* main()'s argv, which @name takes the place of; NULL: it stays */
        bool keeps_output; /* it may write to standard error; else it lets go of 0, 1 and 2 */
} ChildLook;

/* fork(2), from a process that has one thread and no child that it still waits for. Nobody has to
 * wait for the child, but child_bury(*@pidfd) can. -errno if it fails. */
pid_t child_fork(int *pidfd);

/* In the child, first thing. It calls parent_watch(), so that nothing but SIGKILL ends the process,
 * gives it its name, and leaves it no descriptors but the @n at @fds and standard input, output and
 * error. */
void child_begin(const ChildLook *look, const int *fds, size_t n);

/* Waits for the end of the child, for at most @patience milliseconds, and closes @pidfd. */
void child_bury(int pidfd, int patience);

#endif
