/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where the variables and maps of object files are, and what is said if that can't be told or a
 * loader would refuse it.
 *
 * Most objects are copies of tests/bpf/object-places.bpf.c in which bytes have been changed.
 */

#include "objects.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* An object in memory that is to be changed; its numbers are in this machine's byte order. */
typedef struct Image {
        uint8_t *bytes;
        gsize size;
} Image;

static Image image_of(const char *file)
{
        g_autoptr(GBytes) bytes = contents(file);
        Image image;

        image.bytes = g_bytes_unref_to_data(g_steal_pointer(&bytes), &image.size);
        return image;
}

static Elf64_Shdr *section_at(const Image *image, size_t index)
{
        const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;

        g_assert_cmpuint(index, <, header->e_shnum);
        return (Elf64_Shdr *)(image->bytes + header->e_shoff) + index;
}

static const char *string_at(const Image *image, size_t section, size_t offset)
{
        return (const char *)image->bytes + section_at(image, section)->sh_offset + offset;
}

static Elf64_Shdr *section(const Image *image, const char *name)
{
        const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;

        for (size_t i = 1; i < header->e_shnum; i++) {
                Elf64_Shdr *found = section_at(image, i);

                if (strcmp(string_at(image, header->e_shstrndx, found->sh_name), name) == 0)
                        return found;
        }
        g_error("there is no section %s", name);
}

static Elf64_Sym *symbol(const Image *image, const char *name)
{
        const Elf64_Shdr *table = section(image, ".symtab");
        Elf64_Sym *symbols = (Elf64_Sym *)(image->bytes + table->sh_offset);

        for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++)
                if (strcmp(string_at(image, table->sh_link, symbols[i].st_name), name) == 0)
                        return &symbols[i];
        g_error("there is no symbol %s", name);
}

/* What the BTF has of a variable: in the bytes of the image. */
typedef struct Variable {
        struct btf_type *datasec;
        struct btf_var_secinfo *info;
        struct btf_var *var;
} Variable;

static Variable variable(const Image *image, const char *name)
{
        const Elf64_Shdr *header = section(image, ".BTF");
        uint8_t *bytes = image->bytes + header->sh_offset;
        uint8_t *types = bytes + ((struct btf_header *)bytes)->hdr_len;
        struct btf *btf = btf__new(bytes, header->sh_size);
        const uint8_t *base = (const uint8_t *)btf__type_by_id(btf, 1);
        Variable found = { 0 };

        for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
                const struct btf_type *type = btf__type_by_id(btf, id);

                for (uint32_t i = 0; btf_is_datasec(type) && i < btf_vlen(type); i++) {
                        const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;
                        const struct btf_type *var = btf__type_by_id(btf, info->type);

                        if (strcmp(btf__name_by_offset(btf, var->name_off), name) != 0)
                                continue;
                        found.datasec = (void *)(types + ((const uint8_t *)type - base));
                        found.info = (void *)(types + ((const uint8_t *)info - base));
                        found.var = (void *)(types + ((const uint8_t *)btf_var(var) - base));
                }
        }
        btf__free(btf);
        g_assert_nonnull(found.info);
        return found;
}

/* Takes the relocations of the BTF away, as linkers do, and gcc makes none. */
static void drop_relocations(Image *image)
{
        section(image, ".rel.BTF")->sh_type = SHT_PROGBITS;
}

static void rename_section(Image *image, const char *name, const char *like)
{
        uint32_t other = section(image, like)->sh_name;

        section(image, name)->sh_name = other;
}

static void no_change(Image *image)
{
}

static void no_symbol(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_name = 0;
}

static void undefined_symbol(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_shndx = SHN_UNDEF;
}

static void absolute_symbol(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_shndx = SHN_ABS;
}

static void common_symbol(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_shndx = SHN_COMMON;
}

static void function_symbol(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
}

static void two_global_symbols(Image *image)
{
        drop_relocations(image);
        symbol(image, "counter")->st_name = symbol(image, "bpf_metadata_oncall")->st_name;
}

static void symbol_behind_the_end(Image *image)
{
        drop_relocations(image);
        symbol(image, "bpf_metadata_oncall")->st_value = 1000;
}

static void symbol_too_small(Image *image)
{
        symbol(image, "bpf_metadata_oncall")->st_size = 4;
}

static void relocation_to_nowhere(Image *image)
{
        symbol(image, "bpf_metadata_oncall")->st_shndx = SHN_UNDEF;
}

static void relocation_behind_the_end(Image *image)
{
        variable(image, "bpf_metadata_oncall").info->offset = 1000;
}

static void partly_behind_the_end(Image *image)
{
        variable(image, "bpf_metadata_shard").info->offset += 2;
}

static void is_extern(Image *image)
{
        variable(image, "bpf_metadata_oncall").var->linkage = BTF_VAR_GLOBAL_EXTERN;
}

static void local_without_symbol(Image *image)
{
        drop_relocations(image);
        variable(image, "bpf_metadata_floor").info->offset = 0;
        symbol(image, "bpf_metadata_floor")->st_name = 0;
}

static void two_local_symbols(Image *image)
{
        drop_relocations(image);
        variable(image, "bpf_metadata_floor").info->offset = 0;
        symbol(image, "bpf_metadata_shard")->st_name = symbol(image, "bpf_metadata_floor")->st_name;
}

/* The one symbol may be that of the other variable. */
static void two_variables_of_a_name(Image *image)
{
        local_without_symbol(image);
        symbol(image, "bpf_metadata_shard")->st_name = symbol(image, "LICENSE")->st_name;
        variable(image, "bpf_metadata_shard").info->offset = 0;
}

static void size_less_than_the_type(Image *image)
{
        variable(image, "bpf_metadata_floor").info->size = 2;
}

static void no_size(Image *image)
{
        variable(image, "bpf_metadata_floor").info->size = 0;
}

/* Into the second variable's bytes, and no further. */
static void overlap(Image *image)
{
        variable(image, "bpf_metadata_oncall").info->offset = 4;
}

/* As a linker leaves it, which fills in sizes and offsets. */
static void link_rodata(Image *image)
{
        static const char *const names[] = { "bpf_metadata_oncall", "bpf_metadata_severity",
                                             "bpf_metadata_floor", "bpf_metadata_shard" };

        drop_relocations(image);
        variable(image, names[0]).datasec->size = section(image, ".rodata")->sh_size;
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                variable(image, names[i]).info->offset = symbol(image, names[i])->st_value;
                symbol(image, names[i])->st_name = 0;
        }
}

static void linked_into_two_sections(Image *image)
{
        link_rodata(image);
        rename_section(image, ".data", ".rodata");
}

#define ALL_KNOWN                                                                                  \
        "bpf_metadata_oncall@0=oncall bpf_metadata_severity@12=severity "                          \
        "bpf_metadata_floor@16=floor bpf_metadata_shard@20=shard"
#define NO_ONCALL                                                                                  \
        "bpf_metadata_severity@12=severity bpf_metadata_floor@16=floor "                           \
        "bpf_metadata_shard@20=shard bpf_metadata_oncall@?=oncall"
#define NO_SHARD                                                                                   \
        "bpf_metadata_oncall@0=oncall bpf_metadata_severity@12=severity "                          \
        "bpf_metadata_floor@16=floor bpf_metadata_shard@?=shard"
#define NO_FLOOR                                                                                   \
        "bpf_metadata_oncall@0=oncall bpf_metadata_severity@12=severity "                          \
        "bpf_metadata_shard@20=shard bpf_metadata_floor@?=floor"

static Source *source_of(Image *image)
{
        g_autofree uint8_t *bytes = image->bytes;
        int fd = memory_file(bytes, image->size);
        g_autoptr(GError) error = NULL;
        Source *source = NULL;

        object_source_new(fd, "places.bpf.o", &source, &error);
        g_assert_no_error(error);
        close(fd);
        return source;
}

static char *problems_of(const Source *source)
{
        g_autoptr(GPtrArray) lines = g_ptr_array_new();

        for (guint i = 0; i < source->problems->len; i++)
                g_ptr_array_add(lines, source->problems->pdata[i]);
        g_ptr_array_add(lines, NULL);
        return g_strjoinv("\n", (char **)lines->pdata);
}

static void test_unknown(void)
{
        static const struct {
                void (*edit)(Image *image);
                const char *variables;
                const char *problems;
        } cases[] = {
                { no_change, ALL_KNOWN, "" },
                { drop_relocations, ALL_KNOWN, "" },
                { link_rodata, ALL_KNOWN, "" },
                { no_symbol, NO_ONCALL, "where 'bpf_metadata_oncall' is * can't be told*" },
                { undefined_symbol, NO_ONCALL, "where *" },
                { absolute_symbol, NO_ONCALL, "where *" },
                { common_symbol, NO_ONCALL, "where *" },
                { function_symbol, NO_ONCALL, "where *" },
                { two_global_symbols, NO_ONCALL, "where *" },
                { symbol_behind_the_end, NO_ONCALL, "where *" },
                { symbol_too_small, NO_ONCALL, "where *" },
                { relocation_to_nowhere, NO_ONCALL, "where *" },
                { relocation_behind_the_end, NO_ONCALL, "where *" },
                { partly_behind_the_end, NO_SHARD, "where *" },
                { is_extern, NO_ONCALL, "where *" },
                { local_without_symbol, NO_FLOOR, "where 'bpf_metadata_floor' is *" },
                { two_local_symbols, NO_FLOOR, "where *" },
                { two_variables_of_a_name,
                  "bpf_metadata_oncall@0=oncall bpf_metadata_severity@12=severity "
                  "bpf_metadata_floor@?=floor bpf_metadata_shard@?=shard",
                  "where *" },
                { size_less_than_the_type, NO_FLOOR, "where *" },
                { no_size, NO_FLOOR, "where *" },
                { overlap,
                  "bpf_metadata_floor@16=floor bpf_metadata_shard@20=shard "
                  "bpf_metadata_oncall@?=oncall bpf_metadata_severity@?=severity",
                  "the kernel refuses the BTF of the object: 'bpf_metadata_oncall' and "
                  "'bpf_metadata_severity' overlap" },
                { linked_into_two_sections,
                  "bpf_metadata_oncall@?=oncall bpf_metadata_severity@?=severity "
                  "bpf_metadata_floor@?=floor bpf_metadata_shard@?=shard",
                  "*\nwhere *" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Image image = image_of("object-places.bpf.o");
                g_autoptr(Source) source = NULL;

                cases[i].edit(&image);
                source = source_of(&image);
                assert_text(variables_of(source, "places.rodata"), cases[i].variables);
                assert_matches(problems_of(source), cases[i].problems);
        }
}

static int compare_lines(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All variables of an object: a line "name: variables bytes" for each map, in order. */
static char *everything(Source *source)
{
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        for (uint32_t id = 0; source->ops->next_map(source, id, &id) == 0;) {
                g_autofree char *name = map_name(source, id);
                g_autofree char *variables = variables_of_map(source, id);
                g_autofree char *bytes = bytes_of_map(source, id);

                g_ptr_array_add(lines, g_strdup_printf("%s: %s %s", name, variables, bytes));
        }
        g_ptr_array_sort(lines, compare_lines);
        g_ptr_array_add(lines, NULL);
        return g_strjoinv("\n", (char **)lines->pdata);
}

/* Each variable is read where its symbol is, by its own section. */
static void test_sections_of_one_name(void)
{
        g_autoptr(Source) source = opened("object-places-shared.bpf.o");

        assert_text(everything(source),
                    "object_p.data: counter@0 05000000\n"
                    "object_p.rodata: bpf_metadata_floor@0=floor 03000000\n"
                    "object_p.rodata: bpf_metadata_oncall@0=oncall 6e65742d7465616d00\n"
                    "object_p.rodata: bpf_metadata_severity@0=severity 02000000\n"
                    "object_p.rodata: bpf_metadata_shard@0=shard 04000000");
        assert_matches(problems_of(source),
                       "loaders look for 'bpf_metadata_severity' in the first section '.rodata', "
                       "but it is in another one, '.rodata'\n*");
}

static void test_section_for_each_variable(void)
{
        g_autoptr(Source) source = opened("object-places-split.bpf.o");

        assert_text(everything(source),
                    ".data.counter: counter@0 05000000\n"
                    ".rodata.bpf_met: bpf_metadata_floor@0=floor 03000000\n"
                    ".rodata.bpf_met: bpf_metadata_oncall@0=oncall 6e65742d7465616d00\n"
                    ".rodata.bpf_met: bpf_metadata_severity@0=severity 02000000\n"
                    ".rodata.bpf_met: bpf_metadata_shard@0=shard 04000000");
        assert_matches(problems_of(source),
                       "*libbpf refuses the object: by its BTF 'bpf_metadata_oncall' is in section "
                       "'.rodata', and there is none*");
}

/* Then it is shown somewhere all the same. */
static void test_unknown_in_no_section(void)
{
        Image image = image_of("object-places-split.bpf.o");
        g_autoptr(Source) source = NULL;

        no_symbol(&image);
        source = source_of(&image);
        assert_matches(variables_of(source, ".rodata.bpf_met"), "*bpf_metadata_oncall@?=oncall*");
}

/* The same for code: each program knows its own sources. */
static void test_code_sections_of_one_name(void)
{
        Image image = image_of("object-places.bpf.o");
        g_autoptr(Source) source = NULL;

        rename_section(&image, "tc", "xdp");
        source = source_of(&image);
        assert_matches(prog_info(source, "places"),
                       "*\nsources: */object-places.bpf.c\nfunctions: *\nbtf: *");
        assert_matches(prog_info(source, "other"), "*\nsources: */other.c\nfunctions: *\nbtf: *");
}

/* Symbols that a tool has made local, as objcopy --keep-global-symbol does. */
static void test_localized(void)
{
        Image image = image_of("object-places.bpf.o");
        g_autoptr(Source) source = NULL;

        drop_relocations(&image);
        symbol(&image, "bpf_metadata_oncall")->st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT);
        source = source_of(&image);
        assert_text(variables_of(source, "places.rodata"), ALL_KNOWN);
        assert_text(
                problems_of(source),
                "libbpf refuses the object: 'bpf_metadata_oncall' is global by its BTF, but its "
                "symbol is local");
}

/* Whose symbol is in a section that is called otherwise, as that of a constant that is relocated.
 */
static void test_section_of_another_name(void)
{
        Image image = image_of("object-places.bpf.o");
        const Elf64_Shdr *data = section(&image, ".data");
        g_autoptr(Source) source = NULL;

        symbol(&image, "bpf_metadata_severity")->st_shndx = data - section_at(&image, 0);
        symbol(&image, "bpf_metadata_severity")->st_value = 4;
        section(&image, ".data")->sh_size = 8;
        source = source_of(&image);
        assert_text(variables_of(source, "places.data"),
                    "counter@0 bpf_metadata_severity@4=severity");
        assert_text(problems_of(source), "loaders look for 'bpf_metadata_severity' in section "
                                         "'.rodata', but it is in section '.data'");
}

static void test_refused_parts(void)
{
        static const char *const lines[] = {
                "libbpf refuses the map 'hidden': it is static",
                "libbpf refuses the map 'colourful': its attribute 'colour' is not understood",
                "libbpf refuses the map 'endless': its attribute 'max_entries' is not understood",
                "libbpf refuses the map 'typeless': it has no type",
                "libbpf refuses the map 'old_in_new': its attribute 'type' is not understood",
                "libbpf refuses the map 'number': it is no struct, and no map is defined otherwise",
                "libbpf since 1.0 refuses the maps in section 'maps': define them in '.maps', with "
                "BTF",
                "libbpf since 1.0 refuses the maps in section 'maps/old': define them in '.maps', "
                "with BTF",
                "libbpf refuses the function 'uses_stray': it uses something in section "
                "'.elsewhere' that is in no map",
                "libbpf refuses the program 'hidden_program' in section 'xdp': it is static",
        };
        g_autoptr(Source) source = opened("object-refused.bpf.o");
        g_autofree char *info = prog_info(source, "uses_first");
        g_autofree char *problems = problems_of(source);
        g_autofree char *shown = g_strdup_printf("\nproblems: %s\n", problems);
        g_auto(GStrv) said = g_strsplit(problems, "\n", -1);

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
                if (!g_strv_contains((const char *const *)said, lines[i]))
                        g_error("'%s' is not in '%s'", lines[i], problems);
        g_assert_cmpuint(g_strv_length(said), ==, G_N_ELEMENTS(lines));
        g_assert_true(g_str_has_suffix(info, shown));
}

/* A program has the maps that it uses, and no others. */
static void test_local_maps(void)
{
        g_autoptr(Source) source = opened("object-refused.bpf.o");
        g_autoptr(Source) bare = opened("object-refused-nobtf.bpf.o");

        assert_text(all_progs(source),
                    "uses_first uses_hidden uses_old uses_old_hidden uses_stray");
        assert_text(maps_of(source, "uses_first"), "first");
        assert_text(maps_of(source, "uses_hidden"), "hidden");
        assert_text(maps_of(source, "uses_old"), "old");
        assert_text(maps_of(source, "uses_old_hidden"), "old_hidden");
        assert_text(maps_of(source, "uses_stray"), "");
        assert_matches(map_info(source, "old_hidden"), "type: hash\n*\nmax_entries: 6\n*");
        assert_text(maps_of(bare, "uses_hidden"), "hidden");
        assert_matches(problems_of(bare),
                       "*libbpf refuses the object: no BTF that can be read defines its maps; "
                       "compile it with -g*");
}

static void test_unclear_definitions(void)
{
        g_autoptr(Source) source = opened("object-refused.bpf.o");
        const char *unclear = "unknown: its definition is not understood";
        static const char *const without_type[] = { "typeless", "old_in_new", "number" };
        g_autofree char *endless = g_strdup_printf(
                "type: array\nname: endless\nflags: 0\nbytes_key: 4\nbytes_value: 4\n"
                "max_entries: %s\nbtf: present\n",
                unclear);

        for (size_t i = 0; i < G_N_ELEMENTS(without_type); i++) {
                g_autofree char *expected = g_strdup_printf(
                        "type: %1$s\nname: %2$s\nflags: %1$s\nbytes_key: %1$s\nbytes_value: %1$s\n"
                        "max_entries: %1$s\nbtf: present\n",
                        unclear, without_type[i]);

                assert_text(map_info(source, without_type[i]), expected);
        }
        assert_text(map_info(source, "endless"), endless);
        assert_matches(map_info(source, "colourful"), "type: array\n*\nmax_entries: 3\n*");
}

/* Two BTFs in a row, as a linker leaves them that does not know what they are. */
static void test_more_than_one_btf(void)
{
        Image image = image_of("object-places.bpf.o");
        Elf64_Shdr *header = section(&image, ".BTF");
        gsize old = image.size;
        g_autoptr(Source) source = NULL;

        image.size += 2 * header->sh_size;
        image.bytes = g_realloc(image.bytes, image.size);
        header = section(&image, ".BTF");
        for (int i = 0; i < 2; i++)
                memcpy(image.bytes + old + i * header->sh_size, image.bytes + header->sh_offset,
                       header->sh_size);
        header->sh_offset = old;
        header->sh_size *= 2;
        source = source_of(&image);
        assert_text(variables_of(source, "places.rodata"), ALL_KNOWN);
        assert_matches(problems_of(source),
                       "it has more than one .BTF, and only the first is read*");
}

/* As objcopy --only-keep-debug leaves it. */
static void test_no_code(void)
{
        Image image = image_of("object-places.bpf.o");
        g_autoptr(GError) error = NULL;
        Source *source = NULL;
        int fd;

        section(&image, "xdp")->sh_type = SHT_NOBITS;
        section(&image, "tc")->sh_type = SHT_NOBITS;
        fd = memory_file(image.bytes, image.size);
        g_assert_cmpint(object_source_new(fd, "x.o", &source, &error), ==, -ENOEXEC);
        g_assert_true(g_str_has_prefix(error->message, "'x.o' has no code, only "));
        close(fd);
        g_free(image.bytes);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/object-places/unknown", test_unknown);
        g_test_add_func("/object-places/sections-of-one-name", test_sections_of_one_name);
        g_test_add_func("/object-places/section-for-each-variable", test_section_for_each_variable);
        g_test_add_func("/object-places/unknown-in-no-section", test_unknown_in_no_section);
        g_test_add_func("/object-places/code-sections-of-one-name", test_code_sections_of_one_name);
        g_test_add_func("/object-places/localized", test_localized);
        g_test_add_func("/object-places/section-of-another-name", test_section_of_another_name);
        g_test_add_func("/object-places/refused-parts", test_refused_parts);
        g_test_add_func("/object-places/local-maps", test_local_maps);
        g_test_add_func("/object-places/unclear-definitions", test_unclear_definitions);
        g_test_add_func("/object-places/more-than-one-btf", test_more_than_one_btf);
        g_test_add_func("/object-places/no-code", test_no_code);
        return g_test_run();
}
