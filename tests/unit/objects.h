/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TESTS_OBJECTS_H
#define BPFMETAFS_TESTS_OBJECTS_H

/*
 * What the tests of object files have in common: objects opened, and what is in them as one text.
 *
 * $OBJECTS is the directory that the objects have been compiled into. Whatever fails is an assert.
 * What is returned is the caller's.
 */

#include "object.h"

static inline void source_free(Source *source)
{
        source->ops->free(source);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)

/* The bytes of an object. */
GBytes *contents(const char *file);

/* A file in memory with these bytes. */
int memory_file(const void *bytes, size_t size);

/* The object as a source, called by another name or by its own. */
Source *opened_as(const char *file, const char *name);
Source *opened(const char *file);

/* Ids and names. There must be one of that name; the first counts. */
uint32_t prog_named(Source *source, const char *name);
uint32_t map_named(Source *source, const char *name);
char *map_name(Source *source, uint32_t id);

/* The names of all programs and maps, with blanks between, and those of a program's maps in their
 * order. */
char *all_progs(Source *source);
char *all_maps(Source *source);
char *maps_of(Source *source, const char *prog);

/* All of an info directory: a line "key: value" for each line of each file. */
char *prog_info(Source *source, const char *name);
char *map_info(Source *source, const char *name);

/* The variables of a map of global data: "name@offset" each, "?" for an offset that is not known,
 * and
 * "=entry" for metadata. */
char *variables_of_map(Source *source, uint32_t id);
char *variables_of(Source *source, const char *name);

/* The bytes of a map as hexadecimal digits. */
char *bytes_of_map(Source *source, uint32_t id);
char *bytes_of(Source *source, const char *name);

/* Asserts that the text, which is freed, is @expected. */
#define assert_text(text, expected)                                                                \
        G_STMT_START                                                                               \
        {                                                                                          \
                g_autofree char *text_ = (text);                                                   \
                g_assert_cmpstr(text_, ==, (expected));                                            \
        }                                                                                          \
        G_STMT_END

#define assert_matches(text, pattern)                                                              \
        G_STMT_START                                                                               \
        {                                                                                          \
                g_autofree char *text_ = (text);                                                   \
                if (!g_pattern_match_simple((pattern), text_))                                     \
                        g_error("'%s' does not match '%s'", text_, (pattern));                     \
        }                                                                                          \
        G_STMT_END

#endif
