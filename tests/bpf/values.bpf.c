/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Values of every type that C has. tests/integration/test_values.py says how each is shown. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define VALUE(type, name, ...) volatile const type bpf_metadata_##name __VA_ARGS__ SEC(".rodata")

typedef unsigned int u32;
typedef u32 id_t;
typedef const id_t const_id_t;
typedef char label_t[8];
typedef unsigned char digest_t[4];

enum color { RED, GREEN, BLUE = 7 };
enum offset { BELOW = -2, ABOVE = 2147483647 };
enum __attribute__((packed)) tiny { LOW = 1, HIGH = 200 };
enum large { ALL = 0xffffffff };
enum equal { FIRST = 3, SECOND = 3 };

struct nowhere;

struct point {
        int x, y;
};

struct crew {
        unsigned char oncall[8], tag[4];
};

/* Integers */
VALUE(signed char, s8_low) = -128;
VALUE(signed char, s8_high) = 127;
VALUE(unsigned char, u8_high) = 255;
VALUE(short, s16_low) = -32768;
VALUE(unsigned short, u16_high) = 65535;
VALUE(int, s32_low) = -2147483647 - 1;
VALUE(int, s32_zero) = 0;
VALUE(unsigned int, u32_high) = 4294967295u;
VALUE(long, s64_low) = -9223372036854775807l - 1;
VALUE(unsigned long, u64_high) = 18446744073709551615ul;
VALUE(__int128, s128_low) = (__int128)1 << 127;
VALUE(__int128, s128_minus_one) = -1;
VALUE(unsigned __int128, u128_high) = ~(unsigned __int128)0;
VALUE(unsigned __int128, u128_ten) = (unsigned __int128)10000000000000000000ul * 10000000000000000000ul;
VALUE(char, letter) = 'A';
VALUE(char, negative_char) = -1;
VALUE(_Bool, yes) = 1;
VALUE(_Bool, no) = 0;

/* Enums */
VALUE(enum color, green) = GREEN;
VALUE(enum color, no_color) = (enum color)4;
VALUE(enum offset, below) = BELOW;
VALUE(enum offset, above) = ABOVE;
VALUE(enum tiny, high) = HIGH;
VALUE(enum large, all) = ALL;
VALUE(enum equal, equal) = SECOND;

/* Pointers */
void *const volatile bpf_metadata_null SEC(".rodata") = 0;
void *const volatile bpf_metadata_address SEC(".rodata") = (void *)0xffffffff81000000;
int (*const volatile bpf_metadata_function)(struct nowhere *) SEC(".rodata") = (void *)0x10;
int __attribute__((btf_type_tag("user"))) *const volatile bpf_metadata_tagged SEC(".rodata") =
        (void *)0xabc;

/* Names of types */
VALUE(const_id_t, by_typedef) = 17;
VALUE(label_t, label) = "label";
VALUE(digest_t, digest) = { 0xde, 0xad, 0, 0xef };
__attribute__((btf_decl_tag("owner"))) VALUE(int, beside_a_tag) = 5;

/* Text */
VALUE(char, text, []) = "net-team";
VALUE(char, empty, [4]) = "";
VALUE(char, not_ended, [3]) = { 'a', 'b', 'c' };
VALUE(char, ended_early, [8]) = { 'a', 0, 'b', 'c' };
VALUE(char, lines, []) = "one\ntwo\n";
VALUE(char, tab, []) = "a\tb";
VALUE(char, escapes, []) = "\x1b[31mred\x1b[0m\a\r\v\x7f";
VALUE(char, backslash, []) = "C:\\new";
VALUE(char, utf8, []) = "Zürich 東京 🐝";
VALUE(char, not_utf8, []) = "a\xff\xc3(\xe2\x82";
VALUE(char, c1, []) = "\xc2\x9b""31m";
VALUE(char, right_to_left, []) = "a\xe2\x80\xae" "b";
VALUE(char, surrogate, []) = "\xed\xa0\x80";
VALUE(char, overlong, []) = "\xc0\xaf";
VALUE(char, percent, []) = "100%s%n";
VALUE(char, strings, [3][8]) = { "one", "", "three\n" };
VALUE(char, grid, [2][2][4]) = { { "a", "b" }, { "c", "d" } };

/* Bytes */
VALUE(unsigned char, hash, [20]) = { 0x00, 0x01, 0x7f, 0x80, 0xff };
VALUE(unsigned char, byte_text, [8]) = "forge";
VALUE(unsigned char, byte_text_full, [5]) = { 'f', 'o', 'r', 'g', 'e' };
VALUE(unsigned char, byte_two_texts, [6]) = { 'a', 0, 'b', 0 };
VALUE(signed char, signed_bytes, [3]) = { -1, 0, 1 };
VALUE(unsigned char, no_bytes, [3]) = { 0 };
VALUE(unsigned char, hashes, [2][3]) = { { 1, 2, 3 }, { 0xa, 0xb, 0xc } };
VALUE(unsigned char, byte_texts, [3][7]) = { "Ä-team", "net" };
VALUE(unsigned char, byte_not_utf8, [2]) = { 'a', 0xc3 };
VALUE(struct crew, crew) = { { 'n', 'e', 't', '-', 't', 'e', 'a', 'm' }, { 0xde, 0xad, 0xbe, 0xef } };
VALUE(struct crew, crews, [2]) = { { "a", { 'a', 'b', 'c', 'd' } } };

/* Arrays */
VALUE(int, numbers, [4]) = { 1, -2, 3, 0 };
VALUE(short, matrix, [2][3]) = { { 1, 2, 3 }, { 4, 5, 6 } };
VALUE(_Bool, flags, [3]) = { 1, 0, 1 };
VALUE(enum color, colors, [3]) = { RED, BLUE, (enum color)9 };
void *const volatile bpf_metadata_pointers[2] SEC(".rodata") = { 0, (void *)0xff };
VALUE(unsigned __int128, wide_numbers, [2]) = { 1, (unsigned __int128)1 << 64 };
VALUE(struct point, points, [2]) = { { 1, 2 }, { 3, 4 } };
VALUE(struct point, net, [2][1]) = { { { 5, 6 } }, { { 7, 8 } } };

/* Structs and unions */
volatile const struct {
        int number;
        char text[4];
        struct point point;
        struct {
                int inner;
                union {
                        int as_int;
                        unsigned char as_bytes[4];
                };
        };
        int none[0];
        char no_text[0];
        char no_texts[0][4];
        struct point no_points[0];
        struct {
        } nothing;
} bpf_metadata_thing SEC(".rodata") = { 1, "abc", { 2, 3 }, { 4, { 0x04030201 } } };

volatile const union {
        u32 whole;
        struct {
                unsigned char low, high;
        } parts;
} bpf_metadata_either SEC(".rodata") = { 0x0102 };

volatile const struct {
        int minus_one : 2;
        unsigned int five : 3;
        unsigned int : 5;
        long across : 40;
        _Bool on : 1;
        enum color color : 4;
        enum offset offset : 3;
        unsigned char byte : 7;
        unsigned long full : 64;
} bpf_metadata_bits SEC(".rodata") = { -1, 5, -549755813888l, 1, BLUE, BELOW, 100, ~0ul };

volatile const struct {
        char a;
        int b;
        long c;
} __attribute__((packed)) bpf_metadata_packed SEC(".rodata") = { 1, -2, 3 };

/* Arrays without a length. What the compiler adds behind them is theirs, too. */
struct record {
        u32 length;
        char text[];
};

struct route {
        unsigned char n;
        struct point points[];
};

struct ports {
        u32 n;
        unsigned short ports[];
};

VALUE(struct record, record) = { 5, { "hello" } };
VALUE(struct record, record_of_nothing) = { 0 };
VALUE(struct record, records, [2]) = { { 1 }, { 2 } };
VALUE(struct route, route) = { 2, { { 1, 2 }, { 3, 4 } } };
VALUE(struct ports, ports) = { 3, { 22, 80, 443 } };

volatile const struct {
        u32 n;
        unsigned char digest[];
} bpf_metadata_flexible_digest SEC(".rodata") = { 4, { 0xde, 0xad, 0xbe, 0xef } };

volatile const struct {
        u32 n;
        char names[][4];
} bpf_metadata_names SEC(".rodata") = { 2, { "a", "bcd" } };

#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
volatile const struct {
        struct record first;
        u32 second;
} bpf_metadata_overlaid SEC(".rodata") = { { 6 }, 7 };

volatile const struct {
        u32 n;
        union {
                u32 as_number;
                unsigned char as_bytes[0];
        };
} bpf_metadata_either_end SEC(".rodata") = { 1, { 0x04030201 } };

SEC("socket")
int values(void *ctx)
{
        return 0;
}

char _license[] SEC("license") = "GPL";
