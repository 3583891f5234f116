/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asks the observers. */

#include "observers.h"

bool observers_have_pins(const Observers *observers)
{
        return observers->pins != NULL;
}

void observers_append_pins(const Observers *observers, PinKind kind, uint32_t id, GString *out)
{
        /* If it fails, a line says so. */
        pins_update(observers->pins, g_get_monotonic_time());
        pins_append(observers->pins, kind, id, out);
}
