/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PATTERNS_H
#define BPFMETAFS_PATTERNS_H

/*
 * Patterns; a text has to match one of them.
 *
 * Pure. '*' stands for any text and '?' for one character. A match costs at most the product of the
 * lengths of pattern and text, since GLib's patterns do not go back behind a second '*'.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Patterns Patterns;

/* @words: valid UTF-8, ended by NULL; blanks at the ends of a word do not count. An empty word, or
 * no word at all, matches the empty text. */
Patterns *patterns_new(char *const *words);
void patterns_free(Patterns *patterns);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Patterns, patterns_free)

/* True if @text matches. A text that is not valid UTF-8 never does. */
bool patterns_match(const Patterns *patterns, const char *text);

/* True if one of the texts matches; if there are none, whether the empty text does. Ended by
 * NULL. */
bool patterns_match_any(const Patterns *patterns, char *const *texts);

#endif
