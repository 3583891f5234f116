/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BY_TABLE_H
#define BPFMETAFS_BY_TABLE_H

/*
 * Which holders have which values: keys by name, their values by name, and of each value the ids of
 * those who have it. It asks nobody; by.h fills it.
 *
 * A key and a value are there while somebody has one, and are kept as long as there is a reference.
 * While one is kept it is found by its name again, and has its number: a number above 0 that no
 * other of that directory has, so that it can be the key of an entry. Values that come have numbers
 * behind all others, as long as there are such.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ByTable ByTable;
typedef struct ByKey ByKey;
typedef struct ByValue ByValue;

/* How many sets of values each holder has: each is replaced as a whole. */
#define BY_SETS 6

/* One who has values. To be cleared with by_holder_clear(). */
typedef struct ByHolder {
        uint32_t id;
        uint32_t n[BY_SETS];
        ByValue **values; /* of set 0, of set 1 and so on; each sorted by address */
} ByHolder;

ByTable *by_table_new(void);
/* All holders have to be cleared, and all references given back. */
void by_table_free(ByTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ByTable, by_table_free)

/* Bytes of memory that it takes, roughly. */
size_t by_table_bytes(const ByTable *table);

/* The key @name, which is made if it is not there; and the value @name of it. The caller gets a
 * reference. */
ByKey *by_table_key(ByTable *table, const char *name);
ByValue *by_key_value(ByKey *key, const char *name);
/* The same as far as somebody has it: borrowed until the next change, or NULL. */
ByKey *by_table_find(ByTable *table, const char *name);
ByValue *by_key_find(ByKey *key, const char *name);
/* The first that somebody has whose number is above @after, likewise. */
ByKey *by_table_next(ByTable *table, uint32_t after);
ByValue *by_key_next(ByKey *key, uint32_t after);
/* The first id above @after that has the value; 0 if there is none. */
uint32_t by_value_next(const ByValue *value, uint32_t after);
bool by_value_has(const ByValue *value, uint32_t id);
/* True if there is a reference to it. */
bool by_value_is_used(const ByValue *value);

ByKey *by_key_ref(ByKey *key);
void by_key_unref(ByKey *key);
ByValue *by_value_ref(ByValue *value);
void by_value_unref(ByValue *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ByKey, by_key_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ByValue, by_value_unref)

/* File names, borrowed. */
const char *by_key_name(const ByKey *key);
const char *by_value_name(const ByValue *value);
uint32_t by_key_number(const ByKey *key);
uint32_t by_value_number(const ByValue *value);
ByKey *by_value_key(const ByValue *value);

/* From now on the values of @set that @holder has are @values (ByValue, borrowed), in any order and
 * however often each. The array is sorted. */
void by_holder_set(ByHolder *holder, guint set, GPtrArray *values);
void by_holder_clear(ByHolder *holder);

#endif
