/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "room.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Since Linux 5.14; unknown to older headers. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void room_reserve(GString *text, gsize more)
{
        gsize length = text->len;

        g_string_set_size(text, length + more);
        g_string_truncate(text, length);
}

void room_make(GString *text, gsize more)
{
        uintptr_t page = sysconf(_SC_PAGESIZE), start, end;
        gsize length = text->len;

        room_reserve(text, more);
        start = ((uintptr_t)text->str + length + page - 1) & ~(page - 1);
        end = ((uintptr_t)text->str + length + more) & ~(page - 1);
        /* Without it the pages come one by one. */
        if (start < end)
                madvise((void *)start, end - start, MADV_POPULATE_WRITE);
}
