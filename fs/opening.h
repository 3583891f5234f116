/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OPENING_H
#define BPFMETAFS_OPENING_H

/*
 * What the daemon checks and reads before it mounts.
 *
 * These functions return 0, or the exit status with which the daemon ends; then a sentence is in
 * @error.
 */

#include "arguments.h"
#include "namespace.h"
#include "rules.h"
#include "source.h"

#include <glib.h>

/* Finds the source, and checks whether it can be mounted there. */
int opening_source(const Arguments *arguments, const Namespace *namespace, Source **out,
                   GError **error);

/* Whether the options can go with each other and with the source. */
int opening_options(const Arguments *arguments, GError **error);

/* Reads the administrator's rules; NULL: there are none. */
int opening_rules(const Arguments *arguments, Rules **out, GError **error);

int opening_fuse(GError **error);

#endif
