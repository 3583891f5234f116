/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any BTF and any bytes: each type as a variable, and each section's variables, are shown as the
 * tree would show them, under what must hold for whatever is shown. Each is a map's value and key
 * as well: the dump is JSON, and names lead back.
 *
 * The input is a byte whose lowest bit says that the bytes are big-endian, the lengths of two parts
 * in 16 little-endian bits each, and the parts: the bytes of the values, BTF's strings, and, all
 * that is left, BTF's types in this machine's byte order. The header, of which there is nothing to
 * find but refusals of libbpf's, is made here.
 */

#include "key-name.h"
#include "metadata.h"
#include "names.h"
#include "value.h"
#include "value-dump.h"
#include "value-json.h"

#include <bpf/libbpf.h>
#include <linux/btf.h>
#include <string.h>

#define HEAD 5
/* Entries that are looked at, and bytes of text, for one input: what is there may be endless. */
#define MAX_ENTRIES 300
#define MAX_TEXT (256u << 10)

typedef struct Walk {
        const ValueSpace *space;
        Names *names; /* of the directory that is walked */
        unsigned entries;
        size_t text;
        uint32_t members; /* of the directory */
        uint16_t depth;   /* of the directory */
} Walk;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No line can do anything to a terminal. */
static void check_text(const char *text, size_t len)
{
        g_assert_true(len == 0 || text[len - 1] == '\n');
        g_assert_true(g_utf8_validate(text, len, NULL));
        for (const char *p = text; p < text + len; p = g_utf8_next_char(p))
                g_assert_true(*p == '\n' || *p == '\t' || g_unichar_isprint(g_utf8_get_char(p)));
}

static void check_windows(const ValueSpace *space, const ValueRef *ref, const GString *whole)
{
        size_t count = MAX(whole->len / 3, 1);
        g_autoptr(GString) pieces = g_string_new(NULL);

        while (pieces->len < whole->len) {
                size_t before = pieces->len;

                g_assert_cmpuint(value_text(space, ref, before, count, pieces), ==, whole->len);
                g_assert_cmpuint(pieces->len - before, ==, MIN(count, whole->len - before));
        }
        g_assert_true(g_string_equal(pieces, whole));
}

static void show_text(Walk *walk, const ValueRef *ref)
{
        uint64_t length = value_text(walk->space, ref, 0, 0, NULL);
        g_autoptr(GString) text = g_string_new(NULL);

        walk->text += length;
        if (walk->text > MAX_TEXT) {
                g_assert_cmpuint(value_text(walk->space, ref, length - 1, 10, text), ==, length);
                g_assert_cmpstr(text->str, ==, "\n");
                return;
        }
        g_assert_cmpuint(value_text(walk->space, ref, 0, SIZE_MAX, text), ==, length);
        g_assert_cmpuint(text->len, ==, length);
        check_text(text->str, text->len);
        check_windows(walk->space, ref, text);
}

static void show(Walk *walk, const ValueRef *ref);

static bool is_spent(const Walk *walk)
{
        return walk->entries > MAX_ENTRIES || walk->text > MAX_TEXT;
}

static bool show_member(const char *name, const ValueRef *member, void *data)
{
        Walk *walk = data;

        walk->members++;
        g_assert_cmpuint(member->depth, >, walk->depth);
        if (!is_spent(walk)) {
                g_autofree char *file = names_give(walk->names, name, name);

                g_assert_null(strchr(file, '/'));
                show(walk, member);
        }
        return true;
}

static void show(Walk *walk, const ValueRef *ref)
{
        Walk inner = *walk;
        g_autoptr(Names) names = NULL;
        uint32_t n;

        walk->entries++;
        if (!value_is_directory(walk->space, ref)) {
                show_text(walk, ref);
                return;
        }
        inner.entries++;
        inner.names = names = names_new(NULL);
        inner.members = 0;
        inner.depth = ref->depth;
        n = value_n_members(walk->space, ref);
        if (value_is_array(walk->space, ref)) {
                g_assert_cmpuint(n, <=, VALUE_MAX_ELEMENTS);
                for (uint32_t i = 0; i < n && !is_spent(&inner); i += MAX(n / 4, 1)) {
                        ValueRef element = value_element(walk->space, ref, i);

                        g_assert_cmpuint(element.depth, ==, ref->depth + 1u);
                        show(&inner, &element);
                }
        } else {
                g_assert_cmpuint(n, <=, VALUE_MAX_MEMBERS + 1);
                value_foreach_member(walk->space, ref, show_member, &inner);
                g_assert_cmpuint(inner.members, ==, n);
        }
        walk->entries = inner.entries;
        walk->text = inner.text;
}

static void show_section(Walk *walk, uint32_t id)
{
        g_autoptr(GArray) variables = metadata_variables(walk->space->btf, id);
        g_autoptr(Names) names = names_new(names_is_id);

        for (guint i = 0; i < variables->len && !is_spent(walk); i++) {
                const MetadataVariable *v = &g_array_index(variables, MetadataVariable, i);
                ValueRef ref = value_of_variable(v->type, v->offset, v->size);
                g_autofree char *name = names_give(names, v->entry, v->name);

                g_assert_false(names_is_id(name));
                show(walk, &ref);
        }
}

/* Strings are whole, and what stands in them does nothing to a terminal; brackets are in pairs. */
static void check_json(const GString *json)
{
        bool quoted = false;
        int depth = 0;

        g_assert_true(g_utf8_validate(json->str, json->len, NULL));
        for (const char *p = json->str; *p; p = g_utf8_next_char(p)) {
                g_assert_true(g_unichar_isprint(g_utf8_get_char(p)));
                if (quoted && *p == '\\')
                        p++;
                else if (*p == '"')
                        quoted = !quoted;
                else if (!quoted && (*p == '{' || *p == '['))
                        depth++;
                else if (!quoted && (*p == '}' || *p == ']'))
                        depth--;
        }
        g_assert_false(quoted);
        g_assert_cmpint(depth, ==, 0);
}

/* As a report writes a value. */
static void report(const ValueSpace *space, const ValueRef *ref)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);

        if (value_json(&json, space, ref, MAX_TEXT))
                check_json(out);
}

static void dump(const ValueSpace *space, uint32_t id)
{
        g_autoptr(GString) out = g_string_new(NULL);
        Json json = json_new(out);
        ValueDumper dumper = { 0 };
        bool whole = value_dump(&dumper, &json, space, id, MAX_TEXT);

        value_dumper_clear(&dumper);
        if (whole)
                check_json(out);
        else
                g_assert_cmpuint(out->len, >, MAX_TEXT);
}

/* All that there is as a key, which has a name, and of a short name the way back. */
static void name_key(const ValueSpace *space, uint32_t id)
{
        g_autoptr(KeyForm) form = key_form_new(space->btf, id, space->size, false);
        g_autofree char *name = key_name(form, space->bytes);
        g_autofree uint8_t *back = g_malloc0(space->size);

        g_assert_cmpuint(strlen(name), <=, NAMES_MAX);
        g_assert_null(strchr(name, '/'));
        if (strlen(name) < 240) {
                g_assert_true(key_of_name(form, name, back));
                g_assert_cmpmem(back, space->size, space->bytes, space->size);
        }
}

/* NULL if libbpf takes them for none. */
static struct btf *make_btf(const uint8_t *types, size_t n_types, const uint8_t *strings,
                            size_t n_strings)
{
        struct btf_header header = {
                .magic = BTF_MAGIC,
                .version = BTF_VERSION,
                .hdr_len = sizeof(header),
                .type_len = n_types,
                .str_off = n_types,
                .str_len = n_strings + 2, /* a NUL before and behind */
        };
        g_autoptr(GByteArray) blob = g_byte_array_new();

        g_byte_array_append(blob, (const uint8_t *)&header, sizeof(header));
        g_byte_array_append(blob, types, n_types);
        g_byte_array_append(blob, (const uint8_t *)"", 1);
        g_byte_array_append(blob, strings, n_strings);
        g_byte_array_append(blob, (const uint8_t *)"", 1);
        return btf__new(blob->data, blob->len);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        libbpf_set_print(NULL); /* refusals are no news */
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        g_autofree uint8_t *bytes = NULL;
        ValueSpace space = { 0 };
        struct btf *btf;
        size_t n_strings;

        if (size < HEAD)
                return 0;
        space.big_endian = data[0] & 1;
        space.size = data[1] | data[2] << 8;
        n_strings = data[3] | data[4] << 8;
        data += HEAD;
        size -= HEAD;
        space.size = MIN(space.size, size);
        n_strings = MIN(n_strings, size - space.size);

        btf = make_btf(data + space.size + n_strings, size - space.size - n_strings,
                       data + space.size, n_strings);
        if (!btf)
                return 0;
        /* On the heap and no larger than they are: a read outside is seen. */
        space.bytes = bytes = g_malloc(space.size);
        if (space.size > 0)
                memcpy(bytes, data, space.size);
        space.btf = btf;

        for (uint32_t id = 0; id < btf__type_cnt(btf) && id < 100; id++) {
                g_autoptr(Names) names = names_new(NULL);
                Walk walk = { .space = &space, .names = names };
                ValueRef ref = value_of_variable(id, 0, space.size);

                show(&walk, &ref);
                show_section(&walk, id);
                report(&space, &ref);
                if (id < 20)
                        dump(&space, id);
                if (space.size > 0 && space.size <= 512)
                        name_key(&space, id);
        }
        btf__free(btf);
        return 0;
}
