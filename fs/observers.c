/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asks the observers. */

#include "observers.h"

bool observers_have_attachments(const Observers *observers)
{
        return observers->attachments != NULL;
}

void observers_add_map(const Observers *observers, uint32_t id)
{
        attachments_add_map(observers->attachments, id);
}

void observers_append_attachments(const Observers *observers, uint32_t id, GString *out)
{
        attachments_append(observers->attachments, id, g_get_monotonic_time(), out);
}

void observers_append_links(const Observers *observers, uint32_t id, GArray *ids)
{
        attachments_links(observers->attachments, id, g_get_monotonic_time(), ids);
}

int observers_link_info(const Observers *observers, uint32_t id, Info **out)
{
        return attachments_link_info(observers->attachments, id, g_get_monotonic_time(), out);
}

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
