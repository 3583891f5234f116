/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where programs are attached: each way in which this kernel attaches them, in a network namespace
 * and a cgroup of our own.
 */

#include "attach.h"
#include "attach-scan.h"
#include "attachments.h"
#include "bpf-uapi.h"
#include "cgroups.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct World {
        Attachments *attachments;
        gint64 now; /* a clock of our own */
        char *name; /* of the cgroup, below the mount, from '/' on */
        char *path; /* of its directory; NULL: there is no cgroup2 */
        int cgroup; /* its descriptor, or -1 */
        int netns;
        uint64_t ino; /* of netns */
} World;

static World world;

/* The lines of a program now, to be freed. */
static char *lines_of(uint32_t prog_id)
{
        GString *out = g_string_new(NULL);

        attachments_append(world.attachments, prog_id, world.now, out);
        return g_string_free(out, FALSE);
}

/* Later than any scan is good for. */
static void pass_time(void)
{
        world.now += 100 * ATTACH_SCAN_MAX_AGE;
}

#define assert_lines(prog, ...)                                                                    \
        do {                                                                                       \
                g_autofree char *lines_shown = lines_of(attach_prog_id(prog));                     \
                g_autofree char *lines_wanted = g_strdup_printf(__VA_ARGS__);                      \
                g_assert_cmpstr(lines_shown, ==, lines_wanted);                                    \
        } while (0)

static bool is_there(int fd, const char *what)
{
        if (fd >= 0)
                return true;
        g_test_skip(what);
        g_test_message("%s: %s", what, g_strerror(errno));
        return false;
}

static void close_all(int link, int prog)
{
        if (link >= 0)
                close(link);
        close(prog);
}

static void test_nothing(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, 0);

        pass_time();
        assert_lines(prog, "%s", "");
        close(prog);
}

static int load_cgroup_skb(void)
{
        return attach_load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1, 0);
}

/* Both ways at one place are two lines, and a link is not taken for the other. */
static void test_cgroup(void)
{
        int prog = load_cgroup_skb(), link;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        pass_time();
        assert_lines(prog, "%s", "");
        link = attach_link(prog, world.cgroup, BPF_CGROUP_INET_INGRESS, NULL);
        g_assert_cmpint(link, >=, 0);
        /* A link is seen at once. */
        assert_lines(prog, "cgroup_inet_ingress %s link %u\n", world.name, attach_link_id(link));
        pass_time();
        assert_lines(prog, "cgroup_inet_ingress %s link %u\n", world.name, attach_link_id(link));

        g_assert_cmpint(
                bpf_prog_attach(prog, world.cgroup, BPF_CGROUP_INET_INGRESS, BPF_F_ALLOW_MULTI), ==,
                0);
        pass_time();
        assert_lines(prog,
                     "cgroup_inet_ingress %s cgroup\n"
                     "cgroup_inet_ingress %s link %u\n",
                     world.name, world.name, attach_link_id(link));
        /* And so is that it has been closed; a scan that saw it does not bring it back. */
        close(link);
        assert_lines(prog, "cgroup_inet_ingress %s cgroup\n", world.name);
        pass_time();
        assert_lines(prog, "cgroup_inet_ingress %s cgroup\n", world.name);
        g_assert_cmpint(bpf_prog_detach2(prog, world.cgroup, BPF_CGROUP_INET_INGRESS), ==, 0);
        pass_time();
        assert_lines(prog, "%s", "");
        close(prog);
}

static void test_cgroup_link_closed(void)
{
        int prog = load_cgroup_skb(), link;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        link = attach_link(prog, world.cgroup, BPF_CGROUP_INET_INGRESS, NULL);
        pass_time();
        assert_lines(prog, "cgroup_inet_ingress %s link %u\n", world.name, attach_link_id(link));
        close(link);
        assert_lines(prog, "%s", "");
        close(prog);
}

/* Names of cgroups are anybody's choice. */
static void test_cgroup_name(void)
{
        g_autofree char *path = NULL;
        int prog = load_cgroup_skb(), fd;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        path = g_strconcat(world.path, "/a\033b\\c \xc3\xa4", NULL);
        g_assert_cmpint(mkdir(path, 0755), ==, 0);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(bpf_prog_attach(prog, fd, BPF_CGROUP_INET_EGRESS, 0), ==, 0);
        pass_time();
        assert_lines(prog, "cgroup_inet_egress %s/a\\x1bb\\\\c \xc3\xa4 cgroup\n", world.name);
        close(fd);
        g_assert_cmpint(rmdir(path), ==, 0);
        close(prog);
}

static void test_cgroup_gone(void)
{
        g_autofree char *path = NULL, *shown = NULL, *wanted = NULL;
        int prog = load_cgroup_skb(), fd, link;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        path = g_strconcat(world.path, "/gone", NULL);
        g_assert_cmpint(mkdir(path, 0755), ==, 0);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        link = attach_link(prog, fd, BPF_CGROUP_INET_INGRESS, NULL);
        g_assert_cmpint(link, >=, 0);
        close(fd);
        g_assert_cmpint(rmdir(path), ==, 0);
        wanted = g_strdup_printf("cgroup_inet_ingress (detached) link %u\n", attach_link_id(link));
        for (int i = 0; i < 500 && g_strcmp0(shown, wanted) != 0; i++) {
                g_usleep(10000);
                pass_time();
                g_free(shown);
                shown = lines_of(attach_prog_id(prog));
        }
        g_assert_cmpstr(shown, ==, wanted);
        close_all(link, prog);
}

/* Every attach type that a program of its own can be loaded for. */
static void test_cgroup_types(void)
{
        static const struct {
                uint32_t prog_type;
                uint32_t attach_type;
                const char *name;
        } types[] = {
                { BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, "cgroup_inet_egress" },
                { BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE,
                  "cgroup_inet_sock_create" },
                { BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND, "cgroup_inet6_post_bind" },
                { BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE,
                  "cgroup_inet_sock_release" },
                { BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, "cgroup_sock_ops" },
                { BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, "cgroup_device" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, "cgroup_inet4_bind" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT,
                  "cgroup_inet6_connect" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, "cgroup_udp4_sendmsg" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, "cgroup_udp6_recvmsg" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME,
                  "cgroup_inet4_getpeername" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_CONNECT,
                  "cgroup_unix_connect" },
                { BPF_PROG_TYPE_CGROUP_SOCK_ADDR, ATTACH_CGROUP_UNIX_GETSOCKNAME,
                  "cgroup_unix_getsockname" },
                { BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL, "cgroup_sysctl" },
                { BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, "cgroup_setsockopt" },
        };
        guint n = 0;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
                int prog = attach_load(types[i].prog_type, types[i].attach_type, 1, 0);

                if (prog < 0 || bpf_prog_attach(prog, world.cgroup, types[i].attach_type, 0) < 0) {
                        g_test_message("%s: %s", types[i].name, g_strerror(errno));
                        close(prog);
                        continue;
                }
                pass_time();
                assert_lines(prog, "%s %s cgroup\n", types[i].name, world.name);
                bpf_prog_detach2(prog, world.cgroup, types[i].attach_type);
                close(prog);
                n++;
        }
        g_assert_cmpuint(n, >=, 8);
}

static void test_xdp(void)
{
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int link = attach_link(prog, if_nametoindex("veth-a"), BPF_XDP, NULL);

        g_assert_cmpint(link, >=, 0);
        assert_lines(prog, "xdp veth-a link %u\n", attach_link_id(link));
        /* The same program by netlink, at another interface. */
        g_assert_cmpint(bpf_xdp_attach(if_nametoindex("veth-b"), prog, XDP_FLAGS_SKB_MODE, NULL),
                        ==, 0);
        pass_time();
        assert_lines(prog, "xdp veth-a link %u\nxdp veth-b netlink\n", attach_link_id(link));
        close(link);
        assert_lines(prog, "%s", "xdp veth-b netlink\n");
        g_assert_cmpint(bpf_xdp_detach(if_nametoindex("veth-b"), XDP_FLAGS_SKB_MODE, NULL), ==, 0);
        pass_time();
        assert_lines(prog, "%s", "");
        close(prog);
}

static void test_device_gone(void)
{
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0), link;

        g_assert_true(attach_run("ip link add veth-c type veth peer name veth-d", NULL));
        link = attach_link(prog, if_nametoindex("veth-c"), BPF_XDP, NULL);
        g_assert_cmpint(link, >=, 0);
        assert_lines(prog, "xdp veth-c link %u\n", attach_link_id(link));
        g_assert_true(attach_run("ip link delete veth-c", NULL));
        assert_lines(prog, "xdp (detached) link %u\n", attach_link_id(link));
        close_all(link, prog);
}

/* At /mnt/prog, until unpin(). */
static void pin(int prog)
{
        g_assert_cmpint(mount("none", "/mnt", "bpf", 0, NULL), ==, 0);
        g_assert_cmpint(bpf_obj_pin(prog, "/mnt/prog"), ==, 0);
}

static void unpin(void)
{
        g_assert_cmpint(umount("/mnt"), ==, 0);
}

/* What iproute2 attaches. */
static void test_by_tools(void)
{
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);

        pin(prog);
        g_assert_true(attach_run("ip link set dev veth-b xdpgeneric pinned /mnt/prog", NULL));
        pass_time();
        assert_lines(prog, "%s", "xdp veth-b netlink\n");
        g_assert_true(attach_run("ip link set dev veth-b xdpgeneric off", NULL));
        unpin();
        close(prog);
}

static void test_classic_tc(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SCHED_CLS, 0, 0, 0);

        pin(prog);
        if (!attach_run("tc qdisc add dev veth-a clsact && "
                        "tc filter add dev veth-a ingress bpf da pinned /mnt/prog && "
                        "tc filter add dev veth-a egress prio 1 bpf da pinned /mnt/prog && "
                        "tc filter add dev veth-a egress prio 2 bpf da pinned /mnt/prog",
                        NULL)) {
                g_test_skip("tc");
        } else {
                pass_time();
                assert_lines(prog, "%s", "tc_egress veth-a netlink\ntc_ingress veth-a netlink\n");
                g_assert_true(attach_run("tc qdisc delete dev veth-a clsact", NULL));
                pass_time();
                assert_lines(prog, "%s", "");
        }
        if (!attach_run("tc qdisc add dev veth-a handle 7: root htb && "
                        "tc filter add dev veth-a parent 7: bpf da pinned /mnt/prog && "
                        "tc qdisc add dev veth-b ingress && "
                        "tc filter add dev veth-b parent ffff: bpf da pinned /mnt/prog",
                        NULL)) {
                g_test_skip("tc");
        } else {
                pass_time();
                assert_lines(prog, "%s",
                             "tc_egress veth-a qdisc 7: netlink\ntc_ingress veth-b netlink\n");
        }
        attach_run("tc qdisc delete dev veth-a root; tc qdisc delete dev veth-b ingress", NULL);
        unpin();
        close(prog);
}

static void test_tcx(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_INGRESS, 0, 0);
        int link = attach_link(prog, if_nametoindex("veth-a"), ATTACH_TCX_INGRESS, NULL);

        if (is_there(link, "tcx")) {
                g_assert_cmpint(bpf_prog_attach(prog, (int)if_nametoindex("veth-b"),
                                                (enum bpf_attach_type)ATTACH_TCX_EGRESS, 0),
                                ==, 0);
                pass_time();
                assert_lines(prog, "tcx_egress veth-b attach\ntcx_ingress veth-a link %u\n",
                             attach_link_id(link));
                g_assert_cmpint(bpf_prog_detach2(prog, (int)if_nametoindex("veth-b"),
                                                 (enum bpf_attach_type)ATTACH_TCX_EGRESS),
                                ==, 0);
        }
        close_all(link, prog);
}

/* The interfaces of another network namespace have the same numbers. Their links do not get our
 * interfaces' names. */
static void test_other_netns(void)
{
        int xdp = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int tcx = attach_load(BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_INGRESS, 0, 0);
        int own = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0), link, ready[2], status;
        uint32_t ids[2] = { 0 }, ifindex;
        pid_t pid;

        g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
        ifindex = if_nametoindex("veth-a");
        link = attach_link(own, ifindex, BPF_XDP, NULL);
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                attach_enter_netns();
                if (if_nametoindex("veth-a") == ifindex) {
                        int one = attach_link(xdp, ifindex, BPF_XDP, NULL);
                        int other = attach_link(tcx, ifindex, ATTACH_TCX_INGRESS, NULL);

                        ids[0] = one < 0 ? 0 : attach_link_id(one);
                        ids[1] = other < 0 ? 0 : attach_link_id(other);
                }
                if (write(ready[1], ids, sizeof(ids)) != sizeof(ids))
                        _exit(1);
                pause();
        }
        g_assert_cmpint(read(ready[0], ids, sizeof(ids)), ==, sizeof(ids));
        g_assert_cmpuint(ids[0], !=, 0);
        pass_time();
        assert_lines(own, "xdp veth-a link %u\n", attach_link_id(link));
        assert_lines(xdp, "xdp ifindex %u link %u\n", ifindex, ids[0]);
        if (ids[1])
                assert_lines(tcx, "tcx_ingress ifindex %u link %u\n", ifindex, ids[1]);

        kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        close(ready[0]);
        close(ready[1]);
        close_all(link, own);
        close(xdp);
        close(tcx);
}

static void test_netfilter(void)
{
        const AttachOptions options = {
                .netfilter = { .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = -7 },
        };
        int prog = attach_load(32 /* BPF_PROG_TYPE_NETFILTER */, ATTACH_NETFILTER, 1, 0);
        int link = prog < 0 ? -1 : attach_link(prog, 0, ATTACH_NETFILTER, &options);

        if (is_there(link, "netfilter"))
                assert_lines(prog, "netfilter ip input prio -7 link %u\n", attach_link_id(link));
        close_all(link, prog);
}

static void test_netns(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 1, 0);
        int link = attach_link(prog, world.netns, BPF_SK_LOOKUP, NULL);
        guint64 ino = world.ino;

        g_assert_cmpint(link, >=, 0);
        assert_lines(prog, "sk_lookup netns %" G_GUINT64_FORMAT " link %u\n", ino,
                     attach_link_id(link));
        close_all(link, prog);

        prog = attach_load(BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR, 0, 0);
        link = attach_link(prog, world.netns, BPF_FLOW_DISSECTOR, NULL);
        g_assert_cmpint(link, >=, 0);
        pass_time();
        assert_lines(prog, "flow_dissector netns %" G_GUINT64_FORMAT " link %u\n", ino,
                     attach_link_id(link));
        close(link);
        g_assert_cmpint(bpf_prog_attach(prog, 0, BPF_FLOW_DISSECTOR, 0), ==, 0);
        pass_time();
        assert_lines(prog, "flow_dissector netns %" G_GUINT64_FORMAT " netns\n", ino);
        g_assert_cmpint(bpf_prog_detach2(prog, 0, BPF_FLOW_DISSECTOR), ==, 0);
        close(prog);
}

static void test_sockmap(void)
{
        int prog = attach_load(BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT, 1, 0);
        int map = attach_map(BPF_MAP_TYPE_SOCKMAP);
        int link = map < 0 ? -1 : attach_link(prog, map, BPF_SK_SKB_VERDICT, NULL);
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info);

        if (is_there(link, "sockmap")) {
                g_assert_cmpint(bpf_obj_get_info_by_fd(map, &info, &len), ==, 0);
                assert_lines(prog, "sk_skb_verdict map %u link %u\n", info.id,
                             attach_link_id(link));
        }
        close_all(link, prog);
        close(map);
}

/* False: an older kernel, which has no info of such a link. */
static bool tells_of_events(int link)
{
        LinkInfo info = { 0 };
        uint32_t len = sizeof(info);

        g_assert_cmpint(bpf_obj_get_info_by_fd(link, &info, &len), ==, 0);
        if (info.perf_event.type == PERF_LINK_UNSPEC)
                g_test_skip("this kernel does not tell");
        return info.perf_event.type != PERF_LINK_UNSPEC;
}

static void test_events(void)
{
        const uint64_t offsets[] = { 0x40, 0x48 };
        AttachOptions options = {
                .uprobe_multi = {
                        .path = (uintptr_t)"/bin/true",
                        .offsets = (uintptr_t)offsets,
                        .cnt = 1,
                },
        };
        int prog = attach_load(BPF_PROG_TYPE_PERF_EVENT, 0, 0, 0);
        int event = attach_software_event();
        int link = attach_link(prog, event, BPF_PERF_EVENT, NULL);

        if (is_there(link, "software event") && tells_of_events(link))
                assert_lines(prog, "perf_event software context-switches link %u\n",
                             attach_link_id(link));
        close_all(link, prog);
        close(event);

        prog = attach_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);
        link = attach_raw_tracepoint(prog, "sys_enter");
        g_assert_cmpint(link, >=, 0);
        assert_lines(prog, "raw_tp sys_enter link %u\n", attach_link_id(link));
        close_all(link, prog);

        prog = attach_load(BPF_PROG_TYPE_KPROBE, 0, 0, 0);
        event = attach_uprobe_event("/bin/true", 0x40);
        link = event < 0 ? -1 : attach_link(prog, event, BPF_PERF_EVENT, NULL);
        if (is_there(link, "uprobe") && tells_of_events(link))
                assert_lines(prog, "uprobe /bin/true+0x40 link %u\n", attach_link_id(link));
        close_all(link, prog);
        close(event);

        prog = attach_load(BPF_PROG_TYPE_KPROBE, ATTACH_TRACE_UPROBE_MULTI, 0, 0);
        link = prog < 0 ? -1 : attach_link(prog, 0, ATTACH_TRACE_UPROBE_MULTI, &options);
        if (is_there(link, "uprobe_multi")) {
                g_autofree char *path = realpath("/bin/true", NULL);
                int more;

                assert_lines(prog, "trace_uprobe_multi %s+0x40 link %u\n", path,
                             attach_link_id(link));
                options.uprobe_multi.cnt = 2;
                more = attach_link(prog, 0, ATTACH_TRACE_UPROBE_MULTI, &options);
                close(link);
                link = more;
                assert_lines(prog, "trace_uprobe_multi %s 2 functions link %u\n", path,
                             attach_link_id(link));
        }
        close_all(link, prog);
}

static void test_iter(void)
{
        int id = libbpf_find_vmlinux_btf_id("task", BPF_TRACE_ITER);
        int prog = id < 0 ? -1 : attach_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 0, id);
        int link = prog < 0 ? -1 : attach_link(prog, 0, BPF_TRACE_ITER, NULL);

        if (is_there(link, "iterator"))
                assert_lines(prog, "trace_iter task link %u\n", attach_link_id(link));
        close_all(link, prog);
}

/* A map of operations is attached, not a program. */
static void check_struct_ops(bool by_link)
{
        g_autofree char *object = g_build_filename(g_getenv("OBJECTS"), "struct_ops.bpf.o", NULL);
        struct bpf_object *opened = bpf_object__open_file(object, NULL);
        struct bpf_map *map = NULL, *each;
        struct bpf_link *attached;
        const struct bpf_program *prog;
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info);
        g_autofree char *how = NULL;
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        int fd, link = -1;

        g_assert_nonnull(opened);
        bpf_object__for_each_map(each, opened) if (bpf_map__type(each) == BPF_MAP_TYPE_STRUCT_OPS)
                map = each;
        g_assert_nonnull(map);
        if (by_link)
                bpf_map__set_map_flags(map, 1 << 13 /* BPF_F_LINK */);
        if (bpf_object__load(opened) < 0) {
                g_test_skip("struct_ops");
                bpf_object__close(opened);
                return;
        }
        fd = bpf_map__fd(map);
        g_assert_cmpint(bpf_obj_get_info_by_fd(fd, &info, &len), ==, 0);
        attachments_add_map(world.attachments, info.id);
        prog = bpf_object__find_program_by_name(opened, "at_cong_avoid");
        /* It writes the programs into the map. Whether the map is attached then is a matter of its
         * flags. */
        attached = bpf_map__attach_struct_ops(map);
        g_assert_nonnull(attached);
        if (by_link) {
                link = attach_link(fd, 0, ATTACH_STRUCT_OPS, NULL);
                if (is_there(link, "struct_ops link"))
                        how = g_strdup_printf("link %u", attach_link_id(link));
        } else {
                how = g_strdup_printf("map %u", info.id);
        }
        if (how) {
                assert_lines(bpf_program__fd(prog), "struct_ops tcp_congestion_ops.cong_avoid %s\n",
                             how);
                attachments_links(world.attachments, attach_prog_id(bpf_program__fd(prog)),
                                  world.now, ids);
                g_assert_cmpuint(ids->len, ==, by_link ? 1 : 0);
        }
        if (link >= 0)
                close(link);
        bpf_link__destroy(attached);
        assert_lines(bpf_program__fd(prog), "%s", "");
        bpf_object__close(opened);
}

static void test_struct_ops(void)
{
        check_struct_ops(false);
}

static void test_struct_ops_link(void)
{
        check_struct_ops(true);
}

static void test_links_of_prog(void)
{
        int prog = attach_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);
        int one = attach_raw_tracepoint(prog, "sys_enter");
        int other = attach_raw_tracepoint(prog, "sys_exit");
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        attachments_links(world.attachments, attach_prog_id(prog), world.now, ids);
        g_assert_cmpuint(ids->len, ==, 2);
        g_assert_cmpuint(g_array_index(ids, uint32_t, 0), ==, attach_link_id(one));
        g_assert_cmpuint(g_array_index(ids, uint32_t, 1), ==, attach_link_id(other));
        close(one);
        close(other);
        g_array_set_size(ids, 0);
        attachments_links(world.attachments, attach_prog_id(prog), world.now, ids);
        g_assert_cmpuint(ids->len, ==, 0);
        close(prog);
}

static void test_link_info(void)
{
        int prog = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        int link = attach_link(prog, if_nametoindex("veth-a"), BPF_XDP, NULL);
        uint32_t id = attach_link_id(link);
        g_autoptr(Info) info = NULL;
        Info *none = NULL;

        g_assert_cmpint(attachments_link_info(world.attachments, id, world.now, &info), ==, 0);
        g_assert_cmpuint(info_n(info), ==, 5);
        g_assert_cmpstr(info_key(info, 3), ==, "devname");
        g_assert_cmpstr(info_text(info, 3), ==, "veth-a\n");
        close(link);
        g_assert_cmpint(attachments_link_info(world.attachments, id, world.now, &none), ==,
                        -ENOENT);
        close(prog);
}

typedef struct Wanted {
        uint32_t prog_id;
        guint n;
} Wanted;

static void count_type(uint32_t prog_id, const char *type, const char *target, void *data)
{
        Wanted *wanted = data;

        if (prog_id == wanted->prog_id && strcmp(type, "raw_tp") == 0 &&
            strcmp(target, "sys_enter") == 0)
                wanted->n++;
}

static void test_foreach(void)
{
        int prog = attach_load(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, 0);
        int link = attach_raw_tracepoint(prog, "sys_enter");
        Wanted wanted = { .prog_id = attach_prog_id(prog) };

        attachments_foreach(world.attachments, world.now, count_type, &wanted);
        g_assert_cmpuint(wanted.n, ==, 1);
        close(link);
        attachments_foreach(world.attachments, world.now, count_type, &wanted);
        g_assert_cmpuint(wanted.n, ==, 1);
        close(prog);
}

/* Each number that bpftool has under "id" in @json is a program that has a line with @word. */
static guint check_ids(const char *json, const char *word)
{
        guint n = 0;

        for (const char *at = json; (at = strstr(at, "\"id\":")); at += 5) {
                g_autofree char *lines = lines_of((uint32_t)atoi(at + 5));

                if (!strstr(lines, word))
                        g_test_message("%s: %s", at, lines);
                g_assert_nonnull(strstr(lines, word));
                n++;
        }
        return n;
}

static void test_as_bpftool(void)
{
        g_autofree char *net = NULL, *cgroups = NULL, *command = NULL;
        int xdp, cls, skb, other, link, cgroup_link;

        if (!is_there(world.cgroup, "no cgroup2"))
                return;
        xdp = attach_load(BPF_PROG_TYPE_XDP, 0, 2, 0);
        cls = attach_load(BPF_PROG_TYPE_SCHED_CLS, 0, 0, 0);
        skb = load_cgroup_skb();
        other = load_cgroup_skb();
        pin(cls);
        link = attach_link(xdp, if_nametoindex("veth-a"), BPF_XDP, NULL);
        g_assert_true(attach_run("tc qdisc add dev veth-a clsact && "
                                 "tc filter add dev veth-a ingress bpf da pinned /mnt/prog",
                                 NULL));
        cgroup_link = attach_link(skb, world.cgroup, BPF_CGROUP_INET_INGRESS, NULL);
        g_assert_cmpint(
                bpf_prog_attach(other, world.cgroup, BPF_CGROUP_INET_INGRESS, BPF_F_ALLOW_MULTI),
                ==, 0);

        pass_time();
        g_assert_true(attach_run("bpftool -j net show", &net));
        g_assert_cmpuint(check_ids(net, "veth-a"), ==, 2);
        command = g_strdup_printf("bpftool -j cgroup show %s", world.path);
        g_assert_true(attach_run(command, &cgroups));
        g_assert_cmpuint(check_ids(cgroups, world.name), ==, 2);

        attach_run("tc qdisc delete dev veth-a clsact", NULL);
        bpf_prog_detach2(other, world.cgroup, BPF_CGROUP_INET_INGRESS);
        close(link);
        close(cgroup_link);
        unpin();
        close(xdp);
        close(cls);
        close(skb);
        close(other);
}

/* Each kind that can't be looked at is a line; the others are there. */
static void test_not_permitted(void)
{
        if (g_test_subprocess()) {
                g_autofree char *lines = NULL;

                g_assert_cmpint(setuid(65534), ==, 0);
                pass_time();
                lines = lines_of(1);
                g_printerr("%s", lines);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("*(links cannot be looked at: Operation not permitted)\n"
                                  "(not all cgroups can be looked at: *)\n");
}

/* Without cgroup2 in the mount namespace. */
static void test_no_cgroup2(void)
{
        if (g_test_subprocess()) {
                g_autofree char *lines = NULL;

                while (attachments_cgroup_mount(world.attachments)) {
                        g_assert_cmpint(
                                umount2(attachments_cgroup_mount(world.attachments), MNT_DETACH),
                                ==, 0);
                        /* It was there at the start, and is not any more. */
                        g_free(lines);
                        pass_time();
                        lines = lines_of(4711);
                        attachments_free(world.attachments);
                        world.attachments = attachments_new();
                }
                g_printerr("%s", lines);
                pass_time();
                g_free(lines);
                lines = lines_of(4711);
                g_printerr("%s", lines);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr("(cgroups cannot be looked at: no cgroup2 is mounted)\n"
                                  "(cgroups cannot be looked at: no cgroup2 is mounted)\n");
}

/* Nothing of the hierarchy is held between two scans. */
static void test_umount(void)
{
        if (g_test_subprocess()) {
                g_autoptr(Attachments) attachments = NULL;
                g_autoptr(GString) out = g_string_new(NULL);

                while (attachments_cgroup_mount(world.attachments)) {
                        umount2(attachments_cgroup_mount(world.attachments), MNT_DETACH);
                        attachments_free(world.attachments);
                        world.attachments = attachments_new();
                }
                g_assert_cmpint(mount("none", "/mnt", "cgroup2", 0, NULL), ==, 0);
                attachments = attachments_new();
                g_assert_cmpstr(attachments_cgroup_mount(attachments), ==, "/mnt");
                attachments_append(attachments, 4711, 1, out);
                g_assert_cmpstr(out->str, ==, "");
                g_assert_cmpint(umount("/mnt"), ==, 0);
                return;
        }
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
}

static void start(void)
{
        g_autofree char *name = g_strdup_printf("/bpfmetafs-attachments-%d", getpid());
        struct stat attr;

        attach_enter_netns();
        attach_enter_mount_namespace();
        world.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(fstat(world.netns, &attr), ==, 0);
        world.ino = attr.st_ino;
        world.attachments = attachments_new();
        world.now = 1;
        world.name = g_steal_pointer(&name);
        world.cgroup = -1;
        if (g_test_subprocess())
                return;
        world.path = attach_make_cgroup(attachments_cgroup_mount(world.attachments), world.name);
        if (world.path)
                world.cgroup = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void finish(void)
{
        attachments_free(world.attachments);
        close(world.netns);
        if (world.path) {
                close(world.cgroup);
                rmdir(world.path);
        }
        g_free(world.name);
        g_free(world.path);
}

int main(int argc, char **argv)
{
        int r;

        g_test_init(&argc, &argv, NULL);
        libbpf_set_print(NULL);
        start();
        g_test_add_func("/attachments/nothing", test_nothing);
        g_test_add_func("/attachments/cgroup", test_cgroup);
        g_test_add_func("/attachments/cgroup-link-closed", test_cgroup_link_closed);
        g_test_add_func("/attachments/cgroup-name", test_cgroup_name);
        g_test_add_func("/attachments/cgroup-gone", test_cgroup_gone);
        g_test_add_func("/attachments/cgroup-types", test_cgroup_types);
        g_test_add_func("/attachments/xdp", test_xdp);
        g_test_add_func("/attachments/device-gone", test_device_gone);
        g_test_add_func("/attachments/by-tools", test_by_tools);
        g_test_add_func("/attachments/classic-tc", test_classic_tc);
        g_test_add_func("/attachments/tcx", test_tcx);
        g_test_add_func("/attachments/other-netns", test_other_netns);
        g_test_add_func("/attachments/netfilter", test_netfilter);
        g_test_add_func("/attachments/netns", test_netns);
        g_test_add_func("/attachments/sockmap", test_sockmap);
        g_test_add_func("/attachments/events", test_events);
        g_test_add_func("/attachments/iter", test_iter);
        g_test_add_func("/attachments/struct-ops", test_struct_ops);
        g_test_add_func("/attachments/struct-ops-link", test_struct_ops_link);
        g_test_add_func("/attachments/links-of-prog", test_links_of_prog);
        g_test_add_func("/attachments/link-info", test_link_info);
        g_test_add_func("/attachments/foreach", test_foreach);
        g_test_add_func("/attachments/as-bpftool", test_as_bpftool);
        g_test_add_func("/attachments/not-permitted", test_not_permitted);
        g_test_add_func("/attachments/no-cgroup2", test_no_cgroup2);
        g_test_add_func("/attachments/umount", test_umount);
        r = g_test_run();
        finish();
        return r;
}
