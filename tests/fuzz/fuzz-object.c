/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as an object file: it is refused with a sentence, or everything that it has is asked
 * for, with what must hold then. */

#include "object-elf.h"
#include "object-maps.h"
#include "object-problems.h"
#include "object.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every text ends in one newline. Only "sources" and "problems" have more lines than one. */
static void check_info(Info *taken)
{
        g_autoptr(Info) info = taken;

        for (uint32_t i = 0; i < info_n(info); i++) {
                const char *text = info_text(info, i);

                g_assert_true(g_utf8_validate(text, -1, NULL));
                g_assert_true(g_str_has_suffix(text, "\n"));
                if (strcmp(info_key(info, i), "sources") != 0 &&
                    strcmp(info_key(info, i), "functions") != 0 &&
                    strcmp(info_key(info, i), "problems") != 0)
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
                g_assert_true(map.global_data ? r == -E2BIG || r == -EINVAL || r == -ENODATA
                                              : r == -ENOENT);
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

/* What may say where a variable is. */
typedef struct Evidence {
        const ObjectElf *elf;
        struct btf *btf;     /* as the file has it */
        GArray *relocations; /* of the section .BTF */
        uint32_t btf_section;
} Evidence;

/* True if the object has a symbol of a variable there, of that name. */
static bool has_symbol(const ObjectElf *elf, const char *name, uint32_t section, uint64_t offset)
{
        for (guint i = 0; i < elf->symbols->len; i++) {
                const ObjectSymbol *symbol = object_elf_symbol(elf, i);

                if (symbol->type == STT_OBJECT && symbol->section == section &&
                    symbol->value == offset && strcmp(symbol->name, name) == 0)
                        return true;
        }
        return false;
}

/* True if a relocation leads there, with one of the numbers that the BTF has for its target. */
static bool has_relocation(const Evidence *evidence, uint32_t section, uint64_t offset)
{
        const ObjectSection *bytes = object_elf_section(evidence->elf, evidence->btf_section);

        for (guint i = 0; i < evidence->relocations->len; i++) {
                const ObjectRelocation *relocation =
                        &g_array_index(evidence->relocations, ObjectRelocation, i);
                const ObjectSymbol *symbol = object_elf_symbol(evidence->elf, relocation->symbol);
                uint32_t addend;

                if (symbol->section != section || bytes->size < sizeof(addend) ||
                    relocation->at.insn > bytes->size - sizeof(addend))
                        continue;
                memcpy(&addend, bytes->bytes + relocation->at.insn, sizeof(addend));
                if (symbol->value + addend == offset ||
                    symbol->value + GUINT32_SWAP_LE_BE(addend) == offset)
                        return true;
        }
        return false;
}

/* True if a DATASEC of the section's name has the variable at that offset. 0 says nothing before a
 * linker was there. */
static bool has_datasec(const Evidence *evidence, uint32_t var, uint32_t section, uint32_t offset)
{
        const ObjectElf *elf = evidence->elf;

        for (uint32_t id = 1; id < btf__type_cnt(evidence->btf); id++) {
                const struct btf_type *type = btf__type_by_id(evidence->btf, id);
                const struct btf_var_secinfo *info = btf_var_secinfos(type);

                if (!btf_is_datasec(type) || (type->size == 0 && offset == 0) ||
                    g_strcmp0(btf__name_by_offset(evidence->btf, type->name_off),
                              object_elf_section(elf, section)->name) != 0)
                        continue;
                for (uint32_t i = 0; i < btf_vlen(type); i++)
                        if (info[i].type == var && info[i].offset == offset)
                                return true;
        }
        return false;
}

/* No variable is read from a place that nothing in the file says it is in. */
static void check_places(const Evidence *evidence, const ObjectBtf *btf, const ObjectMap *map)
{
        const struct btf_type *datasec = btf__type_by_id(btf->btf, map->datasec);
        const struct btf_var_secinfo *info = btf_var_secinfos(datasec);

        g_assert_true(btf_is_datasec(datasec));
        for (uint32_t i = 0; i < btf_vlen(datasec); i++) {
                const char *name = object_btf_name(btf, info[i].type);

                if (info[i].offset == SOURCE_UNKNOWN_OFFSET)
                        continue;
                g_assert_true(has_symbol(evidence->elf, name, map->section, info[i].offset) ||
                              has_relocation(evidence, map->section, info[i].offset) ||
                              has_datasec(evidence, info[i].type, map->section, info[i].offset));
                if (i > 0 && info[i].size > 0 && info[i - 1].size > 0)
                        g_assert_cmpuint(info[i].offset, >=,
                                         (uint64_t)info[i - 1].offset + info[i - 1].size);
        }
}

static void check_all_places(int fd)
{
        g_autoptr(GPtrArray) problems = object_problems_new();
        g_autoptr(ObjectElf) elf = NULL;
        g_autoptr(ObjectBtf) btf = NULL;
        g_autoptr(ObjectMaps) maps = NULL;
        g_autoptr(GArray) relocations = NULL;
        Evidence evidence;
        const ObjectSection *section;

        g_assert_cmpint(object_elf_new(fd, "fuzzed", &elf, NULL), ==, 0);
        btf = object_btf_new(elf, problems);
        maps = object_maps_new(elf, btf, "fuzzed", problems);
        if (!btf->btf)
                return;
        evidence.elf = elf;
        evidence.btf_section = object_elf_section_named(elf, ".BTF");
        relocations = object_elf_relocations_of(elf, evidence.btf_section);
        evidence.relocations = relocations;
        section = object_elf_section(elf, evidence.btf_section);
        evidence.btf = btf__new(section->bytes, section->size);
        for (uint32_t id = 1; id <= maps->maps->len; id++)
                if (object_maps_get(maps, id)->datasec != 0)
                        check_places(&evidence, btf, object_maps_get(maps, id));
        btf__free(evidence.btf);
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
                check_all_places(fd);
        }
        close(fd);
        return 0;
}
