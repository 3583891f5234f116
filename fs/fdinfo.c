/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fdinfo.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

void fdinfo_init(FdInfoFiles *files, unsigned n)
{
        files->n = n;
        for (guint i = 0; i < n; i++)
                files->files[i].file = files->files[i].fd = -1;
}

void fdinfo_close(FdInfoFiles *files)
{
        for (guint i = 0; i < files->n; i++)
                if (files->files[i].file >= 0)
                        close(files->files[i].file);
        fdinfo_init(files, files->n);
}

/* The file of @fd, which stays open; below 0: it can't be opened. */
static int open_file(FdInfoFiles *files, int fd)
{
        guint at = (guint)fd % files->n;
        char path[64];

        if (files->files[at].file >= 0 && files->files[at].fd == fd)
                return files->files[at].file;
        if (files->files[at].file >= 0)
                close(files->files[at].file);
        g_snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        files->files[at].file = open(path, O_RDONLY | O_CLOEXEC);
        files->files[at].fd = fd;
        return files->files[at].file;
}

void fdinfo_read(FdInfoFiles *files, FdInfo *info, int fd)
{
        int file = open_file(files, fd);
        ssize_t n = -1;

        if (file >= 0)
                n = pread(file, info->text + 1, sizeof(info->text) - 2, 0);
        info->text[0] = '\n';
        info->text[n > 0 ? n + 1 : 1] = '\0';
}

void fdinfo_clear(FdInfo *info)
{
        info->text[0] = '\0';
}

bool fdinfo_get(const FdInfo *info, const char *key, uint64_t *value)
{
        char line[64];
        const char *at;

        g_snprintf(line, sizeof(line), "\n%s:", key);
        at = strstr(info->text, line);
        if (!at)
                return false;
        *value = g_ascii_strtoull(at + strlen(line), NULL, 10);
        return true;
}
