/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "mounted.h"

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void mounted_clear(Mounted *mounted)
{
        g_free(mounted->source);
        g_free(mounted->root);
        g_free(mounted->flags);
        g_free(mounted->shared);
}

int mounted_open_proc(void)
{
        return open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void mounted_read(int proc, GString *out)
{
        int fd = openat(proc, "mountinfo", O_RDONLY | O_CLOEXEC);
        char buffer[4096];
        ssize_t length;

        while (fd >= 0 && (length = read(fd, buffer, sizeof(buffer))) > 0)
                g_string_append_len(out, buffer, length);
        if (fd >= 0)
                close(fd);
}

/* A line is "ID PARENT DEV ROOT DIR FLAGS [TAG]... - TYPE SOURCE SHARED", with blanks in the fields
 * as octal escapes. */
int mounted_find(const char *text, const char *dir, Mounted *out)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (guint i = g_strv_length(lines); i-- > 0;) {
                g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
                guint n_words = g_strv_length(words);
                g_autofree char *at = n_words > 6 ? g_strcompress(words[4]) : NULL;
                guint dash = 6;

                if (g_strcmp0(at, dir) != 0)
                        continue;
                while (dash < n_words && strcmp(words[dash], "-") != 0)
                        dash++;
                if (dash + 3 >= n_words || strcmp(words[dash + 1], "fuse.bpfmetafs") != 0)
                        return -ENOENT;
                out->source = g_strcompress(words[dash + 2]);
                out->root = g_strcompress(words[3]);
                out->flags = g_strdup(words[5]);
                out->shared = g_strdup(words[dash + 3]);
                return 0;
        }
        return -ENOENT;
}

char *mounted_fault(const char *text, const char *dir, const char *source)
{
        g_auto(Mounted) mounted = { 0 };
        g_autofree char *shown = NULL, *shown_dir = NULL;

        /* A bind mount may show a part of a tree. */
        if (mounted_find(text, dir, &mounted) < 0 || strcmp(mounted.root, "/") != 0)
                return NULL;
        if (strcmp(mounted.source, source) != 0 &&
            !(command_means_kernel(mounted.source) && command_means_kernel(source)))
                return NULL;
        shown = g_strescape(mounted.source, NULL);
        shown_dir = g_strescape(dir, NULL);
        return g_strdup_printf("'%s' is already mounted on '%s'; to mount it anew, unmount that "
                               "first, with umount",
                               shown, shown_dir);
}
