/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SANDBOX_H
#define BPFMETAFS_SANDBOX_H

/*
 * Takes away the rights that the processes of the daemon do not need once it serves.
 *
 * An attacker who gets control of a serving thread (by an error in decoding what others compiled)
 * can answer requests, list BPF objects and read maps. The attacker can't write a map, load, attach
 * or pin a program, trace other processes, start a process, open a file other than
 * /proc/self/fdinfo/N, make a socket, mount, unmount, or signal a process.
 */

#include "filter.h"

#include <glib.h>
#include <stddef.h>

/* Closes all descriptors that the caller's process was started with, but standard input, output and
 * error. To be called before anything is opened. */
void sandbox_close_inherited(void);

/* Closes all descriptors of the calling thread's table but the @n at @fds, which is sorted. Does
 * nothing on kernels before Linux 5.9. */
void sandbox_close_all_but(int *fds, size_t n);

/*
 * Shuts the calling thread in for good, and with it every thread that it starts from now on. To be
 * called after the mount, when everything that the role needs is open. Other threads that exist
 * already keep their rights. @listed is a directory beneath which directories may be listed, or
 * NULL; only SANDBOX_KERNEL and SANDBOX_CONTENTS have one.
 *
 * On failure, -errno and a sentence in @error; the thread may have lost a part of its rights.
 */
int sandbox_enter(SandboxRole role, const char *listed, GError **error);

#endif
