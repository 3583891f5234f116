/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A program without metadata. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int plain(void *ctx)
{
        return 0;
}

char _license[] SEC("license") = "GPL";
