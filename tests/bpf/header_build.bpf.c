/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that has nothing but what the build system passes, if it passes anything. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfmeta.h>

BPF_METADATA_BUILD();

SEC("socket")
int header_build(struct __sk_buff *skb)
{
        return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
