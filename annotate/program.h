/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROGRAM_H
#define BPFMETAFS_PROGRAM_H

/*
 * A loaded program: finds it, finds the names of its metadata, and binds a map to it.
 *
 * A descriptor of the program is open inside program_find() and program_bind() only, since it keeps
 * the program loaded. A failure is one sentence without a full stop in a GError of G_FILE_ERROR:
 * what was tried, what is wrong, what to do.
 */

#include "names.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Program {
        const char *pin; /* the path by which it was given; NULL: by its id. Borrowed */
        uint32_t id;
        char *shown;  /* for people: "program 131 (xdp hello)"; owned */
        GArray *maps; /* the ids of its maps, in the order in which they were bound; owned */
} Program;

void program_clear(Program *program);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Program, program_clear)

/* Finds the program @word: a number is an id, and anything else is the path of a pin. */
bool program_find(const char *word, Program *out, GError **error);

/*
 * The names that its metadata has in bpfmetafs, given in the same order by the same rules. NULL: a
 * map can't be looked at, so that nobody knows. Owned by the caller.
 */
Names *program_names(const Program *program, GError **error);

/* Makes a map of the type @btf and its @section with @bytes in it, which nobody can write any more.
 * A descriptor that the caller closes, or -1. */
int program_make_map(const struct btf *btf, uint32_t section, const GString *bytes, GError **error);

/* Binds the map to the program for as long as that is loaded. */
bool program_bind(const Program *program, int map, GError **error);

#endif
