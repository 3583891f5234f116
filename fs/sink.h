/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SINK_H
#define BPFMETAFS_SINK_H

/*
 * Takes the text of a value: keeps a window of it, and counts all of it. Bytes that come from
 * others are escaped so that they can do nothing to a terminal.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Counts everything that is put in, and keeps the part in the window. */
typedef struct Sink {
        GString *out;   /* borrowed; may be NULL if the window is empty */
        uint64_t start; /* of the window, in bytes of the whole text */
        uint64_t end;
        uint64_t length; /* of everything that was put in */
} Sink;

/* @len bytes that are fit to be shown. */
void sink_put(Sink *sink, const char *text, size_t len);
void sink_put_string(Sink *sink, const char *text);
void sink_put_format(Sink *sink, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Two lower-case hexadecimal digits for each byte. Costs only as much as the part in the window. */
void sink_put_hex(Sink *sink, const uint8_t *bytes, size_t len);

/* Any bytes: printable UTF-8 and the control characters in @kept stand as they are, a backslash is
 * doubled, and every other byte is \xHH: also those of the two characters at which some readers
 * break lines (U+2028, U+2029). */
void sink_put_escaped(Sink *sink, const uint8_t *text, size_t len, const char *kept);

/* True if the bytes up to the first NUL, or all of them, are at least one character of UTF-8, all
 * of which print, and there are only NULs behind them. Tabs and newlines do not print. */
bool sink_is_text(const uint8_t *bytes, size_t len);

#endif
