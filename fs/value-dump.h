/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_VALUE_DUMP_H
#define BPFMETAFS_VALUE_DUMP_H

/*
 * BTF-typed bytes to JSON, as `bpftool -j map dump` has them under "formatted".
 *
 * Pure, and as hostile as value.h. Structs and unions are objects, and members without a name have
 * the name "". It differs where bpftool 7.1 writes invalid JSON, or stops: texts are escaped,
 * floats are numbers (infinity and nan are strings), enums of one and two bytes have their names,
 * and in place of what can't be shown stands a string in parentheses that says why.
 */

#include "json.h"
#include "value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The names of enums, which are read once for all values with the same BTF. Zero-initialized. */
typedef struct ValueDumper {
        GHashTable *enums; /* BTF type -> Scalar */
} ValueDumper;

void value_dumper_clear(ValueDumper *dumper);

/* The value of BTF type @type at the start of @space. False if json->out has grown beyond @limit
 * bytes: then the value in it is not whole. Time is bounded by @limit, too. */
bool value_dump(ValueDumper *dumper, Json *json, const ValueSpace *space, uint32_t type,
                size_t limit);

#endif
