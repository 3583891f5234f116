/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RULES_H
#define BPFMETAFS_RULES_H

/*
 * The administrator's rules: metadata of programs whose authors give none.
 *
 * Pure: text comes in, and a table of functions answers questions about a program. A file of rules
 * has GKeyFile's format, and each group is a rule. Its keys match-* choose the programs. Every
 * other key is a name, and the rule gives its value to that name.
 */

#include "names.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest text of a file, in bytes. */
#define RULES_MAX_TEXT (1u << 20)
/* The most rules, different names, and values, over all files. */
#define RULES_MAX 4096u
#define RULES_MAX_NAMES 1024u
#define RULES_MAX_GIFTS 16384u

/* The keys that a rule can look at: first those that never change in the life of a program, then
 * those that may. */
typedef enum RulesKey {
        RULES_NAME,
        RULES_TYPE,
        RULES_TAG,
        RULES_UID,
        RULES_SOURCE,
        RULES_N_FIXED,
        RULES_ATTACHED = RULES_N_FIXED,
        RULES_PINNED,
        /* Keys of the process that loaded it, or of one that holds it */
        RULES_COMM,
        RULES_UNIT,
        RULES_CGROUP,
        RULES_CONTAINER,
        RULES_N_KEYS,
} RulesKey;

#define RULES_FIRST_OF_PROCESS RULES_COMM
#define RULES_N_OF_PROCESS (RULES_N_KEYS - RULES_FIRST_OF_PROCESS)

/* The questions about a program. */
typedef struct RulesFacts {
        /* The lines of @key, ended by NULL, borrowed until the next call for another program. If it
         * has nothing of the kind, there is no line. NULL: nobody can tell now, and the key counts
         * as one that matches. Not for keys of processes. */
        char **(*lines)(void *data, RulesKey key);
        /* The same for the process @index and the key RULES_FIRST_OF_PROCESS + @key; NULL: there
         * are no more processes. */
        char **(*process)(void *data, uint32_t index, uint32_t key);
        void *data;
} RulesFacts;

/* A value that a rule gives. */
typedef struct RulesGift {
        uint32_t name;     /* the name's number, see rules_name() */
        uint32_t rule;     /* the rule's number: an earlier rule counts first */
        char *text;        /* of the file; ends in a newline */
        const char *group; /* the rule's name */
        const char *file;  /* the file that has the key */
        uint32_t line;     /* counted from 1 */
} RulesGift;

typedef struct Rules Rules;

/* Empty. @reserved: names that no rule may give. */
Rules *rules_new(NamesReserved reserved);
void rules_free(Rules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rules, rules_free)

/*
 * Adds the rules of the file @file, whose @text has @size bytes, behind the others. On failure,
 * FALSE, and one sentence in @error, without a full stop and fit for a terminal, that begins with
 * file and line; a part of the rules may have been added.
 */
bool rules_add(Rules *rules, const char *file, const char *text, size_t size, GError **error);

/* The @reserved of rules_new(). */
NamesReserved rules_reserved(const Rules *rules);

/* The different names that the rules give, by number, in the order of their first mention. */
uint32_t rules_n_names(const Rules *rules);
const char *rules_name(const Rules *rules, uint32_t number);
/* False if no rule gives that name. */
bool rules_find_name(const Rules *rules, const char *name, uint32_t *number);

/* The values of all rules, in their order. Borrowed. */
const RulesGift *rules_gift(const Rules *rules, uint32_t index);

/*
 * Appends the indexes (uint32_t) of the gifts that the program may get, in their order. These are
 * the gifts of all rules whose keys that never change match. A gift is left out if it comes after
 * another of the same name whose rule has no other keys.
 */
void rules_candidates(const Rules *rules, const RulesFacts *facts, GArray *out);

/* True if the rule looks at keys that may change. */
bool rules_may_change(const Rules *rules, uint32_t gift);

/* True if the other keys of a candidate's rule match now as well. */
bool rules_holds(const Rules *rules, uint32_t gift, const RulesFacts *facts);

#endif
