/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BY_H
#define BPFMETAFS_BY_H

/*
 * Programs by what is known of them: which has which value of which key.
 *
 * Nothing but the source and the observers can tell, one program after the other, or all at once.
 * What each has told is kept, and is used for BY_LAG_MS; after that it is asked again, by the next
 * request that needs it. So a value that has changed, a map that was bound late, and whatever an
 * observer sees, may be missed for that long. A program that was loaded is asked at once, and one
 * that has gone is never told.
 *
 * If a program has told nothing that can change, only maps can come. Loaders bind a map soon after
 * they have made it, or loaded the program: if both are longer ago than BY_BIND_LAG_MS, the program
 * is not asked again before that time is over.
 *
 * A program that is not asked in time, or that can't be, or not for all that it has, is counted:
 * see by_append_untold().
 */

#include "by-ask.h"
#include "by-table.h"
#include "catalog.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* That of @catalog, made when it is asked for first; borrowed. @reserved: names that no entry of a
 * program may have. */
By *by_of(Catalog *catalog, NamesReserved reserved);

/* The key @name, or the value @name of @key, if some program has it. The caller gets a reference.
 * NULL: none has. */
ByKey *by_find_key(By *by, const char *name);
ByValue *by_find_value(By *by, ByKey *key, const char *name);
/* 0 if the program @id has @value, else -ENOENT; the program's metadata is asked for at once. */
int by_check(By *by, ByValue *value, uint32_t id);

/* True if the program @id, which has @value, has it as long as it is there, or if there is a
 * program of which that is true: the kernel may remember the entry, and is told to forget it. */
bool by_prog_stays(By *by, const ByValue *value, uint32_t id);
bool by_value_stays(By *by, const ByValue *value);
/* If an observer tells the value, until when it is told again as it is, g_get_monotonic_time();
 * else 0. The kernel may remember the entry of the value or the program for so long, and is told to
 * forget it if the program goes before. */
gint64 by_value_until(const By *by, const ByValue *value);
gint64 by_prog_until(By *by, const ByValue *value, uint32_t id);

/* To be called before a listing: asks all programs for what it needs, @key is NULL for a listing of
 * all keys. */
void by_look(By *by, ByKey *key);
/* The first key, value or program whose number or id is above @after; NULL or 0: there is none. The
 * caller gets a reference. */
ByKey *by_next_key(By *by, uint32_t after);
ByValue *by_next_value(By *by, ByKey *key, uint32_t after);
uint32_t by_next_prog(By *by, ByValue *value, uint32_t after);

/* True if it is always there. */
bool by_key_stays(const By *by, const ByKey *key);

/* Appends lines in parentheses that say what a listing of @key may lack, as of the last look.
 * Nothing is appended if it lacks nothing. */
void by_append_untold(const By *by, const ByKey *key, GString *out);

#endif
