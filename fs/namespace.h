/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NAMESPACE_H
#define BPFMETAFS_NAMESPACE_H

/*
 * Another mount namespace, entered for one step only.
 *
 * The maker of that namespace chose every file in it. So none of its code may run: all code that a
 * step calls has to be loaded before, and a step may call nothing that loads more code. Names of
 * users (NSS), texts in the user's character set (iconv, and so g_strerror()) and other programs do
 * that. So a step makes system calls and keeps numbers, and sentences are made when it is over.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Namespace Namespace;

/*
 * @name is the path of a namespace's file, or the id of a process in it, or that process's file
 * /proc/ID/ns/mnt. If @name is a process, the namespace is not kept alive: it ends with its own
 * processes. On failure, NULL and one sentence in @error.
 */
Namespace *namespace_open(const char *name, GError **error);
void namespace_free(Namespace *namespace);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Namespace, namespace_free)

/*
 * Calls @step(@data) inside, in the namespace's root directory, and comes back to the root and the
 * working directory of before. If @namespace is NULL, calls it where the caller is. Needs the
 * rights that setns(2) names. No other thread may have to share the working directory later. FALSE
 * if the namespace can't be entered: then @step was not called, and one sentence is in @error.
 */
bool namespace_call(const Namespace *namespace, void (*step)(void *data), void *data,
                    GError **error);

#endif
