/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fdinfo.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

void fdinfo_close(FdInfoFile *file)
{
        if (file->file >= 0)
                close(file->file);
        *file = FDINFO_NO_FILE;
}

/* False if it can't be opened. */
static bool open_file(FdInfoFile *file, int fd)
{
        char path[64];

        if (file->file >= 0 && file->fd == fd)
                return true;
        fdinfo_close(file);
        g_snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        *file = (FdInfoFile){ open(path, O_RDONLY | O_CLOEXEC), fd };
        return file->file >= 0;
}

void fdinfo_read(FdInfoFile *file, FdInfo *info, int fd)
{
        ssize_t n = -1;

        if (open_file(file, fd))
                n = pread(file->file, info->text + 1, sizeof(info->text) - 2, 0);
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
