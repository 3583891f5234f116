/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LINK_INFO_H
#define BPFMETAFS_LINK_INFO_H

/*
 * The kernel's info of a link as texts.
 *
 * Pure. Keys and texts are those of `bpftool -j link show`, also for link types that an older
 * bpftool does not know. bpftool's "funcs", an array of objects, is a key for each member: one line
 * with a number for each function, blanks between. Names are escaped by the rules of text.h.
 */

#include "bpf-uapi.h"
#include "info.h"

#include <stdint.h>

/* The most functions of one link (kprobe_multi, uprobe_multi, tracing_multi) that are shown. */
#define LINK_MAX_FUNCS 65536u

/* Lists with an element for each function of a link. The link's type decides which of them it
 * has. */
enum {
        LINK_ADDRS,
        LINK_OFFSETS,
        LINK_REF_CTR_OFFSETS,
        LINK_COOKIES,
        LINK_BTF_IDS,
        LINK_N_LISTS,
};

/* One look at a link. */
typedef struct LinkFacts {
        LinkInfo info; /* as the kernel filled it in, but its addresses mean nothing */
        uint32_t size; /* how many bytes of info this kernel knows */
        char *name; /* owned, not escaped: tp_name, target_name, path or a similar member of info;
                       NULL if there is none, or it is not known */
        uint64_t *lists[LINK_N_LISTS]; /* owned, each of n_funcs elements; NULL: not there */
        uint32_t n_funcs;              /* how many of its functions are in the lists */
        uint32_t prog_type;            /* of a tracing link's program; 0: not known */
} LinkFacts;

void link_facts_clear(LinkFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LinkFacts, link_facts_clear)

/* How many functions the link has; 0 if it is of another type. */
uint32_t link_n_funcs(const LinkInfo *info);

/* The interface of a link of type xdp, tcx or netkit; 0 if the link is of another type or the
 * interface has gone. */
uint32_t link_ifindex(const LinkInfo *info);

/*
 * All keys of the link. @devname is the name of its interface, not escaped, or NULL if that is not
 * known: then it is "(unknown)", or "(detached)" if the interface has gone. To be freed with
 * info_free().
 */
Info *link_info(const LinkFacts *facts, const char *devname);

/* Appends the meaning of an event's type and config to @out, in bpftool's words ("software
 * cpu-clock"). */
void link_append_event(GString *out, uint32_t type, uint64_t config);

#endif
