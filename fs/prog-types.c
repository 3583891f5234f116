/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The types of programs by id.
 *
 * The kernel gives ids out in ascending order and begins again at 1 only after 2^31
 * (bpf_prog_alloc_id(), kernel/bpf/syscall.c). So a program is opened once, and one call tells
 * whether there are new ones. All are looked at again after PROG_TYPES_MAX_AGE: that finds programs
 * with new ids after the ids have begun again.
 */

#include "prog-types.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <unistd.h>

/* Types are bits. */
#define ALL UINT64_MAX
#define MAX_TYPES 64

struct ProgTypes {
        uint64_t loaded;  /* a bit for each type */
        uint32_t last;    /* the highest id that was looked at */
        gint64 looked_at; /* when all were looked at; 0: never */
};

ProgTypes *prog_types_new(void)
{
        return g_new0(ProgTypes, 1);
}

void prog_types_free(ProgTypes *types)
{
        g_free(types);
}

static uint64_t bit_of(uint32_t type)
{
        return type >= MAX_TYPES ? ALL : UINT64_C(1) << type;
}

/* The bit of the program's type; no bit if it has gone, all bits if its type can't be known. */
static uint64_t type_of(uint32_t id)
{
        struct bpf_prog_info info = { 0 };
        /* If we ask for less of it, the kernel has less to do. */
        uint32_t len = offsetof(struct bpf_prog_info, tag);
        int fd = bpf_prog_get_fd_by_id(id), r;

        if (fd < 0)
                return errno == ENOENT ? 0 : ALL;
        r = bpf_obj_get_info_by_fd(fd, &info, &len);
        close(fd);
        return r < 0 ? ALL : bit_of(info.type);
}

void prog_types_tell(ProgTypes *types, uint32_t id, uint32_t type, gint64 now)
{
        if (types->looked_at == 0)
                types->looked_at = now;
        if (id <= types->last)
                return;
        types->loaded |= bit_of(type);
        types->last = id;
}

void prog_types_update(ProgTypes *types, gint64 now)
{
        uint32_t id;

        if (types->looked_at == 0 || now - types->looked_at > PROG_TYPES_MAX_AGE)
                *types = (ProgTypes){ .looked_at = now };
        while (bpf_prog_get_next_id(types->last, &id) == 0) {
                types->loaded |= type_of(id);
                types->last = id;
        }
        if (errno != ENOENT)
                types->loaded = ALL;
}

bool prog_types_has(const ProgTypes *types, uint32_t type)
{
        return type >= MAX_TYPES || types->loaded & UINT64_C(1) << type;
}
