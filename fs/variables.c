/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The variables of one map: their names in vars/, and the texts that are kept. */

#include "variables.h"

#include "metadata.h"
#include "names.h"

#include <errno.h>
#include <string.h>

ValueSpace variables_space(const SourceValue *value)
{
        return (ValueSpace){
                .btf = value->btf,
                .bytes = value->bytes,
                .size = value->size,
                .big_endian = value->big_endian,
        };
}

void decoded_clear(Decoded *decoded)
{
        g_clear_pointer(&decoded->name, g_free);
        g_clear_pointer(&decoded->text, g_free);
        for (uint32_t i = 0; decoded->members && i < decoded->n_members; i++)
                decoded_clear(&decoded->members[i]);
        g_clear_pointer(&decoded->members, g_free);
}

typedef struct Collect {
        GArray *members;
        Names *names;
} Collect;

static bool collect_member(const char *name, const ValueRef *ref, void *data)
{
        Collect *collect = data;
        Decoded member = { .name = names_give(collect->names, name, name), .ref = *ref };

        g_array_append_val(collect->members, member);
        return true;
}

GArray *decoded_members(const ValueSpace *space, const ValueRef *ref)
{
        g_autoptr(Names) names = names_new(NULL);
        Collect collect = { g_array_new(FALSE, TRUE, sizeof(Decoded)), names };

        g_array_set_clear_func(collect.members, (GDestroyNotify)decoded_clear);
        value_foreach_member(space, ref, collect_member, &collect);
        return collect.members;
}

static bool take(DecodeBudget *budget, uint64_t bytes, uint32_t values)
{
        if (bytes > budget->bytes || values > budget->values)
                return false;
        budget->bytes -= bytes;
        budget->values -= values;
        return true;
}

/* Makes only as much of the text as may be kept: more would be made in vain. */
static void keep_text(const ValueSpace *space, Decoded *decoded, DecodeBudget *budget)
{
        uint64_t bytes = value_size(space, &decoded->ref);
        GString *text;

        if (bytes > VARIABLES_MAX_TEXT || bytes > budget->tried || budget->values == 0)
                return;
        budget->tried -= bytes;
        text = g_string_new(NULL);
        decoded->size = value_text(space, &decoded->ref, 0, VARIABLES_MAX_TEXT, text);
        if (decoded->size == text->len && take(budget, decoded->size + 1, 1))
                decoded->text = g_strndup(text->str, text->len);
        g_string_free(text, TRUE);
}

static void keep_members(const ValueSpace *space, Decoded *decoded, DecodeBudget *budget)
{
        if (!take(budget, (uint64_t)decoded->n_members * sizeof(Decoded), decoded->n_members))
                return;
        decoded->members = g_new0(Decoded, decoded->n_members + 1);
        if (value_is_array(space, &decoded->ref)) {
                for (uint32_t i = 0; i < decoded->n_members; i++) {
                        ValueRef ref = value_element(space, &decoded->ref, i);

                        decoded->members[i] = decoded_value(space, &ref, NULL, budget);
                }
        } else {
                g_autoptr(GArray) members = decoded_members(space, &decoded->ref);

                decoded->n_members = MIN(decoded->n_members, members->len);
                for (uint32_t i = 0; i < decoded->n_members; i++) {
                        Decoded *member = &g_array_index(members, Decoded, i);

                        decoded->members[i] = decoded_value(space, &member->ref,
                                                            g_steal_pointer(&member->name), budget);
                }
        }
}

Decoded decoded_value(const ValueSpace *space, const ValueRef *ref, char *name,
                      DecodeBudget *budget)
{
        Decoded decoded = {
                .name = name,
                .ref = *ref,
                .directory = value_is_directory(space, ref),
        };

        if (!decoded.directory) {
                keep_text(space, &decoded, budget);
        } else if (budget->tried > 0) {
                decoded.n_members = value_n_members(space, ref);
                budget->tried -= MIN(budget->tried, decoded.n_members);
                keep_members(space, &decoded, budget);
        }
        return decoded;
}

/* Mostly the names are the same, or one is the end of the other: then it is borrowed. */
static void share_names(Variable *variable, const MetadataVariable *source)
{
        char *name = variable->value.name;

        variable->declared = strcmp(name, source->name) == 0 ? name : g_strdup(source->name);
        if (!source->entry)
                return;
        variable->entry =
                g_str_has_suffix(variable->declared, source->entry)
                        ? variable->declared + strlen(variable->declared) - strlen(source->entry)
                        : g_strdup(source->entry);
}

static void variable_clear(Variable *variable)
{
        const char *end = variable->declared + strlen(variable->declared);

        if (variable->entry < variable->declared || variable->entry > end)
                g_free(variable->entry);
        if (variable->declared != variable->value.name)
                g_free(variable->declared);
        decoded_clear(&variable->value);
}

/* The file that says why nothing else is shown. */
static Decoded decoded_note(char *name, const char *why)
{
        Decoded decoded = { .name = name, .text = g_strdup_printf("(cannot be shown: %s)\n", why) };

        decoded.size = strlen(decoded.text);
        return decoded;
}

Variables *variables_new(const SourceValue *value, uint32_t datasec, DecodeBudget *budget)
{
        g_autoptr(GArray) found = value->btf ? metadata_variables(value->btf, datasec)
                                             : g_array_new(FALSE, FALSE, sizeof(MetadataVariable));
        g_autoptr(Names) names = names_new(NULL);
        ValueSpace space = variables_space(value);
        DecodeBudget left = {
                .bytes = budget->bytes,
                .values = MIN(budget->values, VARIABLES_MAX_KEPT),
                .tried = VARIABLES_MAX_TRIED,
        };
        Variables *variables = g_malloc0(sizeof(Variables) + found->len * sizeof(Variable));
        size_t names_bytes = 0;

        variables->refs = 1;
        variables->n = found->len;
        for (uint32_t i = 0; i < variables->n; i++) {
                const MetadataVariable *source = &g_array_index(found, MetadataVariable, i);
                Variable *variable = &variables->items[i];
                ValueRef ref = value_of_variable(source->type, source->offset, source->size);
                char *name = names_give(names, source->name, source->name);

                variable->value =
                        source->offset == SOURCE_UNKNOWN_OFFSET
                                ? decoded_note(name, "where it is in the file is not known")
                                : decoded_value(&space, &ref, name, &left);
                share_names(variable, source);
                names_bytes += strlen(variable->value.name) + sizeof(Variable);
        }
        variables->bytes = budget->bytes - left.bytes + names_bytes;
        budget->bytes = left.bytes;
        return variables;
}

Variables *variables_unreadable(int error)
{
        Variables *variables = g_malloc0(sizeof(Variables) + sizeof(Variable));
        Variable *variable = &variables->items[0];
        const char *why = "its BTF is not understood";

        if (error == -E2BIG)
                why = "the map or its BTF is too large";
        else if (error == -EPERM || error == -EACCES)
                why = "the map may not be read";
        else if (error == -ENODATA)
                why = "no BTF describes it";
        variables->refs = 1;
        variables->n = 1;
        variable->value = decoded_note(g_strdup("(cannot be shown)"), why);
        variable->declared = variable->value.name;
        return variables;
}

Variables *variables_ref(Variables *variables)
{
        variables->refs++;
        return variables;
}

void variables_unref(Variables *variables)
{
        if (!variables || --variables->refs > 0)
                return;
        for (uint32_t i = 0; i < variables->n; i++)
                variable_clear(&variables->items[i]);
        g_free(variables);
}

bool variables_have_metadata(const Variables *variables)
{
        for (uint32_t i = 0; i < variables->n; i++)
                if (variables->items[i].entry)
                        return true;
        return false;
}
