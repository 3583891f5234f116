/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TEXT_H
#define BPFMETAFS_TEXT_H

/*
 * Names that others chose, as a part of a line.
 *
 * Pure. The rules are those of texts in values (value.h): what prints in UTF-8 and the tab stand as
 * they are, a backslash is "\\", any other byte is "\xHH".
 */

#include <glib.h>

/* Appends @text, up to its NUL, to @out. */
void text_append(GString *out, const char *text);

/* The same as a string of the caller's. */
char *text_escape(const char *text);

#endif
