/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gcc's BPF back end can be asked for. No header but ours: gcc 12 describes a signed char and
 * a forward declaration, both of which the kernel's headers have, in a way that the kernel refuses.
 */
#include <bpfmeta.h>

struct release {
        int major, minor;
};

BPF_METADATA_ONCALL("net-team");
BPF_METADATA_VALUE(int, severity, -2);
BPF_METADATA_VALUE(struct release, release, { 5, 9 });
BPF_METADATA_BUILD();

__attribute__((section("socket"), used)) int header_gcc(void *skb)
{
        return !skb;
}

char LICENSE[] __attribute__((section("license"), used)) = "GPL";
