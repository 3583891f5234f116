/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Global data that a program reads and writes. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

volatile int level = 3;
volatile unsigned long long count;

SEC("xdp")
int counts(struct xdp_md *context)
{
        if (level > 2)
                count++;
        return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
