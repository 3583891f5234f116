/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBSERVERS_H
#define BPFMETAFS_OBSERVERS_H

/*
 * The observers that there are: each answers one question from outside of BPF objects.
 */

#include "pins.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Borrowed. NULL: nobody looks, and the files that would show it are not there. */
typedef struct Observers {
        Pins *pins;
} Observers;

bool observers_have_pins(const Observers *observers);
/* Appends where the object is pinned as of now, as pins_append() does. */
void observers_append_pins(const Observers *observers, PinKind kind, uint32_t id, GString *out);

#endif
