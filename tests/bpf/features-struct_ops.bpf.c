/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "features.h"

/* Of the kernel's type only what is set here: libbpf finds the members by their names. */
struct tcp_congestion_ops {
        unsigned int (*ssthresh)(void *sk);
        void (*cong_avoid)(void *sk, unsigned int ack, unsigned int acked);
        unsigned int (*undo_cwnd)(void *sk);
        char name[16];
};

PROGRAM("struct_ops/at_ssthresh", at_ssthresh)
PROGRAM("struct_ops/at_cong_avoid", at_cong_avoid)
PROGRAM("struct_ops/at_undo_cwnd", at_undo_cwnd)

SEC(".struct_ops")
struct tcp_congestion_ops at_struct_ops = {
        .ssthresh = (void *)at_ssthresh,
        .cong_avoid = (void *)at_cong_avoid,
        .undo_cwnd = (void *)at_undo_cwnd,
        .name = "bpf_at_test",
};
