/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "records.h"

#include <string.h>

void records_add(Records *records, const void *record, gsize size, const void *bytes, gsize length)
{
        if (records->cut || records->out->len + size + length > records->end) {
                records->cut = true;
                return;
        }
        g_byte_array_append(records->out, record, size);
        if (length > 0)
                g_byte_array_append(records->out, bytes, length);
}

const guint8 *records_next(RecordsRest *rest, void *record, gsize size, const guint32 *length)
{
        const guint8 *bytes;

        if (rest->size < size)
                return NULL;
        memcpy(record, rest->bytes, size);
        if (*length > rest->size - size)
                return NULL;
        bytes = rest->bytes + size;
        rest->bytes = bytes + *length;
        rest->size -= size + *length;
        return bytes;
}
