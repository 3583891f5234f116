/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_PROBLEMS_H
#define BPFMETAFS_OBJECT_PROBLEMS_H

/*
 * The reasons for which a loader would refuse an object file, and the parts that it would not take
 * as their author meant them: a sentence each, without a full stop. Names in it come from the file,
 * and are hostile.
 */

#include <glib.h>

/* The most problems of a file that are told; one more, "...", stands for the others. */
#define OBJECT_MAX_PROBLEMS 16u

/* No problems yet: an array of char *, owned by the caller. */
GPtrArray *object_problems_new(void);

/* Adds one, as a line that may be sent to a terminal. */
void object_problems_add(GPtrArray *problems, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
