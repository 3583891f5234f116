/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One of two files of an object: a weak variable beside a strong one of its name, and two weak ones. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile const char bpf_metadata_oncall[8] SEC(".rodata") = "team-b";
__weak volatile const int bpf_metadata_level SEC(".rodata") = 2;
volatile const int bpf_metadata_second SEC(".rodata") = 20;

SEC("socket")
int weak_b(void *ctx)
{
        return bpf_metadata_oncall[0] + bpf_metadata_level + bpf_metadata_second;
}
