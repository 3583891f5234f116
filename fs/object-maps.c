/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The maps of an object file.
 *
 * They are those of bpf_object__init_maps() in libbpf's src/libbpf.c, in the same order. If libbpf
 * would refuse a definition, and the object with it, the map is listed all the same, with the parts
 * that can be read.
 */

#include "object-maps.h"
#include "bpf-uapi.h"
#include "object-problems.h"
#include "source.h"

#include <elf.h>
#include <linux/bpf.h>
#include <string.h>

typedef struct Builder {
        ObjectMaps *maps;
        const ObjectElf *elf;
        const ObjectBtf *btf;
        const char *file;
        GPtrArray *problems;
} Builder;

/* The id of the new map; 0 if there are too many. */
static uint32_t add_map(Builder *builder, const ObjectMap *map)
{
        GArray *maps = builder->maps->maps;

        if (maps->len >= OBJECT_MAX_MAPS)
                return 0;
        g_array_append_vals(maps, map, 1);
        return maps->len;
}

static void set_section_map(ObjectMaps *maps, uint32_t section, uint32_t id)
{
        g_array_index(maps->of_section, uint32_t, section) = id;
}

/* True if the section is called @kind or @kind@separator and something. */
static bool is_kind(const char *name, const char *kind, char separator)
{
        size_t length = strlen(kind);

        return strncmp(name, kind, length) == 0 &&
               (name[length] == '\0' || name[length] == separator);
}

static bool is_static(const Builder *builder, const ObjectVariable *variable)
{
        return btf_var(btf__type_by_id(builder->btf->btf, variable->id))->linkage == BTF_VAR_STATIC;
}

/* A map for the variable that is its definition or its value; neither is filled in yet. */
static ObjectMap map_of_variable(const Builder *builder, const ObjectVariable *variable)
{
        bool known = variable->offset != SOURCE_UNKNOWN_OFFSET;

        return (ObjectMap){
                .name = object_btf_name(builder->btf, variable->id),
                .section = known ? variable->section : 0,
                .offset = variable->offset,
        };
}

static const struct btf_type *type_of_variable(const Builder *builder,
                                               const ObjectVariable *variable)
{
        const struct btf_type *var = btf__type_by_id(builder->btf->btf, variable->id);

        return object_btf_resolve(builder->btf, var->type);
}

/* Says why libbpf refuses the map (bpf_object__init_user_btf_map(), src/libbpf.c). */
static void check_definition(const Builder *builder, const ObjectMap *map, bool is_struct,
                             bool local)
{
        const char *strange =
                map->definition.strange ? map->definition.strange : map->inner.strange;

        if (local)
                object_problems_add(builder->problems, "libbpf refuses the map '%s': it is static",
                                    map->name);
        if (!is_struct)
                object_problems_add(builder->problems,
                                    "libbpf refuses the map '%s': it is no struct, and no map is "
                                    "defined otherwise",
                                    map->name);
        else if (strange)
                object_problems_add(builder->problems,
                                    "libbpf refuses the map '%s': its attribute '%s' is not "
                                    "understood",
                                    map->name, strange);
        else if (map->unknown)
                object_problems_add(builder->problems,
                                    "libbpf refuses the map '%s': it has no type", map->name);
}

/* A map that .maps defines, by its BTF. */
static void add_defined_map(Builder *builder, const ObjectVariable *variable)
{
        const struct btf_type *type = type_of_variable(builder, variable);
        bool is_struct = type && btf_is_struct(type);
        ObjectMap map = map_of_variable(builder, variable);

        if (is_struct)
                type = object_btf_definition(builder->btf, type, &map.definition);
        if (is_struct && type) {
                map.has_inner = true;
                object_btf_definition(builder->btf, type, &map.inner);
        }
        if (!is_struct || map.definition.unclear & OBJECT_UNCLEAR_TYPE)
                map.unknown = OBJECT_NOT_UNDERSTOOD;
        check_definition(builder, &map, is_struct, is_static(builder, variable));
        add_map(builder, &map);
}

/* Reads the struct bpf_map_def at @symbol in a "maps" section: five numbers of 32 bits. */
static void read_legacy_definition(const Builder *builder, const ObjectSymbol *symbol,
                                   ObjectMap *map)
{
        const ObjectSection *section = object_elf_section(builder->elf, symbol->section);
        uint32_t numbers[5];

        if (!section->bytes || symbol->value > section->size ||
            section->size - symbol->value < sizeof(numbers)) {
                map->unknown = "unknown: the definition is outside of its section";
                return;
        }
        memcpy(numbers, section->bytes + symbol->value, sizeof(numbers));
        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
                numbers[i] = builder->elf->big_endian ? GUINT32_FROM_BE(numbers[i])
                                                      : GUINT32_FROM_LE(numbers[i]);
        map->definition = (ObjectDefinition){
                .type = numbers[0],
                .key_size = numbers[1],
                .value_size = numbers[2],
                .max_entries = numbers[3],
                .flags = numbers[4],
        };
}

static int compare_places(const void *a, const void *b)
{
        const ObjectMap *x = a, *y = b;

        if (x->section != y->section)
                return x->section < y->section ? -1 : 1;
        if (x->offset != y->offset)
                return x->offset < y->offset ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* True for sections of struct bpf_map_def: "maps" of libbpf before 1.0 and of iproute2, or one for
 * each map. */
static bool is_legacy(const Builder *builder, uint32_t index)
{
        return is_kind(object_elf_section(builder->elf, index)->name, "maps", '/');
}

static bool is_maps(const Builder *builder, uint32_t index)
{
        return strcmp(object_elf_section(builder->elf, index)->name, ".maps") == 0;
}

/* True if only symbols tell which maps the section defines, and nothing tells their definitions. */
static bool is_undescribed(const Builder *builder, uint32_t index)
{
        return is_maps(builder, index) &&
               object_variables_of(builder->btf->variables, index)->n == 0;
}

/* Adds the maps of these sections by the symbol table. */
static void add_symbol_maps(Builder *builder,
                            bool (*is_wanted)(const Builder *builder, uint32_t index), bool legacy)
{
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(ObjectMap));

        for (guint i = 0; i < builder->elf->symbols->len && maps->len < OBJECT_MAX_MAPS; i++) {
                const ObjectSymbol *symbol = object_elf_symbol(builder->elf, i);
                ObjectMap map = { .name = symbol->name,
                                  .section = symbol->section,
                                  .offset = symbol->value };

                /* A local symbol without a type is a label. */
                if (!(symbol->type == STT_OBJECT ||
                      (symbol->type == STT_NOTYPE && symbol->bind != STB_LOCAL)) ||
                    !is_wanted(builder, symbol->section))
                        continue;
                if (legacy)
                        read_legacy_definition(builder, symbol, &map);
                else
                        map.unknown = builder->btf->broken
                                              ? "unknown: the object's BTF cannot be read"
                                              : "unknown: the object has no BTF";
                g_array_append_val(maps, map);
        }
        g_array_sort(maps, compare_places);
        for (guint i = 0; i < maps->len; i++)
                add_map(builder, &g_array_index(maps, ObjectMap, i));
}

static void add_defined_maps(Builder *builder)
{
        const ObjectVariables *variables = builder->btf->variables;
        bool undescribed = false;

        add_symbol_maps(builder, is_legacy, true);
        for (guint i = 1; i < builder->elf->sections->len; i++) {
                const ObjectVariablesOf *of = object_variables_of(variables, i);

                if (is_legacy(builder, i))
                        object_problems_add(builder->problems,
                                            "libbpf since 1.0 refuses the maps in section '%s': "
                                            "define them in '.maps', with BTF",
                                            object_elf_section(builder->elf, i)->name);
                undescribed |= is_undescribed(builder, i);
                for (guint j = of->first; is_maps(builder, i) && j < of->first + of->n; j++)
                        add_defined_map(builder, object_variable(variables, j));
        }
        if (!undescribed)
                return;
        add_symbol_maps(builder, is_undescribed, false);
        object_problems_add(builder->problems,
                            "libbpf refuses the object: no BTF that can be read defines its maps; "
                            "compile it with -g");
}

/* Variables of the section .addr_space.1 live in the object's arena. */
static void find_arena(Builder *builder)
{
        ObjectMaps *maps = builder->maps;
        uint32_t section = object_elf_section_named(builder->elf, ".addr_space.1");

        for (uint32_t id = 1; section != 0 && id <= maps->maps->len; id++) {
                if (object_maps_get(maps, id)->definition.type == MAP_TYPE_ARENA) {
                        set_section_map(maps, section, id);
                        break;
                }
        }
}

/*
 * The name that libbpf gives to the map of a section (internal_map_name(), src/libbpf.c). It has
 * the kernel's 15 characters at most: in front the file's name up to its first dot, as far as there
 * is room, then the section's name, which counts as at least seven bytes. A section name with a
 * second dot stands alone.
 */
static const char *global_data_name(const Builder *builder, const char *section)
{
        const char *slash = strrchr(builder->file, '/');
        const char *file = slash ? slash + 1 : builder->file;
        size_t room = BPF_OBJ_NAME_LEN - 1;
        size_t suffix = MIN(MAX(strlen(section), 7), room);
        size_t prefix = strchr(section + 1, '.') ? 0 : MIN(strcspn(file, "."), room - suffix);
        char name[BPF_OBJ_NAME_LEN];

        g_snprintf(name, sizeof(name), "%.*s%.*s", (int)prefix, file, (int)suffix, section);
        for (char *p = name; *p; p++)
                if (!g_ascii_isalnum(*p) && *p != '_' && *p != '.')
                        *p = '_';
        return g_string_chunk_insert(builder->maps->names, name);
}

/* @mmapable: user space may map it into its memory. libbpf allows that if a variable is visible
 * outside of the object (map_is_mmapable(), libbpf 1.1). */
static ObjectMap global_data_map(const Builder *builder, const char *name, uint64_t size,
                                 bool rdonly, bool mmapable)
{
        return (ObjectMap){
                .name = global_data_name(builder, name),
                .definition = {
                        .type = BPF_MAP_TYPE_ARRAY,
                        .flags = (rdonly ? BPF_F_RDONLY_PROG : 0) |
                                 (mmapable ? BPF_F_MMAPABLE : 0),
                        .key_size = sizeof(uint32_t),
                        .value_size = MIN(size, UINT32_MAX),
                        .max_entries = 1,
                },
                .frozen = rdonly,
        };
}

static void add_global_data_map(Builder *builder, uint32_t index)
{
        const ObjectSection *section = object_elf_section(builder->elf, index);
        bool progbits = section->type == SHT_PROGBITS && section->bytes &&
                        !(section->flags & SHF_EXECINSTR);
        bool rodata = progbits && is_kind(section->name, ".rodata", '.');
        bool data = progbits && is_kind(section->name, ".data", '.');
        bool bss = section->type == SHT_NOBITS && is_kind(section->name, ".bss", '.');
        ObjectMap map;

        if (section->size == 0 || !(rodata || data || bss))
                return;
        map = global_data_map(builder, section->name, section->size, rodata,
                              object_variables_visible(builder->btf->variables, index));
        map.section = index;
        map.global_data = true;
        map.rodata = rodata;
        map.datasec = object_variables_of(builder->btf->variables, index)->datasec;
        set_section_map(builder->maps, index, add_map(builder, &map));
}

/* A variable of .kconfig, with the numbers that decide where libbpf puts it. */
typedef struct Extern {
        const char *name;
        uint32_t align;
        uint32_t size;
} Extern;

static int compare_externs(const void *a, const void *b)
{
        const Extern *x = a, *y = b;

        if (x->align != y->align)
                return x->align > y->align ? -1 : 1;
        if (x->size != y->size)
                return x->size < y->size ? -1 : 1;
        return strcmp(x->name, y->name);
}

/* The alignment of a number or an array of numbers: .kconfig has nothing else. */
static uint32_t alignment(const ObjectBtf *btf, uint32_t id)
{
        const struct btf_type *type = object_btf_resolve(btf, id);

        if (type && btf_is_array(type))
                type = object_btf_resolve(btf, btf_array(type)->type);
        if (!type || !(btf_is_int(type) || btf_is_any_enum(type)) || type->size == 0)
                return 1;
        return MIN(type->size, 8);
}

static void add_kconfig_variable(const char *name, uint32_t type, void *data)
{
        Builder *builder = data;

        g_hash_table_insert(builder->maps->kconfig, (char *)name, GSIZE_TO_POINTER(type));
}

/* The map of the variables that libbpf takes from the kernel's configuration. Its size is known;
 * its value is not. */
static void add_kconfig_map(Builder *builder)
{
        const struct btf *btf = builder->btf->btf;
        uint32_t datasec = object_btf_datasec(builder->btf, ".kconfig");
        g_autoptr(GArray) externs = g_array_new(FALSE, FALSE, sizeof(Extern));
        uint64_t size = 0;
        ObjectMap map;

        if (datasec == 0)
                return;
        object_btf_foreach_variable(builder->btf, datasec, add_kconfig_variable, builder);
        for (guint i = 0; i < builder->elf->symbols->len; i++) {
                const ObjectSymbol *symbol = object_elf_symbol(builder->elf, i);
                Extern item = { .name = symbol->name };
                gpointer type;

                if (!symbol->external || !g_hash_table_lookup_extended(builder->maps->kconfig,
                                                                       symbol->name, NULL, &type))
                        continue;
                item.align = alignment(builder->btf, GPOINTER_TO_SIZE(type));
                item.size = MAX(btf__resolve_size(btf, GPOINTER_TO_SIZE(type)), 0);
                g_array_append_val(externs, item);
        }
        if (externs->len == 0)
                return;
        g_array_sort(externs, compare_externs);
        for (guint i = 0; i < externs->len; i++) {
                const Extern *item = &g_array_index(externs, Extern, i);

                size = (size + item->align - 1) / item->align * item->align + item->size;
        }
        map = global_data_map(builder, ".kconfig", size, true, true);
        builder->maps->kconfig_map = add_map(builder, &map);
}

/* A variable of struct_ops. The loaded map holds the kernel's own struct, which is larger by some
 * bookkeeping. */
static void add_struct_ops_map(Builder *builder, const char *section,
                               const ObjectVariable *variable)
{
        const struct btf_type *type = type_of_variable(builder, variable);
        ObjectMap map = map_of_variable(builder, variable);

        if (!type || !btf_is_struct(type))
                return;
        map.definition = (ObjectDefinition){
                .type = BPF_MAP_TYPE_STRUCT_OPS,
                .flags = g_str_has_suffix(section, ".link") ? 1u << 13 : 0, /* BPF_F_LINK, 6.4 */
                .key_size = sizeof(uint32_t),
                .value_size = type->size,
                .max_entries = 1,
        };
        add_map(builder, &map);
}

static void add_struct_ops_maps(Builder *builder, uint32_t index)
{
        const ObjectVariables *variables = builder->btf->variables;
        const ObjectVariablesOf *of = object_variables_of(variables, index);
        const char *name = object_elf_section(builder->elf, index)->name;

        /* A "?" in front means: only on request. */
        if (!is_kind(*name == '?' ? name + 1 : name, ".struct_ops", '.'))
                return;
        for (guint i = of->first; i < of->first + of->n; i++)
                add_struct_ops_map(builder, name, object_variable(variables, i));
}

static guint hash_definition(gconstpointer key)
{
        const ObjectMap *map = key;
        gint64 place = (gint64)(map->offset ^ (uint64_t)map->section << 32);

        return g_int64_hash(&place);
}

static gboolean is_same_definition(gconstpointer a, gconstpointer b)
{
        const ObjectMap *x = a, *y = b;

        return x->section == y->section && x->offset == y->offset;
}

ObjectMaps *object_maps_new(const ObjectElf *elf, const ObjectBtf *btf, const char *file,
                            GPtrArray *problems)
{
        ObjectMaps *maps = g_new0(ObjectMaps, 1);
        Builder builder = {
                .maps = maps, .elf = elf, .btf = btf, .file = file, .problems = problems
        };

        maps->maps = g_array_new(FALSE, FALSE, sizeof(ObjectMap));
        maps->of_section = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        g_array_set_size(maps->of_section, elf->sections->len);
        maps->by_definition = g_hash_table_new(hash_definition, is_same_definition);
        maps->kconfig = g_hash_table_new(g_str_hash, g_str_equal);
        maps->names = g_string_chunk_new(256);

        add_defined_maps(&builder);
        find_arena(&builder);
        for (guint i = 1; i < elf->sections->len; i++)
                add_global_data_map(&builder, i);
        add_kconfig_map(&builder);
        for (guint i = 1; i < elf->sections->len; i++)
                add_struct_ops_maps(&builder, i);

        for (uint32_t id = maps->maps->len; id > 0; id--)
                if (!object_maps_get(maps, id)->global_data)
                        g_hash_table_add(maps->by_definition, object_maps_get(maps, id));
        return maps;
}

void object_maps_free(ObjectMaps *maps)
{
        g_hash_table_unref(maps->by_definition);
        g_hash_table_unref(maps->kconfig);
        g_array_unref(maps->of_section);
        g_array_unref(maps->maps);
        g_string_chunk_free(maps->names);
        g_free(maps);
}

uint32_t object_maps_of_symbol(const ObjectMaps *maps, const ObjectSymbol *symbol, int32_t addend)
{
        /* Compilers refer to a local symbol by its section, and by its distance from the section's
         * start. */
        const ObjectMap place = {
                .section = symbol->section,
                .offset = symbol->value + (symbol->type == STT_SECTION ? addend : 0),
        };
        const ObjectMap *map;

        if (symbol->section == SHN_UNDEF)
                return symbol->external && g_hash_table_contains(maps->kconfig, symbol->name)
                               ? maps->kconfig_map
                               : 0;
        map = g_hash_table_lookup(maps->by_definition, &place);
        if (map)
                return map - object_maps_get(maps, 1) + 1;
        return g_array_index(maps->of_section, uint32_t, symbol->section);
}
