/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBSERVERS_H
#define BPFMETAFS_OBSERVERS_H

/*
 * The observers that there are: each answers one question from outside of BPF objects.
 */

#include "attachments.h"
#include "pins.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Borrowed. NULL: nobody looks, and the files that would show it are not there. */
typedef struct Observers {
        Attachments *attachments;
        Pins *pins;
} Observers;

bool observers_have_attachments(const Observers *observers);
/* Tells that there is a map of type struct_ops, see attachments_add_map(). */
void observers_add_map(const Observers *observers, uint32_t id);
/* Appends where the program is attached as of now, as attachments_append() does. */
void observers_append_attachments(const Observers *observers, uint32_t id, GString *out);
/* Appends the ids of the links that run the program (uint32_t), ascending. */
void observers_append_links(const Observers *observers, uint32_t id, GArray *ids);
/* The keys of a link, see attachments_link_info(). 0 or -errno. */
int observers_link_info(const Observers *observers, uint32_t id, Info **out);

bool observers_have_pins(const Observers *observers);
/* Appends where the object is pinned as of now, as pins_append() does. */
void observers_append_pins(const Observers *observers, PinKind kind, uint32_t id, GString *out);

#endif
