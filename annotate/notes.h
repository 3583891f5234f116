/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NOTES_H
#define BPFMETAFS_NOTES_H

/*
 * Notes: from words of a command line to the variables of a map, as a loader would make them.
 *
 * Pure. Each note is a variable bpf_metadata_NAME of type char[], all in a section .rodata: the
 * convention that bpfmetafs, bpftool and perf follow.
 */

#include <bpf/btf.h>
#include <glib.h>
#include <stdint.h>

/* Before Linux 6.1 the kernel takes names of variables of up to 128 bytes (KSYM_NAME_LEN), and 13
 * of them are the prefix. */
#define NOTES_MAX_NAME 115

/* The most bytes of all values together. Maps can be larger, but a note is for people. */
#define NOTES_MAX_VALUES 65536

/* The most notes of a call; real programs have a few. */
#define NOTES_MAX 256

typedef struct Note {
        char *name;
        char *value;
} Note;

/*
 * The notes in @words (ended by NULL): NAME=VALUE each. A name is letters, digits and _; a value is
 * printable UTF-8, with tabs and newlines, and not empty. An array of Note that the caller owns; or
 * NULL, and one sentence without a full stop in @error.
 */
GArray *notes_parse(char **words, GError **error);

/* The map's value type as BTF, owned by the caller, or NULL: there is no memory. *@section is the
 * type's id. */
struct btf *notes_btf(const GArray *notes, uint32_t *section);

/* The map's value: the values, each ended by a NUL, in order. Owned by the caller. */
GString *notes_bytes(const GArray *notes);

#endif
