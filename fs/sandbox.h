/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SANDBOX_H
#define BPFMETAFS_SANDBOX_H

/*
 * What the daemon may still do once it serves.
 *
 * Whoever gets control of a serving thread (by an error in decoding what others compiled) can
 * answer requests, list BPF objects and read maps. They can't write a map, load, attach or pin a
 * program, start a process, open a file but /proc/self/fdinfo/N, make a socket, mount, or signal a
 * process.
 */

#include <glib.h>
#include <stddef.h>

typedef struct Sandbox Sandbox;

typedef enum SandboxKind {
        SANDBOX_KERNEL, /* serves the running kernel: keeps CAP_SYS_ADMIN and the reading bpf(2) */
        SANDBOX_OBJECT, /* serves a file that has been read: keeps no capability and no bpf(2) */
} SandboxKind;

/* Closes what the caller's process was started with beyond standard input, output and error. To be
 * called before anything is opened. */
void sandbox_close_inherited(void);

/*
 * Shuts the calling thread in for good, and with it every thread that it starts from now on. To be
 * called after the mount, when everything that will be needed is open, and while there is no other
 * thread: one that there is keeps its rights.
 *
 * @ring_length is watch_mapping_length(), so that watch_dispatch() can open rings, or 0 if there is
 * no watch. On failure, -errno and a sentence in @error; the thread may have lost a part of its
 * rights.
 */
int sandbox_enter(Sandbox **out, SandboxKind kind, size_t ring_length, GError **error);

/*
 * Calls @func(@data) in a thread that may unmount, which the serving threads may not, and returns
 * when it has returned. It can do nothing else: it opens no file and starts no process, so it ends
 * a mount that was made with mount(2), but not one of a user who needs fusermount3 for it.
 */
void sandbox_call_outside(Sandbox *sandbox, void (*func)(void *data), void *data);

/* Ends that thread. The sandbox stays. */
void sandbox_free(Sandbox *sandbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sandbox, sandbox_free)

#endif
