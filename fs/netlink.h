/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_NETLINK_H
#define BPFMETAFS_NETLINK_H

/*
 * A socket of rtnetlink(7), the lists that the kernel sends through it, and the attributes of their
 * messages.
 *
 * The socket is connected to the kernel, and messages of other processes are dropped. Every length
 * is checked all the same, by libmnl or here.
 */

#include <glib.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Private */
typedef struct Netlink {
        int socket; /* or -errno */
        uint32_t sequence;
        uint8_t *answer; /* one datagram of the kernel's */
} Netlink;

/* A request for a list. */
typedef struct NetlinkRequest {
        _Alignas(struct nlmsghdr) uint8_t bytes[256];
} NetlinkRequest;

/* Takes one message of a list, and adds its content to @out. @context is the caller's. */
typedef void (*NetlinkFunc)(const struct nlmsghdr *message, const void *context, GArray *out);

/* To be called before the sandbox. If there is no socket, netlink_list() returns why. */
void netlink_init(Netlink *netlink);
void netlink_clear(Netlink *netlink);

/* Begins a request of the type @type. Returns its header of @size bytes, all 0, which lies in
 * @request; attributes may be put behind it by mnl_attr_put(). */
void *netlink_begin(NetlinkRequest *request, uint16_t type, size_t size);

/* Gets the list that @request asks for, and gives each message to @func. If something has changed
 * meanwhile, @out is cut back to its former length, and the list is begun again. 0 or -errno. */
int netlink_list(Netlink *netlink, NetlinkRequest *request, NetlinkFunc func, const void *context,
                 GArray *out);

/* The attributes of the message behind its header of @header bytes, or those of the attribute
 * @attr, which may be NULL. Both leave in @found, which has @max + 1 elements, those that are
 * well-formed up to the first fault; others are NULL. */
void netlink_parse(const struct nlmsghdr *message, size_t header, const struct nlattr **found,
                   uint16_t max);
void netlink_parse_nested(const struct nlattr *attr, const struct nlattr **found, uint16_t max);

/* 0 if @attr is NULL or has another size. */
uint32_t netlink_u32(const struct nlattr *attr);

/* False if @attr is NULL. */
bool netlink_is_text(const struct nlattr *attr, const char *text);

#endif
