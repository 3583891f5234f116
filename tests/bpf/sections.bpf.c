/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Metadata in every way that an author can put it into an object: several sections, and a struct. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_prog_metadata_ownership {
        char team[9];
        int floor;
};

volatile const char bpf_metadata_oncall[] SEC(".rodata") = "net-team";
volatile const struct bpf_prog_metadata_ownership whose SEC(".rodata") = { "proxies", 3 };
volatile const int not_metadata SEC(".rodata") = 1;

volatile const char bpf_metadata_app[] SEC(".rodata.build") = "proxy";
volatile const char bpf_metadata_oncall_too[] SEC(".rodata.build") = "edge-team";

volatile const char bpf_metadata_region[] SEC(".rodata.metadata") = "eu";
volatile const int shard SEC(".rodata.metadata") = 7;

SEC("xdp")
int first(void *ctx)
{
        return not_metadata;
}

/* Uses no variable: its maps come in another order. */
SEC("socket")
int second(void *ctx)
{
        return 0;
}

SEC("tc")
int third(void *ctx)
{
        return shard + bpf_metadata_app[0];
}

char _license[] SEC("license") = "GPL";
