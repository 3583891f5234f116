/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The sandbox from inside: what the serving process may do to see attachments, and nothing more.
 * Directories beneath one can be listed, and a socket of rtnetlink stays open.
 *
 * Each thing is tried in a process of its own, first without the sandbox, where it must succeed.
 */

#include "attach.h"
#include "filter.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if SANITIZED
/* ThreadSanitizer starts a thread, and would end a child of the process that has it. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
        return "die_after_fork=0:atexit_sleep_ms=0";
}
#endif

#define OUTSIDE -1

/* Mounted once, in a mount namespace of our own. */
typedef struct World {
        const char *listed; /* a tmpfs in place of the cgroups */
        int directory;      /* listed, open for reading */
        int netlink;        /* connected to the kernel */
        uint32_t port;      /* its own address */
} World;

static const char listed[] = "/mnt/listed";

static void make_listed(void)
{
        attach_enter_mount_namespace();
        g_assert_cmpint(mount("none", "/mnt", "tmpfs", 0, NULL), ==, 0);
        g_assert_cmpint(mkdir(listed, 0755), ==, 0);
        g_assert_cmpint(mkdir("/mnt/listed/below", 0755), ==, 0);
        g_assert_cmpint(mkdir("/mnt/listed/below/deeper", 0755), ==, 0);
        g_assert_cmpint(mkdir("/mnt/beside", 0755), ==, 0);
        g_assert_true(g_file_set_contents("/mnt/listed/file", "text", -1, NULL));
        g_assert_cmpint(symlink("../beside", "/mnt/listed/link"), ==, 0);
}

static void enter_world(World *world)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct sockaddr_nl own;
        socklen_t len = sizeof(own);

        world->listed = listed;
        world->directory = open(listed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(world->directory, >=, 0);
        world->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        g_assert_cmpint(world->netlink, >=, 0);
        g_assert_cmpint(connect(world->netlink, (const struct sockaddr *)&kernel, sizeof(kernel)),
                        ==, 0);
        g_assert_cmpint(getsockname(world->netlink, (struct sockaddr *)&own, &len), ==, 0);
        world->port = own.nl_pid;
}

/* 0 if it succeeded, or an errno value. @argument is the test's. */
typedef int (*TryFunc)(const World *world, const void *argument);

static int try_in(int role, TryFunc func, const void *argument)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                g_autoptr(GError) error = NULL;
                World world = { 0 };

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                enter_world(&world);
                if (role != OUTSIDE)
                        sandbox_enter(role, role == SANDBOX_KERNEL ? listed : NULL, &error);
                g_assert_no_error(error);
                _exit(func(&world, argument));
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static bool has_landlock(void)
{
        /* landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION */
        return syscall(444, NULL, 0, 1) > 0;
}

/* Directories */

static int list(int fd)
{
        char entries[4096];

        if (fd < 0)
                return errno;
        return syscall(SYS_getdents64, fd, entries, sizeof(entries)) > 0 ? 0 : errno;
}

static int try_list(const World *world, const void *path)
{
        return list(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* As a walk does that begins at the directory. */
static int try_list_below(const World *world, const void *path)
{
        int top = open(world->listed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return list(openat(top, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static int try_list_above(const World *world, const void *path)
{
        return list(openat(world->directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_read(const World *world, const void *path)
{
        return open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_write(const World *world, const void *path)
{
        return open(path, O_WRONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static void assert_refused(const char *what, int error)
{
        if (error != ENOSYS && error != EPERM && error != EACCES)
                g_error("%s: %s", what, error ? g_strerror(error) : "succeeded");
}

static void test_lists(void)
{
        static const char *const below[] = { ".", "below", "below/deeper" };

        for (guint i = 0; i < G_N_ELEMENTS(below); i++) {
                g_assert_cmpint(try_in(OUTSIDE, try_list_below, below[i]), ==, 0);
                g_assert_cmpint(try_in(SANDBOX_KERNEL, try_list_below, below[i]), ==, 0);
        }
}

static void test_lists_nothing_else(void)
{
        static const char *const others[] = {
                "/",    "/mnt", "/mnt/beside", "/mnt/listed/link", "/proc",         "/proc/1",
                "/sys", "/dev", "/etc",        "/sys/fs",          "/mnt/listed/.."
        };
        static const char *const above[] = { "..", "../beside", "link", "below/../.." };

        if (!has_landlock()) {
                g_test_skip("this kernel has no Landlock");
                return;
        }
        for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
                g_assert_cmpint(try_in(OUTSIDE, try_list, others[i]), ==, 0);
                assert_refused(others[i], try_in(SANDBOX_KERNEL, try_list, others[i]));
        }
        for (guint i = 0; i < G_N_ELEMENTS(above); i++) {
                g_assert_cmpint(try_in(OUTSIDE, try_list_above, above[i]), ==, 0);
                assert_refused(above[i], try_in(SANDBOX_KERNEL, try_list_above, above[i]));
        }
        /* Where files may be read, directories may not be listed. */
        if (!SANITIZED)
                assert_refused("fdinfo", try_in(SANDBOX_KERNEL, try_list, "/proc/self/fdinfo"));
}

static void test_reads_no_file_there(void)
{
        static const char file[] = "/mnt/listed/file";

        g_assert_cmpint(try_in(OUTSIDE, try_write, file), ==, 0);
        assert_refused("writing", try_in(SANDBOX_KERNEL, try_write, file));
        if (!has_landlock()) {
                g_test_skip("this kernel has no Landlock");
                return;
        }
        g_assert_cmpint(try_in(OUTSIDE, try_read, file), ==, 0);
        assert_refused("reading", try_in(SANDBOX_KERNEL, try_read, file));
}

/* For an object file nothing is listed, and the receiver lists nothing either. */
static void test_others_list_nothing(void)
{
        if (!has_landlock()) {
                g_test_skip("this kernel has no Landlock");
                return;
        }
        assert_refused("object", try_in(SANDBOX_OBJECT, try_list, listed));
        assert_refused("receiver", try_in(SANDBOX_RECEIVER, try_list, listed));
}

/* rtnetlink */

typedef struct Request {
        const char *name;
        uint16_t type;
        uint16_t flags;
} Request;

typedef struct Message {
        struct nlmsghdr head;
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
                struct tcmsg tc;
                uint8_t bytes[64];
        };
} Message;

/* A message about an interface that there is not, with nothing else in it. */
static void make_message(Message *message, const Request *request)
{
        memset(message, 0, sizeof(*message));
        message->head.nlmsg_type = request->type;
        message->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | request->flags;
        message->head.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg));
        if (request->type < RTM_NEWADDR) {
                message->link.ifi_index = INT_MAX;
        } else if (request->type < RTM_NEWROUTE) {
                message->head.nlmsg_len = NLMSG_LENGTH(sizeof(message->address));
                message->address.ifa_family = AF_INET;
                message->address.ifa_index = INT_MAX;
        } else {
                message->head.nlmsg_len = NLMSG_LENGTH(sizeof(message->tc));
                message->tc.tcm_ifindex = INT_MAX;
                message->tc.tcm_parent = TC_H_ROOT;
        }
}

/* What the kernel says to the request: a positive errno, or 0 if it has no objection. */
static int ask(int fd, const Request *request)
{
        uint8_t answer[32768];
        Message message;
        struct nlmsghdr head;
        int error;

        make_message(&message, request);
        if (send(fd, &message, message.head.nlmsg_len, 0) < 0)
                return errno;
        if (read(fd, answer, sizeof(answer)) < (ssize_t)(sizeof(head) + sizeof(error)))
                return errno;
        memcpy(&head, answer, sizeof(head));
        memcpy(&error, answer + sizeof(head), sizeof(error));
        return head.nlmsg_type == NLMSG_ERROR ? -error : 0;
}

/* The kernel asks for the right before it looks at what is to be changed (rtnetlink_rcv_msg(),
 * net/core/rtnetlink.c). Outside, it finds that there is nothing of the kind. */
static int try_change(const World *world, const void *request)
{
        int error = ask(world->netlink, request);

        return error == EPERM || error == EACCES || error == ENOSYS ? error : 0;
}

static int try_ask(const World *world, const void *request)
{
        return ask(world->netlink, request);
}

static void test_rtnetlink_changes_nothing(void)
{
        static const Request changes[] = {
                { "NEWLINK", RTM_NEWLINK, 0 },
                { "NEWLINK, creating", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL },
                { "SETLINK", RTM_SETLINK, 0 },
                { "DELLINK", RTM_DELLINK, 0 },
                { "NEWADDR", RTM_NEWADDR, 0 },
                { "DELADDR", RTM_DELADDR, 0 },
                { "NEWQDISC", RTM_NEWQDISC, NLM_F_CREATE },
                { "DELQDISC", RTM_DELQDISC, 0 },
                { "NEWTCLASS", RTM_NEWTCLASS, NLM_F_CREATE },
                { "NEWTFILTER", RTM_NEWTFILTER, NLM_F_CREATE },
                { "DELTFILTER", RTM_DELTFILTER, 0 },
        };

        for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
                int outside = try_in(OUTSIDE, try_change, &changes[i]);

                if (outside == EPERM) {
                        g_test_skip("interfaces can't be changed here without the sandbox either");
                        return;
                }
                g_assert_cmpint(outside, ==, 0);
                /* Others don't have the socket, and could do no more with it. */
                for (int role = 0; role <= SANDBOX_NETNS_BROKER; role++)
                        assert_refused(changes[i].name, try_in(role, try_change, &changes[i]));
        }
}

static void test_rtnetlink_lists(void)
{
        static const Request lists[] = {
                { "GETLINK", RTM_GETLINK, NLM_F_DUMP },
                { "GETQDISC", RTM_GETQDISC, NLM_F_DUMP },
        };

        for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
                g_assert_cmpint(try_in(OUTSIDE, try_ask, &lists[i]), ==, 0);
                g_assert_cmpint(try_in(SANDBOX_KERNEL, try_ask, &lists[i]), ==, 0);
        }
}

/* A group would wake us; with another address a message could go to another process. */
static int try_bind(const World *world, const void *argument)
{
        const struct sockaddr_nl groups = {
                .nl_family = AF_NETLINK,
                .nl_pid = world->port,
                .nl_groups = RTMGRP_LINK,
        };

        return bind(world->netlink, (const struct sockaddr *)&groups, sizeof(groups)) < 0 ? errno
                                                                                          : 0;
}

static int try_listen_to_all(const World *world, const void *argument)
{
        const int on = 1;

        return setsockopt(world->netlink, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0
                       ? errno
                       : 0;
}

static int try_connect(const World *world, const void *argument)
{
        const struct sockaddr_nl other = { .nl_family = AF_NETLINK, .nl_pid = 1 };

        return connect(world->netlink, (const struct sockaddr *)&other, sizeof(other)) < 0 ? errno
                                                                                           : 0;
}

static void test_rtnetlink_reaches_nobody_else(void)
{
        static const struct {
                const char *name;
                TryFunc func;
        } tries[] = { { "bind", try_bind },
                      { "setsockopt", try_listen_to_all },
                      { "connect", try_connect } };

        for (guint i = 0; i < G_N_ELEMENTS(tries); i++) {
                g_assert_cmpint(try_in(OUTSIDE, tries[i].func, NULL), ==, 0);
                for (int role = 0; role <= SANDBOX_NETNS_BROKER; role++)
                        assert_refused(tries[i].name, try_in(role, tries[i].func, NULL));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        make_listed();
        g_test_add_func("/sandbox-attachments/lists", test_lists);
        g_test_add_func("/sandbox-attachments/lists-nothing-else", test_lists_nothing_else);
        g_test_add_func("/sandbox-attachments/reads-no-file", test_reads_no_file_there);
        g_test_add_func("/sandbox-attachments/others", test_others_list_nothing);
        g_test_add_func("/sandbox-attachments/rtnetlink-lists", test_rtnetlink_lists);
        g_test_add_func("/sandbox-attachments/rtnetlink-changes-nothing",
                        test_rtnetlink_changes_nothing);
        g_test_add_func("/sandbox-attachments/rtnetlink-reaches-nobody",
                        test_rtnetlink_reaches_nobody_else);
        return g_test_run();
}
