/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_KERNEL_H
#define BPFMETAFS_KERNEL_H

/*
 * The running kernel as a source: its loaded programs and its maps, by their ids.
 *
 * Keys and values of info are those of `bpftool -j prog show` and `bpftool -j map show`; Keys for
 * which bpftool asks more than bpf(2) and /proc/self/fdinfo (pids, pinned, ifname) are not among
 * them.
 */

#include "source.h"

/*
 * A source for the running kernel, to be freed by its ops->free. @contents: see Source. On failure,
 * -errno and a sentence in @error: without CAP_SYS_ADMIN the kernel tells no ids, and one built
 * without BPF has no bpf(2).
 */
int kernel_source_new(bool contents, Source **out, GError **error);

#endif
