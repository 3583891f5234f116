/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "title.h"

#include <glib.h>
#include <string.h>
#include <sys/prctl.h>

void title_set(char **arguments, const char *name)
{
        char *start = arguments ? arguments[0] : NULL;
        size_t room = 0;

        prctl(PR_SET_NAME, name, 0, 0, 0);
        /* The arguments lie one behind the other, but getopt(3) has changed the order of the
         * pointers to them. */
        for (char **at = arguments; at && *at; at++) {
                start = MIN(start, *at);
                room += strlen(*at) + 1;
        }
        if (room < 2)
                return;
        /* If the last byte is not 0, the kernel takes them for one string (get_mm_proctitle(),
         * fs/proc/base.c). */
        memset(start, 0, room - 1);
        memcpy(start, name, MIN(strlen(name), room - 2));
        start[room - 1] = ' ';
}
