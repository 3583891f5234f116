/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_DIR_VALUE_H
#define BPFMETAFS_DIR_VALUE_H

/*
 * Variables and values as entries: vars/, and the directories of structs, unions and arrays of
 * them.
 */

#include "map.h"
#include "place.h"

/* The longest text in bytes of a value that may change: each of its versions is kept as a whole. */
#define LAYOUT_MAX_CHANGING (1u << 20)

/* The argument of a value's directory: the map and the value. */
extern const ArgumentKind value_argument;

/* The value's directory: its members or elements */
int value_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int value_list(Lister *lister);
int value_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                  GString *out, uint64_t *size);

/* The value for @cpu of the entry @key of @map as an entry of @place, whose row->each is a value's
 * directory; @node is its key there. @look_up as below. 0 or -errno. */
int value_of_entry(const Place *place, Map *map, GBytes *key, uint32_t cpu, const char *name,
                   uint64_t node, bool look_up, Entry *out);

/* The directory of an entry that has a value for each CPU, in @parent, whose row->each it is: 0, 1
 * and so on. */
Place value_cpus_place(const Place *parent, Map *map, GBytes *key);
int cpus_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int cpus_list(Lister *lister);

/* vars/ of the map that is shown */
int vars_find(Catalog *catalog, const Place *place, const char *name, Entry *out);
int vars_list(Lister *lister);
int vars_content(Catalog *catalog, const Place *place, uint64_t key, uint64_t offset, size_t count,
                 GString *out, uint64_t *size);

/* The variable @index of @map as an entry of @place, whose row->each is a value's directory.
 * @lasting: nothing else can come to have the name. @look_up: its content is needed, also if it may
 * change. 0 or -errno. */
int variable_entry(const Place *place, Map *map, uint32_t index, const char *name, uint64_t key,
                   bool lasting, bool look_up, Entry *out);
/* Its content, as Row.content has it. */
int variable_content(Map *map, uint32_t index, uint64_t offset, size_t count, GString *out,
                     uint64_t *size);

#endif
