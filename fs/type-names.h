/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TYPE_NAMES_H
#define BPFMETAFS_TYPE_NAMES_H

/*
 * The names of types, by their numbers in the kernel.
 *
 * They are libbpf's, also those of newer versions than the one that is installed: else the same
 * type would have another name on another machine, and rules that ask for it would not hold there.
 *
 * Pure. Each returns NULL for a number without a name.
 */

#include <glib.h>
#include <stdint.h>

/* The element of a table of names, of any type of number; NULL if it has none. */
#define NAME_IN(table, index) ((index) < G_N_ELEMENTS(table) ? (table)[index] : NULL)

const char *prog_type_name(uint32_t type);   /* enum bpf_prog_type */
const char *map_type_name(uint32_t type);    /* enum bpf_map_type */
const char *link_type_name(uint32_t type);   /* enum bpf_link_type */
const char *attach_type_name(uint32_t type); /* enum bpf_attach_type */

#endif
