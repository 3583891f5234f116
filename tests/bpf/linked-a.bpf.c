/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One of two files of an object: both have variables of the same names. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile const char bpf_metadata_oncall[] SEC(".rodata") = "team-a";
static volatile const int bpf_metadata_priority SEC(".rodata") = 1;

SEC("socket")
int part_a(void *ctx)
{
        return bpf_metadata_oncall[0] + bpf_metadata_priority;
}

char _license[] SEC("license") = "GPL";
