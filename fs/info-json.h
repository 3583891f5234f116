/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_INFO_JSON_H
#define BPFMETAFS_INFO_JSON_H

/*
 * The keys of an info directory as members of a JSON object, in bpftool's schema.
 *
 * Pure. The types are those of `bpftool -j prog show`, `map show` and `link show` (prog.c, map.c
 * and link.c of bpftool): numbers, true and false as they are, lists of numbers as arrays, the keys
 * of a subdirectory as an object, and the lists for a link's functions as an array "funcs" of
 * objects. Lines are an array of strings.
 */

#include "info.h"
#include "json.h"

/* Appends the members to the object that is open. */
void info_json(Json *json, const Info *info);

#endif
