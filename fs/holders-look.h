/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_HOLDERS_LOOK_H
#define BPFMETAFS_HOLDERS_LOOK_H

/*
 * Looks for processes that have descriptors of programs, maps and links: the half of the observer
 * `holders` that needs rights.
 *
 * It is for a process of its own: the look needs CAP_SYS_PTRACE (ptrace_may_access() of
 * proc_pid_fd(5)), and finds nothing in a process with Landlock. It reads numbers only, and passes
 * names on unchanged. System calls: openat(2) for reading, getdents64(2), readlinkat(2), read(2),
 * fstat(2), fstatat(2), fcntl(2) with F_GETFL, lseek(2), close(2), clock_gettime(2).
 *
 * While the kernel tells of a descriptor, it holds the object. If the owner closes the descriptor
 * in that moment, the object goes when our read ends.
 */

#include "holders-kept.h"
#include "holders-list.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A look that is under way. */
typedef struct HoldersLook HoldersLook;

/* Begins a look at the processes with the pid @from and above. @kept, which serves one look at a
 * time, is borrowed; NULL: nothing is kept. 0; or -errno: /proc can't be read. */
int holders_look_new(uint32_t from, HoldersKept *kept, HoldersLook **out);
void holders_look_free(HoldersLook *look);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoldersLook, holders_look_free)

/* Goes on for a fraction of a millisecond. False: there is nothing more to look at, or no room, or
 * the look is cut, see HOLDERS_LOOK_MS. */
bool holders_look_step(HoldersLook *look);

/* The list, of at most HOLDERS_MAX_LIST bytes. To be called once, after the last step. Borrowed. */
const GByteArray *holders_look_list(HoldersLook *look);

#endif
