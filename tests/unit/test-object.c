/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Object files as a source: real objects, compiled from tests/bpf, whole and damaged.
 *
 * $OBJECTS is the directory that they have been compiled into.
 */

#include "metadata.h"
#include "object-elf.h"
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void source_free(Source *source)
{
        source->ops->free(source);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)

static char *object_path(const char *file)
{
        const char *directory = g_getenv("OBJECTS");

        g_assert_nonnull(directory);
        return g_build_filename(directory, file, NULL);
}

static GBytes *contents(const char *file)
{
        g_autofree char *path = object_path(file);
        g_autoptr(GError) error = NULL;
        char *bytes;
        gsize size;

        g_file_get_contents(path, &bytes, &size, &error);
        g_assert_no_error(error);
        return g_bytes_new_take(bytes, size);
}

/* A file in memory with these bytes. */
static int memory_file(const void *bytes, size_t size)
{
        int fd = memfd_create("object", MFD_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(pwrite(fd, bytes, size, 0), ==, size);
        return fd;
}

static Source *opened_as(const char *file, const char *name)
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

static Source *opened(const char *file)
{
        return opened_as(file, file);
}

/* What is said of a file that is refused. */
static char *refused_fd(int fd, int number)
{
        g_autoptr(GError) error = NULL;
        Source *source = NULL;

        g_assert_cmpint(object_source_new(fd, "x.o", &source, &error), ==, -number);
        g_assert_null(source);
        g_assert_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(number));
        close(fd);
        return g_strdup(error->message);
}

static char *refused(const void *bytes, size_t size, int number)
{
        return refused_fd(memory_file(bytes, size), number);
}

static uint32_t prog_named(Source *source, const char *name)
{
        for (uint32_t id = 0; source->ops->next_prog(source, id, &id) == 0;) {
                g_auto(SourceProg) prog = { 0 };

                g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
                if (strcmp(prog.name, name) == 0)
                        return id;
        }
        g_assert_not_reached();
}

static char *map_name(Source *source, uint32_t id)
{
        g_auto(SourceMap) map = { 0 };

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        return g_strdup(map.name);
}

static uint32_t map_named(Source *source, const char *name)
{
        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_autofree char *other = map_name(source, id);

                if (strcmp(other, name) == 0)
                        return id;
        }
        g_assert_not_reached();
}

static char *all_progs(Source *source)
{
        GString *names = g_string_new(NULL);

        for (uint32_t id = 0; source->ops->next_prog(source, id, &id) == 0;) {
                g_auto(SourceProg) prog = { 0 };

                g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
                g_string_append_printf(names, "%s%s", names->len ? " " : "", prog.name);
        }
        return g_string_free(names, FALSE);
}

static char *all_maps(Source *source)
{
        GString *names = g_string_new(NULL);

        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_autofree char *name = map_name(source, id);

                g_string_append_printf(names, "%s%s", names->len ? " " : "", name);
        }
        return g_string_free(names, FALSE);
}

/* The names of the program's maps, in their order. */
static char *maps_of(Source *source, const char *prog)
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

static char *prog_info(Source *source, const char *name)
{
        Info *info;

        g_assert_cmpint(source->ops->prog_info(source, prog_named(source, name), false, &info), ==,
                        0);
        return info_text_all(info);
}

static char *map_info(Source *source, const char *name)
{
        Info *info;

        g_assert_cmpint(source->ops->map_info(source, map_named(source, name), false, &info), ==,
                        0);
        return info_text_all(info);
}

/* The variables of a map: "name@offset" each, and "=entry" for metadata. */
static char *variables_of(Source *source, const char *name)
{
        uint32_t id = map_named(source, name);
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

                g_string_append_printf(text, "%s%s@%u", i ? " " : "", variable->name,
                                       variable->offset);
                if (variable->entry)
                        g_string_append_printf(text, "=%s", variable->entry);
        }
        return g_string_free(text, FALSE);
}

/* The bytes of a map as hexadecimal digits. */
static char *bytes_of(Source *source, const char *name)
{
        g_auto(SourceValue) value = { 0 };
        GString *text = g_string_new(NULL);

        g_assert_cmpint(source->ops->map_value(source, map_named(source, name), &value), ==, 0);
        for (size_t i = 0; i < value.size; i++)
                g_string_append_printf(text, "%02x", value.bytes[i]);
        return g_string_free(text, FALSE);
}

/* Asserts that the text, which is freed, is @expected. */
#define assert_text(text, expected)                                                                \
        G_STMT_START                                                                               \
        {                                                                                          \
                g_autofree char *text_ = (text);                                                   \
                g_assert_cmpstr(text_, ==, (expected));                                            \
        }                                                                                          \
        G_STMT_END

#define assert_matches(text, pattern)                                                              \
        G_STMT_START                                                                               \
        {                                                                                          \
                g_autofree char *text_ = (text);                                                   \
                if (!g_pattern_match_simple((pattern), text_))                                     \
                        g_error("'%s' does not match '%s'", text_, (pattern));                     \
        }                                                                                          \
        G_STMT_END

static void test_programs(void)
{
        g_autoptr(Source) source = opened("object-full.bpf.o");

        g_assert_true(source->named);
        assert_text(all_progs(source), "order_through_calls order_through_callback attached");
        assert_matches(prog_info(source, "order_through_calls"), "type: xdp\n"
                                                                 "attach_type: xdp\n"
                                                                 "name: order_through_calls\n"
                                                                 "section: xdp\n"
                                                                 "license: Dual BSD/GPL\n"
                                                                 "gpl_compatible: true\n"
                                                                 "insns: *\n"
                                                                 "sources: */object-full.bpf.c\n"
                                                                 "functions: order_through_calls "
                                                                 "*/object-full.bpf.c:81\n"
                                                                 "visible */object-full.bpf.c:73\n"
                                                                 "deeper */object-full.bpf.c:62\n"
                                                                 "deepest */object-full.bpf.c:55\n"
                                                                 "btf: present\n");
        /* A type without attach types has none, though libbpf's number for that is a type's. */
        assert_matches(prog_info(source, "order_through_callback"),
                       "type: sched_cls\nname: order_through_callback\n*");
        assert_matches(prog_info(source, "attached"),
                       "type: cgroup_skb\nattach_type: cgroup_inet_ingress\n*");
}

static void test_instructions(void)
{
        g_autoptr(Source) source = opened("object-text.bpf.o");

        /* return 0: one to set the result, one to leave. */
        assert_text(all_progs(source), "alone");
        assert_matches(prog_info(source, "alone"),
                       "type: unspec\nname: alone\nsection: .text\ngpl_compatible: false\n"
                       "insns: 2\nsources: */object-text.bpf.c\n"
                       "functions: alone */object-text.bpf.c:*\nbtf: present\n");
}

static void test_absent(void)
{
        g_autoptr(Source) source = opened("object-full.bpf.o");
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        static const uint32_t absent[] = { 0, 4711, UINT32_MAX };

        for (size_t i = 0; i < G_N_ELEMENTS(absent); i++) {
                SourceProg prog;
                SourceMap map;
                SourceValue value;
                Info *info;

                g_assert_cmpint(source->ops->prog(source, absent[i], &prog), ==, -ENOENT);
                g_assert_cmpint(source->ops->prog_maps(source, absent[i], ids), ==, -ENOENT);
                g_assert_cmpint(source->ops->prog_info(source, absent[i], false, &info), ==,
                                -ENOENT);
                g_assert_cmpint(source->ops->map(source, absent[i], &map), ==, -ENOENT);
                g_assert_cmpint(source->ops->map_info(source, absent[i], false, &info), ==,
                                -ENOENT);
                g_assert_cmpint(source->ops->map_value(source, absent[i], &value), ==, -ENOENT);
        }
        g_assert_cmpuint(ids->len, ==, 0);
}

/* What the kernel lists for these programs, see the comments in their source. */
static void assert_order(Source *source, const char *prefix, const char *kconfig)
{
        g_autofree char *calls = g_strdup_printf(
                "%1$s.bss %1$s.rodata .rodata.metadat %1$s.data hash .rodata.str1.1", prefix);
        g_autofree char *callback = g_strdup_printf(
                "inner %2$s.data.own %1$s.rodata .rodata.metadat .rodata.str1.1", prefix, kconfig);
        g_autofree char *attached =
                g_strdup_printf(".rodata.str1.1 outer %s.rodata .rodata.metadat", prefix);

        assert_text(maps_of(source, "order_through_calls"), calls);
        assert_text(maps_of(source, "order_through_callback"), callback);
        assert_text(maps_of(source, "attached"), attached);
}

static void test_order(void)
{
        g_autoptr(Source) little = opened("object-full.bpf.o");
        g_autoptr(Source) big = opened("object-full-eb.bpf.o");
        g_autoptr(Source) bare = opened("object-full-nobtf.bpf.o");

        assert_order(little, "object_f", "object_.kconfig ");
        assert_order(big, "object_f", "object_.kconfig ");
        /* Without BTF nothing says that an extern is a .kconfig variable. */
        assert_order(bare, "object_f", "");
}

static void test_map_names(void)
{
        static const struct {
                const char *file;
                const char *rodata;
                const char *kconfig;
        } names[] = {
                { "a.o", "a.rodata", "a.kconfig" },
                { "/some/where/app.bpf.o", "app.rodata", "app.kconfig" },
                { "longer_than_it_fits.o", "longer_t.rodata", "longer_.kconfig" },
                { "x-y z.o", "x_y_z.rodata", "x_y_z.kconfig" },
                { ".hidden.o", ".rodata", ".kconfig" },
                { "none/", ".rodata", ".kconfig" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(Source) source = opened_as("object-full.bpf.o", names[i].file);

                assert_text(map_name(source, 4), names[i].rodata);
                assert_text(map_name(source, 10), names[i].kconfig);
                assert_text(map_name(source, 5), ".rodata.metadat");
        }
}

static void test_map_definitions(void)
{
        g_autoptr(Source) source = opened("object-full.bpf.o");
        g_autoptr(Source) odd = opened("object-odd.bpf.o");

        /* No map is made of .metadata. */
        assert_text(all_maps(source),
                    "inner outer hash object_f.rodata .rodata.metadat object_f.data .data.own "
                    "object_f.bss .rodata.str1.1 object_.kconfig");
        assert_text(map_info(source, "hash"),
                    "type: hash\nname: hash\nflags: 1\nbytes_key: 8\nbytes_value: 24\n"
                    "max_entries: 1024\nbtf: present\n");
        assert_text(map_info(source, "outer"),
                    "type: hash_of_maps\nname: outer\nflags: 0\nbytes_key: 4\nbytes_value: 4\n"
                    "max_entries: 8\ninner/type: array\ninner/flags: 0\ninner/bytes_key: 4\n"
                    "inner/bytes_value: 8\ninner/max_entries: 2\nbtf: present\n");
        /* Read-only to programs (128), and to be mapped by user space (1024). */
        assert_text(map_info(source, ".rodata.metadat"),
                    "type: array\nname: .rodata.metadat\nflags: 1152\nbytes_key: 4\n"
                    "bytes_value: 10\nmax_entries: 1\nsection: .rodata.metadata\nbtf: present\n");
        /* Its only variable is hidden. */
        assert_matches(map_info(source, ".data.own"), "*\nflags: 0\n*");
        assert_matches(map_info(source, ".rodata.str1.1"), "*\nflags: 128\n*");
        assert_text(map_info(source, "object_.kconfig"),
                    "type: array\nname: object_.kconfig\nflags: 1152\nbytes_key: 4\n"
                    "bytes_value: 5\nmax_entries: 1\nbtf: present\n");

        assert_text(map_info(odd, "everything"),
                    "type: array\nname: everything\nflags: 132\nbytes_key: 4\nbytes_value: 16\n"
                    "max_entries: 3\nmap_extra: 9\nnuma_node: 1\npinning: by_name\n"
                    "btf: present\n");
        assert_text(map_info(odd, "from_the_future"),
                    "type: 4711\nname: from_the_future\nflags: 0\nbytes_key: 0\nbytes_value: 0\n"
                    "max_entries: 1\nbtf: present\n");
        assert_text(bytes_of(odd, ".bss.own"), "00000000");
}

static void assert_map(Source *source, const char *name, bool global_data, bool read_only)
{
        uint32_t id = map_named(source, name);
        g_auto(SourceMap) map = { 0 };
        g_auto(SourceValue) value = { 0 };

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        g_assert_true(map.global_data == global_data);
        g_assert_true(map.rdonly_prog == read_only);
        g_assert_true(map.frozen == read_only);
        g_assert_cmpint(source->ops->map_value(source, id, &value), ==, global_data ? 0 : -ENOENT);
}

static void test_which_are_read_only(void)
{
        g_autoptr(Source) source = opened("object-full.bpf.o");

        assert_map(source, "object_f.rodata", true, true);
        assert_map(source, ".rodata.metadat", true, true);
        assert_map(source, "object_f.data", true, false);
        assert_map(source, "object_f.bss", true, false);
        /* No BTF, no value. */
        assert_map(source, ".rodata.str1.1", false, true);
        assert_map(source, "object_.kconfig", false, true);
        assert_map(source, "hash", false, false);
}

/* What the compiler leaves out of the BTF, offsets and sizes, comes from the symbol table. */
static void assert_variables(Source *source)
{
        assert_text(
                variables_of(source, "object_f.rodata"),
                "bpf_metadata_oncall@0=oncall stamp@12=build bpf_metadata_revision@28=revision");
        assert_text(variables_of(source, ".rodata.metadat"), "oncall@0=oncall");
        assert_text(variables_of(source, "object_f.data"), "limit@0");
        assert_text(bytes_of(source, "object_f.bss"), "00000000");
        assert_text(bytes_of(source, ".rodata.metadat"), "656467652d7465616d00");
}

static void test_variables(void)
{
        g_autoptr(Source) little = opened("object-full.bpf.o");
        g_autoptr(Source) big = opened("object-full-eb.bpf.o");
        g_auto(SourceValue) value = { 0 };

        assert_variables(little);
        assert_variables(big);
        assert_text(bytes_of(little, "object_f.data"), "03000000");
        assert_text(bytes_of(big, "object_f.data"), "00000003");
        g_assert_cmpint(big->ops->map_value(big, map_named(big, "object_f.data"), &value), ==, 0);
        g_assert_true(value.big_endian);
}

static void test_linked(void)
{
        g_autoptr(Source) source = opened("object-linked.bpf.o");

        assert_text(all_progs(source), "program_a program_b");
        assert_text(variables_of(source, "object_l.rodata"),
                    "bpf_metadata_oncall@0=oncall bpf_metadata_part@12=part "
                    "bpf_metadata_part@16=part");
        assert_text(maps_of(source, "program_a"), "object_l.rodata of_a of_b object_l.data");
        assert_text(maps_of(source, "program_b"), "object_l.rodata of_b object_l.data");
        /* The function that it calls was in the other file. */
        assert_matches(prog_info(source, "program_a"),
                       "*\nsources: */object-link-a.bpf.c\n*/object-link-b.bpf.c\n"
                       "functions: program_a */object-link-a.bpf.c:*\n"
                       "* */object-link-b.bpf.c:*\nbtf: present\n");
}

static void test_without_btf(void)
{
        g_autoptr(Source) source = opened("object-full-nobtf.bpf.o");

        assert_text(all_progs(source), "order_through_calls order_through_callback attached");
        assert_matches(prog_info(source, "attached"), "*\ninsns: *\nbtf: none\n");
        assert_matches(map_info(source, "hash"),
                       "type: unknown: the object has no BTF\nname: hash\n*btf: none\n");
        assert_matches(map_info(source, "object_f.rodata"),
                       "type: array\n*bytes_value: 32\n*btf: none\n");
        assert_map(source, "object_f.rodata", false, true);
}

static void test_legacy(void)
{
        g_autoptr(Source) source = opened("object-legacy.bpf.o");

        assert_text(all_maps(source), "second_by_name first_by_name");
        assert_text(maps_of(source, "legacy"), "first_by_name");
        assert_text(map_info(source, "second_by_name"),
                    "type: hash\nname: second_by_name\nflags: 1\nbytes_key: 8\nbytes_value: 24\n"
                    "max_entries: 1024\nbtf: none\n");
        assert_matches(prog_info(source, "legacy"),
                       "type: xdp\nattach_type: xdp\nname: legacy\nsection: xdp\n"
                       "gpl_compatible: false\ninsns: *");
}

static void test_odd(void)
{
        g_autoptr(Source) source = opened("object-odd.bpf.o");

        assert_text(all_progs(source), "odd unknown on_request");
        /* Nothing that a file holds breaks a line or reaches a terminal. */
        assert_matches(prog_info(source, "odd"),
                       "type: *\nname: odd\nsection: xdp/\\x01odd\\\\\n"
                       "license: Proprietary\\x0a\\x1b[31m\ngpl_compatible: false\n*");
        assert_matches(prog_info(source, "unknown"),
                       "type: unspec\nname: unknown\nsection: no/such/type\n*");
        assert_matches(prog_info(source, "on_request"),
                       "type: xdp\nattach_type: xdp\nname: on_request\nsection: ?xdp\n*");
}

/* Who owns the file and when it was written is what its programs show. What becomes of it later is
 * of no consequence. */
static void test_file_is_read_once(void)
{
        g_autoptr(GBytes) bytes = contents("object-full.bpf.o");
        int fd = memory_file(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        static const struct timespec times[2] = { { 1, 2 }, { 1234567890, 123 } };
        g_autoptr(Source) source = NULL;
        g_auto(SourceProg) prog = { 0 };

        g_assert_cmpint(futimens(fd, times), ==, 0);
        g_assert_cmpint(object_source_new(fd, "object-full.bpf.o", &source, NULL), ==, 0);
        g_assert_cmpint(ftruncate(fd, 0), ==, 0);
        close(fd);
        assert_variables(source);
        g_assert_cmpint(source->ops->prog(source, 1, &prog), ==, 0);
        g_assert_cmpint(prog.mtime.tv_sec, ==, 1234567890);
        g_assert_cmpint(prog.mtime.tv_nsec, ==, 123);
        g_assert_cmpint(source->time.tv_sec, ==, 1234567890);
        g_assert_cmpuint(prog.uid, ==, geteuid());
        g_assert_cmpuint(source->uid, ==, geteuid());
}

typedef void (*EditFunc)(Elf_Scn *scn, GElf_Shdr *header);

static void compress(Elf_Scn *scn, GElf_Shdr *header)
{
        g_assert_cmpint(elf_compress(scn, ELFCOMPRESS_ZLIB, ELF_CHF_FORCE), >=, 0);
        g_assert_nonnull(gelf_getshdr(scn, header));
        g_assert_true(header->sh_flags & SHF_COMPRESSED);
}

static void make_huge(Elf_Scn *scn, GElf_Shdr *header)
{
        header->sh_size = SOURCE_MAX_VALUE + 1;
        g_assert_cmpint(gelf_update_shdr(scn, header), !=, 0);
        elf_getdata(scn, NULL)->d_size = header->sh_size;
}

/* A copy of the object in which @edit has changed the section, opened under the object's name. */
static Source *edited(const char *file, const char *section, EditFunc edit)
{
        g_autoptr(GBytes) bytes = contents(file);
        int fd = memory_file(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        Source *source = NULL;
        GElf_Shdr header;
        bool found = false;
        size_t names;
        Elf *elf;

        elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_RDWR, NULL);
        g_assert_nonnull(elf);
        g_assert_cmpint(elf_getshdrstrndx(elf, &names), ==, 0);
        for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
                g_assert_nonnull(gelf_getshdr(scn, &header));
                if (strcmp(elf_strptr(elf, names, header.sh_name), section) != 0)
                        continue;
                edit(scn, &header);
                found = true;
        }
        g_assert_true(found);
        g_assert_cmpint(elf_update(elf, ELF_C_WRITE), >, 0);
        elf_end(elf);
        g_assert_cmpint(object_source_new(fd, file, &source, NULL), ==, 0);
        close(fd);
        return source;
}

static void test_compressed(void)
{
        static const char *const sections[] = { ".BTF", ".BTF.ext", ".symtab", ".strtab" };

        for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
                g_autoptr(Source) little = edited("object-full.bpf.o", sections[i], compress);
                g_autoptr(Source) big = edited("object-full-eb.bpf.o", sections[i], compress);

                assert_variables(little);
                assert_variables(big);
                assert_matches(prog_info(little, "attached"),
                               "*\nsources: */object-full.bpf.c\n"
                               "functions: attached */object-full.bpf.c:94\nbtf: present\n");
                assert_matches(prog_info(big, "attached"),
                               "*\nfunctions: attached */object-full.bpf.c:94\nbtf: present\n");
                assert_order(big, "object_f", "object_.kconfig ");
        }
}

static void test_huge_value(void)
{
        g_autoptr(Source) source = edited("object-full.bpf.o", ".bss", make_huge);
        uint32_t id = map_named(source, "object_f.bss");
        SourceValue value;

        g_assert_cmpint(source->ops->map_value(source, id, &value), ==, -E2BIG);
        assert_matches(map_info(source, "object_f.bss"), "*\nbytes_value: 8388609\n*");
}

static void break_btf(Elf_Scn *scn, GElf_Shdr *header)
{
        memset(elf_getdata(scn, NULL)->d_buf, 0xff, 24);
        elf_flagdata(elf_getdata(scn, NULL), ELF_C_SET, ELF_F_DIRTY);
}

static void test_broken_btf(void)
{
        g_autoptr(Source) source = edited("object-full.bpf.o", ".BTF", break_btf);

        assert_order(source, "object_f", "");
        assert_matches(prog_info(source, "attached"), "*\ninsns: *\nbtf: unreadable\n");
        assert_matches(map_info(source, "hash"),
                       "type: unknown: the object's BTF cannot be read\n*btf: unreadable\n");
}

/* Takes the offset of the only local variable from the BTF, as gcc does. */
static void drop_offset(Elf_Scn *scn, GElf_Shdr *header)
{
        static const uint8_t offset_and_size[] = { 28, 0, 0, 0, 4, 0, 0, 0 };
        Elf_Data *data = elf_getdata(scn, NULL);
        uint8_t *found =
                memmem(data->d_buf, data->d_size, offset_and_size, sizeof(offset_and_size));

        g_assert_nonnull(found);
        *found = 0;
        elf_flagdata(data, ELF_C_SET, ELF_F_DIRTY);
}

static void test_offset_of_local(void)
{
        g_autoptr(Source) source = edited("object-full.bpf.o", ".BTF", drop_offset);

        assert_variables(source);
}

static void test_refused(void)
{
        g_autoptr(GBytes) object = contents("object-legacy.bpf.o");
        gsize size;
        const uint8_t *bytes = g_bytes_get_data(object, &size);
        g_autofree uint8_t *copy = g_malloc(size);
        int fd;

        assert_text(refused("", 0, EINVAL), "'x.o' is empty");
        assert_text(refused("#!/bin/sh\n", 10, ENOEXEC), "'x.o' is not an ELF file");
        assert_text(refused(bytes, 20, ENOEXEC), "'x.o' is a truncated or damaged ELF file");
        assert_text(refused(bytes, size - 1, ENOEXEC),
                    "'x.o' is truncated: its section headers are missing");
        assert_matches(refused_fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), ENOEXEC),
                       "'x.o' is an ELF file for *, not for BPF");
        assert_text(refused_fd(open("/", O_RDONLY | O_CLOEXEC), EINVAL),
                    "'x.o' is not a regular file");
        assert_text(refused_fd(open("/dev/null", O_RDONLY | O_CLOEXEC), EINVAL),
                    "'x.o' is not a regular file");
        assert_matches(refused_fd(-1, EBADF), "'x.o' cannot be read: ?*");

        memcpy(copy, bytes, size);
        copy[G_STRUCT_OFFSET(Elf64_Ehdr, e_type)] = ET_EXEC;
        assert_text(refused(copy, size, ENOEXEC),
                    "'x.o' is an ELF file, but not a relocatable object");

        fd = memory_file(bytes, size);
        g_assert_cmpint(ftruncate(fd, OBJECT_MAX_FILE + 1), ==, 0);
        assert_text(refused_fd(fd, EFBIG), "'x.o' is larger than 64 MiB");
}

/* Asks for everything that a source has. */
static void exhaust(Source *source)
{
        Info *info;

        for (uint32_t id = 0; source->ops->next_prog(source, id, &id) == 0;) {
                g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
                g_auto(SourceProg) prog = { 0 };

                g_assert_cmpint(source->ops->prog(source, id, &prog), ==, 0);
                g_assert_cmpint(source->ops->prog_maps(source, id, ids), ==, 0);
                g_assert_cmpuint(ids->len, ==, prog.n_maps);
                g_assert_cmpint(source->ops->prog_info(source, id, false, &info), ==, 0);
                info_free(info);
        }
        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_auto(SourceMap) map = { 0 };
                g_auto(SourceValue) value = { 0 };

                g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
                g_assert_cmpint(source->ops->map_info(source, id, false, &info), ==, 0);
                info_free(info);
                if (source->ops->map_value(source, id, &value) == 0)
                        g_array_unref(metadata_variables(value.btf, map.datasec));
        }
}

/* Opens damaged bytes: a sentence, or the part that can be read. */
static void survive(const uint8_t *bytes, size_t size)
{
        int fd = memory_file(bytes, size);
        g_autoptr(GError) error = NULL;
        Source *source = NULL;

        if (object_source_new(fd, "x.o", &source, &error) < 0) {
                g_assert_true(g_str_has_prefix(error->message, "'x.o' "));
        } else {
                exhaust(source);
                source_free(source);
        }
        close(fd);
}

static const char *const damaged[] = {
        "object-full.bpf.o",   "object-full-eb.bpf.o", "object-legacy.bpf.o",
        "object-linked.bpf.o", "object-odd.bpf.o",
};

static void test_truncated(void)
{
        for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
                g_autoptr(GBytes) object = contents(damaged[i]);
                gsize size;
                const uint8_t *bytes = g_bytes_get_data(object, &size);

                for (size_t length = 0; length < size; length += length < 256 ? 1 : 61) {
                        g_autofree char *said = NULL;

                        said = refused(bytes, length, length == 0 ? EINVAL : ENOEXEC);
                        g_assert_true(g_str_has_prefix(said, "'x.o' "));
                }
        }
}

/* The section headers are at the end of a compiler's files. Here the bytes in front of them go. */
static void test_holes(void)
{
        for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
                g_autoptr(GBytes) object = contents(damaged[i]);
                gsize size;
                const uint8_t *bytes = g_bytes_get_data(object, &size);
                g_autofree uint8_t *copy = g_malloc(size);

                for (size_t at = 16; at + 64 < size; at += 61) {
                        memcpy(copy, bytes, size);
                        memset(copy + at, 0, 64);
                        survive(copy, size);
                        memset(copy + at, 0xff, 64);
                        survive(copy, size);
                }
        }
}

static void test_flipped(void)
{
        for (size_t i = 0; i < G_N_ELEMENTS(damaged); i++) {
                g_autoptr(GBytes) object = contents(damaged[i]);
                gsize size;
                const uint8_t *bytes = g_bytes_get_data(object, &size);
                g_autofree uint8_t *copy = g_malloc(size);

                memcpy(copy, bytes, size);
                /* Each byte of the small ones; a part of the larger ones, to be done in seconds. */
                for (size_t at = 0; at < size; at += size < 4096 ? 1 : 11) {
                        static const uint8_t flips[] = { 0xff, 0x80, 0x01 };

                        copy[at] ^= flips[at % G_N_ELEMENTS(flips)];
                        survive(copy, size);
                        copy[at] = bytes[at];
                }
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/object/programs", test_programs);
        g_test_add_func("/object/instructions", test_instructions);
        g_test_add_func("/object/absent", test_absent);
        g_test_add_func("/object/order", test_order);
        g_test_add_func("/object/map-names", test_map_names);
        g_test_add_func("/object/map-definitions", test_map_definitions);
        g_test_add_func("/object/which-are-read-only", test_which_are_read_only);
        g_test_add_func("/object/variables", test_variables);
        g_test_add_func("/object/linked", test_linked);
        g_test_add_func("/object/without-btf", test_without_btf);
        g_test_add_func("/object/legacy", test_legacy);
        g_test_add_func("/object/odd", test_odd);
        g_test_add_func("/object/file-is-read-once", test_file_is_read_once);
        g_test_add_func("/object/compressed", test_compressed);
        g_test_add_func("/object/huge-value", test_huge_value);
        g_test_add_func("/object/broken-btf", test_broken_btf);
        g_test_add_func("/object/offset-of-local", test_offset_of_local);
        g_test_add_func("/object/refused", test_refused);
        g_test_add_func("/object/truncated", test_truncated);
        g_test_add_func("/object/holes", test_holes);
        g_test_add_func("/object/flipped", test_flipped);
        return g_test_run();
}
