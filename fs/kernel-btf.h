/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_BTF_H
#define BPFMETAFS_KERNEL_BTF_H

/*
 * Names of the kernel's own functions and structures, by the ids that bpf(2) gives for them.
 *
 * The BTF of the kernel and of its modules is several MiB large. It is read when a name is asked
 * for that is not known yet, and kept only until kernel_btf_drop(): names stay.
 */

#include <bpf/btf.h>
#include <glib.h>
#include <stdint.h>

typedef struct KernelBtf KernelBtf;

KernelBtf *kernel_btf_new(void);
void kernel_btf_free(KernelBtf *kernel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelBtf, kernel_btf_free)

/* The name of type @type in the BTF object @object, not escaped, borrowed until the next call;
 * NULL if the object is not the kernel's or a module's, or has no such type, or no name for it. */
const char *kernel_btf_name(KernelBtf *kernel, uint32_t object, uint32_t type);

/* The BTF object @object, or the kernel's own if that is 0; borrowed until kernel_btf_drop() or the
 * next call. NULL if it is not the kernel's or a module's. */
const struct btf *kernel_btf_get(KernelBtf *kernel, uint32_t object);

/* Frees the BTF that was read for the calls above. To be called at the end of a request. */
void kernel_btf_drop(KernelBtf *kernel);

#endif
