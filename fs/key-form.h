/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KEY_FORM_H
#define BPFMETAFS_KEY_FORM_H

/*
 * The fields of a map's keys, by their type.
 *
 * Pure: BTF is read once for a map, and is not needed later.
 */

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum FieldKind {
        FIELD_UINT,
        FIELD_INT,
        FIELD_BOOL,
        FIELD_POINTER,
        FIELD_CHARS, /* text up to the first NUL */
        FIELD_BYTES, /* text, or hexadecimal digits */
} FieldKind;

typedef struct Enumerator {
        char *name;
        uint64_t bits; /* as many as the field has */
} Enumerator;

/* A scalar or a text in the key. */
typedef struct Field {
        char *name; /* NULL: the field is the whole key */
        FieldKind kind;
        uint32_t offset;
        uint32_t size;   /* bytes; of a number 1, 2, 4 or 8 */
        GArray *choices; /* of Enumerator; NULL: no enum */
} Field;

typedef struct KeyForm {
        uint32_t size;
        GArray *fields; /* of Field; NULL: hexadecimal digits */
        bool typed;     /* BTF has a type for them */
} KeyForm;

/* The most members of a key's type, and the most enumerators of one of them. A key whose type has
 * more is hexadecimal digits. */
#define KEY_FORM_MAX_MEMBERS 64u
#define KEY_FORM_MAX_ENUMERATORS 4096u

/* The form of keys of @size bytes. Their names follow the type @type of @btf, which is not needed
 * after the call. If @btf is NULL, names are decimal numbers if the keys are @numbered (then @size
 * is 4), else hexadecimal digits. Never NULL. */
KeyForm *key_form_new(const struct btf *btf, uint32_t type, uint32_t size, bool numbered);
void key_form_free(KeyForm *form);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyForm, key_form_free)

#endif
