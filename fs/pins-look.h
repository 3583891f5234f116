/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_LOOK_H
#define BPFMETAFS_PINS_LOOK_H

/*
 * Looks for pins on the bpffs mounts of this mount namespace: the half of the observer `pins` that
 * needs rights.
 *
 * It is for a process of its own that decodes nothing: a serving process may not have CAP_SYS_ADMIN
 * together with the system calls below. System calls of pins_look_update(): read(2) and lseek(2) of
 * what pins_look_new() has opened, poll(2), open_tree(2), mount_setattr(2), openat(2) to read
 * directories, getdents64(2), fstat(2), newfstatat(2), fchdir(2), chdir(2) to "/",
 * inotify_add_watch(2), inotify_rm_watch(2), bpf(2) with BPF_OBJ_GET and BPF_OBJ_GET_INFO_BY_FD,
 * fcntl(2) with F_GETFL, close(2).
 *
 * A look changes nothing, not even a time of access. It keeps inotify watches only: they keep
 * neither an object nor a mount, as a descriptor of a bpffs would.
 */

#include "pins-list.h"

#include <glib.h>

typedef struct PinsLook PinsLook;

/* Never fails: the list says what can't be looked at. */
PinsLook *pins_look_new(void);
void pins_look_free(PinsLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PinsLook, pins_look_free)

/* For the process that does not look, after the fork: closes all but pins_look_fd(). */
void pins_look_leave(PinsLook *look);

/* A descriptor that polls readable when pins have come or gone since the last update. Only this
 * module may read it. -1 if there is none: then the list has a PIN_UNWATCHED. Mounts show by
 * poll(2) for POLLPRI on /proc/self/mountinfo, for each open file of its own. */
int pins_look_fd(const PinsLook *look);

/* All descriptors that the module needs; -1 for one that does not exist. */
#define PINS_LOOK_FDS 2
void pins_look_fds(const PinsLook *look, int fds[PINS_LOOK_FDS]);

/*
 * Brings the pins up to date: all that was pinned, renamed, unlinked, mounted or unmounted before
 * the call is seen. The process's working directory is "/" afterwards.
 */
void pins_look_update(PinsLook *look);

/* Appends all pins to @out, as a list of at most PINS_MAX_LIST bytes. */
void pins_look_list(const PinsLook *look, GByteArray *out);

#endif
