/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FLOAT_TEXT_H
#define BPFMETAFS_FLOAT_TEXT_H

/*
 * Floating-point numbers to text: IEEE 754's of 16, 32 and 64 bits.
 *
 * Pure.
 */

#include "sink.h"

#include <stdbool.h>
#include <stdint.h>

/* True if numbers of this many bits can be shown. */
bool float_text_has(unsigned width);

/* Puts the shortest decimal that reads back as the number with these @bits, "inf", "-inf" or "nan".
 */
void float_text_put(Sink *sink, uint64_t bits, unsigned width);

#endif
