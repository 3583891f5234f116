/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "observed.h"

void observed_pins(const Observers *observers, Object *object, GString *out)
{
        observers_append_pins(observers, object->kind->pin, object->id, out);
}
