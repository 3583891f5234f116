/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_PIDS_H
#define BPFMETAFS_DIR_PIDS_H

/*
 * info/pids/: the processes that hold an object, a directory each.
 */

#include "place.h"

/* The file in info/pids/ about things that could not be looked at. */
#define PIDS_NOTES "(not all are seen)"

/* The argument of a process's directory: the object that is shown, and the process. */
extern const ArgumentKind pids_argument;

/* True if processes can be looked at. */
bool pids_are_known(Catalog *catalog, const Place *place, const OwnEntry *own);

/* info/pids/ of the object that is shown. row->each is the row of a process. */
int pids_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int pids_list(Lister *lister);

/* info/pids/4711/ */
int pid_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int pid_list(Lister *lister);
gint64 pid_current(Catalog *catalog, const Place *place);

#endif
