/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBSERVED_H
#define BPFMETAFS_OBSERVED_H

/*
 * The observed keys (ObservedKey) that objects of several kinds have.
 */

#include "catalog.h"

#include <glib.h>

/* The paths at which the object is pinned. */
void observed_pins(const Observers *observers, Object *object, GString *out);

#endif
