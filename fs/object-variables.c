/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Finds the variables of an object file.
 *
 * There are three ways, in this order. If a DATASEC has its size, it comes from a linker, and has
 * the offsets, too. A relocation of the BTF names the symbol that the compiler meant. At last, the
 * symbol of the variable's name is taken, if there is only one that it can be.
 */

#include "object-variables.h"
#include "object-problems.h"
#include "source.h"

#include <elf.h>
#include <string.h>

typedef struct Finder {
        const ObjectElf *elf;
        struct btf *btf;
        GPtrArray *problems;
        ObjectVariables *out;
        uint32_t btf_section;
        uint64_t types_at;   /* where the types begin in that section, in bytes */
        GArray *relocations; /* of that section */
        GHashTable *symbols; /* const char * to the index of the first variable of that name */
        GArray *namesakes;   /* uint32_t, by symbol: the next of the same name, or 0 */
        GHashTable *counts;  /* const char * to how many variables of that name the BTF has */
        GHashTable *kinds;   /* char *, such as ".rodata", to the first section of that kind */
} Finder;

/* A DATASEC, and the sections of its name. */
typedef struct Datasec {
        uint32_t id;
        const char *name;
        uint32_t size;  /* 0: a compiler made it, not a linker */
        uint32_t first; /* the first section of the name, or 0 */
        uint32_t only;  /* the only section of the name, or 0 */
        uint32_t home;  /* the section in which a variable without a place is shown, or 0 */
} Datasec;

/* The place of something. If there is no section, it is not known. */
typedef struct Place {
        uint32_t section;
        uint64_t offset;
        const ObjectSymbol *symbol; /* the symbol that tells the place, or NULL */
} Place;

/* The name in the BTF's strings, or "" if there is none that can be used. */
static const char *name_at(const Finder *finder, uint32_t offset)
{
        return object_usable_name(btf__name_by_offset(finder->btf, offset));
}

static const char *type_name(const Finder *finder, uint32_t id)
{
        return name_at(finder, btf__type_by_id(finder->btf, id)->name_off);
}

static void index_symbols(Finder *finder)
{
        const GArray *symbols = finder->elf->symbols;

        g_array_set_size(finder->namesakes, symbols->len);
        for (guint i = symbols->len; i-- > 1;) {
                const ObjectSymbol *symbol = object_elf_symbol(finder->elf, i);

                if (symbol->type != STT_OBJECT || symbol->section == SHN_UNDEF)
                        continue;
                g_array_index(finder->namesakes, uint32_t, i) =
                        GPOINTER_TO_SIZE(g_hash_table_lookup(finder->symbols, symbol->name));
                g_hash_table_insert(finder->symbols, (char *)symbol->name, GSIZE_TO_POINTER(i));
        }
}

static void count_names(Finder *finder)
{
        for (uint32_t id = 1; id < btf__type_cnt(finder->btf); id++) {
                const struct btf_type *type = btf__type_by_id(finder->btf, id);
                const char *name = name_at(finder, type->name_off);
                gsize n;

                if (!btf_is_var(type))
                        continue;
                n = GPOINTER_TO_SIZE(g_hash_table_lookup(finder->counts, name));
                g_hash_table_insert(finder->counts, (char *)name, GSIZE_TO_POINTER(n + 1));
        }
}

/* Symbols of one name; one of them may be the variable's. */
typedef struct Candidates {
        const ObjectSymbol *symbol; /* the last of them */
        guint n;
} Candidates;

static void consider(Candidates *candidates, const ObjectSymbol *symbol)
{
        candidates->symbol = symbol;
        candidates->n++;
}

/*
 * The symbol of a variable by its name; NULL if it is none or may be more than one. There is only
 * one global symbol of a name. Local ones may have namesakes; a tool may also have made a global
 * one local.
 */
static const ObjectSymbol *find_symbol(const Finder *finder, const char *name,
                                       const Datasec *datasec, bool global)
{
        Candidates globals = { 0 }, here = { 0 }, elsewhere = { 0 };
        uint32_t index = GPOINTER_TO_SIZE(g_hash_table_lookup(finder->symbols, name));
        bool shared; /* the name, with another variable */

        for (guint i = 0; index != 0; i++) {
                const ObjectSymbol *symbol = object_elf_symbol(finder->elf, index);

                if (i == OBJECT_MAX_NAMESAKES)
                        return NULL;
                if (symbol->bind != STB_LOCAL)
                        consider(&globals, symbol);
                else if (object_elf_section(finder->elf, symbol->section)->first == datasec->first)
                        consider(&here, symbol);
                else
                        consider(&elsewhere, symbol);
                index = g_array_index(finder->namesakes, uint32_t, index);
        }
        if (global && globals.n > 0)
                return globals.n == 1 ? globals.symbol : NULL;
        if (here.n > 1 || here.n + elsewhere.n == 0)
                return NULL;
        shared = GPOINTER_TO_SIZE(g_hash_table_lookup(finder->counts, name)) > 1;
        if (here.n == 1)
                return !shared || elsewhere.n > 0 ? here.symbol : NULL;
        return !shared && elsewhere.n == 1 ? elsewhere.symbol : NULL;
}

/* The relocation of the offset of a variable in a DATASEC; NULL if it has none. */
static const ObjectRelocation *find_relocation(const Finder *finder,
                                               const struct btf_var_secinfo *info)
{
        const char *types = (const char *)btf__type_by_id(finder->btf, 1);
        uint64_t at = finder->types_at + ((const char *)&info->offset - types);

        return object_relocation_find(finder->relocations, finder->btf_section, at);
}

static Place place_of_symbol(const ObjectSymbol *symbol, uint64_t addend)
{
        if (!symbol)
                return (Place){ 0 };
        return (Place){ symbol->section, symbol->value + addend,
                        symbol->type == STT_SECTION ? NULL : symbol };
}

static Place find_place(const Finder *finder, const Datasec *datasec,
                        const struct btf_var_secinfo *info, const struct btf_type *var)
{
        bool local = btf_var(var)->linkage == BTF_VAR_STATIC;
        const ObjectRelocation *relocation;

        if (btf_var(var)->linkage == BTF_VAR_GLOBAL_EXTERN)
                return (Place){ 0 };
        if (datasec->size != 0 && datasec->only != 0)
                return (Place){ datasec->only, info->offset, NULL };
        relocation = datasec->size == 0 ? find_relocation(finder, info) : NULL;
        if (relocation)
                return place_of_symbol(object_elf_symbol(finder->elf, relocation->symbol),
                                       info->offset);
        /* An assembler knows the place of a local variable, and may have left no relocation. */
        if (datasec->size == 0 && local && info->offset != 0 && datasec->only != 0)
                return (Place){ datasec->only, info->offset, NULL };
        return place_of_symbol(find_symbol(finder, name_at(finder, var->name_off), datasec, !local),
                               0);
}

/* The size in bytes of a variable; 0 if it is not known, since its type is larger than the given
 * size. */
static uint64_t find_size(const Finder *finder, const struct btf_var_secinfo *info,
                          const struct btf_type *var, const ObjectSymbol *symbol)
{
        int64_t least = btf__resolve_size(finder->btf, var->type);
        uint64_t size = info->size;

        if (symbol && symbol->size != 0 && symbol->size < size)
                return 0;
        /* Some compilers leave out the bytes behind a flexible array's struct. */
        if (symbol && symbol->size > size)
                size = symbol->size;
        return least > 0 && size < (uint64_t)least ? 0 : size;
}

/* True if the variable's type has bytes. */
static bool has_bytes(const Finder *finder, const struct btf_type *var)
{
        return btf__resolve_size(finder->btf, var->type) != 0;
}

/* True if the section has that many bytes at the offset. */
static bool fits(const Finder *finder, const Place *place, uint64_t size)
{
        uint64_t end = MIN(object_elf_section(finder->elf, place->section)->size,
                           SOURCE_UNKNOWN_OFFSET - 1);

        return place->offset <= end && size <= end - place->offset;
}

/* Does the same as libbpf for a variable that a compiler placed (btf_fixup_datasec(),
 * src/libbpf.c): takes the symbol's value for an offset in the first section of the name. */
static void check_place(const Finder *finder, const Datasec *datasec, const char *name, bool local,
                        const Place *place)
{
        const ObjectElf *elf = finder->elf;
        GPtrArray *problems = finder->problems;

        if (datasec->first == 0)
                object_problems_add(problems,
                                    "libbpf refuses the object: by its BTF '%s' is in section "
                                    "'%s', and there is none (-fdata-sections makes such objects)",
                                    name, datasec->name);
        else if (place->section == 0)
                object_problems_add(problems,
                                    "where '%s' is in section '%s' can't be told: loaders may "
                                    "refuse the object, or take other bytes for it",
                                    name, datasec->name);
        else if (place->section != datasec->first)
                object_problems_add(problems,
                                    "loaders look for '%s' in %s '%s', but it is in %s '%s'", name,
                                    datasec->only ? "section" : "the first section", datasec->name,
                                    datasec->only ? "section" : "another one,",
                                    object_elf_section(elf, place->section)->name);
        else if (!local && place->symbol && place->symbol->bind == STB_LOCAL)
                object_problems_add(problems,
                                    "libbpf refuses the object: '%s' is global by its BTF, but its "
                                    "symbol is local",
                                    name);
}

/* The part of a section's name before its second dot; owned by the caller. */
static char *kind_of(const char *name)
{
        return g_strndup(name, *name ? 1 + strcspn(name + 1, ".") : 0);
}

static void index_kinds(Finder *finder)
{
        for (guint i = finder->elf->sections->len; i-- > 1;)
                g_hash_table_replace(finder->kinds,
                                     kind_of(object_elf_section(finder->elf, i)->name),
                                     GSIZE_TO_POINTER(i));
}

static Datasec describe_datasec(const Finder *finder, uint32_t id, const struct btf_type *type)
{
        Datasec datasec = {
                .id = id,
                .name = name_at(finder, type->name_off),
                .size = type->size,
        };
        g_autofree char *kind = kind_of(datasec.name);

        datasec.first = object_elf_section_named(finder->elf, datasec.name);
        datasec.only = object_elf_section(finder->elf, datasec.first)->shared ? 0 : datasec.first;
        datasec.home = datasec.first;
        if (datasec.home == 0)
                datasec.home = GPOINTER_TO_SIZE(g_hash_table_lookup(finder->kinds, kind));
        return datasec;
}

static void add_variable(Finder *finder, const Datasec *datasec, const struct btf_var_secinfo *info)
{
        const struct btf_type *var = btf__type_by_id(finder->btf, info->type);
        ObjectVariable variable = { .id = info->type, .datasec = datasec->id };
        Place place;
        uint64_t size;
        bool local;

        if (!var || !btf_is_var(var))
                return;
        local = btf_var(var)->linkage == BTF_VAR_STATIC;
        place = find_place(finder, datasec, info, var);
        size = find_size(finder, info, var, place.symbol);
        if ((size == 0 && has_bytes(finder, var)) || !fits(finder, &place, size))
                place = (Place){ 0 };
        if (datasec->size == 0 || place.section == 0)
                check_place(finder, datasec, name_at(finder, var->name_off), local, &place);
        variable.section = place.section ? place.section : datasec->home;
        variable.offset = place.section ? place.offset : SOURCE_UNKNOWN_OFFSET;
        variable.size = MIN(size, UINT32_MAX);
        /* A hidden variable is for the object alone: user space must not map it. */
        variable.visible = !local && !(place.symbol && (place.symbol->visibility == STV_HIDDEN ||
                                                        place.symbol->visibility == STV_INTERNAL));
        g_array_append_val(finder->out->all, variable);
}

static void add_variables(Finder *finder)
{
        for (uint32_t id = 1; id < btf__type_cnt(finder->btf); id++) {
                const struct btf_type *type = btf__type_by_id(finder->btf, id);
                const struct btf_var_secinfo *info = btf_var_secinfos(type);
                Datasec datasec;

                if (!btf_is_datasec(type))
                        continue;
                datasec = describe_datasec(finder, id, type);
                /* The kernel has the variables of these two. */
                if (strcmp(datasec.name, ".kconfig") == 0 || strcmp(datasec.name, ".ksyms") == 0)
                        continue;
                for (uint32_t i = 0; i < btf_vlen(type); i++)
                        add_variable(finder, &datasec, &info[i]);
        }
}

static int compare_places(const void *a, const void *b)
{
        const ObjectVariable *x = a, *y = b;

        if (x->section != y->section)
                return x->section < y->section ? -1 : 1;
        if (x->offset != y->offset)
                return x->offset < y->offset ? -1 : 1;
        return x->id < y->id ? -1 : x->id > y->id;
}

/* True if the two, which are by offset, have bytes in common. */
static bool overlap(const ObjectVariable *first, const ObjectVariable *second)
{
        return first->section == second->section && first->size > 0 && second->size > 0 &&
               second->offset < (uint64_t)first->offset + first->size;
}

/* If two variables overlap, at least one of them is elsewhere, and nothing tells which. */
static void forget_overlapping(Finder *finder)
{
        GArray *all = finder->out->all;
        ObjectVariable *last = NULL; /* the one that reaches furthest */

        for (guint i = 0; i < all->len; i++) {
                ObjectVariable *variable = &g_array_index(all, ObjectVariable, i);

                if (variable->offset == SOURCE_UNKNOWN_OFFSET)
                        continue;
                if (last && overlap(last, variable)) {
                        object_problems_add(finder->problems,
                                            "the kernel refuses the BTF of the object: '%s' and "
                                            "'%s' overlap",
                                            type_name(finder, last->id),
                                            type_name(finder, variable->id));
                        last->contested = variable->contested = true;
                }
                if (!last || last->section != variable->section ||
                    (uint64_t)variable->offset + variable->size >
                            (uint64_t)last->offset + last->size)
                        last = variable;
        }
        for (guint i = 0; i < all->len; i++) {
                ObjectVariable *variable = &g_array_index(all, ObjectVariable, i);

                if (variable->contested)
                        variable->offset = SOURCE_UNKNOWN_OFFSET;
        }
        g_array_sort(all, compare_places);
}

/* A name for the DATASEC of a section's variables: the section's own, if the BTF has a DATASEC of
 * that name. */
static const char *name_of_section(const Finder *finder, uint32_t section,
                                   const ObjectVariablesOf *of)
{
        const char *name = object_elf_section(finder->elf, section)->name;

        for (guint i = of->first; i < of->first + of->n; i++) {
                uint32_t datasec = object_variable(finder->out, i)->datasec;

                if (strcmp(type_name(finder, datasec), name) == 0)
                        return name;
        }
        return type_name(finder, object_variable(finder->out, of->first)->datasec);
}

static void add_datasec(Finder *finder, uint32_t section)
{
        ObjectVariablesOf *of = &g_array_index(finder->out->sections, ObjectVariablesOf, section);
        uint64_t size = object_elf_section(finder->elf, section)->size;
        /* A copy, since the BTF's own name would move. */
        g_autofree char *name = g_strdup(name_of_section(finder, section, of));
        int id = btf__add_datasec(finder->btf, name, MIN(size, UINT32_MAX));

        if (id < 0)
                return;
        of->datasec = id;
        for (guint i = of->first; i < of->first + MIN(of->n, BTF_MAX_VLEN); i++) {
                const ObjectVariable *variable = object_variable(finder->out, i);

                btf__add_datasec_var_info(finder->btf, variable->id, variable->offset,
                                          variable->size);
        }
}

static void add_datasecs(Finder *finder)
{
        ObjectVariables *out = finder->out;

        for (guint i = 0; i < out->all->len; i++) {
                ObjectVariablesOf *of = &g_array_index(out->sections, ObjectVariablesOf,
                                                       object_variable(out, i)->section);

                if (of->n++ == 0)
                        of->first = i;
        }
        for (guint i = 1; i < out->sections->len; i++)
                if (object_variables_of(out, i)->n > 0)
                        add_datasec(finder, i);
}

/* The byte at which the types begin in the section .BTF: the header tells it. */
static uint64_t find_types(const ObjectElf *elf, uint32_t section)
{
        const uint8_t *bytes = object_elf_section(elf, section)->bytes;
        uint32_t numbers[2];
        uint16_t magic;

        memcpy(&magic, bytes, sizeof(magic));
        memcpy(numbers, bytes + G_STRUCT_OFFSET(struct btf_header, hdr_len), sizeof(numbers));
        if (magic != BTF_MAGIC)
                for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
                        numbers[i] = GUINT32_SWAP_LE_BE(numbers[i]);
        return (uint64_t)numbers[0] + numbers[1];
}

static void find_variables(Finder *finder)
{
        finder->btf_section = object_elf_section_named(finder->elf, ".BTF");
        finder->types_at = find_types(finder->elf, finder->btf_section);
        finder->relocations = object_elf_relocations_of(finder->elf, finder->btf_section);
        finder->symbols = g_hash_table_new(g_str_hash, g_str_equal);
        finder->namesakes = g_array_new(FALSE, TRUE, sizeof(uint32_t));
        finder->counts = g_hash_table_new(g_str_hash, g_str_equal);
        finder->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        index_symbols(finder);
        count_names(finder);
        index_kinds(finder);
        add_variables(finder);
        g_hash_table_unref(finder->symbols);
        g_array_unref(finder->namesakes);
        g_hash_table_unref(finder->counts);
        g_hash_table_unref(finder->kinds);
        g_array_unref(finder->relocations);
        g_array_sort(finder->out->all, compare_places);
        forget_overlapping(finder);
        add_datasecs(finder);
}

ObjectVariables *object_variables_new(const ObjectElf *elf, struct btf *btf, GPtrArray *problems)
{
        ObjectVariables *variables = g_new0(ObjectVariables, 1);
        Finder finder = { .elf = elf, .btf = btf, .problems = problems, .out = variables };

        variables->all = g_array_new(FALSE, FALSE, sizeof(ObjectVariable));
        variables->sections = g_array_new(FALSE, TRUE, sizeof(ObjectVariablesOf));
        g_array_set_size(variables->sections, elf->sections->len);
        if (btf)
                find_variables(&finder);
        return variables;
}

void object_variables_free(ObjectVariables *variables)
{
        g_array_unref(variables->all);
        g_array_unref(variables->sections);
        g_free(variables);
}

bool object_variables_visible(const ObjectVariables *variables, uint32_t section)
{
        const ObjectVariablesOf *of = object_variables_of(variables, section);

        for (guint i = of->first; i < of->first + of->n; i++)
                if (object_variable(variables, i)->visible)
                        return true;
        return false;
}
