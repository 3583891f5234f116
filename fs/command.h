/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_COMMAND_H
#define BPFMETAFS_COMMAND_H

/*
 * The daemon and its mount helper as commands: how they start, how they end, and the words of their
 * command lines.
 */

#include <stdbool.h>
#include <sys/types.h>

/* mount(8), EXIT STATUS */
enum {
        EXIT_OK = 0,
        EXIT_USAGE = 1, /* "incorrect invocation or permissions" */
        EXIT_SYSTEM = 2,
        EXIT_MOUNT = 32,
};

/*
 * To be called first in main(). What a parent leaves behind must not decide what happens later:
 * - A closed descriptor of 0 to 2 becomes /dev/null. Otherwise a pipe or an event queue would get
 *   its number, and a message for standard output would be written into it.
 * - No signal is blocked, and none is ignored: a daemon that does not see SIGTERM does not end. 0,
 *   or -errno if there is no /dev/null.
 */
int command_start(void);

/*
 * Says what is wrong with the option that getopt_long(3) has just refused by returning @refusal,
 * '?' or ':'. @letter is optopt then, and @word the argument in which it stood. One sentence
 * without a full stop, in printable ASCII, that names @command's help; owned by the caller.
 */
char *command_refused(const char *command, int refusal, int letter, const char *word);

/* Says what is wrong with the mount point @path, for which stat(2) returned @error (errno, or 0)
 * and @mode: one sentence as above. NULL if nothing is wrong. */
char *command_mountpoint_fault(const char *path, int error, mode_t mode);

/* The words that stand for the running kernel in place of the path of an object file; ended by
 * NULL. */
extern const char *const command_kernel_words[];

bool command_means_kernel(const char *source);

#endif
