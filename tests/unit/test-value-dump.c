/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Values as bpftool has them in JSON. */

#include "value-dump.h"

#include <string.h>

static void check(struct btf *btf, int type, const void *bytes, size_t size, const char *json)
{
        ValueSpace space = {
                .btf = btf,
                .bytes = bytes,
                .size = size,
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
        };
        g_autoptr(GString) out = g_string_new(NULL);
        Json writer = json_new(out);
        ValueDumper dumper = { 0 };

        g_assert_true(value_dump(&dumper, &writer, &space, type, 1 << 20));
        value_dumper_clear(&dumper);
        g_assert_cmpstr(out->str, ==, json);
}

static void test_scalars(void)
{
        struct btf *btf = btf__new_empty();
        int u64 = btf__add_int(btf, "unsigned long", 8, 0);
        int s8 = btf__add_int(btf, "signed char", 1, BTF_INT_SIGNED);
        int flag = btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL);
        int letter = btf__add_int(btf, "letter", 1, BTF_INT_CHAR);
        int wide = btf__add_int(btf, "__int128", 16, 0);
        int pointer = btf__add_ptr(btf, u64);
        int real = btf__add_float(btf, "double", 8);
        int colour = btf__add_enum(btf, "colour", 4);
        int small;

        btf__add_enum_value(btf, "RED", 1);
        small = btf__add_enum(btf, "small", 1);
        btf__add_enum_value(btf, "HIGH", 200);
        check(btf, u64, &(uint64_t){ UINT64_MAX }, 8, "18446744073709551615");
        check(btf, s8, "\xff", 1, "-1");
        check(btf, flag, "\2", 1, "true");
        check(btf, letter, "a", 1, "\"a\"");
        check(btf, letter, "\"", 1, "\"\\\"\"");
        check(btf, letter, "\1", 1, "\"\\u0001\"");
        check(btf, letter, "\x9b", 1, "\"\\u009b\"");
        check(btf, wide, "\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0", 16, "\"0x10000000000000001\"");
        check(btf, pointer, &(uint64_t){ 256 }, 8, "256");
        check(btf, real, &(double){ 0.1 }, 8, "0.1");
        check(btf, real, &(double){ -1.0 / 0.0 }, 8, "\"-inf\"");
        check(btf, colour, &(uint32_t){ 1 }, 4, "\"RED\"");
        check(btf, colour, &(uint32_t){ 9 }, 4, "9");
        check(btf, small, "\xc8", 1, "\"HIGH\"");
        btf__free(btf);
}

static void test_composites(void)
{
        struct btf *btf = btf__new_empty();
        int u32 = btf__add_int(btf, "unsigned int", 4, 0);
        int letter = btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
        int text = btf__add_array(btf, u32, letter, 4), pair = btf__add_array(btf, u32, u32, 2);
        int inner = btf__add_struct(btf, NULL, 4), outer, bits;

        btf__add_field(btf, "x", u32, 0, 0);
        outer = btf__add_struct(btf, "outer", 8);
        btf__add_field(btf, NULL, inner, 0, 0);
        btf__add_field(btf, "text", text, 32, 0);
        bits = btf__add_struct(btf, "bits", 4);
        btf__add_field(btf, "a", u32, 0, 3);
        btf__add_field(btf, "b", u32, 3, 29);
        check(btf, text, "abc", 4, "\"abc\"");
        /* No NUL, or something else than printable ASCII: numbers, as bpftool has them. */
        check(btf, text, "abcd", 4, "[97,98,99,100]");
        check(btf, text, "a\n\0", 4, "[97,10,0,0]");
        check(btf, text, "\"\\\0", 4, "\"\\\"\\\\\"");
        check(btf, pair, (uint32_t[]){ 1, 2 }, 8, "[1,2]");
        check(btf, outer, "\1\0\0\0abc", 8, "{\"\":{\"x\":1},\"text\":\"abc\"}");
        check(btf, bits, &(uint32_t){ 0xd }, 4, "{\"a\":\"0x5\",\"b\":\"0x1\"}");
        btf__free(btf);
}

static void test_what_can_not_be_shown(void)
{
        struct btf *btf = btf__new_empty();
        int u32 = btf__add_int(btf, "unsigned int", 4, 0);
        int forward = btf__add_fwd(btf, "somewhere", BTF_FWD_STRUCT);
        int holder = btf__add_struct(btf, "holder", 8);

        btf__add_field(btf, "far", u32, 64, 0);
        btf__add_field(btf, "next", u32, 0, 0);
        check(btf, forward, "", 0,
              "\"(cannot be shown: forward declaration of struct somewhere)\"");
        check(btf, 12345, "", 0, "\"(cannot be shown: there is no type 12345)\"");
        check(btf, u32, "ab", 2, "\"(outside of the section's 2 bytes)\"");
        check(btf, holder, "\1\0\0\0\0\0\0", 8,
              "{\"far\":\"(outside of the section's 8 bytes)\",\"next\":1}");
        btf__free(btf);
}

static void test_limit(void)
{
        struct btf *btf = btf__new_empty();
        int u32 = btf__add_int(btf, "unsigned int", 4, 0);
        int nothing = btf__add_struct(btf, "nothing", 0);
        int many = btf__add_array(btf, u32, nothing, 1u << 20);
        int more = btf__add_array(btf, u32, nothing, 1u << 31);
        ValueSpace space = { .btf = btf, .bytes = (const uint8_t *)"" };
        g_autoptr(GString) out = g_string_new(NULL);
        Json writer = json_new(out);
        ValueDumper dumper = { 0 };

        g_assert_false(value_dump(&dumper, &writer, &space, many, 1000));
        g_assert_cmpuint(out->len, <, 1100);
        /* Without a byte in it there is no telling where it would end. */
        g_string_truncate(out, 0);
        writer = json_new(out);
        g_assert_true(value_dump(&dumper, &writer, &space, more, 1000));
        g_assert_true(g_str_has_prefix(out->str, "\"(cannot be shown: "));
        value_dumper_clear(&dumper);
        btf__free(btf);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/value-dump/scalars", test_scalars);
        g_test_add_func("/value-dump/composites", test_composites);
        g_test_add_func("/value-dump/what-can-not-be-shown", test_what_can_not_be_shown);
        g_test_add_func("/value-dump/limit", test_limit);
        return g_test_run();
}
