/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another file of header_build.bpf.c's object, with variables of the same names. */
#include <bpfmeta.h>

BPF_METADATA(part, "second");
BPF_METADATA_BUILD();
