/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Object files as a source: real objects, compiled from tests/bpf, whole and damaged.
 *
 * $OBJECTS is the directory that they have been compiled into.
 */

#include "objects.h"

#include "metadata.h"
#include "object-elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* @value: what asking for the value returns. Only global data has any. */
static void assert_map(Source *source, const char *name, int value, bool read_only)
{
        uint32_t id = map_named(source, name);
        g_auto(SourceMap) map = { 0 };
        g_auto(SourceValue) bytes = { 0 };

        g_assert_cmpint(source->ops->map(source, id, &map), ==, 0);
        g_assert_true(map.global_data == (value != -ENOENT));
        g_assert_true(map.rdonly_prog == read_only);
        g_assert_true(map.frozen == read_only);
        g_assert_cmpint(source->ops->map_value(source, id, &bytes), ==, value);
}

static void test_which_are_read_only(void)
{
        g_autoptr(Source) source = opened("object-full.bpf.o");

        assert_map(source, "object_f.rodata", 0, true);
        assert_map(source, ".rodata.metadat", 0, true);
        assert_map(source, "object_f.data", 0, false);
        assert_map(source, "object_f.bss", 0, false);
        assert_map(source, ".rodata.str1.1", -ENODATA, true);
        assert_map(source, "object_.kconfig", -ENOENT, true);
        assert_map(source, "hash", -ENOENT, false);
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
        assert_matches(prog_info(source, "attached"),
                       "*\ninsns: *\nbtf: none\nproblems: libbpf refuses the object: no BTF *\n");
        assert_matches(map_info(source, "hash"),
                       "type: unknown: the object has no BTF\nname: hash\n*btf: none\n");
        assert_matches(map_info(source, "object_f.rodata"),
                       "type: array\n*bytes_value: 32\n*btf: none\n");
        assert_map(source, "object_f.rodata", -ENODATA, true);
        assert_map(source, "object_f.bss", -ENODATA, false);
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
        assert_matches(prog_info(source, "attached"),
                       "*\ninsns: *\nbtf: unreadable\nproblems: *\n");
        assert_matches(map_info(source, "hash"),
                       "type: unknown: the object's BTF cannot be read\n*btf: unreadable\n");
        assert_map(source, "object_f.rodata", -EINVAL, true);
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
        "object-full.bpf.o",    "object-full-eb.bpf.o", "object-legacy.bpf.o",
        "object-linked.bpf.o",  "object-odd.bpf.o",     "object-places-shared.bpf.o",
        "object-refused.bpf.o",
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
        g_test_add_func("/object/refused", test_refused);
        g_test_add_func("/object/truncated", test_truncated);
        g_test_add_func("/object/holes", test_holes);
        g_test_add_func("/object/flipped", test_flipped);
        return g_test_run();
}
