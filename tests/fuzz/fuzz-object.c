/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as an object file: it is refused with a sentence, or everything that it has is asked
 * for, with what must hold then. */

#include "object.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every text ends in one newline. Only "sources" has more lines than one. */
static void check_info(Info *taken)
{
        g_autoptr(Info) info = taken;

        for (uint32_t i = 0; i < info_n(info); i++) {
                const char *text = info_text(info, i);

                g_assert_true(g_utf8_validate(text, -1, NULL));
                g_assert_true(g_str_has_suffix(text, "\n"));
                if (strcmp(info_key(info, i), "sources") != 0)
                        g_assert_true(strchr(text, '\n')[1] == '\0');
        }
}

static void check_map(Source *source, uint32_t id)
{
        g_auto(SourceMap) map = { 0 };
        g_auto(SourceValue) value = { 0 };
        Info *info;
        int r;

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        g_assert_nonnull(map.name);
        g_assert_cmpint(source->ops->map_info(source, id, false, &info), ==, 0);
        check_info(info);
        g_assert_cmpint(source->ops->map_info(source, id, true, &info), ==, 0);
        check_info(info);
        r = source->ops->map_value(source, id, &value);
        if (r < 0) {
                g_assert_true(r == (map.global_data ? -E2BIG : -ENOENT));
                return;
        }
        g_assert_true(map.global_data);
        g_assert_cmpuint(value.size, ==, map.value_size);
        g_assert_nonnull(btf__type_by_id(value.btf, map.datasec));
        for (size_t i = 0; i < value.size; i++)
                ((volatile uint8_t *)value.bytes)[i] ^= 1;
}

static void check_prog(Source *source, uint32_t id)
{
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_auto(SourceProg) prog = { 0 };
        g_auto(SourceMap) map = { 0 };
        Info *info;

        g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
        g_assert_nonnull(prog.name);
        g_assert_cmpint(source->ops->prog_maps(source, id, ids), ==, 0);
        g_assert_cmpuint(ids->len, ==, prog.n_maps);
        for (guint i = 0; i < ids->len; i++) {
                uint32_t one = g_array_index(ids, uint32_t, i);

                g_assert_cmpint(source->ops->map(source, one, &map), ==, 0);
                source_map_clear(&map);
                for (guint j = 0; j < i; j++)
                        g_assert_true(g_array_index(ids, uint32_t, j) != one);
        }
        g_assert_cmpint(source->ops->prog_info(source, id, false, &info), ==, 0);
        check_info(info);
        g_assert_cmpint(source->ops->prog_info(source, id, true, &info), ==, 0);
        check_info(info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        g_autoptr(GError) error = NULL;
        int fd = memfd_create("object", MFD_CLOEXEC);
        Source *source = NULL;
        uint32_t id;

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, data, size), ==, size);
        if (object_source_new(fd, "a/fuzzed.bpf.o", &source, &error) < 0) {
                g_assert_true(g_str_has_prefix(error->message, "'a/fuzzed.bpf.o' "));
                g_assert_null(source);
        } else {
                g_assert_no_error(error);
                for (id = 0; source->ops->next_prog(source, id, &id) == 0;)
                        check_prog(source, id);
                for (id = 0; source->ops->next_map(source, id, &id) == 0;)
                        check_map(source, id);
                source->ops->free(source);
        }
        close(fd);
        return 0;
}
