/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfmeta.h>

BPF_METADATA_APP("hello");
BPF_METADATA_DESCRIPTION("Lets every packet of a socket through");
BPF_METADATA_ONCALL("net-team");
BPF_METADATA_BUILD();

SEC("socket")
int hello(struct __sk_buff *skb)
{
        return skb->len;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
