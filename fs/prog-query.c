/* SPDX-License-Identifier: GPL-2.0-or-later */

/* BPF_PROG_QUERY by the system call: libbpf 1.0 can't ask for links. */

#include "prog-query.h"

#include "bpf-uapi.h"

#include <errno.h>
#include <glib.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

int prog_query(uint32_t target, uint32_t attach_type, int link_ids,
               QueriedProg progs[PROG_QUERY_MAX])
{
        uint32_t prog_ids[PROG_QUERY_MAX] = { 0 }, links[PROG_QUERY_MAX] = { 0 };
        ProgQuery query = {
                .target = target,
                .attach_type = attach_type,
                .prog_ids = (uintptr_t)prog_ids,
                .count = PROG_QUERY_MAX,
                .link_ids = link_ids ? (uintptr_t)links : 0,
        };
        uint32_t n;

        if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0 && errno != ENOSPC)
                return -errno;
        n = MIN(query.count, PROG_QUERY_MAX);
        for (uint32_t i = 0; i < n; i++)
                progs[i] = (QueriedProg){ .prog_id = prog_ids[i], .link_id = links[i] };
        return (int)n;
}
