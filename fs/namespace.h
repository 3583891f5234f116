/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NAMESPACE_H
#define BPFMETAFS_NAMESPACE_H

/*
 * Another mount namespace, entered for one step only.
 *
 * The maker of that namespace chose every file in it. So nothing of it may be run: all code that a
 * step calls has to be loaded before. A step may not call code that loads more: names of users
 * (NSS), texts in the user's character set (iconv, and g_strerror() by it), and other programs. A
 * step makes system calls and keeps numbers; sentences are made when it is over.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Namespace Namespace;

/*
 * @name is the path of a namespace's file, or the id of a process in it, or that process's file
 * /proc/ID/ns/mnt. By a process, the namespace is not kept alive: it ends with its own processes.
 * On failure, NULL and one sentence in @error.
 */
Namespace *namespace_open(const char *name, GError **error);
void namespace_free(Namespace *namespace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Namespace, namespace_free)

/*
 * Calls @step(@data) inside, in the namespace's root directory, and comes back to the root and the
 * working directory of before. If @namespace is NULL, calls it where the caller is. Needs what
 * setns(2) says, and no other thread that has to have the same working directory later. FALSE if
 * the namespace can't be entered: then @step was not called, and one sentence is in @error.
 */
bool namespace_call(const Namespace *namespace, void (*step)(void *data), void *data,
                    GError **error);

#endif
