/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Descriptors from one process to another, by SCM_RIGHTS (unix(7)). */

#include "handover.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_FDS 2

/* A message has two descriptors and the number 0, or ends the set. */
typedef union Control {
        char bytes[CMSG_SPACE(N_FDS * sizeof(int))];
        struct cmsghdr align;
} Control;

static int send_message(int socket, int32_t error, const int *fds)
{
        Control control = { 0 };
        struct iovec text = { .iov_base = &error, .iov_len = sizeof(error) };
        struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1 };
        struct cmsghdr *header;
        ssize_t n;

        if (fds) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(N_FDS * sizeof(int));
                memcpy(CMSG_DATA(header), fds, N_FDS * sizeof(int));
        }
        n = TEMP_FAILURE_RETRY(sendmsg(socket, &message, MSG_NOSIGNAL));
        return n < 0 ? -errno : 0;
}

int handover_send(int socket, int bell, int ring)
{
        const int fds[N_FDS] = { bell, ring };

        return send_message(socket, 0, fds);
}

int handover_end(int socket, int error)
{
        return send_message(socket, error, NULL);
}

int handover_receive(int socket, int *bell, int *ring)
{
        Control control = { 0 };
        int32_t error = 0;
        struct iovec text = { .iov_base = &error, .iov_len = sizeof(error) };
        struct msghdr message = {
                .msg_iov = &text,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        struct cmsghdr *header;
        int fds[N_FDS];
        ssize_t n = TEMP_FAILURE_RETRY(recvmsg(socket, &message, MSG_CMSG_CLOEXEC));

        if (n < 0)
                return -errno;
        if (n != sizeof(error))
                return -EPIPE;
        header = CMSG_FIRSTHDR(&message);
        if (!header && !(message.msg_flags & MSG_CTRUNC))
                return error < 0 ? error : 0;
        /* There was no room for one of them in the table of descriptors. */
        if (!header || header->cmsg_len != CMSG_LEN(sizeof(fds))) {
                for (size_t i = 0; header && i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                     i++)
                        close(((int *)CMSG_DATA(header))[i]);
                return -EMFILE;
        }
        memcpy(fds, CMSG_DATA(header), sizeof(fds));
        *bell = fds[0];
        *ring = fds[1];
        return 1;
}
