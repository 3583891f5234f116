/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RULES_FILES_H
#define BPFMETAFS_RULES_FILES_H

/*
 * Reads the administrator's rules from a file, or from the files of a directory.
 */

#include "rules.h"

#include <glib.h>

/* The most files of a directory. */
#define RULES_MAX_FILES 256u

/*
 * The rules of the file @path; or, if it is a directory, of all files in it whose names end in
 * ".rules" and do not begin with a dot, in the order of the names' bytes. @reserved is
 * rules_new()'s. Owned by the caller. On failure, NULL, and one sentence without a full stop and
 * fit for a terminal in @error.
 */
Rules *rules_load(const char *path, NamesReserved reserved, GError **error);

#endif
