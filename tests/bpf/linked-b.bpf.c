/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The other of two files of an object. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile const char bpf_metadata_oncall[] SEC(".rodata") = "team-b";
static volatile const int bpf_metadata_priority SEC(".rodata") = 2;
volatile const char bpf_metadata_only_b[] SEC(".rodata") = "b";

SEC("socket")
int part_b(void *ctx)
{
        return bpf_metadata_oncall[0] + bpf_metadata_priority;
}
