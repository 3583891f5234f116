// SPDX-License-Identifier: GPL-2.0-or-later

/* Variables of which a compiler's options and other tools decide in which sections they are. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

volatile const char bpf_metadata_oncall[] = "net-team";
volatile const int bpf_metadata_severity = 2;
static volatile const int bpf_metadata_floor = 3;
static volatile const int bpf_metadata_shard = 4;
int counter = 5;

SEC("xdp") int places(struct xdp_md *ctx)
{
	return bpf_metadata_oncall[0] + bpf_metadata_severity + bpf_metadata_floor +
	       bpf_metadata_shard + counter++;
}

#line 1 "other.c"
SEC("tc") int other(struct __sk_buff *skb)
{
	return 0;
}
