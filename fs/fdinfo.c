/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "fdinfo.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

void fdinfo_read(FdInfo *info, int fd)
{
        char path[64];
        ssize_t n = -1;
        int file;

        g_snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        file = open(path, O_RDONLY | O_CLOEXEC);
        info->text[0] = '\n';
        if (file >= 0) {
                n = read(file, info->text + 1, sizeof(info->text) - 2);
                close(file);
        }
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
