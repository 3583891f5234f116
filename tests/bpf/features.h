/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the features-*.bpf.c have in common. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile const char bpf_metadata_oncall[] SEC(".rodata") = "feature-team";

int hits;

char _license[] SEC("license") = "GPL";

#define PROGRAM(section, name)                                                                     \
        SEC(section)                                                                               \
        int name(void *ctx)                                                                        \
        {                                                                                          \
                hits++;                                                                            \
                return 0;                                                                          \
        }
