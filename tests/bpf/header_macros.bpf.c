/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every macro of bpfmeta.h, which is included before anything that it could rest on, and twice. */
#include <bpfmeta.h>
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpfmeta.h>

/* Names that are also macros are still names. */
#define oncall "a macro of the program"
#define severity 99

enum stage { CANARY = 3, WIDE = 7 };

struct release {
        int major, minor;
        char codename[8];
};

BPF_METADATA_OWNER("Grace");
BPF_METADATA_APP("firewall");
BPF_METADATA_DESCRIPTION("drops, \"quotes\" and 100 %");
BPF_METADATA_ONCALL("net-team");
BPF_METADATA_VERSION("1"
                     ".2");
BPF_METADATA_REPOSITORY("https://example.org/firewall");
BPF_METADATA_BUILD_COMMIT("0123abc");
BPF_METADATA_COMMIT_TIME("2020-01-01T00:00:00Z");
BPF_METADATA_BUILD_TIME("2020-01-02T00:00:00Z");
BPF_METADATA_BUILD_HOST("builder");

BPF_METADATA(runbook, "https://wiki.example.org/drops");
BPF_METADATA(empty, "");
BPF_METADATA_VALUE(int, severity, -2);
BPF_METADATA_VALUE(__u64, budget, 1ULL << 40);
BPF_METADATA_VALUE(bool, experimental, true);
BPF_METADATA_VALUE(enum stage, stage, WIDE);
BPF_METADATA_VALUE(struct release, release, { 5, 9, "lion" });
BPF_METADATA_VALUE(struct release, next, { .minor = 1, .major = 6, .codename = "owl" });
BPF_METADATA_VALUE(const unsigned short, ports[], { 80, 443, 8080 });
BPF_METADATA_VALUE(char[2][8], teams, { "net", "kernel" });
BPF_METADATA_VALUE(const char *, nothing, 0);

/* Data of the program's own stays beside the metadata. */
const volatile int limit = 4;

SEC("socket")
int header_first(struct __sk_buff *skb)
{
        return skb->len > (__u32)limit;
}

SEC("socket")
int header_second(struct __sk_buff *skb)
{
        return skb->protocol;
}

char LICENSE[] SEC("license") = "GPL";
