/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SINK_H
#define BPFMETAFS_SINK_H

/*
 * Where the text of a value goes: a window of it is kept, and all of it is counted. Bytes that came
 * from others are written so that they can do nothing to a terminal.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Counts all that is put in and keeps what lies in the window. */
typedef struct Sink {
        GString *out;   /* borrowed; may be NULL if the window is empty */
        uint64_t start; /* of the window, in bytes of the whole text */
        uint64_t end;
        uint64_t length; /* of all that was put in */
} Sink;

/* @len bytes that are fit to be shown. */
void sink_put(Sink *sink, const char *text, size_t len);
void sink_put_string(Sink *sink, const char *text);
void sink_put_format(Sink *sink, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Two lower-case hexadecimal digits a byte. Costs only what is in the window. */
void sink_put_hex(Sink *sink, const uint8_t *bytes, size_t len);

/* Any bytes: printable UTF-8, tabs and, unless @one_line, newlines stand as they are, a backslash
 * is doubled, and every other byte is \xHH. */
void sink_put_escaped(Sink *sink, const uint8_t *text, size_t len, bool one_line);

/* True if the bytes up to the first NUL, or all of them, are at least one character of UTF-8, all
 * of which print, and there are only NULs behind them. Tabs and newlines do not print. */
bool sink_is_text(const uint8_t *bytes, size_t len);

#endif
