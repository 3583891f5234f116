/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SANDBOX_H
#define BPFMETAFS_SANDBOX_H

/*
 * What the processes of the daemon may still do once it serves.
 *
 * Whoever gets control of a serving thread (by an error in decoding what others compiled) can
 * answer requests, list BPF objects and read maps. They can't write a map, load, attach or pin a
 * program, follow what other processes do, start a process, open a file but /proc/self/fdinfo/N,
 * make a socket, mount, unmount, or signal a process.
 */

#include <glib.h>
#include <stddef.h>

typedef enum SandboxRole {
        SANDBOX_KERNEL,        /* serves the running kernel: CAP_SYS_ADMIN and the reading bpf(2) */
        SANDBOX_OBJECT,        /* serves a file that has been read: no capability and no bpf(2) */
        SANDBOX_RECEIVER,      /* maps the event rings that it is given: no capability */
        SANDBOX_BROKER,        /* unmounts */
        SANDBOX_PINS_BROKER,   /* the same, and looks at what is pinned */
        SANDBOX_EVENTS_BROKER, /* the same, and opens event rings */
} SandboxRole;

/* Closes what the caller's process was started with beyond standard input, output and error. To be
 * called before anything is opened. */
void sandbox_close_inherited(void);

/* Closes all descriptors of the calling thread's table but the @n at @fds, which is sorted. Does
 * nothing on kernels before Linux 5.9. */
void sandbox_close_all_but(int *fds, size_t n);

/*
 * Shuts the calling thread in for good, and with it every thread that it starts from now on. To be
 * called after the mount, when everything that the role needs is open. A thread that there is
 * already keeps its rights. @listed is a directory beneath which directories may be listed, or
 * NULL; only SANDBOX_KERNEL has one.
 *
 * On failure, -errno and a sentence in @error; the thread may have lost a part of its rights.
 */
int sandbox_enter(SandboxRole role, const char *listed, GError **error);

#endif
