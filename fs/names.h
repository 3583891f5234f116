/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NAMES_H
#define BPFMETAFS_NAMES_H

/*
 * File-name rules: from a name that a program's author chose to one that a directory can hold.
 *
 * Pure. Names are given to the entries of one directory in order, and the same sequence of requests
 * gives the same names: an entry that is added later never renames an earlier one.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* NAME_MAX of <limits.h>: the bytes that the kernel takes for one file name. */
#define NAMES_MAX 255

/* The names that have been given out in one directory. */
typedef struct Names Names;

/* True if @name belongs to the filesystem itself in the directory that the names are for. */
typedef bool (*NamesReserved)(const char *name);

/* @reserved may be NULL: nothing is reserved but "." and "..". */
Names *names_new(NamesReserved reserved);
void names_free(Names *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Names, names_free)

/*
 * The file name for the next entry of the directory, owned by the caller. @preferred is used if it
 * can be (not NULL, not empty, not "." or "..", not reserved), else @full. Bytes that a file name
 * cannot hold, or that could send a terminal an escape sequence, are escaped as %XX each: '/',
 * control characters and others that do not print, bytes that are not valid UTF-8, and '%' itself;
 * the dots of "." and ".." when @full is one of these. An empty @full becomes "anon". A name longer
 * than NAMES_MAX is cut at a character's start and ends in '~' and the first 16 hexadecimal digits
 * of the SHA-256 of the whole. If the name is reserved or has been given before, "~2" is appended,
 * "~3" and so on, until it is neither; with the suffix, too, it is no longer than NAMES_MAX.
 * Costs O(length) however many entries of that name there are.
 */
char *names_give(Names *names, const char *preferred, const char *full);

/*
 * The file name for @text in a directory where each name stands for one text; owned by the caller.
 * It is escaped and cut as above, and needs no "~2": an empty text is "anon", and where a text
 * would be taken for that, or for a name that is @reserved, its first byte is escaped.
 */
char *names_of_text(const char *text, NamesReserved reserved);

/* Two file names with a dot between, cut as above; owned by the caller. */
char *names_join(const char *outer, const char *inner);
/* The name of an entry that can't meet another of its name: escaped and cut as above, and owned by
 * the caller. @name is not empty. */
char *names_alone(const char *name);

/* A NamesReserved for directories whose own entries are object ids: true for digits only. */
bool names_is_id(const char *name);

/* The number that @name stands for in decimal digits; UINT64_MAX if it is no number, or too
 * large. */
uint64_t names_number(const char *name);

#endif
