/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The text of mountinfo as an array. */

#include "mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool is_octal(char c)
{
        return c >= '0' && c <= '7';
}

/* The kernel writes blanks, newlines and backslashes as \ooo (mangle(), fs/proc_namespace.c). */
static void unescape(char *text)
{
        char *out = text;

        while (*text) {
                if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) &&
                    is_octal(text[3])) {
                        *out++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
                        text += 4;
                } else {
                        *out++ = *text++;
                }
        }
        *out = '\0';
}

/* The next word of the line; NULL at its end. */
static char *next_word(char **line)
{
        char *word = strsep(line, " ");

        return word && *word ? word : NULL;
}

static bool parse_number(const char *word, uint32_t *number)
{
        return word && g_ascii_isdigit(*word) && (*number = strtoul(word, NULL, 10), true);
}

static bool parse_dev(const char *word, dev_t *dev)
{
        const char *colon = word ? strchr(word, ':') : NULL;
        uint32_t high, low;

        if (!colon || !parse_number(word, &high) || !parse_number(colon + 1, &low))
                return false;
        *dev = makedev(high, low);
        return true;
}

/* Between the path and the type are options, any number of optional fields, and a dash. */
static bool parse_line(char *line, Mount *mount)
{
        char *root, *path, *word;

        if (!parse_number(next_word(&line), &mount->id) ||
            !parse_number(next_word(&line), &mount->parent) ||
            !parse_dev(next_word(&line), &mount->dev))
                return false;
        mount->root = root = next_word(&line);
        mount->path = path = next_word(&line);
        if (!root || !path)
                return false;
        do
                word = next_word(&line);
        while (word && strcmp(word, "-") != 0);
        mount->type = word ? next_word(&line) : NULL;
        unescape(root);
        unescape(path);
        return mount->type && *path == '/';
}

Mounts *mounts_new(char *text)
{
        Mounts *mounts = g_new(Mounts, 1);
        char *rest = text, *line;

        mounts->text = text;
        mounts->all = g_array_new(FALSE, FALSE, sizeof(Mount));
        while ((line = strsep(&rest, "\n"))) {
                Mount mount;

                if (parse_line(line, &mount))
                        g_array_append_val(mounts->all, mount);
        }
        return mounts;
}

void mounts_free(Mounts *mounts)
{
        g_array_unref(mounts->all);
        g_free(mounts->text);
        g_free(mounts);
}

int mounts_read(int fd, Mounts **out)
{
        g_autoptr(GString) text = g_string_new(NULL);
        char part[16384];
        ssize_t n;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        while ((n = read(fd, part, sizeof(part))) > 0) {
                g_string_append_len(text, part, n);
                if (text->len > MOUNTS_MAX_TEXT)
                        return -E2BIG;
        }
        if (n < 0)
                return -errno;
        *out = mounts_new(g_string_free(g_steal_pointer(&text), FALSE));
        return 0;
}

const Mount *mounts_by_id(const Mounts *mounts, uint32_t id)
{
        for (guint i = 0; i < mounts->all->len; i++)
                if (mounts_get(mounts, i)->id == id)
                        return mounts_get(mounts, i);
        return NULL;
}

/* True if a mount on @mount, other than @child, lies over @path or over a directory that leads
 * there. */
static bool is_covered(const Mounts *mounts, const Mount *mount, const Mount *child,
                       const char *path)
{
        for (guint i = 0; i < mounts->all->len; i++) {
                const Mount *other = mounts_get(mounts, i);

                if (other->parent == mount->id && other != mount && other != child &&
                    mounts_below(path, other->path))
                        return true;
        }
        return false;
}

/* No real chain of mounts is this long. The limit ends a circle. */
#define MAX_CHAIN 256

bool mounts_is_reached(const Mounts *mounts, const Mount *mount)
{
        const char *path = mount->path;
        const Mount *child = NULL;

        for (int i = 0; mount && i < MAX_CHAIN; i++) {
                if (is_covered(mounts, mount, child, path))
                        return false;
                child = mount;
                mount = mounts_by_id(mounts, mount->parent);
        }
        return !mount;
}

const char *mounts_below(const char *path, const char *top)
{
        size_t length = strlen(top);

        if (length > 0 && top[length - 1] == '/')
                length--;
        if (strncmp(path, top, length) != 0 || (path[length] != '/' && path[length] != '\0'))
                return NULL;
        path += length;
        return *path == '/' ? path + 1 : path;
}
