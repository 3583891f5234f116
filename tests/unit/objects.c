/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the tests of object files have in common. */

#include "objects.h"

#include "metadata.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *object_path(const char *file)
{
        const char *directory = g_getenv("OBJECTS");

        g_assert_nonnull(directory);
        return g_build_filename(directory, file, NULL);
}

GBytes *contents(const char *file)
{
        g_autofree char *path = object_path(file);
        g_autoptr(GError) error = NULL;
        char *bytes;
        gsize size;

        g_file_get_contents(path, &bytes, &size, &error);
        g_assert_no_error(error);
        return g_bytes_new_take(bytes, size);
}

int memory_file(const void *bytes, size_t size)
{
        int fd = memfd_create("object", MFD_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(pwrite(fd, bytes, size, 0), ==, size);
        return fd;
}

Source *opened_as(const char *file, const char *name)
{
        g_autofree char *path = object_path(file);
        g_autoptr(GError) error = NULL;
        Source *source = NULL;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(object_source_new(fd, name, &source, &error), ==, 0);
        g_assert_no_error(error);
        close(fd);
        return source;
}

Source *opened(const char *file)
{
        return opened_as(file, file);
}

uint32_t prog_named(Source *source, const char *name)
{
        for (uint32_t id = 0; source->ops->next_prog(source, id, &id) == 0;) {
                g_auto(SourceProg) prog = { 0 };

                g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
                if (strcmp(prog.name, name) == 0)
                        return id;
        }
        g_assert_not_reached();
}

char *map_name(Source *source, uint32_t id)
{
        g_auto(SourceMap) map = { 0 };

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        return g_strdup(map.name);
}

uint32_t map_named(Source *source, const char *name)
{
        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_autofree char *other = map_name(source, id);

                if (strcmp(other, name) == 0)
                        return id;
        }
        g_assert_not_reached();
}

char *all_progs(Source *source)
{
        GString *names = g_string_new(NULL);

        for (uint32_t id = 0; source->ops->next_prog(source, id, &id) == 0;) {
                g_auto(SourceProg) prog = { 0 };

                g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
                g_string_append_printf(names, "%s%s", names->len ? " " : "", prog.name);
        }
        return g_string_free(names, FALSE);
}

char *all_maps(Source *source)
{
        GString *names = g_string_new(NULL);

        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_autofree char *name = map_name(source, id);

                g_string_append_printf(names, "%s%s", names->len ? " " : "", name);
        }
        return g_string_free(names, FALSE);
}

char *maps_of(Source *source, const char *prog)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GString *names = g_string_new(NULL);

        g_assert_cmpint(source->ops->prog_maps(source, prog_named(source, prog), ids), ==, 0);
        for (guint i = 0; i < ids->len; i++) {
                g_autofree char *name = map_name(source, g_array_index(ids, uint32_t, i));

                g_string_append_printf(names, "%s%s", i ? " " : "", name);
        }
        return g_string_free(names, FALSE);
}

/* All of an info directory: a line "key: value" for each line of each file. */
static char *info_text_all(Info *taken)
{
        g_autoptr(Info) info = taken;
        GString *text = g_string_new(NULL);

        for (uint32_t i = 0; i < info_n(info); i++)
                g_string_append_printf(text, "%s: %s", info_key(info, i), info_text(info, i));
        return g_string_free(text, FALSE);
}

char *prog_info(Source *source, const char *name)
{
        Info *info;

        g_assert_cmpint(source->ops->prog_info(source, prog_named(source, name), false, &info), ==,
                        0);
        return info_text_all(info);
}

char *map_info(Source *source, const char *name)
{
        Info *info;

        g_assert_cmpint(source->ops->map_info(source, map_named(source, name), false, &info), ==,
                        0);
        return info_text_all(info);
}

char *variables_of_map(Source *source, uint32_t id)
{
        GString *text = g_string_new(NULL);
        g_auto(SourceMap) map = { 0 };
        g_auto(SourceValue) value = { 0 };
        g_autoptr(GArray) variables = NULL;

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        g_assert_true(map.global_data);
        g_assert_cmpint(source->ops->map_value(source, id, &value), ==, 0);
        g_assert_cmpuint(value.size, ==, map.value_size);
        variables = metadata_variables(value.btf, map.datasec);
        for (guint i = 0; i < variables->len; i++) {
                const MetadataVariable *variable = &g_array_index(variables, MetadataVariable, i);

                g_string_append_printf(text, "%s%s@", i ? " " : "", variable->name);
                if (variable->offset == SOURCE_UNKNOWN_OFFSET)
                        g_string_append_c(text, '?');
                else
                        g_string_append_printf(text, "%u", variable->offset);
                if (variable->entry)
                        g_string_append_printf(text, "=%s", variable->entry);
        }
        return g_string_free(text, FALSE);
}

char *variables_of(Source *source, const char *name)
{
        return variables_of_map(source, map_named(source, name));
}

char *bytes_of_map(Source *source, uint32_t id)
{
        g_auto(SourceValue) value = { 0 };
        GString *text = g_string_new(NULL);

        g_assert_cmpint(source->ops->map_value(source, id, &value), ==, 0);
        for (size_t i = 0; i < value.size; i++)
                g_string_append_printf(text, "%02x", value.bytes[i]);
        return g_string_free(text, FALSE);
}

char *bytes_of(Source *source, const char *name)
{
        return bytes_of_map(source, map_named(source, name));
}
