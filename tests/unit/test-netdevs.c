/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Answers of rtnetlink, as the kernel gives them and as nobody should. The sources are included
 * for the latter.
 */

#include "netdevs.c"
#include "netlink.c"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static void run(const char *command)
{
        g_assert_cmpint(system(command), ==, 0);
}

static guint n_named(const Netdevs *netdevs, const char *name)
{
        guint n = 0;

        for (guint i = 0; i < netdevs->interfaces->len; i++)
                n += strcmp(g_array_index(netdevs->interfaces, Interface, i).name, name) == 0;
        return n;
}

/* More interfaces than one datagram holds. A name may have bytes that a terminal obeys. */
static void test_names(void)
{
        g_autoptr(Netdevs) netdevs = netdevs_new();

        run("for i in $(seq 50); do ip link add many-$i type veth peer name peer-$i; done");
        run("ip link add \"$(printf '\\033[2J')\" type veth peer name last");
        g_assert_cmpint(netdevs_scan(netdevs), ==, 0);
        g_assert_cmpuint(netdevs->interfaces->len, ==, 103);
        for (guint i = 1; i <= 50; i++) {
                g_autofree char *name = g_strdup_printf("many-%u", i);

                g_assert_cmpuint(n_named(netdevs, name), ==, 1);
                g_assert_cmpstr(netdevs_name(netdevs, if_nametoindex(name)), ==, name);
        }
        g_assert_cmpuint(n_named(netdevs, "\033[2J"), ==, 1);
        g_assert_null(netdevs_name(netdevs, 4711));
        run("for i in $(seq 50); do ip link delete many-$i; done; ip link delete last");
}

/* What another process sends to the socket is no answer. */
static void test_other_sender(void)
{
        g_autoptr(Netdevs) netdevs = netdevs_new();
        struct sockaddr_nl own = { 0 };
        socklen_t len = sizeof(own);
        int other = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct nlmsghdr message = {
                .nlmsg_len = sizeof(message),
                .nlmsg_type = NLMSG_DONE,
                .nlmsg_seq = 1,
        };

        g_assert_cmpint(getsockname(netdevs->netlink.socket, (struct sockaddr *)&own, &len), ==, 0);
        if (sendto(other, &message, sizeof(message), 0, (struct sockaddr *)&own, sizeof(own)) < 0) {
                g_test_message("not sent: %s", g_strerror(errno));
        } else {
                g_assert_cmpint(receive(&netdevs->netlink, MSG_DONTWAIT), ==, -EAGAIN);
        }
        g_assert_cmpint(netdevs_scan(netdevs), ==, 0);
        g_assert_nonnull(netdevs_name(netdevs, if_nametoindex("lo")));
        close(other);
}

/* One datagram of a real answer, with its length. */
static size_t real_answer(Netdevs *netdevs, uint16_t type, const void *header, size_t size)
{
        uint8_t buffer[256];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        ssize_t n;

        request->nlmsg_type = type;
        request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        memcpy(mnl_nlmsg_put_extra_header(request, size), header, size);
        drain(&netdevs->netlink);
        g_assert_cmpint(send(netdevs->netlink.socket, request, request->nlmsg_len, 0), >, 0);
        n = receive(&netdevs->netlink, 0);
        g_assert_cmpint(n, >, 0);
        return n;
}

/* Any bytes may stand anywhere. Nothing is read beyond the answer, which ends where its memory
 * does, for a sanitizer to see. */
static void mutate(uint16_t type, const void *header, size_t size, NetlinkFunc func, size_t element)
{
        g_autoptr(Netdevs) netdevs = netdevs_new();
        g_autoptr(GArray) out = g_array_new(FALSE, TRUE, element);
        const NetdevProg prog = { .how = NETDEV_TC_INGRESS };
        size_t len = real_answer(netdevs, type, header, size);
        g_autofree uint8_t *original = g_memdup(netdevs->netlink.answer, len);
        uint8_t *whole = netdevs->netlink.answer;

        netdevs->netlink.sequence = ((const struct nlmsghdr *)netdevs->netlink.answer)->nlmsg_seq;
        for (int i = 0; i < 20000; i++) {
                size_t cut = i % 4 ? len : (size_t)g_test_rand_int_range(0, (int)len + 1);
                bool interrupted = false;
                int n = g_test_rand_int_range(0, 8);

                netdevs->netlink.answer = g_malloc0(cut + NLMSG_ALIGNTO);
                memcpy(netdevs->netlink.answer, original, cut);
                for (int j = 0; j < n && cut > 0; j++)
                        netdevs->netlink.answer[g_test_rand_int_range(0, (int)cut)] =
                                (uint8_t)g_test_rand_int_range(0, 256);
                take(&netdevs->netlink, cut, func, &prog, out, &interrupted);
                g_free(netdevs->netlink.answer);
                g_array_set_size(out, 0);
        }
        netdevs->netlink.answer = whole;
}

static void test_hostile(void)
{
        const struct ifinfomsg link = { 0 };
        struct tcmsg tc = { 0 };

        run("ip link add veth-h type veth peer name veth-i && tc qdisc add dev veth-h clsact && "
            "tc filter add dev veth-h ingress bpf bytecode '1,6 0 0 0,' flowid 1:1");
        mutate(RTM_GETLINK, &link, sizeof(link), take_interface, sizeof(Interface));
        mutate(RTM_GETQDISC, &tc, sizeof(tc), take_qdisc, sizeof(Qdisc));
        tc.tcm_ifindex = (int)if_nametoindex("veth-h");
        tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
        mutate(RTM_GETTFILTER, &tc, sizeof(tc), take_filter, sizeof(NetdevProg));
        run("ip link delete veth-h");
}

/* A message by hand. */
static struct nlmsghdr *filter(uint8_t *buffer, uint32_t sequence)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

        message->nlmsg_type = RTM_NEWTFILTER;
        message->nlmsg_seq = sequence;
        mnl_nlmsg_put_extra_header(message, sizeof(struct tcmsg));
        return message;
}

static guint progs_of(const struct nlmsghdr *message)
{
        g_autoptr(Netdevs) netdevs = netdevs_new();
        const NetdevProg prog = { .how = NETDEV_TC_INGRESS, .ifindex = 7 };
        bool interrupted;

        netdevs->netlink.sequence = message->nlmsg_seq;
        memcpy(netdevs->netlink.answer, message, message->nlmsg_len);
        g_assert_cmpint(take(&netdevs->netlink, message->nlmsg_len, take_filter, &prog,
                             netdevs->progs, &interrupted),
                        ==, 1);
        return netdevs->progs->len;
}

static void test_filters(void)
{
        _Alignas(struct nlmsghdr) uint8_t buffer[512];
        struct nlmsghdr *message = filter(buffer, 5);
        struct nlattr *nest;

        mnl_attr_put_strz(message, TCA_KIND, "bpf");
        nest = mnl_attr_nest_start(message, TCA_OPTIONS);
        mnl_attr_put_u32(message, TCA_BPF_ID, 3);
        mnl_attr_nest_end(message, nest);
        g_assert_cmpuint(progs_of(message), ==, 1);

        /* Another kind, an id that is too short, and none. */
        message = filter(buffer, 5);
        mnl_attr_put_strz(message, TCA_KIND, "bpfx");
        nest = mnl_attr_nest_start(message, TCA_OPTIONS);
        mnl_attr_put_u32(message, TCA_BPF_ID, 3);
        mnl_attr_nest_end(message, nest);
        g_assert_cmpuint(progs_of(message), ==, 0);
        message = filter(buffer, 5);
        mnl_attr_put_strz(message, TCA_KIND, "bpf");
        nest = mnl_attr_nest_start(message, TCA_OPTIONS);
        mnl_attr_put_u16(message, TCA_BPF_ID, 3);
        mnl_attr_nest_end(message, nest);
        g_assert_cmpuint(progs_of(message), ==, 0);
        message = filter(buffer, 5);
        mnl_attr_put_strz(message, TCA_KIND, "bpf");
        g_assert_cmpuint(progs_of(message), ==, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        g_test_add_func("/netdevs/names", test_names);
        g_test_add_func("/netdevs/other-sender", test_other_sender);
        g_test_add_func("/netdevs/hostile", test_hostile);
        g_test_add_func("/netdevs/filters", test_filters);
        return g_test_run();
}
