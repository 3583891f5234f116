/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The reasons for which a loader would refuse an object file. */

#include "object-problems.h"

#include "text.h"

GPtrArray *object_problems_new(void)
{
        return g_ptr_array_new_with_free_func(g_free);
}

void object_problems_add(GPtrArray *problems, const char *format, ...)
{
        g_autoptr(GString) line = g_string_new(NULL);
        g_autofree char *text = NULL;
        va_list args;

        if (problems->len > OBJECT_MAX_PROBLEMS)
                return;
        if (problems->len == OBJECT_MAX_PROBLEMS) {
                g_ptr_array_add(problems, g_strdup("..."));
                return;
        }
        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        text_append(line, text);
        g_ptr_array_add(problems, g_strdup(line->str));
}
