/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Links by bpf(2).
 *
 * The kernel gives ids out in ascending order and begins again at 1 only after 2^31
 * (bpf_link_prime(), kernel/bpf/syscall.c). So one call tells whether there are new ones.
 */

#include "links.h"

#include "kernel-btf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct Links {
        GPtrArray *links; /* Link, ascending by id */
        KernelBtf *btf;
        gint64 looked_at; /* when all were looked at; 0: never */
        bool more;
};

int link_next(uint32_t after, uint32_t *id)
{
        return bpf_link_get_next_id(after, id) < 0 ? -errno : 0;
}

/* Buffers into which the kernel writes names and lists, for which info has no room. */
typedef struct Buffers {
        char *name;
        uint32_t name_size;
        uint64_t *lists[LINK_N_LISTS]; /* LINK_BTF_IDS: the kernel writes __u32 */
        uint32_t n_funcs;              /* room in each of lists */
} Buffers;

#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))

/* Fills @request so that a link of the type in @info fills @buffers. False: the link has nothing
 * for them. */
static bool fill_request(LinkInfo *request, const LinkInfo *info, const Buffers *buffers)
{
        memset(request, 0, sizeof(*request));
        switch (info->type) {
        case LINK_RAW_TRACEPOINT:
                request->raw_tracepoint.tp_name = ADDRESS(buffers->name);
                request->raw_tracepoint.tp_name_len = buffers->name_size;
                return true;
        case LINK_ITER:
                request->iter.target_name = ADDRESS(buffers->name);
                request->iter.target_name_len = buffers->name_size;
                return true;
        case LINK_PERF_EVENT:
                request->perf_event.named.name = ADDRESS(buffers->name);
                request->perf_event.named.name_len = buffers->name_size;
                return info->perf_event.type != PERF_LINK_UNSPEC &&
                       info->perf_event.type != PERF_LINK_EVENT;
        case LINK_KPROBE_MULTI:
                request->kprobe_multi.count = buffers->n_funcs;
                request->kprobe_multi.addrs = ADDRESS(buffers->lists[LINK_ADDRS]);
                request->kprobe_multi.cookies = ADDRESS(buffers->lists[LINK_COOKIES]);
                return info->kprobe_multi.count > 0;
        case LINK_UPROBE_MULTI:
                request->uprobe_multi.path = ADDRESS(buffers->name);
                request->uprobe_multi.path_size = buffers->name_size;
                request->uprobe_multi.count = buffers->n_funcs;
                request->uprobe_multi.offsets = ADDRESS(buffers->lists[LINK_OFFSETS]);
                request->uprobe_multi.ref_ctr_offsets =
                        ADDRESS(buffers->lists[LINK_REF_CTR_OFFSETS]);
                request->uprobe_multi.cookies = ADDRESS(buffers->lists[LINK_COOKIES]);
                return info->uprobe_multi.count > 0;
        case LINK_TRACING_MULTI:
                request->tracing_multi.count = buffers->n_funcs;
                request->tracing_multi.ids = ADDRESS(buffers->lists[LINK_BTF_IDS]);
                request->tracing_multi.addrs = ADDRESS(buffers->lists[LINK_ADDRS]);
                request->tracing_multi.cookies = ADDRESS(buffers->lists[LINK_COOKIES]);
                return info->tracing_multi.count > 0;
        default:
                return false;
        }
}

static int get_info(int fd, LinkInfo *info, uint32_t *size)
{
        *size = sizeof(*info);
        return bpf_obj_get_info_by_fd(fd, info, size) < 0 ? -errno : 0;
}

/* Asks an open link for its info: nothing else is done while it is open. *@wrote: the kernel has
 * filled @buffers, as far as there is room. */
static int ask(uint32_t id, LinkInfo *info, uint32_t *size, const Buffers *buffers, bool *wrote)
{
        int fd = bpf_link_get_fd_by_id(id);
        LinkInfo request;
        uint32_t len;
        int r;

        /* EAGAIN: the process that makes the link has not got it yet (bpf_link_by_id(),
         * kernel/bpf/syscall.c). */
        if (fd < 0)
                return errno == EAGAIN ? -ENOENT : -errno;
        memset(info, 0, sizeof(*info));
        *wrote = false;
        r = get_info(fd, info, size);
        if (r == 0 && fill_request(&request, info, buffers)) {
                r = get_info(fd, &request, &len);
                /* -ENOSPC: the buffers were too small. An older kernel that has no buffers for this
                 * type refuses the request, or ignores it: then they are empty. */
                *wrote = r == 0 || r == -ENOSPC;
                r = 0;
        }
        close(fd);
        return r;
}

static void take_lists(LinkFacts *facts, uint64_t *const *lists, uint32_t n)
{
        static const guint8 has[][LINK_N_LISTS] = {
                [LINK_KPROBE_MULTI] = { [LINK_ADDRS] = 1, [LINK_COOKIES] = 1 },
                [LINK_UPROBE_MULTI] = { [LINK_OFFSETS] = 1,
                                        [LINK_REF_CTR_OFFSETS] = 1,
                                        [LINK_COOKIES] = 1 },
                [LINK_TRACING_MULTI] = { [LINK_BTF_IDS] = 1, [LINK_ADDRS] = 1, [LINK_COOKIES] = 1 },
        };

        facts->n_funcs = n;
        for (guint i = 0; i < LINK_N_LISTS && n > 0; i++) {
                if (!has[facts->info.type][i])
                        continue;
                g_free(facts->lists[i]);
                facts->lists[i] = g_new(uint64_t, n);
                for (uint32_t j = 0; j < n; j++)
                        facts->lists[i][j] =
                                i == LINK_BTF_IDS ? ((const uint32_t *)lists[i])[j] : lists[i][j];
        }
}

/* Asks again, now that it is known how many functions there are. */
static int look_at_lists(uint32_t id, LinkFacts *facts)
{
        uint32_t n = MIN(link_n_funcs(&facts->info), LINK_MAX_FUNCS);
        g_autofree uint64_t *memory = g_try_new0(uint64_t, (gsize)n * LINK_N_LISTS);
        char name[PATH_MAX];
        Buffers buffers = { .name = name, .name_size = sizeof(name), .n_funcs = n };
        LinkInfo info;
        uint32_t size;
        bool wrote;
        int r;

        if (!memory)
                return -ENOMEM;
        for (guint i = 0; i < LINK_N_LISTS; i++)
                buffers.lists[i] = memory + (gsize)n * i;
        r = ask(id, &info, &size, &buffers, &wrote);
        /* The id may be another link's now, if ids have begun again. */
        if (r == 0 && (info.type != facts->info.type || link_n_funcs(&info) < n))
                r = -ENOENT;
        if (r == 0 && wrote)
                take_lists(facts, buffers.lists, n);
        return r;
}

/* bpftool shows the type of a tracing link's program, and the link's target depends on it. */
static int look_at_prog(uint32_t id, struct bpf_prog_info *info, uint32_t *size)
{
        int fd = bpf_prog_get_fd_by_id(id);
        int r;

        memset(info, 0, sizeof(*info));
        *size = sizeof(*info);
        if (fd < 0)
                return -errno;
        r = bpf_obj_get_info_by_fd(fd, info, size) < 0 ? -errno : 0;
        close(fd);
        return r;
}

/* link_look() without a tracing link's program. */
static int look(uint32_t id, bool lists, LinkFacts *out)
{
        g_auto(LinkFacts) facts = { 0 };
        uint64_t first[LINK_N_LISTS] = { 0 };
        char name[PATH_MAX];
        Buffers buffers = { .name = name, .name_size = sizeof(name), .n_funcs = 1 };
        bool wrote;
        int r;

        name[0] = '\0';
        for (guint i = 0; i < LINK_N_LISTS; i++)
                buffers.lists[i] = &first[i];
        r = ask(id, &facts.info, &facts.size, &buffers, &wrote);
        if (r < 0)
                return r;
        name[sizeof(name) - 1] = '\0';
        if (wrote && name[0])
                facts.name = g_strdup(name);
        if (wrote && link_n_funcs(&facts.info) > 0)
                take_lists(&facts, buffers.lists, 1);
        if (wrote && lists && link_n_funcs(&facts.info) > 1)
                r = look_at_lists(id, &facts);
        if (r < 0)
                return r;
        *out = facts;
        facts = (LinkFacts){ 0 };
        return 0;
}

int link_look(uint32_t id, bool lists, LinkFacts *out)
{
        struct bpf_prog_info prog;
        uint32_t size;
        int r = look(id, lists, out);

        if (r == 0 && out->info.type == LINK_TRACING &&
            look_at_prog(out->info.prog_id, &prog, &size) == 0)
                out->prog_type = prog.type;
        return r;
}

/* All links */

static void link_free(gpointer data)
{
        Link *link = data;

        link_facts_clear(&link->facts);
        g_free(link->function);
        g_free(link);
}

Links *links_new(void)
{
        Links *links = g_new0(Links, 1);

        links->links = g_ptr_array_new_with_free_func(link_free);
        links->btf = kernel_btf_new();
        return links;
}

void links_free(Links *links)
{
        if (!links)
                return;
        g_ptr_array_unref(links->links);
        kernel_btf_free(links->btf);
        g_free(links);
}

guint links_n(const Links *links)
{
        return links->links->len;
}

Link *links_get(const Links *links, guint index)
{
        return g_ptr_array_index(links->links, index);
}

bool links_more(const Links *links)
{
        return links->more;
}

/* The function that a tracing link is attached to. target_obj_id is the id of a BTF object or, if
 * it is attached to another program, of that: then the program itself names no BTF object any more
 * (bpf_tracing_prog_attach(), kernel/bpf/syscall.c). */
static char *find_function(Links *links, const LinkInfo *info, const struct bpf_prog_info *prog,
                           uint32_t size)
{
        const char *name = NULL;

        /* Before Linux 5.18 the program does not tell: then we guess that the id is a BTF
         * object's. */
        if (size < offsetof(struct bpf_prog_info, attach_btf_id) ||
            prog->attach_btf_obj_id == info->tracing.target_obj_id)
                name = kernel_btf_name(links->btf, info->tracing.target_obj_id,
                                       info->tracing.target_btf_id);
        if (name)
                return g_strdup(name);
        return info->tracing.target_obj_id ? g_strdup_printf("prog %u", info->tracing.target_obj_id)
                                           : NULL;
}

/* The link's program and BTF are asked only once: their answer is the same as long as the link has
 * the same program. */
static void complete(Links *links, Link *link, const Link *before)
{
        const LinkInfo *info = &link->facts.info;
        struct bpf_prog_info prog;
        uint32_t size;

        if (info->type != LINK_TRACING)
                return;
        if (before && before->facts.info.prog_id == info->prog_id && before->facts.prog_type) {
                link->facts.prog_type = before->facts.prog_type;
                link->function = g_strdup(before->function);
        } else if (look_at_prog(info->prog_id, &prog, &size) == 0) {
                link->facts.prog_type = prog.type;
                link->function = find_function(links, info, &prog, size);
        }
}

/* Looks at a link that was known as @before, or is new if that is NULL. NULL: it has gone. */
static Link *look_again(Links *links, uint32_t id, const Link *before)
{
        LinkFacts facts;
        Link *link;

        if (look(id, false, &facts) < 0)
                return NULL;
        link = g_new0(Link, 1);
        link->facts = facts;
        if (before && before->facts.info.type != facts.info.type)
                before = NULL;
        link->placed = before && before->placed && before->facts.info.prog_id == facts.info.prog_id;
        complete(links, link, before);
        return link;
}

static uint32_t id_of(const Links *links, guint index)
{
        return links_get(links, index)->facts.info.id;
}

/* Adds the links whose ids are above the highest known one. @before: those of them that were known
 * before, in the order of ids. */
static int add_new(Links *links, const Links *before)
{
        guint n = links_n(links), n_before = before ? links_n(before) : 0, i = 0;
        uint32_t id = n > 0 ? id_of(links, n - 1) : 0;
        int r;

        while ((r = link_next(id, &id)) == 0) {
                const Link *known = NULL;
                Link *link;

                if (links_n(links) >= LINKS_MAX) {
                        links->more = true;
                        break;
                }
                while (i < n_before && id_of(before, i) < id)
                        i++;
                if (i < n_before && id_of(before, i) == id)
                        known = links_get(before, i);
                link = look_again(links, id, known);
                if (link)
                        g_ptr_array_add(links->links, link);
        }
        return r == -ENOENT ? 0 : r;
}

static int look_at_all(Links *links, gint64 now)
{
        gint64 began = g_get_monotonic_time();
        Links before = *links;
        int r;

        links->links = g_ptr_array_new_with_free_func(link_free);
        links->more = false;
        r = add_new(links, &before);
        g_ptr_array_unref(before.links);
        /* The age counts from the end of the look, so that a look at many links is not followed by
         * the next at once. */
        links->looked_at = r == 0 ? now + g_get_monotonic_time() - began : 0;
        if (r < 0)
                g_ptr_array_set_size(links->links, 0);
        return r;
}

/* A link of a struct_ops map has several programs, and names none. */
static bool concerns(const Link *link, uint32_t prog_id)
{
        return link->facts.info.prog_id == prog_id || link->facts.info.type == LINK_STRUCT_OPS;
}

static void look_at_those_of(Links *links, uint32_t prog_id)
{
        guint i = 0;

        while (i < links_n(links)) {
                Link *before = links_get(links, i), *link;

                if (!concerns(before, prog_id)) {
                        i++;
                        continue;
                }
                link = look_again(links, before->facts.info.id, before);
                if (link) {
                        link_free(before);
                        g_ptr_array_index(links->links, i++) = link;
                } else {
                        g_ptr_array_remove_index(links->links, i);
                }
        }
}

int links_update(Links *links, uint32_t prog_id, gint64 now)
{
        int r;

        if (prog_id == 0 || links->looked_at == 0 || now - links->looked_at > LINKS_MAX_AGE) {
                r = look_at_all(links, now);
        } else {
                look_at_those_of(links, prog_id);
                r = add_new(links, NULL);
        }
        kernel_btf_drop(links->btf);
        return r;
}
