/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The three rules that make a variable metadata, in their order. */

#include "metadata.h"
#include "value.h"

#include <string.h>

/* The rest of @name behind @prefix, or NULL if @name does not begin with it. */
static const char *after(const char *name, const char *prefix)
{
        return name && g_str_has_prefix(name, prefix) ? name + strlen(prefix) : NULL;
}

/* The name of the struct or union type @id behind the prefix; NULL if it does not begin with the
 * prefix. If the struct has no name of its own, a typedef's counts. */
static const char *after_struct_prefix(const struct btf *btf, uint32_t id)
{
        const char *alias = NULL;

        for (unsigned i = 0; i <= VALUE_MAX_CHAIN; i++) {
                const struct btf_type *type = btf__type_by_id(btf, id);
                const char *rest;

                if (!type)
                        return NULL;
                rest = after(btf__name_by_offset(btf, type->name_off), METADATA_STRUCT_PREFIX);
                switch (btf_kind(type)) {
                case BTF_KIND_STRUCT:
                case BTF_KIND_UNION:
                        return rest ? rest : alias;
                case BTF_KIND_TYPEDEF:
                        if (!alias)
                                alias = rest;
                        break;
                case BTF_KIND_CONST:
                case BTF_KIND_VOLATILE:
                case BTF_KIND_RESTRICT:
                case BTF_KIND_TYPE_TAG:
                        break;
                default:
                        return NULL;
                }
                id = type->type;
        }
        return NULL;
}

static bool is_metadata_section(const char *name)
{
        return strcmp(name, ".metadata") == 0 || strcmp(name, ".rodata.metadata") == 0;
}

GArray *metadata_variables(const struct btf *btf, uint32_t datasec)
{
        const struct btf_type *section = btf__type_by_id(btf, datasec);
        GArray *variables = g_array_new(FALSE, FALSE, sizeof(MetadataVariable));
        const struct btf_var_secinfo *info;
        const char *section_name;
        bool all;

        if (!section || !btf_is_datasec(section))
                return variables;

        section_name = btf__name_by_offset(btf, section->name_off);
        all = section_name && is_metadata_section(section_name);
        info = btf_var_secinfos(section);
        for (unsigned i = 0; i < btf_vlen(section); i++, info++) {
                const struct btf_type *type = btf__type_by_id(btf, info->type);
                MetadataVariable variable = { .offset = info->offset, .size = info->size };

                if (!type || !btf_is_var(type))
                        continue;
                variable.type = type->type;
                variable.name = btf__name_by_offset(btf, type->name_off);
                if (!variable.name)
                        variable.name = "";
                variable.entry = after(variable.name, METADATA_VARIABLE_PREFIX);
                if (!variable.entry)
                        variable.entry = after_struct_prefix(btf, variable.type);
                if (!variable.entry && all)
                        variable.entry = variable.name;
                g_array_append_val(variables, variable);
        }
        return variables;
}
