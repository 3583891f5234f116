/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_INFO_H
#define BPFMETAFS_INFO_H

/*
 * An info directory as a source gives it: keys and the texts of their files, in order.
 *
 * One block of memory, for there are tens of thousands of them. A key with a '/' stands for a file
 * in a subdirectory ("dev/ifindex").
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Info Info;

/* Collects the items of an Info; info_builder_end() frees it. */
typedef struct InfoBuilder InfoBuilder;

InfoBuilder *info_builder_new(void);
/* @key must be a string constant. The text is printf-formatted; a newline is added. */
void info_builder_add(InfoBuilder *builder, const char *key, const char *format, ...)
        G_GNUC_PRINTF(3, 4);
/* Frees @builder; the Info is the caller's, to be freed with info_free(). Never NULL. */
Info *info_builder_end(InfoBuilder *builder);

void info_free(Info *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Info, info_free)

uint32_t info_n(const Info *info);
/* True if one of the keys is @key. */
bool info_has(const Info *info, const char *key);
/* True if both have the same keys and texts, in the same order. */
bool info_equal(const Info *a, const Info *b);
/* The text of @key, borrowed from @info; NULL if it is none of the keys. */
const char *info_get(const Info *info, const char *key);
/* Borrowed from @info; @index is below info_n(). */
const char *info_key(const Info *info, uint32_t index);
const char *info_text(const Info *info, uint32_t index);

#endif
