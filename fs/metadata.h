/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_METADATA_H
#define BPFMETAFS_METADATA_H

/*
 * Which variables are metadata: the conventions of authors and loaders.
 *
 * Pure. The prefix follows the convention of bpftool and libbpf (Linux commit aff52e685eb3, "bpf:
 * Add BPF_PROG_BIND_MAP syscall", and its bpftool part). Of the two sections, libbpf leaves one
 * alone (".metadata") and binds the other to every program (".rodata.metadata").
 */

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define METADATA_VARIABLE_PREFIX "bpf_metadata_"
#define METADATA_STRUCT_PREFIX "bpf_prog_metadata_"

/* One variable of a DATASEC. The names are borrowed from the BTF. */
typedef struct MetadataVariable {
        const char *name;  /* as declared */
        const char *entry; /* the preferred name of its entry in the program's directory: the
                              variable's name without the prefix, or that of its struct type; NULL
                              if the variable is not metadata */
        uint32_t type;     /* BTF type id of its value */
        uint32_t offset;   /* in bytes, from the start of the section */
        uint32_t size;     /* in bytes, as the section has it */
} MetadataVariable;

/*
 * The variables of the DATASEC @datasec (a BTF type id), in the section's order: an array of
 * MetadataVariable, owned by the caller; empty if @datasec is not the id of a DATASEC. Entries that
 * are not variables are passed over. A variable of a ".metadata" or ".rodata.metadata" section is
 * metadata whatever its name.
 */
GArray *metadata_variables(const struct btf *btf, uint32_t datasec);

#endif
