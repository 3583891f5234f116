/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KEY_NAME_H
#define BPFMETAFS_KEY_NAME_H

/*
 * The keys of a map as file names, and file names as keys.
 *
 * Pure. A key has one name and a name stands for one key, so that an entry is found by its name
 * without a look at the others. A name that would not lead back to its key (a text with bytes
 * behind its NUL, padding that is not 0) is not used: the key is hexadecimal digits then.
 */

#include "key-form.h"

#include <stdbool.h>
#include <stdint.h>

/* The name of @key; owned by the caller. */
char *key_name(const KeyForm *form, const uint8_t *key);

/* Finds the key of that name. False if no key can have it, or if the name was cut for its length:
 * then only a look at all keys can tell. */
bool key_of_name(const KeyForm *form, const char *name, uint8_t *key);
/* True if the name may have been cut. */
bool key_name_is_cut(const char *name);

#endif
