/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Keys as file names, and back. */

#include "key-name.h"

#include <string.h>

typedef struct Types {
        struct btf *btf;
        int u8, u16, u32, s32, s64, c, flag, colour, wide;
} Types;

static Types types_new(void)
{
        Types types = { .btf = btf__new_empty() };

        types.u8 = btf__add_int(types.btf, "unsigned char", 1, 0);
        types.u16 = btf__add_int(types.btf, "unsigned short", 2, 0);
        types.u32 = btf__add_int(types.btf, "unsigned int", 4, 0);
        types.s32 = btf__add_int(types.btf, "int", 4, BTF_INT_SIGNED);
        types.s64 = btf__add_int(types.btf, "long", 8, BTF_INT_SIGNED);
        types.c = btf__add_int(types.btf, "char", 1, BTF_INT_SIGNED);
        types.flag = btf__add_int(types.btf, "_Bool", 1, BTF_INT_BOOL);
        types.wide = btf__add_int(types.btf, "__int128", 16, 0);
        types.colour = btf__add_enum(types.btf, "colour", 4);
        btf__add_enum_value(types.btf, "RED", 1);
        btf__add_enum_value(types.btf, "BLUE", 2);
        btf__add_enum_value(types.btf, "ALSO_BLUE", 2);
        return types;
}

static int array_of(const Types *types, int element, uint32_t n)
{
        return btf__add_array(types->btf, types->u32, element, n);
}

/* @key has the name, and the name leads to it. */
static void check(const KeyForm *form, const void *key, const char *name)
{
        g_autofree char *given = key_name(form, key);
        g_autofree uint8_t *back = g_malloc(form->size);

        g_assert_cmpstr(given, ==, name);
        memset(back, 0xa5, form->size);
        g_assert_true(key_of_name(form, name, back));
        g_assert_cmpmem(back, form->size, key, form->size);
}

static void refuse(const KeyForm *form, const char *const *names)
{
        g_autofree uint8_t *key = g_malloc(form->size);

        for (; *names; names++)
                if (key_of_name(form, *names, key))
                        g_error("'%s' is no name", *names);
}

static void test_numbers(void)
{
        static const char *const no_u32[] = { "",    "-1",  "+1", "01",  "1 ", "4294967296",
                                              "0x1", "%31", "x",  "(1)", NULL };
        Types types = types_new();
        g_autoptr(KeyForm) u32 = key_form_new(types.btf, types.u32, 4, false);
        g_autoptr(KeyForm) s64 = key_form_new(types.btf, types.s64, 8, false);
        g_autoptr(KeyForm) u8 = key_form_new(types.btf, types.u8, 1, false);

        btf__free(types.btf);
        check(u32, &(uint32_t){ 0 }, "0");
        check(u32, &(uint32_t){ UINT32_MAX }, "4294967295");
        check(s64, &(int64_t){ INT64_MIN }, "-9223372036854775808");
        check(s64, &(int64_t){ INT64_MAX }, "9223372036854775807");
        check(u8, &(uint8_t){ 255 }, "255");
        refuse(u32, no_u32);
}

static void test_enums_and_bools(void)
{
        static const char *const no_colour[] = { "1", "ALSO_BLUE", "red", "", NULL };
        Types types = types_new();
        g_autoptr(KeyForm) colour = key_form_new(types.btf, types.colour, 4, false);
        g_autoptr(KeyForm) flag = key_form_new(types.btf, types.flag, 1, false);

        btf__free(types.btf);
        check(colour, &(uint32_t){ 1 }, "RED");
        check(colour, &(uint32_t){ 2 }, "BLUE");
        check(colour, &(uint32_t){ 7 }, "7");
        refuse(colour, no_colour);
        check(flag, "\1", "true");
        check(flag, "\0", "false");
        check(flag, "\2", "0x02");
}

static void test_texts(void)
{
        static const char *const none[] = { "a", "abcde", "%6162", "%GG", "%", "%00", NULL };
        Types types = types_new();
        g_autoptr(KeyForm) text = key_form_new(types.btf, array_of(&types, types.c, 4), 4, false);
        g_autoptr(KeyForm) bytes = key_form_new(types.btf, array_of(&types, types.u8, 4), 4, false);

        btf__free(types.btf);
        check(text, "eth0", "eth0");
        check(text, "ab\0", "ab");
        check(text, "a/b\0", "a%2Fb");
        check(text, "\x1b[m", "%1B[m");
        check(text, "\xff%\n", "%FF%25%0A");
        check(text, "..\0", "%2E%2E");
        check(text, "\xc3\xa4\xc3", "\xc3\xa4%C3");
        /* What would be the name of another key, or of none. */
        check(text, "a\0b", "0x61006200");
        check(text, "\0\0\0", "0x00000000");
        check(text, "0x00", "0x30783030");
        check(text, "(a)", "0x28612900");
        refuse(text, none + 1);
        check(bytes, "\x0a\0\0", "0a000000");
        check(bytes, "abcd", "abcd");
        check(bytes, "0a0b", "0a0b");
        check(bytes, "ab\0c", "61620063");
        check(bytes, "\0\0\0", "00000000");
}

static void test_structs(void)
{
        static const char *const none[] = { "a=1",          "b=ab,a=1",         "a=1,b=ab,c=1",
                                            "a=01,b=ab",    "a=1;b=ab",         "a=,b=",
                                            "0x01000000zz", "0x01000000616200", NULL };
        Types types = types_new();
        int text = array_of(&types, types.c, 4), id = btf__add_struct(types.btf, "key", 8);
        g_autoptr(KeyForm) form = NULL;

        btf__add_field(types.btf, "a", types.u32, 0, 0);
        btf__add_field(types.btf, "b", text, 32, 0);
        form = key_form_new(types.btf, id, 8, false);
        btf__free(types.btf);
        check(form, "\1\0\0\0ab\0", "a=1,b=ab");
        check(form, "\1\0\0\0,b=", "a=1,b=,b=");
        check(form, "\1\0\0\0a\0b", "0x0100000061006200");
        check(form, "\1\0\0\0\0\0\0", "a=1,b=");
        refuse(form, none);
}

static void test_a_separator_in_a_text(void)
{
        Types types = types_new();
        int text = array_of(&types, types.c, 8), id = btf__add_struct(types.btf, "key", 12);
        g_autoptr(KeyForm) form = NULL;

        btf__add_field(types.btf, "a", text, 0, 0);
        btf__add_field(types.btf, "b", types.u32, 64, 0);
        form = key_form_new(types.btf, id, 12, false);
        btf__free(types.btf);
        check(form, "x\0\0\0\0\0\0\0\1\0\0", "a=x,b=1");
        /* It would be read as that of another key. */
        check(form, "x,b=2\0\0\0\1\0\0", "0x782c623d3200000001000000");
}

static void test_padding_and_others(void)
{
        Types types = types_new();
        int padded = btf__add_struct(types.btf, "padded", 4), bits, nameless, outer;
        g_autoptr(KeyForm) form = NULL, other = NULL, wide = NULL, nested = NULL;

        btf__add_field(types.btf, "a", types.u8, 0, 0);
        btf__add_field(types.btf, "b", types.u16, 16, 0);
        bits = btf__add_struct(types.btf, "bits", 4);
        btf__add_field(types.btf, "a", types.u32, 0, 3);
        nameless = btf__add_struct(types.btf, NULL, 4);
        btf__add_field(types.btf, "a", types.u32, 0, 0);
        outer = btf__add_struct(types.btf, "outer", 4);
        btf__add_field(types.btf, "in", nameless, 0, 0);
        form = key_form_new(types.btf, padded, 4, false);
        other = key_form_new(types.btf, bits, 4, false);
        wide = key_form_new(types.btf, types.wide, 16, false);
        nested = key_form_new(types.btf, outer, 4, false);
        btf__free(types.btf);
        check(form, "\1\0\2\0", "a=1,b=2");
        check(form, "\1\7\2\0", "0x01070200");
        check(other, "\1\0\0\0", "0x01000000");
        check(nested, "\1\0\0\0", "0x01000000");
        check(wide, "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "0x01000000000000000000000000000000");
}

static void test_without_btf(void)
{
        static const char *const none[] = {
                "0x616263", "6162", "61626364", "61626G", "ABCDEF", NULL
        };
        g_autoptr(KeyForm) hex = key_form_new(NULL, 0, 3, false);
        g_autoptr(KeyForm) number = key_form_new(NULL, 0, 4, true);

        check(hex, "abc", "616263");
        refuse(hex, none);
        check(number, &(uint32_t){ 17 }, "17");
}

/* BTF is others': its sizes need not be those of the keys. */
static void test_types_that_do_not_fit(void)
{
        Types types = types_new();
        int far = btf__add_struct(types.btf, "far", 64);
        g_autoptr(KeyForm) form = NULL, larger = NULL, none = NULL;

        btf__add_field(types.btf, "a", types.u32, 480, 0);
        form = key_form_new(types.btf, far, 4, false);
        larger = key_form_new(types.btf, array_of(&types, types.c, 100), 4, false);
        none = key_form_new(types.btf, 12345, 4, false);
        btf__free(types.btf);
        check(form, "abcd", "0x61626364");
        check(larger, "abcd", "0x61626364");
        check(none, "abcd", "61626364");
}

static void test_long_names(void)
{
        g_autoptr(KeyForm) form = key_form_new(NULL, 0, 200, false);
        uint8_t key[200] = { 0 }, back[200];
        g_autofree char *name = key_name(form, key), *other = NULL;

        g_assert_cmpuint(strlen(name), ==, 255);
        g_assert_true(key_name_is_cut(name));
        g_assert_false(key_of_name(form, name, back));
        key[199] = 1;
        other = key_name(form, key);
        g_assert_cmpstr(name, !=, other);
        g_assert_false(key_name_is_cut("616263"));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/key-name/numbers", test_numbers);
        g_test_add_func("/key-name/enums-and-bools", test_enums_and_bools);
        g_test_add_func("/key-name/texts", test_texts);
        g_test_add_func("/key-name/structs", test_structs);
        g_test_add_func("/key-name/separator", test_a_separator_in_a_text);
        g_test_add_func("/key-name/padding-and-others", test_padding_and_others);
        g_test_add_func("/key-name/without-btf", test_without_btf);
        g_test_add_func("/key-name/types-that-do-not-fit", test_types_that_do_not_fit);
        g_test_add_func("/key-name/long-names", test_long_names);
        return g_test_run();
}
