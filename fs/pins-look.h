/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PINS_LOOK_H
#define BPFMETAFS_PINS_LOOK_H

/*
 * Looks for what is pinned on the bpffs mounts of this mount namespace: the half of the observer
 * `pins` that needs rights.
 *
 * It is for a process of its own that decodes nothing: CAP_SYS_ADMIN and the system calls below are
 * more than a process may have that serves. System calls of pins_look_update(): read(2) and
 * lseek(2) of what pins_look_new() has opened, poll(2), open_tree(2), mount_setattr(2),
 * openat(2) to read directories, getdents64(2), fstat(2), newfstatat(2), fchdir(2), chdir(2) to
 * "/", inotify_add_watch(2), inotify_rm_watch(2), bpf(2) with BPF_OBJ_GET and
 * BPF_OBJ_GET_INFO_BY_FD, fcntl(2) with F_GETFL, close(2).
 *
 * Nothing is changed by looking, also no time of access, and nothing is kept but inotify watches:
 * these keep neither an object nor a mount (a descriptor of a bpffs would).
 */

#include <glib.h>
#include <stdint.h>

/* The most pins and directories that are looked at, and the deepest. */
#define PINS_MAX 8192u
#define PINS_MAX_DIRECTORIES 4096u
#define PINS_MAX_DEPTH 64u
/* The most mounts. */
#define PINS_MAX_MOUNTS 1024u
/* The most bytes of a list. */
#define PINS_MAX_LIST (4u << 20)

/* What a record of a list is about. */
typedef enum PinKind {
        PIN_PROG,
        PIN_MAP,
        PIN_LINK,
        PIN_NOTE,      /* no pin: the bytes say what can't be known */
        PIN_UNWATCHED, /* no pin: something can't be watched, and has to be looked at again */
} PinKind;

/* A list is one of these after the other, each with @length bytes of its path behind it: what
 * others chose, as it is, without a NUL. Numbers are in the byte order of the machine. */
typedef struct PinRecord {
        uint32_t kind;
        uint32_t id;
        uint32_t hidden; /* 1: another mount lies over the path */
        uint32_t length;
} PinRecord;

typedef struct PinsLook PinsLook;

/* Never fails: what can't be looked at becomes part of the list. */
PinsLook *pins_look_new(void);
void pins_look_free(PinsLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PinsLook, pins_look_free)

/* For the process that does not look, after the fork: closes all but pins_look_fd(). */
void pins_look_leave(PinsLook *look);

/* Can be polled to know whether pins have come or gone since the last update; nobody but this
 * module may read it. -1 if there is none: then the list has a PIN_UNWATCHED. Mounts show by
 * poll(2) for POLLPRI on /proc/self/mountinfo, for each open file of its own. */
int pins_look_fd(const PinsLook *look);

/* All descriptors that the module needs; -1 in place of one that there is not. */
#define PINS_LOOK_FDS 2
void pins_look_fds(const PinsLook *look, int fds[PINS_LOOK_FDS]);

/*
 * Brings what is known up to date: what was pinned, renamed, unlinked, mounted or unmounted before
 * the call is seen. The process's working directory is "/" afterwards.
 */
void pins_look_update(PinsLook *look);

/* Appends all that is known to @out, as a list of at most PINS_MAX_LIST bytes. */
void pins_look_list(const PinsLook *look, GByteArray *out);

#endif
