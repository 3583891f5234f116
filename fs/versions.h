/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VERSIONS_H
#define BPFMETAFS_VERSIONS_H

/*
 * Since when files that may change are as they are.
 *
 * Backup tools take a file for unchanged if its size and time are. A value is remembered by a hash,
 * for as long as the object is there that it belongs to, also while the kernel has forgotten the
 * file.
 */

#include "catalog.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Versions Versions;

/* @catalog is borrowed; what is remembered counts against its memory. */
Versions *versions_new(Catalog *catalog);
void versions_free(Versions *versions);

/* True if the file was looked at while it could change. */
bool versions_know(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path);

/* The file that @path stands for, of the object @id of @kind, has the content now. Returns since
 * when, in nanoseconds of CLOCK_REALTIME: @made if it was never seen to have another one, else the
 * time of the call that first saw this one. */
int64_t versions_since(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path,
                       const void *content, size_t size, int64_t made);

/* The object has gone. */
void versions_drop(Versions *versions, const ObjectKind *kind, uint32_t id);

#endif
