/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TEXT_H
#define BPFMETAFS_TEXT_H

/*
 * Text that others chose (names, paths), for a line of a file or a part of one.
 *
 * Pure. The result stays on its line and sends a terminal nothing but characters.
 */

#include <glib.h>
#include <stddef.h>

/*
 * Appends @text, up to its NUL, to @out. Printable UTF-8 stands as it is, a backslash becomes two,
 * and every other byte \xHH: also those of the two characters at which some readers break lines
 * (U+2028, U+2029). At most four times as many bytes come out as go in.
 */
void text_append(GString *out, const char *text);

/* The same for the @length bytes at @text. They may be any bytes. */
void text_append_bytes(GString *out, const char *text, size_t length);

/* text_append() as a string of the caller's. */
char *text_escape(const char *text);

/* Appends the bytes for which the escaped @text stands. A backslash that begins no escape stands
 * for itself. */
void text_append_unescaped(GString *out, const char *text, size_t length);

#endif
