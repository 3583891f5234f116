// SPDX-License-Identifier: GPL-2.0-or-later
// bpfmeta.h in C++: outside of all, in a namespace, in a nameless one, and in extern "C".
#include <bpfmeta.h>
#include <linux/bpf.h>

#define SEC(name) __attribute__((section(name), used))

// A name that is also a macro is still a name.
#define severity 99

struct release {
        int major, minor;
        char codename[8];
};

BPF_METADATA_ONCALL("net-team");
BPF_METADATA(runbook, "https://wiki.example.org/drops");
BPF_METADATA_VALUE(int, severity, -2);
BPF_METADATA_VALUE(bool, experimental, true);
BPF_METADATA_VALUE(unsigned short[], ports, { 80, 443 });
BPF_METADATA_VALUE(const char *, nothing, nullptr);

namespace firewall
{
BPF_METADATA_OWNER("Grace");
BPF_METADATA_VALUE(release, release, { 5, 9, "lion" });

namespace
{
BPF_METADATA_VERSION("1.2");
}
}

extern "C" {
BPF_METADATA_APP("firewall");
BPF_METADATA_VALUE(char[2][8], teams, { "net", "kernel" });
BPF_METADATA_BUILD();

SEC("socket") int header_cxx(struct __sk_buff *skb)
{
        return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
}
