/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VERSIONS_H
#define BPFMETAFS_VERSIONS_H

/*
 * The time of the last change of files that may change.
 *
 * Backup tools take a file for unchanged if its size and time are unchanged. So the hash of a value
 * is remembered as long as its object is there, even while the kernel has forgotten the file.
 */

#include "catalog.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Versions Versions;

/* @catalog is borrowed; the versions count against its memory. */
Versions *versions_new(Catalog *catalog);
void versions_free(Versions *versions);

/* True if the file was looked at while it could change. */
bool versions_know(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path);

/* Tells that the file of the object @id of @kind for which @path stands has @content now. Returns
 * since when, in nanoseconds of CLOCK_REALTIME: @made if it was never seen with another content,
 * else the time of the call that saw this content first. */
int64_t versions_since(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path,
                       const void *content, size_t size, int64_t made);

/* The object has gone. */
void versions_drop(Versions *versions, const ObjectKind *kind, uint32_t id);

#endif
