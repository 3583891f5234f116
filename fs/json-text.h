/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_JSON_TEXT_H
#define BPFMETAFS_JSON_TEXT_H

/*
 * Texts of files of the tree as JSON.
 *
 * Pure. A file's text is escaped for terminals (text.h), and JSON has escapes of its own: so a
 * string has the bytes for which the text stands, if these are UTF-8, and else the text of the
 * file.
 */

#include "json.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

void json_text(Json *json, const char *text, size_t length);

/* An array of the lines of @text. */
void json_lines(Json *json, const char *text);

/* A string of our own. */
void json_note(Json *json, const char *text);

/* True if JSON writes @text without quotes: it is an integer of any length, "true" or "false". */
bool json_is_literal(const char *text, size_t length);

#endif
