/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel fills no more than this at a time (netlink_dump(), net/netlink/af_netlink.c). */
#define ANSWER_SIZE 32768
/* How long in milliseconds an answer may take. The kernel gives it at once, or as soon as the
 * process that configures interfaces at the moment is done. */
#define PATIENCE_MS 500
/* How often a list is begun again because something has changed meanwhile. Then it is taken as it
 * is. */
#define MAX_TRIES 3

static int open_socket(void)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

void netlink_init(Netlink *netlink)
{
        *netlink = (Netlink){
                .socket = open_socket(),
                /* libmnl rounds lengths up. */
                .answer = g_malloc0(ANSWER_SIZE + NLMSG_ALIGNTO),
        };
}

void netlink_clear(Netlink *netlink)
{
        if (netlink->socket >= 0)
                close(netlink->socket);
        g_free(netlink->answer);
}

void *netlink_begin(NetlinkRequest *request, uint16_t type, size_t size)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(request->bytes);

        message->nlmsg_type = type;
        message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        return mnl_nlmsg_put_extra_header(message, size);
}

/* Receives a datagram of the kernel's into netlink->answer. Its length, or -errno. */
static ssize_t receive(Netlink *netlink, int flags)
{
        for (;;) {
                struct sockaddr_nl from = { 0 };
                socklen_t from_len = sizeof(from);
                ssize_t n = recvfrom(netlink->socket, netlink->answer, ANSWER_SIZE,
                                     flags | MSG_TRUNC, (struct sockaddr *)&from, &from_len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (from_len != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
                        continue;
                return n > ANSWER_SIZE ? -EMSGSIZE : n;
        }
}

/* Throws away the rest of an answer that was given up. */
static void drain(Netlink *netlink)
{
        while (receive(netlink, MSG_DONTWAIT) >= 0)
                ;
}

static int error_of(const struct nlmsghdr *message)
{
        int error = 0;

        /* NLMSG_DONE and NLMSG_ERROR both begin with a negative errno, or 0. */
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
                memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
        return error < 0 && error >= -4095 ? error : 0;
}

/* Right also for lengths that libmnl takes for negative. */
static bool is_whole(const struct nlmsghdr *message, int left)
{
        return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

/* Looks through one datagram. 1: there is more to come; 0: that was all; or -errno. */
static int take(Netlink *netlink, size_t len, NetlinkFunc func, const void *context, GArray *out,
                bool *interrupted)
{
        const struct nlmsghdr *message = (const void *)netlink->answer;
        int left = (int)len;

        for (; is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
                if (message->nlmsg_seq != netlink->sequence)
                        continue;
                if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                        *interrupted = true;
                if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
                        return error_of(message);
                func(message, context, out);
        }
        return 1;
}

static int list_once(Netlink *netlink, struct nlmsghdr *request, NetlinkFunc func,
                     const void *context, GArray *out, bool *interrupted)
{
        int r = 1;

        drain(netlink);
        request->nlmsg_seq = ++netlink->sequence;
        if (send(netlink->socket, request, request->nlmsg_len, 0) < 0)
                return -errno;
        while (r > 0) {
                ssize_t n = receive(netlink, 0);

                r = n < 0 ? (int)n : take(netlink, n, func, context, out, interrupted);
        }
        return r;
}

int netlink_list(Netlink *netlink, NetlinkRequest *request, NetlinkFunc func, const void *context,
                 GArray *out)
{
        bool interrupted = true;
        guint len = out->len;
        struct nlmsghdr *message = (void *)request->bytes;
        int r = 0;

        if (netlink->socket < 0)
                return netlink->socket;
        for (int i = 0; i < MAX_TRIES && interrupted && r == 0; i++) {
                interrupted = false;
                g_array_set_size(out, len);
                r = list_once(netlink, message, func, context, out, &interrupted);
        }
        return r;
}

/* The attributes of a message or of an attribute, by their types up to @max. */
typedef struct Attributes {
        const struct nlattr **found; /* max + 1 of them */
        uint16_t max;
} Attributes;

static int take_attribute(const struct nlattr *attr, void *data)
{
        const Attributes *attributes = data;
        uint16_t type = mnl_attr_get_type(attr);

        if (type <= attributes->max)
                attributes->found[type] = attr;
        return MNL_CB_OK;
}

void netlink_parse(const struct nlmsghdr *message, size_t header, const struct nlattr **found,
                   uint16_t max)
{
        Attributes attributes = { found, max };

        memset(found, 0, (max + 1u) * sizeof(*found));
        mnl_attr_parse(message, header, take_attribute, &attributes);
}

void netlink_parse_nested(const struct nlattr *attr, const struct nlattr **found, uint16_t max)
{
        Attributes attributes = { found, max };

        memset(found, 0, (max + 1u) * sizeof(*found));
        if (attr)
                mnl_attr_parse_nested(attr, take_attribute, &attributes);
}

uint32_t netlink_u32(const struct nlattr *attr)
{
        return attr && mnl_attr_get_payload_len(attr) == sizeof(uint32_t) ? mnl_attr_get_u32(attr)
                                                                          : 0;
}

bool netlink_is_text(const struct nlattr *attr, const char *text)
{
        size_t len = strlen(text);

        return attr && mnl_attr_get_payload_len(attr) >= len &&
               memcmp(mnl_attr_get_payload(attr), text, len) == 0 &&
               (mnl_attr_get_payload_len(attr) == len ||
                ((const char *)mnl_attr_get_payload(attr))[len] == '\0');
}
