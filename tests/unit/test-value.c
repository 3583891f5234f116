/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Bytes of every BTF kind, in both byte orders, as the text or the directory that a user sees; and
 * types that no compiler writes. */

#include "value.h"

#include <string.h>

/* ---- Types under test ---- */

/* A BTF, and its types by the names that the tables below call them. */
typedef struct Fixture {
        struct btf *btf;
        GHashTable *types;
} Fixture;

static int name_type(Fixture *fixture, const char *name, int id)
{
        g_assert_cmpint(id, >, 0);
        g_hash_table_insert(fixture->types, g_strdup(name), GINT_TO_POINTER(id));
        return id;
}

static int type_named(const Fixture *fixture, const char *name)
{
        int id = GPOINTER_TO_INT(g_hash_table_lookup(fixture->types, name));

        if (id == 0)
                g_error("the tests know no type %s", name);
        return id;
}

static int next_id(const Fixture *fixture)
{
        return btf__type_cnt(fixture->btf);
}

static struct btf_type *writable(const Fixture *fixture, int id)
{
        return (struct btf_type *)btf__type_by_id(fixture->btf, id);
}

/* Of an enum: it is signed. libbpf sets it at the first value below 0. */
static void set_kind_flag(const Fixture *fixture, int id, bool flag)
{
        struct btf_type *type = writable(fixture, id);

        type->info = (type->info & INT32_MAX) | (flag ? 1u << 31 : 0);
}

static int add_array(Fixture *fixture, const char *name, int element, uint32_t n)
{
        int index = type_named(fixture, "unsigned int");

        return name_type(fixture, name, btf__add_array(fixture->btf, index, element, n));
}

/* An INT of any size, bits and offset, also of those that libbpf refuses. */
static int add_odd_int(Fixture *fixture, const char *name, unsigned size, unsigned bits,
                       unsigned offset, unsigned encoding)
{
        int id = btf__add_int(fixture->btf, name, 4, 0);
        struct btf_type *type = writable(fixture, id);

        type->size = size;
        *(uint32_t *)(type + 1) = encoding << 24 | offset << 16 | bits;
        return name_type(fixture, name, id);
}

static int add_struct(Fixture *fixture, const char *name, unsigned size)
{
        return name_type(fixture, name, btf__add_struct(fixture->btf, name, size));
}

static void add_field(Fixture *fixture, const char *name, int type, unsigned bit_offset,
                      unsigned bit_size)
{
        g_assert_cmpint(btf__add_field(fixture->btf, name, type, bit_offset, bit_size), ==, 0);
}

/* A field that is no bit-field and starts inside of a byte, which libbpf refuses. */
static void add_odd_field(Fixture *fixture, const char *name, int type, unsigned bit_offset)
{
        struct btf_type *last;

        add_field(fixture, name, type, 0, 1);
        last = writable(fixture, next_id(fixture) - 1);
        btf_members(last)[btf_vlen(last) - 1].offset = bit_offset;
}

static void add_scalars(Fixture *fixture)
{
        static const struct {
                const char *name;
                size_t size;
                int encoding;
        } ints[] = {
                { "unsigned int", 4, 0 },
                { "int", 4, BTF_INT_SIGNED },
                { "char", 1, BTF_INT_SIGNED },
                { "char8", 1, BTF_INT_CHAR },
                { "signed char", 1, BTF_INT_SIGNED },
                { "unsigned char", 1, 0 },
                { "_Bool", 1, BTF_INT_BOOL },
                { "bool32", 4, BTF_INT_BOOL },
                { "short", 2, BTF_INT_SIGNED },
                { "unsigned short", 2, 0 },
                { "long", 8, BTF_INT_SIGNED },
                { "unsigned long", 8, 0 },
                { "__int128", 16, BTF_INT_SIGNED },
                { "unsigned __int128", 16, 0 },
        };
        static const size_t floats[] = { 2, 4, 8, 12, 16 };
        struct btf *btf = fixture->btf;

        for (size_t i = 0; i < G_N_ELEMENTS(ints); i++)
                name_type(fixture, ints[i].name,
                          btf__add_int(btf, ints[i].name, ints[i].size, ints[i].encoding));
        for (size_t i = 0; i < G_N_ELEMENTS(floats); i++) {
                g_autofree char *name = g_strdup_printf("float%zu", floats[i]);

                name_type(fixture, name, btf__add_float(btf, name, floats[i]));
        }

        writable(fixture, name_type(fixture, "float3", btf__add_float(btf, "float3", 4)))->size = 3;

        /* Bit-fields as they were before BTF's kind_flag: the INT itself is narrow. */
        add_odd_int(fixture, "int:5 at 2", 4, 5, 2, BTF_INT_SIGNED);
        add_odd_int(fixture, "uint:12 at 6", 4, 12, 6, 0);
        add_odd_int(fixture, "int24", 3, 24, 0, BTF_INT_SIGNED);
        add_odd_int(fixture, "int of no bits", 4, 0, 0, 0);
        add_odd_int(fixture, "int of 40 bits", 4, 40, 0, 0);
        add_odd_int(fixture, "int of 136 bits", 32, 136, 0, 0);
        add_odd_int(fixture, "int past itself", 4, 32, 1, 0);
        add_odd_int(fixture, "int of no bytes", 0, 8, 0, 0);

        name_type(fixture, "int *", btf__add_ptr(btf, type_named(fixture, "int")));
        name_type(fixture, "void *", btf__add_ptr(btf, 0));
}

static void add_enums(Fixture *fixture)
{
        struct btf *btf = fixture->btf;
        int id;

        id = name_type(fixture, "enum", btf__add_enum(btf, "enum", 4));
        btf__add_enum_value(btf, "ZERO", 0);
        btf__add_enum_value(btf, "TWO", 2);
        btf__add_enum_value(btf, "ALSO_TWO", 2);
        btf__add_enum_value(btf, "ALL", -1);
        set_kind_flag(fixture, id, false);

        id = name_type(fixture, "signed enum", btf__add_enum(btf, "signed enum", 4));
        btf__add_enum_value(btf, "MINUS", -1);
        btf__add_enum_value(btf, "LEAST", INT32_MIN);
        set_kind_flag(fixture, id, true);

        /* As compilers write it that know no kind_flag of enums. */
        id = name_type(fixture, "enum1", btf__add_enum(btf, "enum1", 1));
        btf__add_enum_value(btf, "MINUS", -1);
        btf__add_enum_value(btf, "HUGE_200", 200);
        btf__add_enum_value(btf, "TOO_LARGE", 256);
        set_kind_flag(fixture, id, false);
        id = name_type(fixture, "enum8", btf__add_enum(btf, "enum8", 8));
        btf__add_enum_value(btf, "MINUS", -1);
        set_kind_flag(fixture, id, false);

        name_type(fixture, "enum64", btf__add_enum64(btf, "enum64", 8, false));
        btf__add_enum64_value(btf, "TOP", UINT64_MAX);
        btf__add_enum64_value(btf, "BIG", UINT64_C(0x100000000));
        name_type(fixture, "signed enum64", btf__add_enum64(btf, "signed enum64", 8, true));
        btf__add_enum64_value(btf, "MINUS_TWO", (uint64_t)-2);

        id = name_type(fixture, "enum of 3 bytes", btf__add_enum(btf, "enum3", 4));
        btf__add_enum_value(btf, "ZERO", 0);
        writable(fixture, id)->size = 3;
        name_type(fixture, "enum of wild names", btf__add_enum(btf, "wild", 4));
        btf__add_enum_value(btf, "RED\033[31m\n", 1);
}

static void add_others(Fixture *fixture)
{
        struct btf *btf = fixture->btf;
        int id = type_named(fixture, "int");

        name_type(fixture, "struct later", btf__add_fwd(btf, "later", BTF_FWD_STRUCT));
        name_type(fixture, "union later", btf__add_fwd(btf, "la\nter", BTF_FWD_UNION));
        id = name_type(fixture, "function type", btf__add_func_proto(btf, id));
        name_type(fixture, "function", btf__add_func(btf, "f", BTF_FUNC_GLOBAL, id));
        name_type(fixture, "function pointer", btf__add_ptr(btf, id));
        name_type(fixture, "variable",
                  btf__add_var(btf, "v", BTF_VAR_STATIC, type_named(fixture, "int")));
        name_type(fixture, "section", btf__add_datasec(btf, ".rodata", 8));
        name_type(fixture, "decl tag", btf__add_decl_tag(btf, "tag", id, -1));
        name_type(fixture, "typedef of nothing", btf__add_typedef(btf, "gone", 100000));
        name_type(fixture, "typedef of void", btf__add_typedef(btf, "void_t", 0));
        name_type(fixture, "typedef of itself", btf__add_typedef(btf, "me", next_id(fixture)));
        name_type(fixture, "const of itself", btf__add_const(btf, next_id(fixture)));

        id = btf__add_typedef(btf, "text", type_named(fixture, "char"));
        id = btf__add_volatile(btf, id);
        id = btf__add_const(btf, id);
        id = btf__add_restrict(btf, id);
        id = btf__add_type_tag(btf, "user", id);
        id = name_type(fixture, "tag restrict const volatile typedef char", id);
        add_array(fixture, "tagged char[4]", id, 4);

        id = type_named(fixture, "int");
        for (unsigned i = 0; i < VALUE_MAX_CHAIN; i++)
                id = btf__add_typedef(btf, "deep", id);
        name_type(fixture, "64 typedefs", id);
        name_type(fixture, "65 typedefs", btf__add_typedef(btf, "deeper", id));
}

static void add_arrays(Fixture *fixture)
{
        static const struct {
                const char *name;
                const char *element;
                uint32_t n;
        } arrays[] = {
                { "char[0]", "char", 0 },
                { "char[8]", "char", 8 },
                { "char[2][4]", "char[4]", 2 },
                { "char[0][4]", "char[4]", 0 },
                { "char[2][2][4]", "char[2][4]", 2 },
                { "char[3][0]", "char[0]", 3 },
                { "char[4G]", "char", UINT32_MAX },
                { "char8[4]", "char8", 4 },
                { "signed char[4]", "signed char", 4 },
                { "unsigned char[0]", "unsigned char", 0 },
                { "unsigned char[1]", "unsigned char", 1 },
                { "unsigned char[4]", "unsigned char", 4 },
                { "unsigned char[2][4]", "unsigned char[4]", 2 },
                { "_Bool[3]", "_Bool", 3 },
                { "enum1[3]", "enum1", 3 },
                { "short[3]", "short", 3 },
                { "int[0]", "int", 0 },
                { "int[2]", "int", 2 },
                { "int[2][2]", "int[2]", 2 },
                { "int[2][2][2]", "int[2][2]", 2 },
                { "int[0][2]", "int[2]", 0 },
                { "int[2][0]", "int[0]", 2 },
                { "int[4G]", "int", UINT32_MAX },
                { "int[4G][4G]", "int[4G]", UINT32_MAX },
                { "int[4G][4G][4G]", "int[4G][4G]", UINT32_MAX },
                { "int24[2]", "int24", 2 },
                { "int *[2]", "int *", 2 },
                { "float8[2]", "float8", 2 },
                { "__int128[2]", "__int128", 2 },
                { "function type[2]", "function type", 2 },
                { "struct later[0]", "struct later", 0 },
                { "void[4]", "typedef of void", 4 },
        };
        int id;

        add_array(fixture, "char[4]", type_named(fixture, "char"), 4);
        for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
                add_array(fixture, arrays[i].name, type_named(fixture, arrays[i].element),
                          arrays[i].n);

        add_array(fixture, "array of itself", next_id(fixture), 1);
        id = type_named(fixture, "int");
        for (unsigned i = 0; i < VALUE_MAX_DEPTH; i++)
                id = add_array(fixture, "64 dimensions", id, 1);
        add_array(fixture, "65 dimensions", id, 1);
}

static void set_up(Fixture *fixture, const void *data)
{
        fixture->btf = btf__new_empty();
        fixture->types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        add_scalars(fixture);
        add_enums(fixture);
        add_others(fixture);
        add_arrays(fixture);
}

static void tear_down(Fixture *fixture, const void *data)
{
        btf__free(fixture->btf);
        g_hash_table_unref(fixture->types);
}

/* ---- What a user sees ---- */

/* The bytes of a table's hexadecimal digits; blanks may stand between. On the heap and no larger
 * than they are, so that a sanitizer sees each byte that is read outside. */
static uint8_t *from_hex(const char *hex, size_t *size)
{
        GByteArray *bytes = g_byte_array_new();
        uint8_t *exact;

        for (; *hex; hex++) {
                uint8_t byte;

                if (*hex == ' ')
                        continue;
                byte = g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]);
                g_byte_array_append(bytes, &byte, 1);
                hex++;
        }
        *size = bytes->len;
        exact = g_malloc(bytes->len);
        if (bytes->len > 0)
                memcpy(exact, bytes->data, bytes->len);
        g_byte_array_unref(bytes);
        return exact;
}

/* The whole text, and the proof that windows of any size put together are the same. */
static char *text_of(const ValueSpace *space, const ValueRef *ref)
{
        GString *whole = g_string_new(NULL);
        uint64_t length = value_text(space, ref, 0, SIZE_MAX, whole);

        g_assert_cmpuint(length, ==, whole->len);
        g_assert_cmpuint(value_text(space, ref, 0, 0, NULL), ==, length);
        g_assert_cmpuint(value_text(space, ref, length, 10, NULL), ==, length);
        g_assert_cmpuint(value_text(space, ref, UINT64_MAX, SIZE_MAX, NULL), ==, length);
        for (size_t count = 1; count < 8 && whole->len < 1000; count++) {
                g_autoptr(GString) pieces = g_string_new(NULL);

                while (pieces->len < whole->len) {
                        size_t before = pieces->len;

                        value_text(space, ref, before, count, pieces);
                        g_assert_cmpuint(pieces->len - before, ==, MIN(count, whole->len - before));
                }
                g_assert_cmpstr(pieces->str, ==, whole->str);
        }
        return g_string_free(whole, FALSE);
}

static char *variable_text(const Fixture *fixture, const char *type, const char *hex,
                           bool big_endian)
{
        size_t size;
        g_autofree uint8_t *bytes = from_hex(hex, &size);
        ValueRef ref = value_of_variable(type_named(fixture, type), 0, size);
        ValueSpace space = { fixture->btf, bytes, size, big_endian };

        g_assert_false(value_is_directory(&space, &ref));
        return text_of(&space, &ref);
}

typedef struct Tree {
        const ValueSpace *space;
        GString *out;
        const char *path;
} Tree;

static void show(Tree *tree, const char *name, const ValueRef *ref);

static bool show_member(const char *name, const ValueRef *member, void *data)
{
        show(data, name, member);
        return true;
}

/* One entry: "path text", or, for an empty directory, "path/". */
static void show(Tree *tree, const char *name, const ValueRef *ref)
{
        g_autofree char *path = g_strconcat(tree->path, *tree->path ? "/" : "", name, NULL);
        Tree inner = { tree->space, tree->out, path };

        if (!value_is_directory(tree->space, ref)) {
                g_autofree char *text = text_of(tree->space, ref);

                g_string_append_printf(tree->out, "%s %s", path, text);
        } else if (value_n_members(tree->space, ref) == 0) {
                g_string_append_printf(tree->out, "%s/\n", path);
        } else if (value_is_array(tree->space, ref)) {
                for (uint32_t i = 0; i < value_n_members(tree->space, ref); i++) {
                        ValueRef element = value_element(tree->space, ref, i);
                        char number[16];

                        g_snprintf(number, sizeof(number), "%u", i);
                        show(&inner, number, &element);
                }
        } else {
                value_foreach_member(tree->space, ref, show_member, &inner);
        }
}

static char *tree_of(const ValueSpace *space, const ValueRef *ref)
{
        GString *out = g_string_new(NULL);
        Tree tree = { space, out, "" };

        show(&tree, "x", ref);
        return g_string_free(out, FALSE);
}

static char *variable_tree(const Fixture *fixture, int type, const char *hex, bool big_endian)
{
        size_t size;
        g_autofree uint8_t *bytes = from_hex(hex, &size);
        ValueRef ref = value_of_variable(type, 0, size);
        ValueSpace space = { fixture->btf, bytes, size, big_endian };

        g_assert_true(value_is_directory(&space, &ref));
        return tree_of(&space, &ref);
}

#define assert_text(got, expected)                                                                 \
        do {                                                                                       \
                g_autofree char *text_ = (got);                                                    \
                g_assert_cmpstr(text_, ==, (expected));                                            \
        } while (0)

/* ---- Texts ---- */

typedef struct Row {
        const char *type;
        const char *hex;
        const char *little;
        const char *big; /* NULL: the same */
} Row;

static const Row scalar_rows[] = {
        { "int", "00000000", "0\n" },
        { "int", "ffffffff", "-1\n" },
        { "int", "01020304", "67305985\n", "16909060\n" },
        { "int", "00000080", "-2147483648\n", "128\n" },
        { "unsigned int", "ffffffff", "4294967295\n" },
        { "char", "41", "65\n" },
        { "char", "ff", "-1\n" },
        { "unsigned char", "ff", "255\n" },
        { "signed char", "80", "-128\n" },
        { "short", "0080", "-32768\n", "128\n" },
        { "unsigned short", "0102", "513\n", "258\n" },
        { "long", "ffffffffffffff7f", "9223372036854775807\n", "-129\n" },
        { "long", "0000000000000080", "-9223372036854775808\n", "128\n" },
        { "unsigned long", "ffffffffffffffff", "18446744073709551615\n" },
        { "unsigned __int128", "ffffffffffffffffffffffffffffffff",
          "340282366920938463463374607431768211455\n" },
        { "unsigned __int128", "00000000000000000100000000000000", "18446744073709551616\n",
          "72057594037927936\n" },
        { "__int128", "ffffffffffffffffffffffffffffffff", "-1\n" },
        { "__int128", "00000000000000000000000000000080",
          "-170141183460469231731687303715884105728\n", "128\n" },
        { "__int128", "0000000000000000ffffffffffffffff", "-18446744073709551616\n",
          "18446744073709551615\n" },
        { "__int128", "00e1f50500000000 0000000000000000", "100000000\n",
          "1173236379664043446994916718359347200\n" },
        { "int24", "ffff7f", "8388607\n", "-129\n" },
        { "_Bool", "00", "false\n" },
        { "_Bool", "01", "true\n" },
        { "_Bool", "02", "true\n" },
        { "bool32", "00000001", "true\n" },
        { "int *", "0000000000000000", "0x0\n" },
        { "void *", "efbeadde00000080", "0x80000000deadbeef\n", "0xefbeadde00000080\n" },
        { "function pointer", "0100000000000000", "0x1\n", "0x100000000000000\n" },
        { "tag restrict const volatile typedef char", "2a", "42\n" },
        { "64 typedefs", "07000000", "7\n", "117440512\n" },
        /* bits 2-6 of 0x74 are 11101; from the highest, bits 2-6 of 0x2e are 10111 */
        { "int:5 at 2", "74000000", "-3\n", "-6\n" },
        { "int:5 at 2", "2e000000", "11\n", "-9\n" },
        /* across bytes: 6-17 */
        { "uint:12 at 6", "40ff0300", "4093\n", "1020\n" },
};

static const Row enum_rows[] = {
        { "enum", "00000000", "ZERO\n" },
        { "enum", "02000000", "TWO\n", "33554432\n" },
        { "enum", "ffffffff", "ALL\n" },
        { "enum", "fffffffe", "4278190079\n", "4294967294\n" },
        { "signed enum", "ffffffff", "MINUS\n" },
        { "signed enum", "00000080", "LEAST\n", "128\n" },
        { "signed enum", "feffffff", "-2\n", "-16777217\n" },
        { "enum1", "ff", "MINUS\n" },
        { "enum1", "c8", "HUGE_200\n" },
        { "enum1", "00", "0\n" },
        { "enum8", "ffffffffffffffff", "MINUS\n" },
        { "enum8", "ffffffff00000000", "MINUS\n", "18446744069414584320\n" },
        { "enum64", "ffffffffffffffff", "TOP\n" },
        { "enum64", "0000000001000000", "BIG\n", "16777216\n" },
        { "enum64", "0100000000000000", "1\n", "72057594037927936\n" },
        { "signed enum64", "feffffffffffffff", "MINUS_TWO\n", "-72057594037927937\n" },
        { "signed enum64", "ffffffffffffffff", "-1\n" },
        { "enum of wild names", "01000000", "RED\\x1b[31m\\x0a\n", "16777216\n" },
        { "enum1[3]", "ffc805", "MINUS HUGE_200 5\n" },
};

static const Row float_rows[] = {
        { "float4", "00000000", "0\n" },
        { "float4", "cdcccc3d", "0.1\n", "-4.2949213e+08\n" },
        { "float4", "0000803f", "1\n", "4.6006e-41\n" },
        { "float4", "000000bf", "-0.5\n", "2.68e-43\n" },
        { "float4", "ffff7f7f", "3.4028235e+38\n", "nan\n" },
        { "float4", "01000000", "1e-45\n", "2.3509887e-38\n" },
        { "float4", "0000807f", "inf\n", "4.6096e-41\n" },
        { "float4", "000080ff", "-inf\n", "4.6275e-41\n" },
        { "float4", "0000c07f", "nan\n", "6.9055e-41\n" },
        { "float4", "00000080", "-0\n", "1.8e-43\n" },
        { "float8", "9a9999999999b93f", "0.1\n", "-1.5423487136675799e-180\n" },
        { "float8", "333333333333d33f", "0.3\n", "4.66726145843124e-62\n" },
        { "float8", "343333333333d33f", "0.30000000000000004\n", "3.0587364693974976e-57\n" },
        { "float8", "0100000000000000", "5e-324\n", "7.291122019556398e-304\n" },
        { "float8", "ffffffffffffef7f", "1.7976931348623157e+308\n", "nan\n" },
        { "float8", "000000000000f07f", "inf\n", "3.0418e-319\n" },
        { "float8", "00000000000059c0", "-100\n", "1.13517e-319\n" },
        { "float2", "003c", "1\n", "3.6e-06\n" },
        { "float2", "662e", "0.1\n", "1582\n" },
        { "float2", "ff7b", "6.55e+04\n", "nan\n" },
        { "float2", "0100", "6e-08\n", "1.526e-05\n" },
        { "float2", "00fc", "-inf\n", "1.5e-05\n" },
        { "float2", "007e", "nan\n", "7.5e-06\n" },
        { "float2", "0080", "-0\n", "7.6e-06\n" },
        { "float8[2]", "000000000000f03f 000000000000e0bf", "1 -0.5\n",
          "3.03865e-319 2.8426e-319\n" },
};

static const Row string_rows[] = {
        { "char[8]", "6e65742d7465616d", "net-team\n" },
        { "char[8]", "6e65740041414141", "net\n" },
        { "char[8]", "0000000000000000", "\n" },
        { "char[8]", "610a620963000000", "a\nb\tc\n" },
        { "char[8]", "1b5b33316d5c0d7f", "\\x1b[31m\\\\\\x0d\\x7f\n" },
        { "char[8]", "c3a4e282acf09f98", "\u00e4\u20ac\\xf0\\x9f\\x98\n" },
        { "char[8]", "ffc080eda0800000", "\\xff\\xc0\\x80\\xed\\xa0\\x80\n" },
        /* U+009B is a control sequence introducer, U+202E turns text around */
        { "char[8]", "c29be280ae610000", "\\xc2\\x9b\\xe2\\x80\\xaea\n" },
        /* U+2028 breaks lines, U+0378 is no character */
        { "char[8]", "e280a8cdb8610000", "\\xe2\\x80\\xa8\\xcd\\xb8a\n" },
        { "char[8]", "f09f9982cc810000", "\U0001f642\u0301\n" },
        { "char8[4]", "61626300", "abc\n" },
        { "tagged char[4]", "ff626364", "\\xffbcd\n" },
        { "char[2][4]", "61626364 78000000", "abcd\nx\n" },
        { "char[2][4]", "610a625c 00000000", "a\\x0ab\\\\\n\n" },
        { "char[3][0]", "", "\n\n\n" },
        { "char[2][2][4]", "61000000 62000000 63000000 64000000", "a\nb\nc\nd\n" },
        { "unsigned char[4]", "61626300", "abc\n" },
        { "unsigned char[4]", "61000000", "a\n" },
        { "unsigned char[4]", "615c0000", "a\\\\\n" },
        { "unsigned char[4]", "61626364", "abcd\n" },
        { "unsigned char[4]", "61006300", "61006300\n" },
        { "unsigned char[4]", "00000000", "00000000\n" },
        { "unsigned char[4]", "610a0000", "610a0000\n" },
        { "unsigned char[4]", "deadbeef", "deadbeef\n" },
        { "unsigned char[4]", "c3a40000", "\u00e4\n" },
        { "unsigned char[4]", "f09f9982", "\U0001f642\n" },
        /* not UTF-8: cut, overlong, a surrogate */
        { "unsigned char[4]", "61f09f99", "61f09f99\n" },
        { "unsigned char[4]", "c3000000", "c3000000\n" },
        { "unsigned char[4]", "61c0af00", "61c0af00\n" },
        { "unsigned char[4]", "61eda080", "61eda080\n" },
        /* UTF-8 that does not print: U+009B, U+202E, U+2028, a tab */
        { "unsigned char[4]", "61c29b00", "61c29b00\n" },
        { "unsigned char[4]", "61e280ae", "61e280ae\n" },
        { "unsigned char[4]", "61e280a8", "61e280a8\n" },
        { "unsigned char[4]", "61096200", "61096200\n" },
        { "unsigned char[4]", "00616263", "00616263\n" },
        { "unsigned char[1]", "41", "A\n" },
        { "unsigned char[1]", "00", "00\n" },
        { "signed char[4]", "80ff0001", "80ff0001\n" },
        { "signed char[4]", "61626364", "abcd\n" },
        { "unsigned char[2][4]", "deadbeef 61620000", "deadbeef\nab\n" },
        { "unsigned char[2][4]", "61626364 00000000", "abcd\n00000000\n" },
};

static const Row array_rows[] = {
        { "int[2]", "01000000 feffffff", "1 -2\n", "16777216 -16777217\n" },
        { "int[2][2]", "00000000 01010101 ffffffff 00000000", "0 16843009\n-1 0\n" },
        { "int[2][2][2]", "00000000 01010101 00000000 01010101 00000000 00000000 ffffffff ffffffff",
          "0 16843009\n0 16843009\n0 0\n-1 -1\n" },
        { "int[2][0]", "01000000", "\n\n" },
        { "short[3]", "0100 0200 ffff", "1 2 -1\n", "256 512 -1\n" },
        { "int24[2]", "010000 ffffff", "1 -1\n", "65536 -1\n" },
        { "_Bool[3]", "000105", "false true true\n" },
        { "int *[2]", "0100000000000000 0000000000000000", "0x1 0x0\n", "0x100000000000000 0x0\n" },
        { "__int128[2]", "ffffffffffffffffffffffffffffffff 00000000000000000000000000000000",
          "-1 0\n" },
        { "64 dimensions", "05000000", "5\n", "83886080\n" },
};

#define NO_LENGTH "(cannot be shown: how many elements there are is not known)\n"

/* Arrays without a length have what the variable has; one of no bytes is of unknown size. */
static const Row flexible_rows[] = {
        { "char[0]", "6869007a", "hi\n" },
        { "char[0]", "", NO_LENGTH },
        { "char[0][4]", "61000000 62000000 63", "a\nb\n" },
        { "char[0][4]", "6100", "" },
        { "char[0][4]", "", NO_LENGTH },
        { "unsigned char[0]", "deadbeef", "deadbeef\n" },
        { "unsigned char[0]", "61626300", "abc\n" },
        { "int[0]", "01000000 ffffffff 0000", "1 -1\n", "16777216 -1\n" },
        { "int[0]", "0100", "\n" },
        { "int[0][2]", "00000000 ffffffff 01010101 00000000 00000000", "0 -1\n16843009 0\n" },
        { "void[0]", "0000", "(cannot be shown: void)\n" },
        { "float12[0]", "000000000000000000000000",
          "(cannot be shown: floating point of 12 bytes)\n" },
};

static const Row unshowable_rows[] = {
        { "typedef of void", "00", "(cannot be shown: void)\n" },
        { "void[4]", "00", "(cannot be shown: void)\n" },
        { "struct later", "00", "(cannot be shown: forward declaration of struct later)\n" },
        { "struct later[0]", "00", "(cannot be shown: forward declaration of struct later)\n" },
        { "union later", "00", "(cannot be shown: forward declaration of union la\\x0ater)\n" },
        { "function", "00", "(cannot be shown: function)\n" },
        { "function type", "00", "(cannot be shown: function)\n" },
        { "function type[2]", "00", "(cannot be shown: function)\n" },
        { "variable", "00000000", "(cannot be shown: BTF kind 14 has no values)\n" },
        { "section", "00000000", "(cannot be shown: BTF kind 15 has no values)\n" },
        { "decl tag", "00000000", "(cannot be shown: BTF kind 17 has no values)\n" },
        { "typedef of nothing", "00", "(cannot be shown: there is no type 100000)\n" },
        { "typedef of itself", "00",
          "(cannot be shown: more than 64 typedefs and qualifiers in a row)\n" },
        { "const of itself", "00",
          "(cannot be shown: more than 64 typedefs and qualifiers in a row)\n" },
        { "65 typedefs", "07000000",
          "(cannot be shown: more than 64 typedefs and qualifiers in a row)\n" },
        { "array of itself", "00",
          "(cannot be shown: more than 64 composites inside each other)\n" },
        { "65 dimensions", "05000000",
          "(cannot be shown: more than 64 composites inside each other)\n" },
        { "float3", "000000", "(cannot be shown: floating point of 3 bytes)\n" },
        { "float12", "00", "(cannot be shown: floating point of 12 bytes)\n" },
        { "float16", "00", "(cannot be shown: floating point of 16 bytes)\n" },
        { "enum of 3 bytes", "000000", "(cannot be shown: enum of 3 bytes)\n" },
        { "int of no bits", "00000000", "(cannot be shown: integer of 0 bits in 4 bytes)\n" },
        { "int of 40 bits", "00000000", "(cannot be shown: integer of 40 bits in 4 bytes)\n" },
        { "int of 136 bits", "00", "(cannot be shown: integer of 136 bits in 32 bytes)\n" },
        { "int past itself", "00000000", "(cannot be shown: integer of 32 bits in 4 bytes)\n" },
        { "int of no bytes", "00", "(cannot be shown: integer of 8 bits in 0 bytes)\n" },
};

/* What is there is shown, and then that the rest is not. */
static const Row outside_rows[] = {
        { "int", "", "(outside of the section's 0 bytes)\n" },
        { "int", "010203", "(outside of the section's 3 bytes)\n" },
        { "int:5 at 2", "00", "0\n" },
        { "enum", "0000", "(outside of the section's 2 bytes)\n" },
        { "int *", "00000000", "(outside of the section's 4 bytes)\n" },
        { "float8", "00000000", "(outside of the section's 4 bytes)\n" },
        { "__int128", "0000000000000000", "(outside of the section's 8 bytes)\n" },
        { "int[2]", "00000000 0000", "0 (outside of the section's 6 bytes)\n" },
        { "int[2]", "0000", "(outside of the section's 2 bytes)\n" },
        { "int[2][2]", "00000000 00000000 00000000",
          "0 0\n0 (outside of the section's 12 bytes)\n" },
        { "int[2][2]", "00000000 00000000", "0 0\n(outside of the section's 8 bytes)\n" },
        { "int[4G]", "00000000", "0 (outside of the section's 4 bytes)\n" },
        { "int[4G][4G]", "00000000", "0 (outside of the section's 4 bytes)\n" },
        { "int[4G][4G][4G]", "00000000", "0 (outside of the section's 4 bytes)\n" },
        { "char[8]", "616263", "abc (outside of the section's 3 bytes)\n" },
        { "char[8]", "616200", "ab\n" },
        { "char[8]", "", "(outside of the section's 0 bytes)\n" },
        { "char[4G]", "61", "a (outside of the section's 1 bytes)\n" },
        { "char[2][4]", "61626364 65", "abcd\ne (outside of the section's 5 bytes)\n" },
        { "char[2][2][4]", "61626364", "abcd\n(outside of the section's 4 bytes)\n" },
        { "unsigned char[4]", "6100", "6100 (outside of the section's 2 bytes)\n" },
        { "unsigned char[4]", "6162", "6162 (outside of the section's 2 bytes)\n" },
        { "unsigned char[4]", "", "(outside of the section's 0 bytes)\n" },
};

static void check_rows(const Fixture *fixture, const Row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *big = rows[i].big ? rows[i].big : rows[i].little;

                g_test_message("%s %s", rows[i].type, rows[i].hex);
                assert_text(variable_text(fixture, rows[i].type, rows[i].hex, false),
                            rows[i].little);
                assert_text(variable_text(fixture, rows[i].type, rows[i].hex, true), big);
        }
}

static void test_scalars(Fixture *fixture, const void *data)
{
        check_rows(fixture, scalar_rows, G_N_ELEMENTS(scalar_rows));
}

static void test_enums(Fixture *fixture, const void *data)
{
        check_rows(fixture, enum_rows, G_N_ELEMENTS(enum_rows));
}

static void test_floats(Fixture *fixture, const void *data)
{
        check_rows(fixture, float_rows, G_N_ELEMENTS(float_rows));
}

static void test_strings(Fixture *fixture, const void *data)
{
        check_rows(fixture, string_rows, G_N_ELEMENTS(string_rows));
}

static void test_arrays(Fixture *fixture, const void *data)
{
        check_rows(fixture, array_rows, G_N_ELEMENTS(array_rows));
}

static void test_flexible_arrays(Fixture *fixture, const void *data)
{
        add_array(fixture, "void[0]", 0, 0);
        add_array(fixture, "float12[0]", type_named(fixture, "float12"), 0);
        check_rows(fixture, flexible_rows, G_N_ELEMENTS(flexible_rows));
}

static void test_unshowable(Fixture *fixture, const void *data)
{
        check_rows(fixture, unshowable_rows, G_N_ELEMENTS(unshowable_rows));
}

static void test_outside(Fixture *fixture, const void *data)
{
        check_rows(fixture, outside_rows, G_N_ELEMENTS(outside_rows));
}

/* Digits from which no one can be taken away: @text has as many as %.*g needs to read back. */
static void assert_shortest_double(const char *text, double value)
{
        char shorter[64];
        int digits = 1;

        g_assert_true(g_ascii_strtod(text, NULL) == value);
        do
                g_snprintf(shorter, sizeof(shorter), "%.*g\n", digits++, value);
        while (g_ascii_strtod(shorter, NULL) != value);
        g_assert_cmpuint(strlen(text), <=, strlen(shorter));
}

static void test_shortest_doubles(Fixture *fixture, const void *data)
{
        ValueRef ref = value_of_variable(type_named(fixture, "float8"), 0, 0);
        uint64_t state = 88172645463325252;

        for (int i = 0; i < 5000; i++) {
                ValueSpace space = { fixture->btf, (const uint8_t *)&state, sizeof(state),
                                     G_BYTE_ORDER == G_BIG_ENDIAN };
                g_autoptr(GString) text = g_string_new(NULL);
                double value;

                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                memcpy(&value, &state, sizeof(value));
                if (value != value || value - value != 0)
                        continue;
                value_text(&space, &ref, 0, SIZE_MAX, text);
                assert_shortest_double(text->str, value);
        }
}

/* Below a power of two the neighbours lie closer than above it: the decimal that is nearest may not
 * read back while the next one does, as in 2^-44. */
static void test_powers_of_two(Fixture *fixture, const void *data)
{
        static const struct {
                int power;
                const char *text;
        } rows[] = {
                { -1074, "5e-324\n" },
                { -1022, "2.2250738585072014e-308\n" },
                { -1007, "7.291122019556398e-304\n" },
                { -44, "5.684341886080802e-14\n" },
                { -24, "5.960464477539063e-08\n" },
                { 0, "1\n" },
                { 50, "1125899906842624\n" },
                { 89, "6.189700196426902e+26\n" },
                { 1023, "8.98846567431158e+307\n" },
        };
        ValueRef ref = value_of_variable(type_named(fixture, "float8"), 0, 0);

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                int exponent = rows[i].power + 1023;
                uint64_t bits = GUINT64_TO_LE(exponent > 0 ? (uint64_t)exponent << 52 : 1);
                ValueSpace space = { fixture->btf, (const uint8_t *)&bits, sizeof(bits), false };

                assert_text(text_of(&space, &ref), rows[i].text);
        }
}

/* A half's text lies nearer to it than to its neighbours. */
static void test_all_halves(Fixture *fixture, const void *data)
{
        ValueRef ref = value_of_variable(type_named(fixture, "float2"), 0, 0);
        double last = -1;

        for (unsigned i = 0; i < 0x7c00; i++) {
                uint8_t bytes[2] = { i >> 8, i & 255 };
                ValueSpace space = { fixture->btf, bytes, sizeof(bytes), true };
                g_autoptr(GString) text = g_string_new(NULL);
                unsigned exponent = i >> 10;
                double unit = exponent ? (double)(1u << exponent) / (1u << 25) : 0x1p-24;
                double value = ((exponent ? 1024 : 0) + (i & 1023)) * unit;
                double read;

                value_text(&space, &ref, 0, SIZE_MAX, text);
                read = g_ascii_strtod(text->str, NULL);
                g_assert_cmpfloat(read, >, last);
                g_assert_cmpfloat(read - value, <=, unit / 2);
                g_assert_cmpfloat(value - read, <=, unit / 2);
                last = read;
        }
}

/* ---- Directories ---- */

static void test_struct(Fixture *fixture, const void *data)
{
        int u8 = type_named(fixture, "unsigned char");
        int inner;
        int outer;

        inner = add_struct(fixture, "inner", 2);
        add_field(fixture, "a", u8, 0, 0);
        add_field(fixture, "b", u8, 8, 0);
        add_struct(fixture, "empty", 0);
        add_array(fixture, "inner[2]", inner, 2);
        add_array(fixture, "inner[2][2]", type_named(fixture, "inner[2]"), 2);
        add_array(fixture, "inner[0]", inner, 0);
        outer = add_struct(fixture, "outer", 20);
        add_field(fixture, "name", type_named(fixture, "char[4]"), 0, 0);
        add_field(fixture, "one", inner, 32, 0);
        add_field(fixture, "two", type_named(fixture, "inner[2]"), 48, 0);
        add_field(fixture, "four", type_named(fixture, "inner[2][2]"), 80, 0);
        add_field(fixture, "none", type_named(fixture, "empty"), 144, 0);
        add_field(fixture, "flexible", type_named(fixture, "inner[0]"), 144, 0);
        add_field(fixture, "later", type_named(fixture, "struct later"), 144, 0);
        add_field(fixture, "last", type_named(fixture, "short"), 144, 0);

        for (int big = 0; big < 2; big++)
                assert_text(variable_tree(fixture, outer,
                                          "61620000 0102 0304 0506 0708090a 0b0c0d0e ffff", big),
                            "x/name ab\n"
                            "x/one/a 1\nx/one/b 2\n"
                            "x/two/0/a 3\nx/two/0/b 4\nx/two/1/a 5\nx/two/1/b 6\n"
                            "x/four/0/0/a 7\nx/four/0/0/b 8\nx/four/0/1/a 9\nx/four/0/1/b 10\n"
                            "x/four/1/0/a 11\nx/four/1/0/b 12\nx/four/1/1/a 13\nx/four/1/1/b 14\n"
                            "x/none/\nx/flexible/\n"
                            "x/later (cannot be shown: forward declaration of struct later)\n"
                            "x/last -1\n");

        /* Cut short, each value says for itself that it is not there. */
        assert_text(variable_tree(fixture, type_named(fixture, "inner[2]"), "010203", false),
                    "x/0/a 1\nx/0/b 2\nx/1/a 3\nx/1/b (outside of the section's 3 bytes)\n");
        assert_text(variable_tree(fixture, type_named(fixture, "empty"), "", false), "x/\n");
}

/* The tree of a variable that takes @size bytes of its section from byte @offset on. */
static char *part_tree(const Fixture *fixture, const char *type, const char *hex, uint32_t offset,
                       uint32_t size)
{
        ValueRef ref = value_of_variable(type_named(fixture, type), offset, size);
        size_t n;
        g_autofree uint8_t *bytes = from_hex(hex, &n);
        ValueSpace space = { fixture->btf, bytes, n, false };

        return tree_of(&space, &ref);
}

static void test_flexible(Fixture *fixture, const void *data)
{
        int u8 = type_named(fixture, "unsigned char");
        int text = type_named(fixture, "char[0]");
        int point = add_struct(fixture, "point", 2);
        int points, constant, record;

        add_field(fixture, "x", u8, 0, 0);
        add_field(fixture, "y", u8, 8, 0);
        points = add_array(fixture, "point[0]", point, 0);
        constant = btf__add_const(fixture->btf, text);
        record = add_struct(fixture, "record", 2);
        add_field(fixture, "n", u8, 0, 0);
        add_field(fixture, "text", constant, 8, 0);
        add_struct(fixture, "points", 2);
        add_field(fixture, "n", u8, 0, 0);
        add_field(fixture, "p", points, 16, 0);

        /* All that the variable has, padding too, and nothing of the next. */
        assert_text(part_tree(fixture, "record", "ff 02 6869 0000 7a7a", 1, 5),
                    "x/n 2\nx/text hi\n");
        assert_text(part_tree(fixture, "record", "02 6869 7a7a", 0, 3), "x/n 2\nx/text hi\n");
        assert_text(part_tree(fixture, "record", "02 6869", 0, 1), "x/n 2\nx/text \n");
        assert_text(part_tree(fixture, "record", "02 6869", 0, 5),
                    "x/n 2\nx/text hi (outside of the section's 3 bytes)\n");
        /* No size, or less than the struct itself. */
        assert_text(part_tree(fixture, "record", "02 6869", 0, 0), "x/n 2\nx/text " NO_LENGTH);
        add_struct(fixture, "late", 8);
        add_field(fixture, "text", text, 64, 0);
        assert_text(part_tree(fixture, "late", "02", 0, 1), "x/text " NO_LENGTH);

        assert_text(part_tree(fixture, "points", "0200 0102 0304 05", 0, 7),
                    "x/n 2\nx/p/0/x 1\nx/p/0/y 2\nx/p/1/x 3\nx/p/1/y 4\n");
        assert_text(part_tree(fixture, "points", "0000", 0, 2), "x/n 0\nx/p/\n");
        assert_text(part_tree(fixture, "points", "0000", 0, 0), "x/n 0\nx/p " NO_LENGTH);

        /* The last thing in the last thing, by name and folded. */
        add_struct(fixture, "outer", 3);
        add_field(fixture, "a", u8, 0, 0);
        add_field(fixture, "r", record, 8, 0);
        assert_text(part_tree(fixture, "outer", "01 02 6869", 0, 4),
                    "x/a 1\nx/r/n 2\nx/r/text hi\n");
        add_struct(fixture, "folding", 3);
        add_field(fixture, "a", u8, 0, 0);
        add_field(fixture, NULL, record, 8, 0);
        assert_text(part_tree(fixture, "folding", "01 02 6869", 0, 4), "x/a 1\nx/n 2\nx/text hi\n");

        /* Before another member, an array without a length has no place of its own: it is a mark.
         * How far a struct's goes there nobody knows. */
        add_struct(fixture, "middle", 4);
        add_field(fixture, "mark", text, 0, 0);
        add_field(fixture, "r", record, 0, 0);
        add_field(fixture, "z", u8, 16, 0);
        assert_text(part_tree(fixture, "middle", "02 68 69 7a", 0, 4),
                    "x/mark \nx/r/n 2\nx/r/text " NO_LENGTH "x/z 105\n");

        /* Several of them at the end, and in a union, look at the same bytes. */
        add_struct(fixture, "several", 1);
        add_field(fixture, "n", u8, 0, 0);
        add_field(fixture, "text", text, 8, 0);
        add_field(fixture, "bytes", type_named(fixture, "unsigned char[0]"), 8, 0);
        assert_text(part_tree(fixture, "several", "02 6869 00", 0, 4),
                    "x/n 2\nx/text hi\nx/bytes hi\n");
        name_type(fixture, "either", btf__add_union(fixture->btf, "either", 2));
        add_field(fixture, "text", text, 0, 0);
        add_field(fixture, "number", type_named(fixture, "unsigned short"), 0, 0);
        assert_text(part_tree(fixture, "either", "6869 6a", 0, 3), "x/text hij\nx/number 26984\n");

        /* In an array, all structs have the same size, and what is behind one is the next. */
        add_array(fixture, "record[1]", record, 1);
        add_array(fixture, "record[2]", record, 2);
        add_array(fixture, "record[2][0]", add_array(fixture, "record[0]", record, 0), 2);
        assert_text(part_tree(fixture, "record[1]", "02 68", 0, 2), "x/0/n 2\nx/0/text h\n");
        assert_text(part_tree(fixture, "record[2]", "02 68 03 69", 0, 4),
                    "x/0/n 2\nx/0/text " NO_LENGTH "x/1/n 3\nx/1/text " NO_LENGTH);
        assert_text(part_tree(fixture, "record[0]", "02 68 03 69", 0, 4),
                    "x/0/n 2\nx/0/text " NO_LENGTH "x/1/n 3\nx/1/text " NO_LENGTH);
        assert_text(part_tree(fixture, "record[2][0]", "02 68", 0, 2), "x/0/\nx/1/\n");

        /* Where it would have too many. */
        assert_text(part_tree(fixture, "point[0]", "", 0, UINT32_MAX),
                    "x (cannot be shown: more than 1048576 elements)\n");
}

/* What may be kept as text is measured by what it takes. */
static void test_size(Fixture *fixture, const void *data)
{
        static const struct {
                const char *type;
                uint32_t size;
                uint64_t expected;
        } rows[] = {
                { "int", 4, 4 },
                { "int *", 8, 8 },
                { "int[2][2]", 16, 16 },
                { "char[0]", 1000, 1000 },
                { "int[0]", 1003, 1000 },
                { "char[0]", 0, 0 },
                { "struct later", 4, 0 },
                { "typedef of nothing", 4, 0 },
                { "array of itself", 4, 0 },
        };
        ValueSpace space = { fixture->btf, NULL, 0, false };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
                ValueRef ref =
                        value_of_variable(type_named(fixture, rows[i].type), 8, rows[i].size);

                g_assert_cmpuint(value_size(&space, &ref), ==, rows[i].expected);
        }
}

static void test_anonymous(Fixture *fixture, const void *data)
{
        int u8 = type_named(fixture, "unsigned char");
        int id;

        id = btf__add_struct(fixture->btf, NULL, 2);
        add_field(fixture, "b", u8, 0, 0);
        add_field(fixture, "c", u8, 8, 0);
        name_type(fixture, "anonymous", id);
        id = btf__add_union(fixture->btf, NULL, 2);
        add_field(fixture, "both", type_named(fixture, "unsigned short"), 0, 0);
        add_field(fixture, NULL, type_named(fixture, "anonymous"), 0, 0);
        id = btf__add_const(fixture->btf, name_type(fixture, "anonymous union", id));
        add_struct(fixture, "outer", 5);
        add_field(fixture, "a", u8, 0, 0);
        add_field(fixture, NULL, id, 8, 0);
        add_field(fixture, "named", type_named(fixture, "anonymous"), 24, 0);
        add_field(fixture, NULL, u8, 0, 0);

        assert_text(variable_tree(fixture, type_named(fixture, "outer"), "0102030405", false),
                    "x/a 1\nx/both 770\nx/b 2\nx/c 3\nx/named/b 4\nx/named/c 5\nx/ 1\n");
        assert_text(variable_tree(fixture, type_named(fixture, "outer"), "0102030405", true),
                    "x/a 1\nx/both 515\nx/b 2\nx/c 3\nx/named/b 4\nx/named/c 5\nx/ 1\n");
}

/* struct { unsigned a:3; int b:5; unsigned c:9; signed enum d:2; bool e:1; long f:40; } and an INT
 * of 128 bits that begins and ends inside of a byte. */
static void test_bit_fields(Fixture *fixture, const void *data)
{
        add_struct(fixture, "bits", 8);
        add_field(fixture, "a", type_named(fixture, "unsigned int"), 0, 3);
        add_field(fixture, "b", type_named(fixture, "int"), 3, 5);
        add_field(fixture, "c", type_named(fixture, "unsigned int"), 8, 9);
        add_field(fixture, "d", type_named(fixture, "signed enum"), 17, 2);
        add_field(fixture, "e", type_named(fixture, "_Bool"), 19, 1);
        add_field(fixture, "f", type_named(fixture, "long"), 20, 40);

        /* From the lowest bit: 101 10001 110000001 11 1 and, up to bit 59, forty bits of -3. */
        assert_text(variable_tree(fixture, type_named(fixture, "bits"), "8d83dfffffffff0f", false),
                    "x/a 5\nx/b -15\nx/c 387\nx/d MINUS\nx/e true\nx/f -3\n");
        /* From the highest bit: 101 10001 110000011 11 1, then forty bits of -3. */
        assert_text(variable_tree(fixture, type_named(fixture, "bits"), "b1c1ffffffffffd0", true),
                    "x/a 5\nx/b -15\nx/c 387\nx/d MINUS\nx/e true\nx/f -3\n");

        /* Only the bytes that hold the bits have to be there. */
        assert_text(variable_tree(fixture, type_named(fixture, "bits"), "8d83df", false),
                    "x/a 5\nx/b -15\nx/c 387\nx/d MINUS\nx/e true\n"
                    "x/f (outside of the section's 3 bytes)\n");

        add_struct(fixture, "wide", 17);
        add_field(fixture, "w", type_named(fixture, "__int128"), 4, 127);
        assert_text(variable_tree(fixture, type_named(fixture, "wide"),
                                  "e0ffffffffffffffffffffffffffffff07", false),
                    "x/w -2\n");
        assert_text(variable_tree(fixture, type_named(fixture, "wide"),
                                  "0fffffffffffffffffffffffffffffffc0", true),
                    "x/w -2\n");
}

static void test_odd_members(Fixture *fixture, const void *data)
{
        int point;

        point = add_struct(fixture, "point", 4);
        add_field(fixture, "p", type_named(fixture, "int"), 0, 0);
        add_struct(fixture, "odd", 8);
        add_field(fixture, "a", type_named(fixture, "int"), 0, 33);
        add_field(fixture, "b", type_named(fixture, "int *"), 0, 3);
        add_field(fixture, "c", type_named(fixture, "float4"), 0, 3);
        add_odd_field(fixture, "d", type_named(fixture, "char[4]"), 1);
        add_field(fixture, "e", type_named(fixture, "char[4]"), 0, 3);
        add_odd_field(fixture, "f", point, 1);
        add_field(fixture, "g", point, 8, 3);
        add_field(fixture, NULL, point, 8, 3);
        add_odd_field(fixture, "h", type_named(fixture, "int"), 4);
        add_field(fixture, "i", type_named(fixture, "enum1"), 0, 9);
        add_field(fixture, "j", 100000, 0, 0);

        assert_text(variable_tree(fixture, type_named(fixture, "odd"), "f0ffffff0f000000", false),
                    "x/a (cannot be shown: bit-field of 33 bits in a type that has no such)\n"
                    "x/b (cannot be shown: bit-field of 3 bits in a type that has no such)\n"
                    "x/c (cannot be shown: bit-field of 3 bits in a type that has no such)\n"
                    "x/d (cannot be shown: array that starts inside of a byte)\n"
                    "x/e (cannot be shown: array as a bit-field)\n"
                    "x/f (cannot be shown: struct that starts inside of a byte)\n"
                    "x/g (cannot be shown: struct as a bit-field)\n"
                    "x/ (cannot be shown: struct as a bit-field)\n"
                    "x/h -1\n"
                    "x/i (cannot be shown: bit-field of 9 bits in a type that has no such)\n"
                    "x/j (cannot be shown: there is no type 100000)\n");
}

static void test_variables_overlap(Fixture *fixture, const void *data)
{
        static const uint8_t bytes[] = { 1, 2, 3, 4 };
        ValueSpace space = { fixture->btf, bytes, sizeof(bytes), true };
        int type = type_named(fixture, "unsigned short");

        for (uint32_t offset = 0; offset < 3; offset++) {
                ValueRef ref = value_of_variable(type, offset, 0);
                g_autofree char *expected =
                        g_strdup_printf("%u\n", bytes[offset] * 256 + bytes[offset + 1]);

                assert_text(text_of(&space, &ref), expected);
        }
        for (uint64_t offset = 3; offset <= UINT32_MAX; offset = offset * 2 + 1) {
                ValueRef ref = value_of_variable(type, offset, 0);

                assert_text(text_of(&space, &ref), "(outside of the section's 4 bytes)\n");
        }
}

/* ---- Limits ---- */

static void test_many_elements(Fixture *fixture, const void *data)
{
        size_t size = VALUE_MAX_ELEMENTS + 1;
        g_autofree uint8_t *bytes = g_malloc(size);
        ValueSpace space = { fixture->btf, bytes, size, false };
        g_autoptr(GString) text = g_string_new(NULL);
        ValueRef ref;
        uint64_t length;

        memset(bytes, 'a', size);

        /* Just as many as are allowed. */
        add_array(fixture, "bool[1M]", type_named(fixture, "_Bool"), VALUE_MAX_ELEMENTS);
        ref = value_of_variable(type_named(fixture, "bool[1M]"), 0, 0);
        g_assert_cmpuint(value_text(&space, &ref, 0, 0, NULL), ==, 5u * VALUE_MAX_ELEMENTS);

        /* One more: the line says that it ends early. A window holds nothing but itself. */
        add_array(fixture, "bool[1M+1]", type_named(fixture, "_Bool"), VALUE_MAX_ELEMENTS + 1);
        ref = value_of_variable(type_named(fixture, "bool[1M+1]"), 0, 0);
        length = value_text(&space, &ref, 5u * VALUE_MAX_ELEMENTS - 5, 100, text);
        g_assert_cmpstr(text->str, ==, "true (only 1048576 elements are shown)\n");
        g_assert_cmpuint(length, ==, 5u * VALUE_MAX_ELEMENTS - 5 + text->len);

        add_array(fixture, "char[1M+1]", type_named(fixture, "char"), VALUE_MAX_ELEMENTS + 1);
        ref = value_of_variable(type_named(fixture, "char[1M+1]"), 0, 0);
        g_string_truncate(text, 0);
        value_text(&space, &ref, VALUE_MAX_ELEMENTS - 2, 100, text);
        g_assert_cmpstr(text->str, ==, "aa (only 1048576 elements are shown)\n");

        add_array(fixture, "u8[1M+1]", type_named(fixture, "unsigned char"),
                  VALUE_MAX_ELEMENTS + 1);
        ref = value_of_variable(type_named(fixture, "u8[1M+1]"), 0, 0);
        g_string_truncate(text, 0);
        value_text(&space, &ref, 2 * VALUE_MAX_ELEMENTS - 3, 100, text);
        g_assert_cmpstr(text->str, ==, "161 (only 1048576 elements are shown)\n");

        /* Fewer of those that take long. */
        add_array(fixture, "float4[16K+1]", type_named(fixture, "float4"), VALUE_MAX_FLOATS + 1);
        ref = value_of_variable(type_named(fixture, "float4[16K+1]"), 0, 0);
        g_string_truncate(text, 0);
        value_text(&space, &ref, 0, SIZE_MAX, text);
        g_assert_true(
                g_str_has_suffix(text->str, " 2.598459e+20 (only 16384 elements are shown)\n"));

        /* The limit holds over all dimensions: the second line has half of its elements. */
        add_array(fixture, "bool[768K]", type_named(fixture, "_Bool"), 768 << 10);
        add_array(fixture, "bool[2][768K]", type_named(fixture, "bool[768K]"), 2);
        ref = value_of_variable(type_named(fixture, "bool[2][768K]"), 0, 0);
        g_string_truncate(text, 0);
        value_text(&space, &ref, 0, SIZE_MAX, text);
        g_assert_cmpuint(strchr(text->str, '\n') + 1 - text->str, ==, 5u * (768 << 10));
        g_assert_true(g_str_has_suffix(text->str, "true (only 1048576 elements are shown)\n"));

        /* Lines are counted even if nothing is in them. */
        add_array(fixture, "int[4G][0]", type_named(fixture, "int[0]"), UINT32_MAX);
        ref = value_of_variable(type_named(fixture, "int[4G][0]"), 0, 0);
        g_string_truncate(text, 0);
        value_text(&space, &ref, VALUE_MAX_ELEMENTS - 2, SIZE_MAX, text);
        g_assert_cmpstr(text->str, ==, "\n\n(only 1048576 elements are shown)\n");
}

static void test_many_structs(Fixture *fixture, const void *data)
{
        ValueSpace space = { fixture->btf, NULL, 0, false };
        int empty = add_struct(fixture, "empty", 0);
        ValueRef ref;
        ValueRef last;

        add_array(fixture, "empty[1M]", empty, VALUE_MAX_ELEMENTS);
        ref = value_of_variable(type_named(fixture, "empty[1M]"), 0, 0);
        g_assert_true(value_is_directory(&space, &ref));
        g_assert_cmpuint(value_n_members(&space, &ref), ==, VALUE_MAX_ELEMENTS);
        last = value_element(&space, &ref, VALUE_MAX_ELEMENTS - 1);
        assert_text(tree_of(&space, &last), "x/\n");

        add_array(fixture, "empty[2G]", empty, 1u << 31);
        assert_text(variable_text(fixture, "empty[2G]", "", false),
                    "(cannot be shown: more than 1048576 elements)\n");
        add_array(fixture, "empty[1M][2]", type_named(fixture, "empty[1M]"), 2);
        assert_text(variable_text(fixture, "empty[1M][2]", "", false),
                    "(cannot be shown: more than 1048576 elements)\n");
        /* 2^64 elements must not look like none. */
        add_array(fixture, "empty[2G][2G]", type_named(fixture, "empty[2G]"), 1u << 31);
        add_array(fixture, "empty[2G][2G][4]", type_named(fixture, "empty[2G][2G]"), 4);
        assert_text(variable_text(fixture, "empty[2G][2G][4]", "", false),
                    "(cannot be shown: more than 1048576 elements)\n");
        /* No elements, but too many directories that would hold them. */
        add_array(fixture, "empty[0]", empty, 0);
        add_array(fixture, "empty[2G][0]", type_named(fixture, "empty[0]"), 1u << 31);
        assert_text(variable_text(fixture, "empty[2G][0]", "", false),
                    "(cannot be shown: more than 1048576 elements)\n");
        add_array(fixture, "empty[0][2G]", type_named(fixture, "empty[2G]"), 0);
        /* Any number of nothing takes no bytes. */
        ref = value_of_variable(type_named(fixture, "empty[0]"), 0, 4);
        assert_text(tree_of(&space, &ref), "x " NO_LENGTH);
        ref = value_of_variable(type_named(fixture, "empty[0][2G]"), 0, 4);
        assert_text(tree_of(&space, &ref), "x " NO_LENGTH);
}

/* Offsets that would wrap lie outside, and not at the start again. */
static void test_far_elements(Fixture *fixture, const void *data)
{
        static const uint8_t bytes[4] = { 1 };
        ValueSpace space = { fixture->btf, bytes, sizeof(bytes), false };
        ValueRef ref;
        int id = add_struct(fixture, "large", UINT32_MAX);

        add_field(fixture, "a", type_named(fixture, "int"), 0, 0);
        add_array(fixture, "large[2]", id, 2);
        id = add_array(fixture, "large[1M]", id, VALUE_MAX_ELEMENTS);
        ref = value_of_variable(id, 0, 0);
        ref = value_element(&space, &ref, VALUE_MAX_ELEMENTS - 1);
        assert_text(tree_of(&space, &ref), "x/a (outside of the section's 4 bytes)\n");

        ref = value_of_variable(type_named(fixture, "large[2]"), 0, 0);
        ref.bit_offset = UINT64_MAX - 15;
        ref = value_element(&space, &ref, 1);
        assert_text(tree_of(&space, &ref), "x/a (outside of the section's 4 bytes)\n");
}

static void test_deep(Fixture *fixture, const void *data)
{
        ValueSpace space = { fixture->btf, NULL, 0, false };
        g_autoptr(GString) path = g_string_new("x");
        ValueRef ref;
        int id = add_struct(fixture, "ends", 0);

        for (int i = 1; i < VALUE_MAX_DEPTH; i++) {
                int outer = add_struct(fixture, "outer", 0);

                add_field(fixture, "m", id, 0, 0);
                g_string_append(path, "/m");
                id = outer;
        }
        ref = value_of_variable(id, 0, 0);
        g_string_append(path, "/\n");
        assert_text(tree_of(&space, &ref), path->str);

        add_struct(fixture, "outer", 0);
        add_field(fixture, "m", id, 0, 0);
        ref = value_of_variable(type_named(fixture, "outer"), 0, 0);
        g_string_truncate(path, path->len - 2);
        g_string_append(path, "/m (cannot be shown: more than 64 composites inside each other)\n");
        assert_text(tree_of(&space, &ref), path->str);
}

/* A struct that contains itself ends at the depth that is allowed; by name and folded in. */
static void test_recursive(Fixture *fixture, const void *data)
{
        ValueSpace space = { fixture->btf, NULL, 0, false };
        g_autofree char *text = NULL;
        ValueRef ref;
        int id = add_struct(fixture, "named", 0);

        add_field(fixture, "m", id, 0, 0);
        ref = value_of_variable(id, 0, 0);
        text = tree_of(&space, &ref);
        g_assert_true(g_str_has_suffix(
                text, "/m/m (cannot be shown: more than 64 composites inside each other)\n"));

        id = add_struct(fixture, "folded", 0);
        add_field(fixture, "int", type_named(fixture, "int"), 0, 0);
        add_field(fixture, NULL, id, 0, 0);
        ref = value_of_variable(id, 0, 0);
        g_assert_cmpuint(value_n_members(&space, &ref), ==, VALUE_MAX_DEPTH + 1);
        g_clear_pointer(&text, g_free);
        text = tree_of(&space, &ref);
        g_assert_true(g_str_has_suffix(
                text, "x/int (outside of the section's 0 bytes)\n"
                      "x/ (cannot be shown: more than 64 composites inside each other)\n"));
}

typedef struct Last {
        uint32_t n;
        ValueRef ref;
        char name[8];
} Last;

static bool keep_last(const char *name, const ValueRef *member, void *data)
{
        Last *last = data;

        last->n++;
        last->ref = *member;
        g_strlcpy(last->name, name, sizeof(last->name));
        return true;
}

/* 2^50 members from 50 types: as many as are allowed, and one that says that there are more. */
static void test_exponential(Fixture *fixture, const void *data)
{
        ValueSpace space = { fixture->btf, NULL, 0, false };
        Last last = { 0 };
        ValueRef ref;
        int id = add_struct(fixture, "leaf", 0);

        add_field(fixture, "leaf", type_named(fixture, "char[0]"), 0, 0);
        for (int i = 0; i < 50; i++) {
                int twice = add_struct(fixture, "twice", 0);

                add_field(fixture, NULL, id, 0, 0);
                add_field(fixture, NULL, id, 0, 0);
                id = twice;
        }
        ref = value_of_variable(id, 0, 0);
        g_assert_true(value_is_directory(&space, &ref));
        value_foreach_member(&space, &ref, keep_last, &last);
        g_assert_cmpuint(last.n, ==, value_n_members(&space, &ref));
        g_assert_cmpuint(last.n, <=, VALUE_MAX_MEMBERS + 1);
        g_assert_cmpuint(last.n, >, VALUE_MAX_MEMBERS / 4);
        g_assert_false(value_is_directory(&space, &last.ref));
        assert_text(text_of(&space, &last.ref), "(cannot be shown: more than 65536 members)\n");

        /* The same without any member that could be shown. */
        id = add_struct(fixture, "nothing", 0);
        for (int i = 0; i < 50; i++) {
                int twice = add_struct(fixture, "twice", 0);

                add_field(fixture, NULL, id, 0, 0);
                add_field(fixture, NULL, id, 0, 0);
                id = twice;
        }
        ref = value_of_variable(id, 0, 0);
        g_assert_cmpuint(value_n_members(&space, &ref), ==, 1);
}

static bool stop_at_once(const char *name, const ValueRef *member, void *data)
{
        (*(int *)data)++;
        return false;
}

static void test_stop(Fixture *fixture, const void *data)
{
        ValueSpace space = { fixture->btf, NULL, 0, false };
        ValueRef ref;
        int calls = 0;
        int inner = add_struct(fixture, "inner", 0);

        add_field(fixture, "a", type_named(fixture, "char"), 0, 0);
        add_field(fixture, "b", type_named(fixture, "char"), 0, 0);
        add_struct(fixture, "outer", 0);
        add_field(fixture, NULL, inner, 0, 0);
        add_field(fixture, "c", type_named(fixture, "char"), 0, 0);
        ref = value_of_variable(type_named(fixture, "outer"), 0, 0);
        value_foreach_member(&space, &ref, stop_at_once, &calls);
        g_assert_cmpint(calls, ==, 1);
}

/* Names that lie outside of the string section are no names. */
static void test_no_names(Fixture *fixture, const void *data)
{
        int id;

        name_type(fixture, "nameless", btf__add_enum(fixture->btf, "nameless", 4));
        btf__add_enum_value(fixture->btf, "A", 1);
        id = type_named(fixture, "nameless");
        btf_enum(writable(fixture, id))->name_off = 1u << 30;
        assert_text(variable_text(fixture, "nameless", "01010101", false), "16843009\n");

        id = add_struct(fixture, "of nameless", 4);
        add_field(fixture, "a", type_named(fixture, "int"), 0, 0);
        btf_members(writable(fixture, id))->name_off = 1u << 30;
        assert_text(variable_tree(fixture, id, "ffffffff", false), "x/ -1\n");

        id = type_named(fixture, "struct later");
        writable(fixture, id)->name_off = 1u << 30;
        assert_text(variable_text(fixture, "struct later", "", false),
                    "(cannot be shown: forward declaration of struct )\n");

        id = type_named(fixture, "char");
        writable(fixture, id)->name_off = 1u << 30;
        assert_text(variable_text(fixture, "char[4]", "61620063", false), "61620063\n");
}

/* Hundreds of megabytes of comparisons if each element looked through all enumerators. */
static void test_large_enum(Fixture *fixture, const void *data)
{
        g_autofree uint8_t *bytes = g_malloc0(2 << 20);
        ValueSpace space = { fixture->btf, bytes, 2 << 20, false };
        g_autoptr(GString) text = g_string_new(NULL);
        ValueRef ref;
        int id = btf__add_enum(fixture->btf, "large", 2);

        for (int i = 1; i < 65536; i++) {
                char name[8];

                g_snprintf(name, sizeof(name), "E%d", i);
                g_assert_cmpint(btf__add_enum_value(fixture->btf, name, i), ==, 0);
        }
        for (uint32_t i = 0; i < VALUE_MAX_ELEMENTS; i++) {
                bytes[2 * i] = 0xf0 + i % 16;
                bytes[2 * i + 1] = 0xff;
        }
        add_array(fixture, "large[1M]", id, VALUE_MAX_ELEMENTS);
        ref = value_of_variable(type_named(fixture, "large[1M]"), 0, 0);
        g_assert_cmpuint(value_text(&space, &ref, 0, 20, text), ==, 7u * VALUE_MAX_ELEMENTS);
        g_assert_cmpstr(text->str, ==, "E65520 E65521 E65522");
}

#define ADD(path, function) g_test_add("/value/" path, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        ADD("scalars", test_scalars);
        ADD("enums", test_enums);
        ADD("floats", test_floats);
        ADD("floats/shortest-doubles", test_shortest_doubles);
        ADD("floats/powers-of-two", test_powers_of_two);
        ADD("floats/all-halves", test_all_halves);
        ADD("strings", test_strings);
        ADD("arrays", test_arrays);
        ADD("flexible/arrays", test_flexible_arrays);
        ADD("flexible/members", test_flexible);
        ADD("flexible/size", test_size);
        ADD("unshowable", test_unshowable);
        ADD("outside", test_outside);
        ADD("struct", test_struct);
        ADD("anonymous", test_anonymous);
        ADD("bit-fields", test_bit_fields);
        ADD("odd-members", test_odd_members);
        ADD("variables-overlap", test_variables_overlap);
        ADD("limits/elements", test_many_elements);
        ADD("limits/structs", test_many_structs);
        ADD("limits/far", test_far_elements);
        ADD("limits/depth", test_deep);
        ADD("limits/recursive", test_recursive);
        ADD("limits/exponential", test_exponential);
        ADD("limits/enumerators", test_large_enum);
        ADD("stop", test_stop);
        ADD("no-names", test_no_names);
        return g_test_run();
}
