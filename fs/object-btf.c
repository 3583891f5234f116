/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The BTF of an object file.
 *
 * Types are changed through pointers into our own copy of the BTF, as libbpf does: there is no
 * interface for it.
 */

#include "object-btf.h"

#include <elf.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* libbpf's parser takes it for granted that types are aligned. */
static bool is_parsable(const ObjectSection *section)
{
        uint16_t magic;
        uint32_t length;

        if (section->size < sizeof(struct btf_header) || section->size > OBJECT_MAX_BTF)
                return false;
        memcpy(&magic, section->bytes, sizeof(magic));
        memcpy(&length, section->bytes + offsetof(struct btf_header, hdr_len), sizeof(length));
        if (magic != BTF_MAGIC)
                length = GUINT32_SWAP_LE_BE(length);
        return length >= sizeof(struct btf_header) && length % sizeof(uint32_t) == 0;
}

/* The name in the BTF's strings, or "" if there is none that can be used. */
static const char *name_at(const ObjectBtf *btf, uint32_t offset)
{
        return object_usable_name(btf__name_by_offset(btf->btf, offset));
}

/* The type @id if it is a variable; NULL if not. */
static struct btf_type *variable(const ObjectBtf *btf, uint32_t id)
{
        struct btf_type *type = (struct btf_type *)btf__type_by_id(btf->btf, id);

        return type && btf_is_var(type) ? type : NULL;
}

/* The variables of the symbol table: const char * to index. Of global ones the first of a name; of
 * local ones only those whose name no other has, with index 0, that of no symbol, for the others.
 */
static GHashTable *index_variables(const ObjectElf *elf, bool local)
{
        GHashTable *index = g_hash_table_new(g_str_hash, g_str_equal);

        for (guint i = 0; i < elf->symbols->len; i++) {
                const ObjectSymbol *symbol = object_elf_symbol(elf, i);

                if (symbol->type != STT_OBJECT || (symbol->bind == STB_LOCAL) != local)
                        continue;
                if (!g_hash_table_contains(index, symbol->name))
                        g_hash_table_insert(index, (char *)symbol->name, GSIZE_TO_POINTER(i));
                else if (local)
                        g_hash_table_insert(index, (char *)symbol->name, NULL);
        }
        return index;
}

typedef struct Variables {
        GHashTable *global;
        GHashTable *local;
} Variables;

/* Fills in what compilers leave zero: the size of a section, and the offsets of its variables,
 * which the symbol table has. Clang does so only for global variables, and libbpf only knows these;
 * gcc for all. */
static void complete(const ObjectBtf *btf, const ObjectElf *elf, const Variables *variables,
                     struct btf_type *datasec)
{
        uint32_t section = object_elf_section_named(elf, name_at(btf, datasec->name_off));
        struct btf_var_secinfo *var = btf_var_secinfos(datasec);
        bool offsets = datasec->size == 0;

        if (section == 0)
                return;
        if (offsets)
                datasec->size = MIN(object_elf_section(elf, section)->size, UINT32_MAX);
        for (uint32_t i = 0; i < btf_vlen(datasec); i++, var++) {
                struct btf_type *type = variable(btf, var->type);
                bool local = type && btf_var(type)->linkage == BTF_VAR_STATIC;
                const ObjectSymbol *symbol;
                uint32_t index;

                if (!type || btf_var(type)->linkage == BTF_VAR_GLOBAL_EXTERN ||
                    (local && var->offset != 0))
                        continue;
                index = GPOINTER_TO_SIZE(
                        g_hash_table_lookup(local ? variables->local : variables->global,
                                            name_at(btf, type->name_off)));
                if (index == 0)
                        continue;
                symbol = object_elf_symbol(elf, index);
                if (symbol->section != section)
                        continue;
                if (offsets)
                        var->offset = MIN(symbol->value, UINT32_MAX);
                /* A hidden variable is the object's own: user space is not to map it. */
                if (symbol->visibility == STV_HIDDEN || symbol->visibility == STV_INTERNAL)
                        btf_var(type)->linkage = BTF_VAR_STATIC;
        }
}

static int compare_offsets(const void *a, const void *b)
{
        const struct btf_var_secinfo *x = a, *y = b;

        if (x->offset != y->offset)
                return x->offset < y->offset ? -1 : 1;
        return x->type < y->type ? -1 : x->type > y->type;
}

static void read_datasecs(ObjectBtf *btf, const ObjectElf *elf)
{
        g_autoptr(GHashTable) global = index_variables(elf, false);
        g_autoptr(GHashTable) local = index_variables(elf, true);
        const Variables variables = { .global = global, .local = local };

        for (uint32_t id = 1; id < btf__type_cnt(btf->btf); id++) {
                struct btf_type *type = (struct btf_type *)btf__type_by_id(btf->btf, id);
                const char *name;

                if (!btf_is_datasec(type))
                        continue;
                name = name_at(btf, type->name_off);
                if (!g_hash_table_contains(btf->datasec_by_name, name))
                        g_hash_table_insert(btf->datasec_by_name, (char *)name,
                                            GSIZE_TO_POINTER(id));
                /* The variables of these two are in the kernel. */
                if (strcmp(name, ".kconfig") != 0 && strcmp(name, ".ksyms") != 0)
                        complete(btf, elf, &variables, type);
                qsort(btf_var_secinfos(type), btf_vlen(type), sizeof(struct btf_var_secinfo),
                      compare_offsets);
        }
}

static void read_btf(ObjectBtf *btf, const ObjectElf *elf)
{
        uint32_t index = object_elf_section_named(elf, ".BTF");
        const ObjectSection *section = object_elf_section(elf, index);

        if (index == 0)
                return;
        btf->broken = true;
        if (section->type != SHT_PROGBITS || !section->bytes || !is_parsable(section))
                return;
        btf->btf = btf__new(section->bytes, section->size);
        if (!btf->btf)
                return;
        btf->broken = false;
        btf__set_pointer_size(btf->btf, 8);
        read_datasecs(btf, elf);
}

/* A number of .BTF.ext, which has a byte order of its own. */
static uint32_t get32(const uint8_t *bytes, bool swapped)
{
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return swapped ? GUINT32_SWAP_LE_BE(value) : value;
}

/* Appends the line records of one section: @n of them, @size bytes each. */
static void read_records(GArray *lines, const uint8_t *bytes, uint32_t n, uint32_t size,
                         bool swapped, uint32_t section)
{
        for (uint32_t i = 0; i < n; i++, bytes += size) {
                ObjectLine line = {
                        .at = { .section = section,
                                .insn = get32(bytes, swapped) / OBJECT_INSN_SIZE,
                                .order = lines->len },
                        .file = get32(bytes + 4, swapped),
                        .line = BPF_LINE_INFO_LINE_NUM(get32(bytes + 12, swapped)),
                };

                g_array_append_val(lines, line);
        }
}

/*
 * Reads the line records of .BTF.ext (Documentation/bpf/btf.rst, "4.2 .BTF.ext section"): a header
 * of 16-bit magic, 8-bit version and flags, and 32-bit numbers - its length, offset and length of
 * the function records, the same of the line records - then for each section the offset of its
 * name, the number of its records, and these, which begin with the instruction's offset, the names
 * of the file and of the line's text, and a number for line and column.
 */
static void read_lines(ObjectBtf *btf, const ObjectElf *elf)
{
        enum { header_size = 24, section_size = 8, record_size = 16 };
        uint32_t index = object_elf_section_named(elf, ".BTF.ext");
        const ObjectSection *section = object_elf_section(elf, index);
        const uint8_t *bytes = section->bytes;
        uint64_t start, end;
        uint32_t size;
        uint16_t magic;
        bool swapped;

        if (!btf->btf || index == 0 || !bytes || section->size < header_size)
                return;
        memcpy(&magic, bytes, sizeof(magic));
        swapped = magic == GUINT16_SWAP_LE_BE(BTF_MAGIC);
        if (magic != BTF_MAGIC && !swapped)
                return;
        start = (uint64_t)get32(bytes + 4, swapped) + get32(bytes + 16, swapped);
        end = start + get32(bytes + 20, swapped);
        if (end > section->size || end - start < sizeof(size))
                return;
        size = get32(bytes + start, swapped);
        if (size < record_size)
                return;
        for (start += sizeof(size); end - start >= section_size;) {
                const char *name = name_at(btf, get32(bytes + start, swapped));
                uint32_t n = get32(bytes + start + 4, swapped);
                uint32_t target = object_elf_section_named(elf, name);

                start += section_size;
                if ((end - start) / size < n)
                        break;
                if (target != 0)
                        read_records(btf->lines, bytes + start, n, size, swapped, target);
                start += (uint64_t)n * size;
        }
        g_array_sort(btf->lines, object_place_compare);
}

ObjectBtf *object_btf_new(const ObjectElf *elf)
{
        ObjectBtf *btf = g_new0(ObjectBtf, 1);

        btf->datasec_by_name = g_hash_table_new(g_str_hash, g_str_equal);
        btf->lines = g_array_new(FALSE, FALSE, sizeof(ObjectLine));
        read_btf(btf, elf);
        read_lines(btf, elf);
        return btf;
}

void object_btf_free(ObjectBtf *btf)
{
        g_array_unref(btf->lines);
        g_hash_table_unref(btf->datasec_by_name);
        btf__free(btf->btf);
        g_free(btf);
}

uint32_t object_btf_datasec(const ObjectBtf *btf, const char *name)
{
        return GPOINTER_TO_SIZE(g_hash_table_lookup(btf->datasec_by_name, name));
}

void object_btf_foreach_variable(const ObjectBtf *btf, uint32_t datasec, ObjectVariableFunc func,
                                 void *data)
{
        const struct btf_type *section = btf__type_by_id(btf->btf, datasec);
        const struct btf_var_secinfo *var = btf_var_secinfos(section);

        for (uint32_t i = 0; i < btf_vlen(section); i++, var++) {
                const struct btf_type *type = variable(btf, var->type);

                if (type)
                        func(name_at(btf, type->name_off), type->type, var->offset, data);
        }
}

bool object_btf_has_global(const ObjectBtf *btf, uint32_t datasec)
{
        const struct btf_type *section = btf__type_by_id(btf->btf, datasec);
        const struct btf_var_secinfo *var = btf_var_secinfos(section);

        for (uint32_t i = 0; i < btf_vlen(section); i++, var++) {
                const struct btf_type *type = variable(btf, var->type);

                if (type && btf_var(type)->linkage != BTF_VAR_STATIC)
                        return true;
        }
        return false;
}

const struct btf_type *object_btf_resolve(const ObjectBtf *btf, uint32_t id)
{
        int resolved = btf__resolve_type(btf->btf, id);

        return resolved < 0 ? NULL : btf__type_by_id(btf->btf, resolved);
}

/* The number in a definition's member that __uint() of bpf_helpers.h declares: a pointer to an
 * array of as many elements. */
static bool member_number(const ObjectBtf *btf, const struct btf_member *member, uint32_t *number)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);

        type = type && btf_is_ptr(type) ? btf__type_by_id(btf->btf, type->type) : NULL;
        if (!type || !btf_is_array(type))
                return false;
        *number = btf_array(type)->nelems;
        return true;
}

/* The same, or what __ulong() declares: an enum with one value. */
static void member_long(const ObjectBtf *btf, const struct btf_member *member, uint64_t *number)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);
        uint32_t value;

        if (member_number(btf, member, &value))
                *number = value;
        else if (type && btf_is_enum(type) && btf_vlen(type) == 1)
                *number = (int64_t)btf_enum(type)->val;
        else if (type && btf_is_enum64(type) && btf_vlen(type) == 1)
                *number = btf_enum64_value(btf_enum64(type));
}

/* The size of what __type() declares: a pointer to the key or value. */
static void member_size(const ObjectBtf *btf, const struct btf_member *member, uint32_t *size)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);
        int64_t bytes;

        if (!type || !btf_is_ptr(type))
                return;
        bytes = btf__resolve_size(btf->btf, type->type);
        if (bytes >= 0)
                *size = bytes;
}

/* The struct in what __array(values, ...) declares: an array of pointers to it. NULL if there is
 * none: a program array holds functions. */
static const struct btf_type *member_inner(const ObjectBtf *btf, const struct btf_member *member)
{
        const struct btf_type *type = btf__type_by_id(btf->btf, member->type);

        type = type && btf_is_array(type) ? object_btf_resolve(btf, btf_array(type)->type) : NULL;
        type = type && btf_is_ptr(type) ? object_btf_resolve(btf, type->type) : NULL;
        return type && btf_is_struct(type) ? type : NULL;
}

const struct btf_type *object_btf_definition(const ObjectBtf *btf, const struct btf_type *type,
                                             ObjectDefinition *out)
{
        const struct btf_member *member = btf_members(type);
        const struct btf_type *inner = NULL;

        for (uint32_t i = 0; i < MIN(btf_vlen(type), OBJECT_MAX_MEMBERS); i++, member++) {
                const char *name = name_at(btf, member->name_off);

                if (strcmp(name, "type") == 0) {
                        member_number(btf, member, &out->type);
                } else if (strcmp(name, "max_entries") == 0) {
                        member_number(btf, member, &out->max_entries);
                } else if (strcmp(name, "map_flags") == 0) {
                        member_number(btf, member, &out->flags);
                } else if (strcmp(name, "numa_node") == 0) {
                        member_number(btf, member, &out->numa_node);
                } else if (strcmp(name, "pinning") == 0) {
                        member_number(btf, member, &out->pinning);
                } else if (strcmp(name, "map_extra") == 0) {
                        member_long(btf, member, &out->extra);
                } else if (strcmp(name, "key_size") == 0) {
                        member_number(btf, member, &out->key_size);
                } else if (strcmp(name, "value_size") == 0) {
                        member_number(btf, member, &out->value_size);
                } else if (strcmp(name, "key") == 0) {
                        member_size(btf, member, &out->key_size);
                } else if (strcmp(name, "value") == 0) {
                        member_size(btf, member, &out->value_size);
                } else if (strcmp(name, "values") == 0) {
                        out->value_size = sizeof(uint32_t);
                        inner = member_inner(btf, member);
                }
        }
        return inner;
}
