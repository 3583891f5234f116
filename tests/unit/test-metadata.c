/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which variables of a section are metadata, and what their entries would like to be called. */

#include "metadata.h"
#include "value.h"

static int add_int(struct btf *btf)
{
        return btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
}

static int add_variable(struct btf *btf, const char *name, int type)
{
        return btf__add_var(btf, name, BTF_VAR_GLOBAL_ALLOCATED, type);
}

/* A section of one variable: what its entry would like to be called. */
static const char *entry_of(struct btf *btf, const char *section, int variable)
{
        int datasec = btf__add_datasec(btf, section, 4);
        g_autoptr(GArray) variables = NULL;

        g_assert_cmpint(btf__add_datasec_var_info(btf, variable, 0, 4), ==, 0);
        variables = metadata_variables(btf, datasec);
        g_assert_cmpuint(variables->len, ==, 1);
        return g_array_index(variables, MetadataVariable, 0).entry;
}

static void test_prefix(void)
{
        static const struct {
                const char *section;
                const char *name;
                const char *entry;
        } rows[] = {
                { ".rodata", "bpf_metadata_oncall", "oncall" },
                { ".rodata.mine", "bpf_metadata_oncall", "oncall" },
                { "anything", "bpf_metadata_oncall", "oncall" },
                { ".rodata", "bpf_metadata_", "" },
                { ".rodata", "bpf_metadata_..", ".." },
                { ".rodata", "bpf_metadata_bpf_metadata_x", "bpf_metadata_x" },
                { ".rodata", "bpf_metadata", NULL },
                { ".rodata", "oncall", NULL },
                { ".rodata", "my_bpf_metadata_oncall", NULL },
                { ".rodata", "BPF_METADATA_oncall", NULL },
                { ".rodata", "bpf_prog_metadata_oncall", NULL },
                { ".metadata", "oncall", "oncall" },
                { ".metadata", "bpf_metadata_oncall", "oncall" },
                { ".metadata", "bpf_metadata_", "" },
                { ".rodata.metadata", "oncall", "oncall" },
                { ".rodata.metadata", "bpf_metadata_oncall", "oncall" },
                { ".rodata.metadata2", "oncall", NULL },
                { ".rodata.metadat", "oncall", NULL },
                { ".data.metadata", "oncall", NULL },
                { "metadata", "oncall", NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                struct btf *btf = btf__new_empty();
                int variable = add_variable(btf, rows[i].name, add_int(btf));

                g_assert_cmpstr(entry_of(btf, rows[i].section, variable), ==, rows[i].entry);
                btf__free(btf);
        }
}

/* Qualifiers and typedefs around the type @id, @n times over. */
static int wrap(struct btf *btf, int id, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                switch (i % 5) {
                case 0:
                        id = btf__add_typedef(btf, "alias", id);
                        break;
                case 1:
                        id = btf__add_const(btf, id);
                        break;
                case 2:
                        id = btf__add_volatile(btf, id);
                        break;
                case 3:
                        id = btf__add_restrict(btf, id);
                        break;
                default:
                        id = btf__add_type_tag(btf, "tag", id);
                }
        }
        return id;
}

static void test_struct(void)
{
        struct btf *btf = btf__new_empty();
        int build = btf__add_struct(btf, "bpf_prog_metadata_build", 0);
        int owner = btf__add_union(btf, "bpf_prog_metadata_owner", 0);
        int nothing = btf__add_struct(btf, "bpf_prog_metadata_", 0);
        int plain = btf__add_struct(btf, "build", 0);
        int nameless = btf__add_struct(btf, NULL, 0);
        int number = add_int(btf);
        const struct {
                int type;
                const char *name;
                const char *section;
                const char *entry;
        } rows[] = {
                { build, "v", ".rodata", "build" },
                { owner, "v", ".rodata", "owner" },
                { nothing, "v", ".rodata", "" },
                { plain, "v", ".rodata", NULL },
                { nameless, "v", ".rodata", NULL },
                { wrap(btf, build, 5), "v", ".rodata", "build" },
                { wrap(btf, build, VALUE_MAX_CHAIN), "v", ".rodata", "build" },
                { wrap(btf, build, VALUE_MAX_CHAIN + 1), "v", ".rodata", NULL },
                /* the typedef of a struct that has no such name */
                { btf__add_typedef(btf, "bpf_prog_metadata_t", nameless), "v", ".rodata", "t" },
                { btf__add_typedef(btf, "bpf_prog_metadata_t", plain), "v", ".rodata", "t" },
                { btf__add_typedef(btf, "bpf_prog_metadata_t", build), "v", ".rodata", "build" },
                { btf__add_typedef(btf, "bpf_prog_metadata_t", number), "v", ".rodata", NULL },
                /* not structs */
                { btf__add_ptr(btf, build), "v", ".rodata", NULL },
                { btf__add_array(btf, number, build, 1), "v", ".rodata", NULL },
                { btf__add_enum(btf, "bpf_prog_metadata_e", 4), "v", ".rodata", NULL },
                { btf__add_fwd(btf, "bpf_prog_metadata_f", BTF_FWD_STRUCT), "v", ".rodata", NULL },
                { 0, "v", ".rodata", NULL },
                { 100000, "v", ".rodata", NULL },
                /* the rules in their order */
                { build, "bpf_metadata_v", ".rodata", "v" },
                { build, "v", ".metadata", "build" },
                { plain, "v", ".metadata", "v" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                g_assert_cmpstr(entry_of(btf, rows[i].section,
                                         add_variable(btf, rows[i].name, rows[i].type)),
                                ==, rows[i].entry);
        btf__free(btf);
}

static void test_typedef_of_itself(void)
{
        struct btf *btf = btf__new_empty();
        int cycle = btf__add_typedef(btf, "bpf_prog_metadata_me", btf__type_cnt(btf));

        g_assert_null(entry_of(btf, ".rodata", add_variable(btf, "v", cycle)));
        btf__free(btf);
}

/* All of them, in order, as the section has them; what is no variable is passed over. */
static void test_section(void)
{
        struct btf *btf = btf__new_empty();
        int number = add_int(btf);
        int first = add_variable(btf, "bpf_metadata_oncall", number);
        int second = add_variable(btf, "bpf_metadata_oncall", number);
        int third = add_variable(btf, "other", btf__add_const(btf, number));
        int nameless = add_variable(btf, "nameless", number);
        int proto = btf__add_func_proto(btf, number);
        int function = btf__add_func(btf, "bpf_metadata_f", BTF_FUNC_GLOBAL, proto);
        const struct {
                int type;
                uint32_t offset;
                uint32_t size;
        } infos[] = {
                { first, 0, 4 },   { second, 4, 4 }, { function, 4, 4 },
                { 0, 0, 0 },       { 100000, 0, 4 }, { third, 4, 64 },
                { first, 100, 0 }, { number, 0, 4 }, { nameless, 8, 16 },
        };
        static const struct {
                const char *name;
                const char *entry;
                uint32_t offset;
                uint32_t size;
        } expected[] = {
                { "bpf_metadata_oncall", "oncall", 0, 4 },
                { "bpf_metadata_oncall", "oncall", 4, 4 },
                { "other", NULL, 4, 64 },
                { "bpf_metadata_oncall", "oncall", 100, 0 },
                { "", NULL, 8, 16 },
        };
        g_autoptr(GArray) variables = NULL;
        int datasec;

        datasec = btf__add_datasec(btf, ".rodata", 8);
        for (size_t i = 0; i < G_N_ELEMENTS(infos); i++)
                g_assert_cmpint(btf__add_datasec_var_info(btf, infos[i].type, infos[i].offset,
                                                          infos[i].size),
                                ==, 0);
        ((struct btf_type *)btf__type_by_id(btf, nameless))->name_off = 1u << 30;

        variables = metadata_variables(btf, datasec);
        g_assert_cmpuint(variables->len, ==, G_N_ELEMENTS(expected));
        for (guint i = 0; i < variables->len; i++) {
                const MetadataVariable *v = &g_array_index(variables, MetadataVariable, i);

                g_assert_cmpstr(v->name, ==, expected[i].name);
                g_assert_cmpstr(v->entry, ==, expected[i].entry);
                g_assert_cmpuint(v->offset, ==, expected[i].offset);
                g_assert_cmpuint(v->size, ==, expected[i].size);
        }
        g_assert_cmpuint(g_array_index(variables, MetadataVariable, 0).type, ==, (guint)number);
        g_assert_cmpuint(g_array_index(variables, MetadataVariable, 2).type, ==, (guint)third - 1);
        btf__free(btf);
}

static void test_no_section(void)
{
        struct btf *btf = btf__new_empty();
        const int ids[] = { 0, 100000, add_int(btf), btf__add_datasec(btf, ".rodata", 0) };

        for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
                g_autoptr(GArray) variables = metadata_variables(btf, ids[i]);

                g_assert_cmpuint(variables->len, ==, 0);
        }
        btf__free(btf);
}

/* A section whose name lies outside of the string section is like any other. */
static void test_section_without_name(void)
{
        struct btf *btf = btf__new_empty();
        int variable = add_variable(btf, "oncall", add_int(btf));
        int datasec = btf__add_datasec(btf, ".metadata", 4);
        g_autoptr(GArray) variables = NULL;

        btf__add_datasec_var_info(btf, variable, 0, 4);
        ((struct btf_type *)btf__type_by_id(btf, datasec))->name_off = 1u << 30;
        variables = metadata_variables(btf, datasec);
        g_assert_cmpuint(variables->len, ==, 1);
        g_assert_null(g_array_index(variables, MetadataVariable, 0).entry);
        btf__free(btf);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/metadata/prefix", test_prefix);
        g_test_add_func("/metadata/struct", test_struct);
        g_test_add_func("/metadata/typedef-of-itself", test_typedef_of_itself);
        g_test_add_func("/metadata/section", test_section);
        g_test_add_func("/metadata/no-section", test_no_section);
        g_test_add_func("/metadata/section-without-name", test_section_without_name);
        return g_test_run();
}
