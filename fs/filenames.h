/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FILENAMES_H
#define BPFMETAFS_FILENAMES_H

/*
 * The file names of one kind of object in an object file: they stand where the kernel's tree has
 * ids.
 */

#include "names.h"
#include "source.h"

#include <glib.h>
#include <stdint.h>

typedef struct FileNames FileNames;

/* Gives a name to each object that @next lists, made from @name. @reserved: names that none may
 * have, or NULL. */
FileNames *file_names_new(Source *source, int (*next)(Source *source, uint32_t after, uint32_t *id),
                          char *(*name)(Source *source, uint32_t id), NamesReserved reserved);
void file_names_free(FileNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FileNames, file_names_free)

/* The name of @id, borrowed; NULL if there is no such object. The id whose name is @name, or 0. */
const char *file_names_of(const FileNames *names, uint32_t id);
uint32_t file_names_id(const FileNames *names, const char *name);

#endif
