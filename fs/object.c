/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A BPF ELF object file as a source.
 *
 * The rules are those of libbpf (bpf_object_open() in src/libbpf.c). They say which symbols are
 * programs, which sections become maps and under which name, which functions are appended to a
 * program that calls them, and which maps are bound to it. If libbpf refuses an object because a
 * part of it is wrong, we leave out that part only: people who look at an object that does not load
 * want to see the rest.
 */

#include "object.h"
#include "lines.h"
#include "object-btf.h"
#include "object-code.h"
#include "object-elf.h"
#include "object-maps.h"
#include "object-problems.h"
#include "text.h"
#include "type-names.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

typedef struct Object {
        Source source;
        ObjectElf *elf;
        ObjectBtf *btf;
        ObjectMaps *maps;
        ObjectCode *code;
        GPtrArray *problems;
        uint64_t mark;    /* marks the maps that the present request has seen */
        char license[64]; /* as long as libbpf takes it (struct bpf_object) */
} Object;

/* The program @id; NULL if there is none. *@index is its index as a function. */
static const ObjectFunction *program(const Object *object, uint32_t id, uint32_t *index)
{
        if (id == 0 || id > object->code->programs->len)
                return NULL;
        *index = g_array_index(object->code->programs, uint32_t, id - 1);
        return object_code_function(object->code, *index);
}

static const ObjectMap *existing_map(const Object *object, uint32_t id)
{
        return id == 0 || id > object->maps->maps->len ? NULL : object_maps_get(object->maps, id);
}

static const char *section_name(const Object *object, uint32_t index)
{
        return object_elf_section(object->elf, index)->name;
}

static int next_id(uint32_t after, uint32_t n, uint32_t *id)
{
        if (after >= n)
                return -ENOENT;
        *id = after + 1;
        return 0;
}

static int next_prog(Source *source, uint32_t after, uint32_t *id)
{
        return next_id(after, ((Object *)source)->code->programs->len, id);
}

static int next_map(Source *source, uint32_t after, uint32_t *id)
{
        return next_id(after, ((Object *)source)->maps->maps->len, id);
}

static void add_map_id(Object *object, uint32_t id, GArray *ids)
{
        ObjectMap *map = object_maps_get(object->maps, id);

        if (map->mark == object->mark)
                return;
        map->mark = object->mark;
        g_array_append_val(ids, id);
}

/* The kernel lists the maps in the order of the first instruction that refers to them
 * (resolve_pseudo_ldimm64(), kernel/bpf/verifier.c), then those that libbpf binds to every program
 * once it is loaded: the read-only data (bpf_object_load_prog()). */
static int prog_maps(Source *source, uint32_t id, GArray *ids)
{
        Object *object = (Object *)source;
        ObjectCode *code = object->code;
        g_autoptr(GArray) functions = NULL;
        uint32_t index;

        if (!program(object, id, &index))
                return -ENOENT;
        object->mark++;
        functions = object_code_linked(code, index);
        for (guint i = 0; i < functions->len; i++) {
                const ObjectFunction *function =
                        object_code_function(code, g_array_index(functions, uint32_t, i));

                for (guint j = 0; j < function->n_refs; j++)
                        add_map_id(object,
                                   g_array_index(code->refs, uint32_t, function->first_ref + j),
                                   ids);
        }
        for (uint32_t map = 1; map <= object->maps->maps->len; map++)
                if (object_maps_get(object->maps, map)->rodata)
                        add_map_id(object, map, ids);
        return 0;
}

static int prog(Source *source, uint32_t id, SourceProg *out)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        uint32_t index;
        int r = prog_maps(source, id, maps);

        if (r < 0)
                return r;
        *out = (SourceProg){
                .name = g_strdup(program((Object *)source, id, &index)->name),
                .mtime = source->time,
                .uid = source->uid,
                .n_maps = maps->len,
        };
        return 0;
}

static void add_text(InfoBuilder *builder, const char *key, const char *text)
{
        g_autoptr(GString) shown = g_string_new(NULL);

        text_append(shown, text);
        info_builder_add(builder, key, "%s", shown->str);
}

/* Adds the name of a constant of the kernel's, or its number if it has none that libbpf knows. */
static void add_constant(InfoBuilder *builder, const char *key, const char *name, uint32_t number)
{
        if (name)
                info_builder_add(builder, key, "%s", name);
        else
                info_builder_add(builder, key, "%u", number);
}

static void add_btf(InfoBuilder *builder, const Object *object)
{
        info_builder_add(builder, "btf", "%s",
                         object->btf->btf      ? "present"
                         : object->btf->broken ? "unreadable"
                                               : "none");
}

/* The type that libbpf derives from the section's name. "?" in front of it means that libbpf loads
 * the program only on request. */
static void add_types(InfoBuilder *builder, const char *section)
{
        enum bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
        enum bpf_attach_type attach = 0, attachable;

        if (*section == '?')
                section++;
        libbpf_prog_type_by_name(section, &type, &attach);
        add_constant(builder, "type", prog_type_name(type), type);
        /* 0 is an attach type, and also libbpf's number for programs without one. */
        if (attach != 0 || libbpf_attach_type_by_name(section, &attachable) == 0)
                add_constant(builder, "attach_type", attach_type_name(attach), attach);
}

/* license_is_gpl_compatible() of the kernel, include/linux/license.h. */
static bool is_gpl_compatible(const char *license)
{
        static const char *const licenses[] = {
                "GPL",          "GPL v2",       "GPL and additional rights",
                "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(licenses); i++)
                if (strcmp(license, licenses[i]) == 0)
                        return true;
        return false;
}

static void add_function(Lines *lines, const ObjectBtf *btf, const ObjectFunction *function)
{
        guint first = object_place_find(btf->lines, function->at.section, function->at.insn);
        guint last = object_place_find(btf->lines, function->at.section,
                                       function->at.insn + function->n_insns);
        const ObjectLine *line = NULL;

        if (first < last)
                line = &g_array_index(btf->lines, ObjectLine, first);
        for (guint i = first; i < last; i++)
                lines_add_source(lines, btf->btf, g_array_index(btf->lines, ObjectLine, i).file);
        lines_add_function(lines, function->name, btf->btf, line ? line->file : 0,
                           line ? line->line : 0);
}

static void add_lines(InfoBuilder *builder, Object *object, uint32_t index)
{
        g_autoptr(GArray) functions = NULL;
        g_autoptr(Lines) lines = NULL;

        if (object->btf->lines->len == 0)
                return;
        functions = object_code_linked(object->code, index);
        lines = lines_new();
        for (guint i = 0; i < functions->len; i++)
                add_function(
                        lines, object->btf,
                        object_code_function(object->code, g_array_index(functions, uint32_t, i)));
        lines_add_keys(lines, builder);
}

/* A line for each: the object is refused as a whole. */
static void add_problems(InfoBuilder *builder, const Object *object)
{
        g_autoptr(GString) text = g_string_new(NULL);

        for (guint i = 0; i < object->problems->len; i++)
                g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "",
                                       (const char *)object->problems->pdata[i]);
        if (text->len > 0)
                info_builder_add(builder, "problems", "%s", text->str);
}

static int prog_info(Source *source, uint32_t id, bool changing, Info **out)
{
        Object *object = (Object *)source;
        InfoBuilder *builder;
        uint32_t index;
        const ObjectFunction *function = program(object, id, &index);
        const char *section;

        if (!function)
                return -ENOENT;
        builder = info_builder_new();
        if (!changing) {
                section = section_name(object, function->at.section);
                add_types(builder, section);
                add_text(builder, "name", function->name);
                add_text(builder, "section", section);
                if (object->license[0])
                        add_text(builder, "license", object->license);
                info_builder_add(builder, "gpl_compatible", "%s",
                                 is_gpl_compatible(object->license) ? "true" : "false");
                info_builder_add(builder, "insns", "%u", function->n_insns);
                add_lines(builder, object, index);
                add_btf(builder, object);
                add_problems(builder, object);
        }
        *out = info_builder_end(builder);
        return 0;
}

static int map(Source *source, uint32_t id, SourceMap *out)
{
        const Object *object = (Object *)source;
        const ObjectMap *map = existing_map(object, id);

        if (!map)
                return -ENOENT;
        *out = (SourceMap){
                .name = g_strdup(map->name),
                .value_size = map->definition.value_size,
                .btf_id = map->datasec ? 1 : 0,
                .datasec = map->datasec,
                .global_data = map->global_data,
                .rdonly_prog = (map->definition.flags & BPF_F_RDONLY_PROG) != 0,
                .frozen = map->frozen,
        };
        return 0;
}

/* Adds a number of a definition, if the definition's number is understood. */
static void add_number(InfoBuilder *builder, const char *key, const ObjectDefinition *definition,
                       ObjectUnclear unclear, uint32_t number)
{
        if (definition->unclear & unclear)
                info_builder_add(builder, key, "%s", OBJECT_NOT_UNDERSTOOD);
        else
                info_builder_add(builder, key, "%u", number);
}

static void add_inner(InfoBuilder *builder, const ObjectDefinition *inner)
{
        if (inner->unclear & OBJECT_UNCLEAR_TYPE)
                info_builder_add(builder, "inner/type", "%s", OBJECT_NOT_UNDERSTOOD);
        else
                add_constant(builder, "inner/type", map_type_name(inner->type), inner->type);
        add_number(builder, "inner/flags", inner, OBJECT_UNCLEAR_FLAGS, inner->flags);
        add_number(builder, "inner/bytes_key", inner, OBJECT_UNCLEAR_KEY, inner->key_size);
        add_number(builder, "inner/bytes_value", inner, OBJECT_UNCLEAR_VALUE, inner->value_size);
        add_number(builder, "inner/max_entries", inner, OBJECT_UNCLEAR_ENTRIES, inner->max_entries);
}

static void add_definition(InfoBuilder *builder, const ObjectMap *map)
{
        enum { pin_by_name = 1 }; /* LIBBPF_PIN_BY_NAME of bpf_helpers.h */
        const ObjectDefinition *definition = &map->definition;

        add_constant(builder, "type", map_type_name(definition->type), definition->type);
        add_text(builder, "name", map->name);
        add_number(builder, "flags", definition, OBJECT_UNCLEAR_FLAGS, definition->flags);
        add_number(builder, "bytes_key", definition, OBJECT_UNCLEAR_KEY, definition->key_size);
        add_number(builder, "bytes_value", definition, OBJECT_UNCLEAR_VALUE,
                   definition->value_size);
        add_number(builder, "max_entries", definition, OBJECT_UNCLEAR_ENTRIES,
                   definition->max_entries);
        if (definition->extra)
                info_builder_add(builder, "map_extra", "%" G_GUINT64_FORMAT,
                                 (guint64)definition->extra);
        if (definition->flags & BPF_F_NUMA_NODE)
                info_builder_add(builder, "numa_node", "%u", definition->numa_node);
        if (definition->pinning)
                add_constant(builder, "pinning",
                             definition->pinning == pin_by_name ? "by_name" : NULL,
                             definition->pinning);
        if (map->has_inner)
                add_inner(builder, &map->inner);
}

static void add_unknown(InfoBuilder *builder, const ObjectMap *map)
{
        info_builder_add(builder, "type", "%s", map->unknown);
        add_text(builder, "name", map->name);
        info_builder_add(builder, "flags", "%s", map->unknown);
        info_builder_add(builder, "bytes_key", "%s", map->unknown);
        info_builder_add(builder, "bytes_value", "%s", map->unknown);
        info_builder_add(builder, "max_entries", "%s", map->unknown);
}

static int map_info(Source *source, uint32_t id, bool changing, Info **out)
{
        const Object *object = (Object *)source;
        const ObjectMap *map = existing_map(object, id);
        InfoBuilder *builder;

        if (!map)
                return -ENOENT;
        builder = info_builder_new();
        if (!changing) {
                if (map->unknown)
                        add_unknown(builder, map);
                else
                        add_definition(builder, map);
                if (map->global_data)
                        add_text(builder, "section", section_name(object, map->section));
                add_btf(builder, object);
        }
        *out = info_builder_end(builder);
        return 0;
}

static int map_value(Source *source, uint32_t id, SourceValue *out)
{
        const Object *object = (Object *)source;
        const ObjectMap *map = existing_map(object, id);
        const ObjectSection *section;
        uint8_t *bytes;

        if (!map || !map->global_data)
                return -ENOENT;
        if (!map->datasec)
                return object->btf->broken ? -EINVAL : -ENODATA;
        section = object_elf_section(object->elf, map->section);
        if (section->size > SOURCE_MAX_VALUE)
                return -E2BIG;
        bytes = g_try_malloc0(section->size);
        if (!bytes)
                return -ENOMEM;
        if (section->bytes)
                memcpy(bytes, section->bytes, section->size);
        *out = (SourceValue){
                .bytes = bytes,
                .size = section->size,
                .btf = object->btf->btf,
                .btf_borrowed = true,
                .big_endian = object->elf->big_endian,
        };
        return 0;
}

static void object_free(Source *source)
{
        Object *object = (Object *)source;

        object_code_free(object->code);
        object_maps_free(object->maps);
        object_btf_free(object->btf);
        object_elf_free(object->elf);
        g_ptr_array_unref(object->problems);
        g_free(object);
}

static const SourceOps object_ops = {
        .free = object_free,
        .next_prog = next_prog,
        .prog = prog,
        .prog_maps = prog_maps,
        .prog_info = prog_info,
        .next_map = next_map,
        .map = map,
        .map_info = map_info,
        .map_value = map_value,
};

static void read_license(Object *object)
{
        const ObjectSection *section =
                object_elf_section(object->elf, object_elf_section_named(object->elf, "license"));

        if (section->bytes)
                memcpy(object->license, section->bytes,
                       MIN(section->size, sizeof(object->license) - 1));
}

int object_source_new(int fd, const char *name, Source **out, GError **error)
{
        ObjectElf *elf;
        Object *object;
        int r;

        /* libbpf's messages about hostile BTF do not help the reader of a log. */
        libbpf_set_print(NULL);
        r = object_elf_new(fd, name, &elf, error);
        if (r < 0)
                return r;
        object = g_new0(Object, 1);
        object->source.ops = &object_ops;
        object->source.named = true;
        object->source.time = elf->mtime;
        object->source.uid = elf->uid;
        object->elf = elf;
        object->problems = object_problems_new();
        object->source.problems = object->problems;
        object->btf = object_btf_new(elf, object->problems);
        object->maps = object_maps_new(elf, object->btf, name, object->problems);
        object->code = object_code_new(elf, object->maps, object->problems);
        read_license(object);
        if (object->code->programs->len > OBJECT_MAX_PROGRAMS) {
                object_free(&object->source);
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                            "'%s' has more than %u programs", name, OBJECT_MAX_PROGRAMS);
                return -E2BIG;
        }
        *out = &object->source;
        return 0;
}
