/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "patterns.h"

#include <string.h>

struct Patterns {
        GPtrArray *specs; /* of GPatternSpec */
        bool nothing;
};

Patterns *patterns_new(char *const *words)
{
        Patterns *patterns = g_new0(Patterns, 1);

        patterns->specs = g_ptr_array_new_with_free_func((GDestroyNotify)g_pattern_spec_free);
        patterns->nothing = !*words;
        for (; *words; words++) {
                g_autofree char *word = g_strstrip(g_strdup(*words));

                if (*word)
                        g_ptr_array_add(patterns->specs, g_pattern_spec_new(word));
                else
                        patterns->nothing = true;
        }
        return patterns;
}

void patterns_free(Patterns *patterns)
{
        if (!patterns)
                return;
        g_ptr_array_unref(patterns->specs);
        g_free(patterns);
}

bool patterns_match(const Patterns *patterns, const char *text)
{
        size_t length = strlen(text);

        if (length == 0)
                return patterns->nothing;
        if (!g_utf8_validate(text, length, NULL))
                return false;
        for (guint i = 0; i < patterns->specs->len; i++)
                if (g_pattern_match(patterns->specs->pdata[i], length, text, NULL))
                        return true;
        return false;
}

bool patterns_match_any(const Patterns *patterns, char *const *texts)
{
        if (!*texts)
                return patterns->nothing;
        for (; *texts; texts++)
                if (patterns_match(patterns, *texts))
                        return true;
        return false;
}
