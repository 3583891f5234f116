/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Opens event rings by perf_event_open(2), and listens to the kernel's messages about CPUs, the
 * same that udev gets. */

#include "feed.h"

#include <errno.h>
#include <glib.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The beginning of the message that the kernel sends when a CPU has come online. The filter
 * compares it in words: its length is a multiple of 4. */
#define ONLINE_MESSAGE "online@/devices/system/cpu/c"
#define ONLINE_WORDS ((sizeof(ONLINE_MESSAGE) - 1) / 4)
G_STATIC_ASSERT((sizeof(ONLINE_MESSAGE) - 1) % 4 == 0);

/* Opens an event of @cpu that wakes when @watermark bytes have been written into its ring. If
 * @tells_who, each record says which process made it, and when (rings.c). */
static int open_event(int cpu, uint32_t watermark, bool tells_who)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_DUMMY,
                .bpf_event = 1,
                /* The alternative, wakeup_events, counts samples, and these events have none. */
                .watermark = 1,
                .wakeup_watermark = watermark,
        };
        int fd;

        if (tells_who) {
                attr.sample_id_all = 1;
                attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
                /* The clock in which processes have their start. */
                attr.use_clockid = 1;
                attr.clockid = CLOCK_BOOTTIME;
        }
        fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* -ENODEV: the CPU is not online. -EINVAL: there can be no CPU of that number; or, if the number is
 * 0, the kernel does not know such events. */
static int open_cpu(int cpu, FeedFunc func, void *data)
{
        int bell, ring, r;

        /* The kernel writes first to the event that was opened last: so the record is there when
         * the bell rings, and the first look finds it. Nothing else depends on the order. */
        bell = open_event(cpu, 1, false);
        if (bell < 0)
                return bell;
        ring = open_event(cpu, FEED_ALARM, true);
        if (ring < 0) {
                close(bell);
                return ring;
        }
        r = func(bell, ring, data);
        close(bell);
        close(ring);
        return r;
}

int feed_open(FeedFunc func, void *data)
{
        bool any = false;

        for (int cpu = 0;; cpu++) {
                int r = open_cpu(cpu, func, data);

                if (r == -EINVAL && any)
                        return 0;
                if (r < 0 && r != -ENODEV)
                        return r;
                any |= r == 0;
        }
}

int feed_listen(void)
{
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
        struct sock_filter filter[2 * ONLINE_WORDS + 2];
        struct sock_fprog program = { .len = G_N_ELEMENTS(filter), .filter = filter };
        int fd, r;

        /* The kernel multicasts a message for each event of any device. Only the messages that a
         * CPU has come online may wake us. */
        for (guint i = 0; i < ONLINE_WORDS; i++) {
                uint32_t word;

                memcpy(&word, &ONLINE_MESSAGE[4 * i], sizeof(word));
                filter[2 * i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 * i);
                filter[2 * i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                                 GUINT32_FROM_BE(word), 0,
                                                                 2 * (ONLINE_WORDS - i) - 1);
        }
        filter[2 * ONLINE_WORDS] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
        filter[2 * ONLINE_WORDS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
            bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        return fd;
}

void feed_heard(int fd)
{
        char byte;

        /* We only have to know that messages came, and ENOBUFS says so, too. Each read takes
         * one. */
        while (read(fd, &byte, sizeof(byte)) > 0 || errno == EINTR || errno == ENOBUFS)
                ;
}
