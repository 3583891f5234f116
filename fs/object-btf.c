/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The BTF of an object file. */

#include "object-btf.h"
#include "object-problems.h"

#include <elf.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

/* libbpf's parser relies on it that types are aligned. */
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

/*
 * A linker that does not know BTF (ld -r) puts the BTF of one file behind that of another. Only the
 * first is read, here and by libbpf.
 */
static void check_for_more(const ObjectElf *elf, uint32_t index, GPtrArray *problems)
{
        const ObjectSection *section = object_elf_section(elf, index);
        struct btf_header header;
        uint64_t end;
        bool more = section->shared;

        memcpy(&header, section->bytes, sizeof(header));
        if (header.magic != BTF_MAGIC) {
                header.hdr_len = GUINT32_SWAP_LE_BE(header.hdr_len);
                header.str_off = GUINT32_SWAP_LE_BE(header.str_off);
                header.str_len = GUINT32_SWAP_LE_BE(header.str_len);
        }
        /* Strings are last, and the next begins at a multiple of 8 at most. */
        end = (uint64_t)header.hdr_len + header.str_off + header.str_len;
        for (uint64_t at = end; at < end + 8 && at + sizeof(header) <= section->size; at++)
                more |= memcmp(section->bytes + at, section->bytes, sizeof(header.magic)) == 0;
        if (more)
                object_problems_add(problems,
                                    "it has more than one .BTF, and only the first is read: what "
                                    "the others describe is lost; link objects with 'bpftool gen "
                                    "object'");
}

static void read_btf(ObjectBtf *btf, const ObjectElf *elf, GPtrArray *problems)
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
        check_for_more(elf, index, problems);
}

/* A number of .BTF.ext, which has a byte order of its own. */
static uint32_t get32(const uint8_t *bytes, bool swapped)
{
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return swapped ? GUINT32_SWAP_LE_BE(value) : value;
}

/* The section .BTF.ext while its line records are read. */
typedef struct LineReader {
        const ObjectElf *elf;
        const uint8_t *bytes;
        uint32_t section; /* its index */
        bool swapped;
        uint32_t size; /* of a record in bytes */
        GArray *relocations;
        GArray *lines;
} LineReader;

/* Appends the record that begins at a byte of .BTF.ext. @section is the only section of the name
 * that stands above it, or 0. A relocation knows the section better, as it does for variables. */
static void read_record(LineReader *reader, uint64_t at, uint32_t section)
{
        const ObjectRelocation *relocation =
                object_relocation_find(reader->relocations, reader->section, at);
        uint64_t byte = get32(reader->bytes + at, reader->swapped);
        ObjectLine line = {
                .file = get32(reader->bytes + at + 4, reader->swapped),
                .line = BPF_LINE_INFO_LINE_NUM(get32(reader->bytes + at + 12, reader->swapped)),
        };

        if (relocation) {
                const ObjectSymbol *symbol = object_elf_symbol(reader->elf, relocation->symbol);

                section = symbol->section;
                byte += symbol->value;
        }
        if (section == SHN_UNDEF)
                return;
        line.at = (ObjectPlace){
                .section = section,
                .insn = MIN(byte / OBJECT_INSN_SIZE, UINT32_MAX),
                .order = reader->lines->len,
        };
        g_array_append_val(reader->lines, line);
}

/*
 * Reads the line records of .BTF.ext (Documentation/bpf/btf.rst, "4.2 .BTF.ext section"): a header
 * of 16-bit magic, 8-bit version and flags, and 32-bit numbers - its length, offset and length of
 * the function records, the same of the line records - then for each section the offset of its
 * name, the number of its records, and these, which begin with the instruction's offset, the names
 * of the file and of the line's text, and a number for line and column.
 */
static void read_lines(ObjectBtf *btf, LineReader *reader)
{
        enum { header_size = 24, section_size = 8, record_size = 16 };
        const ObjectSection *section = object_elf_section(reader->elf, reader->section);
        const uint8_t *bytes = section->bytes;
        uint64_t start, end;
        uint16_t magic;

        if (!btf->btf || reader->section == 0 || !bytes || section->size < header_size)
                return;
        memcpy(&magic, bytes, sizeof(magic));
        reader->swapped = magic == GUINT16_SWAP_LE_BE(BTF_MAGIC);
        if (magic != BTF_MAGIC && !reader->swapped)
                return;
        start = (uint64_t)get32(bytes + 4, reader->swapped) + get32(bytes + 16, reader->swapped);
        end = start + get32(bytes + 20, reader->swapped);
        if (end > section->size || end - start < sizeof(uint32_t))
                return;
        reader->bytes = bytes;
        reader->size = get32(bytes + start, reader->swapped);
        if (reader->size < record_size)
                return;
        for (start += sizeof(uint32_t); end - start >= section_size;) {
                const char *name = name_at(btf, get32(bytes + start, reader->swapped));
                uint32_t n = get32(bytes + start + 4, reader->swapped);
                uint32_t target = object_elf_only_section_named(reader->elf, name);

                start += section_size;
                if ((end - start) / reader->size < n)
                        break;
                for (uint32_t i = 0; i < n; i++, start += reader->size)
                        read_record(reader, start, target);
        }
        g_array_sort(btf->lines, object_place_compare);
}

ObjectBtf *object_btf_new(const ObjectElf *elf, GPtrArray *problems)
{
        ObjectBtf *btf = g_new0(ObjectBtf, 1);
        LineReader reader = {
                .elf = elf,
                .section = object_elf_section_named(elf, ".BTF.ext"),
        };
        g_autoptr(GArray) relocations = object_elf_relocations_of(elf, reader.section);

        btf->lines = g_array_new(FALSE, FALSE, sizeof(ObjectLine));
        read_btf(btf, elf, problems);
        btf->variables = object_variables_new(elf, btf->btf, problems);
        reader.relocations = relocations;
        reader.lines = btf->lines;
        read_lines(btf, &reader);
        return btf;
}

void object_btf_free(ObjectBtf *btf)
{
        g_array_unref(btf->lines);
        object_variables_free(btf->variables);
        btf__free(btf->btf);
        g_free(btf);
}

const char *object_btf_name(const ObjectBtf *btf, uint32_t id)
{
        return name_at(btf, btf__type_by_id(btf->btf, id)->name_off);
}

uint32_t object_btf_datasec(const ObjectBtf *btf, const char *name)
{
        int id = btf->btf ? btf__find_by_name_kind(btf->btf, name, BTF_KIND_DATASEC) : 0;

        return MAX(id, 0);
}

void object_btf_foreach_variable(const ObjectBtf *btf, uint32_t datasec, ObjectVariableFunc func,
                                 void *data)
{
        const struct btf_type *section = btf__type_by_id(btf->btf, datasec);
        const struct btf_var_secinfo *var = btf_var_secinfos(section);

        for (uint32_t i = 0; i < btf_vlen(section); i++, var++) {
                const struct btf_type *type = btf__type_by_id(btf->btf, var->type);

                if (type && btf_is_var(type))
                        func(name_at(btf, type->name_off), type->type, data);
        }
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

/* The same; or the number that __ulong() declares: an enum with one value. */
static bool member_long(const ObjectBtf *btf, const struct btf_member *member, uint64_t *number)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);
        uint32_t value;

        if (member_number(btf, member, &value))
                *number = value;
        else if (type && btf_is_enum(type) && btf_vlen(type) == 1)
                *number = (int64_t)btf_enum(type)->val;
        else if (type && btf_is_enum64(type) && btf_vlen(type) == 1)
                *number = btf_enum64_value(btf_enum64(type));
        else
                return false;
        return true;
}

/* The size of the key or value that __type() declares: a pointer to it. */
static bool member_size(const ObjectBtf *btf, const struct btf_member *member, uint32_t *size)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);
        int64_t bytes = type && btf_is_ptr(type) ? btf__resolve_size(btf->btf, type->type) : -1;

        if (bytes >= 0)
                *size = bytes;
        return bytes >= 0;
}

/* Reads the declaration of __array(values, ...): an array of pointers to the struct that defines
 * inner maps, or to the functions of a program array. *@inner is the struct. */
static bool member_inner(const ObjectBtf *btf, const struct btf_member *member,
                         const struct btf_type **inner)
{
        const struct btf_type *type = object_btf_resolve(btf, member->type);

        type = type && btf_is_array(type) ? object_btf_resolve(btf, btf_array(type)->type) : NULL;
        type = type && btf_is_ptr(type) ? object_btf_resolve(btf, type->type) : NULL;
        if (type && btf_is_struct(type))
                *inner = type;
        return type && (btf_is_struct(type) || btf_is_func_proto(type));
}

/* A member that is a number, its place in an ObjectDefinition, and the bit for a number that is not
 * understood. */
typedef struct Attribute {
        const char *name;
        size_t offset; /* in an ObjectDefinition, of 32 bits */
        ObjectUnclear unclear;
} Attribute;

static const Attribute attributes[] = {
        { "type", offsetof(ObjectDefinition, type), OBJECT_UNCLEAR_TYPE },
        { "max_entries", offsetof(ObjectDefinition, max_entries), OBJECT_UNCLEAR_ENTRIES },
        { "map_flags", offsetof(ObjectDefinition, flags), OBJECT_UNCLEAR_FLAGS },
        { "key_size", offsetof(ObjectDefinition, key_size), OBJECT_UNCLEAR_KEY },
        { "value_size", offsetof(ObjectDefinition, value_size), OBJECT_UNCLEAR_VALUE },
        { "numa_node", offsetof(ObjectDefinition, numa_node), OBJECT_UNCLEAR_OTHER },
        { "pinning", offsetof(ObjectDefinition, pinning), OBJECT_UNCLEAR_OTHER },
};

/* Reads one member. Returns the bits for parts of it that are not understood. */
static unsigned read_member(const ObjectBtf *btf, const struct btf_member *member, const char *name,
                            ObjectDefinition *out, const struct btf_type **inner)
{
        for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
                if (strcmp(name, attributes[i].name) == 0)
                        return member_number(btf, member,
                                             (void *)((char *)out + attributes[i].offset))
                                       ? 0
                                       : attributes[i].unclear;
        if (strcmp(name, "map_extra") == 0)
                return member_long(btf, member, &out->extra) ? 0 : OBJECT_UNCLEAR_OTHER;
        if (strcmp(name, "key") == 0)
                return member_size(btf, member, &out->key_size) ? 0 : OBJECT_UNCLEAR_KEY;
        if (strcmp(name, "value") == 0)
                return member_size(btf, member, &out->value_size) ? 0 : OBJECT_UNCLEAR_VALUE;
        if (strcmp(name, "values") != 0)
                return OBJECT_UNCLEAR_OTHER;
        out->value_size = sizeof(uint32_t);
        return member_inner(btf, member, inner) ? 0 : OBJECT_UNCLEAR_OTHER;
}

const struct btf_type *object_btf_definition(const ObjectBtf *btf, const struct btf_type *type,
                                             ObjectDefinition *out)
{
        const struct btf_member *member = btf_members(type);
        const struct btf_type *inner = NULL;

        for (uint32_t i = 0; i < MIN(btf_vlen(type), OBJECT_MAX_MEMBERS); i++, member++) {
                const char *name = name_at(btf, member->name_off);
                unsigned unclear = read_member(btf, member, name, out, &inner);

                if (unclear && !out->strange)
                        out->strange = name;
                out->unclear |= unclear;
        }
        if (out->type == BPF_MAP_TYPE_UNSPEC)
                out->unclear |= OBJECT_UNCLEAR_TYPE;
        return inner;
}
