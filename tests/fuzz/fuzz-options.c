/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any list of options: parsed twice over, as the helper and the daemon do, with what must hold
 * then. */

#include "options.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* To the kernel it is one word: a comma outside of double quotes would begin another. */
static void check_label(const char *label)
{
        bool quoted = false;

        g_assert_nonnull(strstr(label, "context="));
        for (; *label; label++) {
                if (*label == '"')
                        quoted = !quoted;
                g_assert_true(*label != ',' || quoted);
        }
        g_assert_false(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        g_autoptr(Options) options = options_new();
        g_autofree char *list = NULL;
        bool sloppy;

        if (size == 0)
                return 0;
        sloppy = data[0] & 1;
        list = g_strndup((const char *)data + 1, size - 1);
        for (int i = 0; i < 2; i++) {
                g_autoptr(GError) error = NULL;
                bool ok = options_parse(options, list, sloppy, &error);

                g_assert_true(ok == !error);
                if (error) {
                        g_assert_true(error->domain == G_OPTION_ERROR);
                        for (const char *c = error->message; *c; c++)
                                g_assert_true(g_ascii_isprint(*c));
                }
        }
        g_assert_cmpuint(options->mode & ~0777u, ==, 0);
        g_assert_cmpuint(options->uid, !=, (uid_t)-1);
        g_assert_cmpuint(options->gid, !=, (gid_t)-1);
        g_assert_true(options->has_uid == !!(options->given & OPTIONS_UID));
        g_assert_cmpuint(options->mount_options->len, >, 0);
        g_assert_cmpuint(options->labels->len, <=, 4);
        for (guint i = 0; i < options->labels->len; i++)
                check_label(options->labels->pdata[i]);
        g_assert_true(options_remount_flags(options) & MS_RDONLY);
        return 0;
}
