/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_TEXT_H
#define BPFMETAFS_LOG_TEXT_H

/*
 * Lines of the log of loads: pairs KEY=VALUE with blanks between.
 *
 * Pure. Values are others' text. Whatever bytes one has, the line stays one line, and the next pair
 * begins behind the next blank that is not between quotes: a value that is empty or has a blank or
 * an equals sign stands in double quotes, and a quote in it is \x22.
 */

#include <glib.h>
#include <stdint.h>

/* The most bytes of a value that are shown; "..." stands for the rest. Some receivers cut a line
 * behind 1024 bytes. */
#define LOG_TEXT_MAX_VALUE 180u

/* Appends a pair, with a blank before it unless @out is empty. @text is that of a file of the tree:
 * it is escaped (text.h), but for tabs and newlines, and a newline at its end is not part of the
 * value. NULL: nothing is appended. */
void log_text_add(GString *out, const char *key, const char *text);

void log_text_add_number(GString *out, const char *key, uint64_t number);

/* Nanoseconds as seconds, with three decimals. */
void log_text_add_seconds(GString *out, const char *key, uint64_t nanoseconds);

#endif
