/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "rules-files.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".rules"

static bool fail(const char *path, const char *why, GError **error)
{
        g_autofree char *shown = text_escape(path);

        g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_NOT_FOUND,
                    "the rules '%s' cannot be read: %s", shown, why);
        return false;
}

/* We read one byte more than rules may have, to notice when there are too many. */
static bool read_all(int fd, GString *text)
{
        char buffer[4096];
        ssize_t n = 1;

        while (text->len <= RULES_MAX_TEXT && n > 0) {
                n = TEMP_FAILURE_RETRY(read(fd, buffer, sizeof(buffer)));
                if (n > 0)
                        g_string_append_len(text, buffer, n);
        }
        return n >= 0;
}

/* A read of a pipe or a device could block, or never end. */
static bool add_file(Rules *rules, const char *path, GError **error)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        g_autoptr(GString) text = g_string_new(NULL);
        struct stat attr;
        bool regular, read;
        int number;

        if (fd < 0)
                return fail(path, g_strerror(errno), error);
        regular = fstat(fd, &attr) == 0 && S_ISREG(attr.st_mode);
        read = regular && read_all(fd, text);
        number = errno;
        close(fd);
        if (!regular)
                return fail(path, "it is not a regular file", error);
        if (!read)
                return fail(path, g_strerror(number), error);
        return rules_add(rules, path, text->str, text->len, error);
}

static int compare(gconstpointer a, gconstpointer b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths of the files of @directory, in order. */
static GPtrArray *list(GDir *directory, const char *path)
{
        GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
        const char *name;

        while ((name = g_dir_read_name(directory)))
                if (*name != '.' && g_str_has_suffix(name, SUFFIX))
                        g_ptr_array_add(paths, g_build_filename(path, name, NULL));
        g_ptr_array_sort(paths, compare);
        return paths;
}

static bool add_directory(Rules *rules, const char *path, GError **error)
{
        g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
        g_autoptr(GPtrArray) paths = NULL;

        if (!directory)
                return fail(path, g_strerror(errno), error);
        paths = list(directory, path);
        if (paths->len > RULES_MAX_FILES)
                return fail(path, "the directory has more than 256 files of rules", error);
        for (guint i = 0; i < paths->len; i++)
                if (!add_file(rules, paths->pdata[i], error))
                        return false;
        return true;
}

Rules *rules_load(const char *path, NamesReserved reserved, GError **error)
{
        g_autoptr(Rules) rules = rules_new(reserved);
        g_autofree char *absolute = g_canonicalize_filename(path, NULL);
        bool ok = g_file_test(absolute, G_FILE_TEST_IS_DIR) ? add_directory(rules, absolute, error)
                                                            : add_file(rules, absolute, error);

        return ok ? g_steal_pointer(&rules) : NULL;
}
