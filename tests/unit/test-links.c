/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Links of every type that this kernel has. Those of other processes come and go meanwhile: only
 * our own count.
 */

#include "attach.h"
#include "cpu-time.h"
#include "kernel-btf.h"
#include "links.h"
#include "prog-query.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct World {
        char *cgroup;
        int cgroup_fd;
        int netns;
} World;

static World world;

/* What the link's info has under @key, without the newline; NULL if nothing. To be freed. */
static char *text_of(uint32_t id, const char *key)
{
        g_auto(LinkFacts) facts = { 0 };
        g_autoptr(Info) info = NULL;
        const char *text;

        if (link_look(id, true, &facts) < 0)
                return NULL;
        info = link_info(&facts, NULL);
        text = info_get(info, key);
        return text ? g_strchomp(g_strdup(text)) : NULL;
}

#define assert_text(link, key, text)                                                               \
        do {                                                                                       \
                g_autofree char *text_shown = text_of(attach_link_id(link), key);                  \
                g_assert_cmpstr(text_shown, ==, text);                                             \
        } while (0)

/* False, with the test skipped, if the kernel does not tell @key of the link: older ones have no
 * info of events. */
static bool tells(int link, const char *key)
{
        g_autofree char *shown = text_of(attach_link_id(link), key);

        if (!shown)
                g_test_skip("this kernel does not tell");
        return shown != NULL;
}

/* bpftool's object of the link, "{...}"; NULL if it is not there. Its list of all links fails if
 * one of others' goes meanwhile. */
static char *bpftool_object(uint32_t id)
{
        g_autofree char *begin = g_strdup_printf("{\"id\":%u,", id);
        g_autofree char *command = g_strdup_printf("bpftool -j link show id %u", id);
        g_autofree char *out = NULL;
        const char *at, *end;

        at = attach_run(command, &out) ? strstr(out, begin) : NULL;
        if (!at)
                return NULL;
        end = strchr(at, '}');
        /* Who holds it is an array of objects at the end. */
        if (strstr(at, ",\"pids\":["))
                end = MIN(end, strstr(at, ",\"pids\":["));
        return g_strndup(at, end - at);
}

/* Each key of bpftool's is there with its text, as far as bpftool knows the type. */
static void assert_as_bpftool(int link)
{
        g_autofree char *object = bpftool_object(attach_link_id(link));
        g_auto(GStrv) pairs = NULL;

        g_assert_nonnull(object);
        pairs = g_strsplit(object + 1, ",\"", -1);
        for (guint i = 0; pairs[i]; i++) {
                g_auto(GStrv) halves = g_strsplit(pairs[i], "\":", 2);
                const char *key = halves[0] + (halves[0][0] == '"');
                g_autofree char *shown = text_of(attach_link_id(link), key), *text = NULL;

                g_assert_nonnull(halves[1]);
                text = halves[1][0] == '"' ? g_strndup(halves[1] + 1, strlen(halves[1]) - 2)
                                           : g_strdup(halves[1]);
                /* A number stands for what an old bpftool does not know. */
                if (strcmp(key, "type") == 0 && text[0] >= '0' && text[0] <= '9')
                        return;
                /* A name is shown if the interface is proven to be ours: not here. */
                if (strcmp(key, "devname") == 0)
                        continue;
                if (g_strcmp0(shown, text) != 0)
                        g_test_message("%s: %s", key, object);
                g_assert_cmpstr(shown, ==, text);
        }
}

static void close_all(int link, int prog)
{
        if (link >= 0)
                close(link);
        if (prog >= 0)
                close(prog);
}

/* False, with the test skipped, if the kernel does not have it. */
static bool is_there(int fd, const char *what)
{
        if (fd >= 0)
                return true;
        g_test_skip(what);
        g_test_message("%s: %s", what, g_strerror(errno));
        return false;
}

static void test_raw_tracepoint(void)
{
        int prog = attach_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);
        int link = attach_raw_tracepoint(prog, "sys_enter");
        g_autofree char *id = g_strdup_printf("%u", attach_prog_id(prog));

        g_assert_cmpint(link, >=, 0);
        assert_text(link, "type", "raw_tracepoint");
        assert_text(link, "tp_name", "sys_enter");
        assert_text(link, "prog_id", id);
        assert_as_bpftool(link);
        close_all(link, prog);
}

static void test_cgroup(void)
{
        int prog, link;
        g_autofree char *id = NULL;
        struct stat attr;

        if (!is_there(world.cgroup_fd, "no cgroup2"))
                return;
        prog = attach_load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1, 0);
        link = attach_link(prog, world.cgroup_fd, BPF_CGROUP_INET_EGRESS, NULL);
        g_assert_cmpint(link, >=, 0);
        g_assert_cmpint(fstat(world.cgroup_fd, &attr), ==, 0);
        id = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)attr.st_ino);
        assert_text(link, "cgroup_id", id);
        assert_text(link, "attach_type", "cgroup_inet_egress");
        assert_as_bpftool(link);
        close_all(link, prog);
}

/* The link stays when its cgroup goes, and says so. */
static void test_cgroup_gone(void)
{
        g_autofree char *path = NULL;
        g_autofree char *shown = NULL;
        int prog, link, fd;

        if (!is_there(world.cgroup_fd, "no cgroup2"))
                return;
        path = g_strconcat(world.cgroup, "/gone", NULL);
        g_assert_cmpint(mkdir(path, 0755), ==, 0);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        prog = attach_load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1, 0);
        link = attach_link(prog, fd, BPF_CGROUP_INET_EGRESS, NULL);
        g_assert_cmpint(link, >=, 0);
        close(fd);
        g_assert_cmpint(rmdir(path), ==, 0);
        for (int i = 0; i < 500 && g_strcmp0(shown, "0") != 0; i++) {
                g_usleep(10000);
                g_free(shown);
                shown = text_of(attach_link_id(link), "cgroup_id");
        }
        g_assert_cmpstr(shown, ==, "0");
        close_all(link, prog);
}

static void test_devices(void)
{
        g_autofree char *ifindex = g_strdup_printf("%u", if_nametoindex("veth-a"));
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int link = attach_link(prog, if_nametoindex("veth-a"), BPF_XDP, NULL);

        g_assert_cmpint(link, >=, 0);
        assert_text(link, "type", "xdp");
        assert_text(link, "ifindex", ifindex);
        assert_text(link, "devname", "(unknown)");
        assert_as_bpftool(link);
        close_all(link, prog);

        prog = attach_load(BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_EGRESS, 0, 0);
        link = attach_link(prog, if_nametoindex("veth-a"), ATTACH_TCX_EGRESS, NULL);
        if (is_there(link, "tcx")) {
                assert_text(link, "type", "tcx");
                assert_text(link, "ifindex", ifindex);
                assert_text(link, "attach_type", "tcx_egress");
        }
        close_all(link, prog);
}

static void test_device_gone(void)
{
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0), link;

        g_assert_true(attach_run("ip link add veth-c type veth peer name veth-d", NULL));
        link = attach_link(prog, if_nametoindex("veth-c"), BPF_XDP, NULL);
        g_assert_cmpint(link, >=, 0);
        g_assert_true(attach_run("ip link delete veth-c", NULL));
        assert_text(link, "ifindex", "0");
        assert_text(link, "devname", "(detached)");
        assert_as_bpftool(link);
        close_all(link, prog);
}

static void test_netfilter(void)
{
        const AttachOptions options = {
                .netfilter = { .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = -7 },
        };
        int prog = attach_load(32 /* BPF_PROG_TYPE_NETFILTER */, ATTACH_NETFILTER, 1, 0), link;

        if (!is_there(prog, "netfilter"))
                return;
        link = attach_link(prog, 0, ATTACH_NETFILTER, &options);
        if (is_there(link, "netfilter")) {
                assert_text(link, "type", "netfilter");
                assert_text(link, "pf", "2");
                assert_text(link, "hook", "1");
                assert_text(link, "prio", "-7");
                assert_text(link, "flags", "0");
        }
        close_all(link, prog);
}

static void test_netns(void)
{
        static const struct {
                uint32_t prog_type;
                uint32_t attach_type;
                const char *name;
        } kinds[] = {
                { BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, "sk_lookup" },
                { BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR, "flow_dissector" },
        };
        g_autofree char *ino = NULL;
        struct stat attr;

        g_assert_cmpint(fstat(world.netns, &attr), ==, 0);
        ino = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)attr.st_ino);
        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
                int prog = attach_load(kinds[i].prog_type, kinds[i].attach_type, 1, 0);
                int link = attach_link(prog, world.netns, kinds[i].attach_type, NULL);

                g_assert_cmpint(link, >=, 0);
                assert_text(link, "type", "netns");
                assert_text(link, "netns_ino", ino);
                assert_text(link, "attach_type", kinds[i].name);
                assert_as_bpftool(link);
                close_all(link, prog);
        }
}

static void test_sockmap(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT, 1, 0);
        int map = attach_map(BPF_MAP_TYPE_SOCKMAP), link = -1;
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info);

        if (map >= 0)
                link = attach_link(prog, map, BPF_SK_SKB_VERDICT, NULL);
        if (is_there(link, "sockmap")) {
                g_autofree char *id = NULL;

                g_assert_cmpint(bpf_obj_get_info_by_fd(map, &info, &len), ==, 0);
                id = g_strdup_printf("%u", info.id);
                assert_text(link, "type", "sockmap");
                assert_text(link, "map_id", id);
                assert_text(link, "attach_type", "sk_skb_verdict");
        }
        close_all(link, prog);
        if (map >= 0)
                close(map);
}

static void test_software_event(void)
{
        const AttachOptions options = { .perf_event = { .bpf_cookie = 4711 } };
        int prog = attach_load(BPF_PROG_TYPE_PERF_EVENT, 0, 0, 0);
        int event = attach_software_event();
        int link = attach_link(prog, event, BPF_PERF_EVENT, &options);

        if (is_there(link, "software event") && tells(link, "event_type")) {
                assert_text(link, "type", "perf_event");
                assert_text(link, "event_type", "software");
                assert_text(link, "event_config", "context-switches");
                assert_text(link, "cookie", "4711");
                assert_as_bpftool(link);
        }
        close_all(link, prog);
        close(event);
}

/* A copy whose name could clear a terminal's screen. */
static char *make_hostile_file(void)
{
        char *path = g_strdup_printf("%s/\033[2J", g_get_tmp_dir());
        g_autofree char *text = NULL;
        gsize len;

        g_assert_true(g_file_get_contents("/bin/true", &text, &len, NULL));
        g_assert_true(g_file_set_contents(path, text, len, NULL));
        return path;
}

static void test_uprobe(void)
{
        g_autofree char *path = make_hostile_file();
        g_autofree char *shown = g_strdup_printf("%s/\\x1b[2J", g_get_tmp_dir());
        int prog = attach_load(BPF_PROG_TYPE_KPROBE, 0, 0, 0);
        int event = attach_uprobe_event(path, 0x40);
        int link = event < 0 ? -1 : attach_link(prog, event, BPF_PERF_EVENT, NULL);

        if (is_there(link, "uprobe") && tells(link, "file")) {
                assert_text(link, "type", "perf_event");
                assert_text(link, "retprobe", "false");
                assert_text(link, "file", shown);
                assert_text(link, "offset", "64");
                assert_text(link, "ref_ctr_offset", "0");
        }
        close_all(link, prog);
        if (event >= 0)
                close(event);
        g_assert_cmpint(unlink(path), ==, 0);
}

static void test_uprobe_multi(void)
{
        g_autofree char *path = make_hostile_file();
        g_autofree char *shown = g_strdup_printf("%s/\\x1b[2J", g_get_tmp_dir());
        const uint64_t offsets[] = { 0x40, 0x48, 0x50 }, cookies[] = { 7, 8, 9 };
        const AttachOptions options = {
                .uprobe_multi = {
                        .path = (uintptr_t)path,
                        .offsets = (uintptr_t)offsets,
                        .cookies = (uintptr_t)cookies,
                        .cnt = G_N_ELEMENTS(offsets),
                        .flags = UPROBE_MULTI_RETURN,
                },
        };
        int prog = attach_load(BPF_PROG_TYPE_KPROBE, ATTACH_TRACE_UPROBE_MULTI, 0, 0), link;
        g_auto(LinkFacts) facts = { 0 };

        link = prog < 0 ? -1 : attach_link(prog, 0, ATTACH_TRACE_UPROBE_MULTI, &options);
        if (is_there(link, "uprobe_multi") && tells(link, "path")) {
                assert_text(link, "type", "uprobe_multi");
                assert_text(link, "retprobe", "true");
                assert_text(link, "path", shown);
                assert_text(link, "func_cnt", "3");
                assert_text(link, "pid", "0");
                assert_text(link, "offsets", "64 72 80");
                assert_text(link, "ref_ctr_offsets", "0 0 0");
                assert_text(link, "cookies", "7 8 9");
                g_assert_cmpint(link_look(attach_link_id(link), false, &facts), ==, 0);
                g_assert_cmpuint(facts.n_funcs, ==, 1);
                g_assert_cmpuint(facts.lists[LINK_OFFSETS][0], ==, 64);
                g_assert_cmpstr(facts.name, ==, path);
        }
        close_all(link, prog);
        g_assert_cmpint(unlink(path), ==, 0);
}

static int load_iterator(void)
{
        int id = libbpf_find_vmlinux_btf_id("task", BPF_TRACE_ITER);

        return id < 0 ? -1 : attach_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, id);
}

static void test_iter(void)
{
        int prog = load_iterator();
        int link = prog < 0 ? -1 : attach_link(prog, 0, BPF_TRACE_ITER, NULL);

        if (is_there(link, "iterator")) {
                assert_text(link, "type", "iter");
                assert_text(link, "target_name", "task");
                assert_as_bpftool(link);
        }
        close_all(link, prog);
}

static void test_tracing(void)
{
        int id = libbpf_find_vmlinux_btf_id("vfs_unlink", BPF_TRACE_FENTRY);
        int prog = id < 0 ? -1 : attach_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, 0, id);
        int link = prog < 0 ? -1 : attach_raw_tracepoint(prog, NULL);

        if (is_there(link, "tracing")) {
                g_autofree char *target = g_strdup_printf("%d", id);
                g_autoptr(Links) links = links_new();
                bool found = false;

                assert_text(link, "type", "tracing");
                assert_text(link, "prog_type", "tracing");
                assert_text(link, "attach_type", "trace_fentry");
                assert_text(link, "target_btf_id", target);
                assert_as_bpftool(link);
                links_update(links, 0, g_get_monotonic_time());
                for (guint i = 0; i < links_n(links); i++)
                        found |= g_strcmp0(links_get(links, i)->function, "vfs_unlink") == 0;
                g_assert_true(found);
        }
        close_all(link, prog);
}

static void test_kernel_btf(void)
{
        g_autoptr(KernelBtf) kernel = kernel_btf_new();
        const struct btf *btf = kernel_btf_get(kernel, 0);
        uint32_t object = 0;
        int id;

        if (!btf) {
                g_test_skip("the kernel has no BTF");
                return;
        }
        id = btf__find_by_name_kind(btf, "vfs_unlink", BTF_KIND_FUNC);
        g_assert_cmpint(id, >, 0);
        g_assert_cmpstr(kernel_btf_name(kernel, 0, id), ==, "vfs_unlink");
        kernel_btf_drop(kernel);
        g_assert_cmpint(bpf_btf_get_next_id(0, &object), ==, 0);
        g_assert_cmpstr(kernel_btf_name(kernel, object, id), ==, "vfs_unlink");
        g_assert_null(kernel_btf_name(kernel, object, UINT32_MAX));
        g_assert_null(kernel_btf_name(kernel, UINT32_MAX, id));
}

/* What is known of all links */

static const Link *find(const Links *links, uint32_t id)
{
        for (guint i = 0; i < links_n(links); i++)
                if (links_get(links, i)->facts.info.id == id)
                        return links_get(links, i);
        return NULL;
}

static void test_update(void)
{
        int prog = attach_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);
        uint32_t prog_id = attach_prog_id(prog), first_id, second_id;
        g_autoptr(Links) links = links_new();
        gint64 now = 1000000;
        int first, second;

        first = attach_raw_tracepoint(prog, "sys_enter");
        first_id = attach_link_id(first);
        g_assert_cmpint(links_update(links, prog_id, now), ==, 0);
        g_assert_nonnull(find(links, first_id));

        /* Both what is made and what is closed are seen though no time has passed. */
        second = attach_raw_tracepoint(prog, "sys_exit");
        second_id = attach_link_id(second);
        g_assert_cmpint(links_update(links, prog_id, now), ==, 0);
        g_assert_cmpstr(find(links, second_id)->facts.name, ==, "sys_exit");
        close(first);
        g_assert_cmpint(links_update(links, prog_id, now), ==, 0);
        g_assert_null(find(links, first_id));
        g_assert_nonnull(find(links, second_id));

        /* Others' links are looked at when it is time to. */
        close(second);
        g_assert_cmpint(links_update(links, prog_id + 1, now + LINKS_MAX_AGE), ==, 0);
        g_assert_nonnull(find(links, second_id));
        g_assert_cmpint(links_update(links, prog_id + 1, now + 10 * LINKS_MAX_AGE), ==, 0);
        g_assert_null(find(links, second_id));
        close(prog);
}

/* LINK_UPDATE: the same link, another program. */
static void test_other_prog(void)
{
        int one = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int other = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int link = attach_link(one, if_nametoindex("veth-a"), BPF_XDP, NULL);
        uint32_t id = attach_link_id(link);
        g_autoptr(Links) links = links_new();
        gint64 now = 1000000;

        g_assert_cmpint(links_update(links, attach_prog_id(one), now), ==, 0);
        g_assert_cmpuint(find(links, id)->facts.info.prog_id, ==, attach_prog_id(one));
        g_assert_cmpint(attach_update(link, other), ==, 0);
        g_assert_cmpint(links_update(links, attach_prog_id(one), now), ==, 0);
        g_assert_cmpuint(find(links, id)->facts.info.prog_id, ==, attach_prog_id(other));
        g_assert_cmpint(attach_update(link, one), ==, 0);
        now += 10 * LINKS_MAX_AGE;
        g_assert_cmpint(links_update(links, attach_prog_id(one), now), ==, 0);
        g_assert_cmpuint(find(links, id)->facts.info.prog_id, ==, attach_prog_id(one));
        close(link);
        close(one);
        close(other);
}

#define N_LINKS 1000

/* Of iterators, which do nothing until they are opened. */
static void test_thousand(void)
{
        g_autoptr(Links) links = links_new();
        int fds[N_LINKS], prog = load_iterator();
        gint64 before, best = G_MAXINT64;

        if (!is_there(prog, "iterator"))
                return;
        for (int i = 0; i < N_LINKS; i++) {
                fds[i] = attach_link(prog, 0, BPF_TRACE_ITER, NULL);
                g_assert_cmpint(fds[i], >=, 0);
        }
        for (int i = 0; i < 10; i++) {
                before = cpu_time(CLOCK_THREAD_CPUTIME_ID);
                g_assert_cmpint(links_update(links, 0, g_get_monotonic_time()), ==, 0);
                best = MIN(best, cpu_time(CLOCK_THREAD_CPUTIME_ID) - before);
        }
        g_test_message("%u links in %" G_GINT64_FORMAT " us", links_n(links), best);
        g_assert_cmpuint(links_n(links), >=, N_LINKS);
        g_assert_cmpint(best, <, 50000);
        for (int i = 0; i < N_LINKS; i++)
                close(fds[i]);
        close(prog);
}

/* The hazard */

static void *look_without_pause(void *data)
{
        g_autoptr(Links) links = links_new();

        while (!g_atomic_int_get((int *)data))
                links_update(links, 0, g_get_monotonic_time());
        return NULL;
}

/* How long after close() there was still a program, in microseconds. */
static gint64 wait_until_detached(uint32_t target, uint32_t attach_type)
{
        gint64 closed = g_get_monotonic_time();
        QueriedProg progs[PROG_QUERY_MAX];

        while (prog_query(target, attach_type, false, progs) > 0)
                g_assert_cmpint(g_get_monotonic_time() - closed, <, 5000000);
        return g_get_monotonic_time() - closed;
}

/* An owner closes its link while somebody looks: then the last reference may be ours, and we are
 * who detaches it. It never stays. */
static void check_hazard(uint32_t prog_type, uint32_t attach_type, int value, uint32_t target)
{
        int prog = attach_load(prog_type, attach_type, value, 0), stop = 0;
        gint64 longest = 0;
        pthread_t thread;

        if (!is_there(prog, "hazard"))
                return;
        g_assert_cmpint(pthread_create(&thread, NULL, look_without_pause, &stop), ==, 0);
        for (int i = 0; i < 200; i++) {
                int link = attach_link(prog, target, attach_type, NULL);

                if (link < 0 && i == 0 && errno == EINVAL) {
                        g_test_skip("no such link");
                        break;
                }
                g_assert_cmpint(link, >=, 0);
                g_usleep(i % 7 * 20);
                close(link);
                longest = MAX(longest, wait_until_detached(target, attach_type));
        }
        g_atomic_int_set(&stop, 1);
        pthread_join(thread, NULL);
        g_test_message("at most %" G_GINT64_FORMAT " us after close", longest);
        /* Much more than it takes; on a machine with other work a thread waits for its turn. */
        g_assert_cmpint(longest, <, 500000);
        close(prog);
}

static void test_hazard_cgroup(void)
{
        if (is_there(world.cgroup_fd, "no cgroup2"))
                check_hazard(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 1, world.cgroup_fd);
}

static void test_hazard_tcx(void)
{
        check_hazard(BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_INGRESS, 0, if_nametoindex("veth-b"));
}

static void test_not_permitted(void)
{
        if (g_test_subprocess()) {
                g_autoptr(Links) links = links_new();

                g_assert_cmpint(setuid(65534), ==, 0);
                g_assert_cmpint(links_update(links, 0, 1), ==, -EPERM);
                g_assert_cmpuint(links_n(links), ==, 0);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
}

static void clean_up(void)
{
        if (world.cgroup_fd >= 0) {
                close(world.cgroup_fd);
                rmdir(world.cgroup);
        }
        g_free(world.cgroup);
        close(world.netns);
}

int main(int argc, char **argv)
{
        int r;

        g_test_init(&argc, &argv, NULL);
        libbpf_set_print(NULL);
        attach_enter_netns();
        attach_enter_mount_namespace();
        world.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        world.cgroup_fd = -1;
        if (!g_test_subprocess()) {
                g_autofree char *name = g_strdup_printf("/bpfmetafs-links-%d", getpid());

                /* Where cgroup2 is mounted is for test-attachments to find. */
                if (mount("none", "/mnt", "cgroup2", 0, NULL) == 0)
                        world.cgroup = attach_make_cgroup("/mnt", name);
                if (world.cgroup)
                        world.cgroup_fd = open(world.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        g_test_add_func("/links/raw-tracepoint", test_raw_tracepoint);
        g_test_add_func("/links/cgroup", test_cgroup);
        g_test_add_func("/links/cgroup-gone", test_cgroup_gone);
        g_test_add_func("/links/devices", test_devices);
        g_test_add_func("/links/device-gone", test_device_gone);
        g_test_add_func("/links/netfilter", test_netfilter);
        g_test_add_func("/links/netns", test_netns);
        g_test_add_func("/links/sockmap", test_sockmap);
        g_test_add_func("/links/software-event", test_software_event);
        g_test_add_func("/links/uprobe", test_uprobe);
        g_test_add_func("/links/uprobe-multi", test_uprobe_multi);
        g_test_add_func("/links/iter", test_iter);
        g_test_add_func("/links/tracing", test_tracing);
        g_test_add_func("/links/kernel-btf", test_kernel_btf);
        g_test_add_func("/links/update", test_update);
        g_test_add_func("/links/other-prog", test_other_prog);
        g_test_add_func("/links/thousand", test_thousand);
        g_test_add_func("/links/hazard/cgroup", test_hazard_cgroup);
        g_test_add_func("/links/hazard/tcx", test_hazard_tcx);
        g_test_add_func("/links/not-permitted", test_not_permitted);
        r = g_test_run();
        clean_up();
        return r;
}
