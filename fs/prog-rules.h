/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_PROG_RULES_H
#define BPFMETAFS_PROG_RULES_H

/*
 * The gifts of the administrator's rules to a program: names that its authors do not have.
 *
 * A loader may bind metadata at any time, and no event tells. So rules are asked at each lookup.
 * Facts that can't change are found out once for each program.
 */

#include "prog-maps.h"
#include "rules.h"

#include <glib.h>

/* The program's maps and entries have to be up to date (prog_update()). While one of its maps can't
 * be read, the names of its authors are not known, and rules give nothing. */

/* The gift for @name now, borrowed, if the program's authors do not have that name. 0; -ENOENT:
 * there is none; or -errno. */
int prog_rules_find(Prog *prog, const char *name, const RulesGift **out);

/* The same without asking anybody: of processes only @loader counts, which may be NULL. If the
 * answer hangs on where the program is attached or pinned, that is -ENOENT: nothing rather than
 * what may be wrong. */
int prog_rules_find_known(Prog *prog, const char *name, Loader *loader, const RulesGift **out);

/* Appends all gifts that it gets now (const RulesGift *), in the order of the names' numbers.
 * *@changes, which may be NULL: the gifts may change even if no map is bound to it. 0 or -errno. */
int prog_rules_list(Prog *prog, GPtrArray *out, bool *changes);

/* The text of info/rules: a line for each gift. For observed keys. */
void prog_rules_append(const Observers *observers, Object *object, GString *out);

#endif
