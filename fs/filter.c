/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which system calls a thread may make.
 *
 * A call that is not listed fails with ENOSYS. If such a call killed the process, every new version
 * of the C library that tries a new system call would be an outage. And if the call fails with
 * ENOSYS, but not if it fails with EPERM, libraries go on with the older one.
 */

#include "filter.h"

#include <errno.h>
#include <glib.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        CONTENTS = 1 << SANDBOX_CONTENTS,
        KERNEL = 1 << SANDBOX_KERNEL | CONTENTS,
        OBJECT = 1 << SANDBOX_OBJECT,
        RECEIVER = 1 << SANDBOX_RECEIVER,
        NETNS = 1 << SANDBOX_NETNS_BROKER,
        EVENTS = 1 << SANDBOX_EVENTS_BROKER | NETNS,
        PINS = 1 << SANDBOX_PINS_BROKER | EVENTS,
        BROKER = 1 << SANDBOX_BROKER | PINS,
        LOGGER = 1 << SANDBOX_LOGGER,
        SERVING = KERNEL | OBJECT,
        ALL = SERVING | RECEIVER | BROKER | LOGGER,
};

/* A system call that the roles in @who may make, if its arguments are as @args say. If there are
 * several rules for one call, one of them has to hold. */
typedef struct Rule {
        const char *name;
        unsigned int who;
        unsigned int n_args;
        struct scmp_arg_cmp args[4];
} Rule;

/* The kernel takes an int from the lower half of a register and ignores the rest. */
#define INT_IS(index, value)                                                                       \
        {                                                                                          \
                (index), SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value)                         \
        }
#define ZERO(index)                                                                                \
        {                                                                                          \
                (index), SCMP_CMP_EQ, 0                                                            \
        }
#define BITS_ARE(index, mask, value)                                                               \
        {                                                                                          \
                (index), SCMP_CMP_MASKED_EQ, (mask), (value)                                       \
        }

#define BPF_COMMAND(command, who)                                                                  \
        {                                                                                          \
                "bpf", (who), 1,                                                                   \
                {                                                                                  \
                        INT_IS(0, command)                                                         \
                }                                                                                  \
        }

/* A new thread, not a process, and in no new namespace. */
#define CLONE_BITS                                                                                 \
        (CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |              \
         CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE)
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* The flags with which a file is opened for anything but reading. */
#define OPEN_BITS (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* open_tree(2) makes a copy of one mount (linux/mount.h), and not of those below it. */
#define TREE_CLONE 1
#define TREE_BITS (TREE_CLONE | AT_RECURSIVE)
/* The directory is a descriptor, not AT_FDCWD. */
#define FD_SIGN 0x80000000u

/* These flags say whether a mapping is of a file, and who shares it: MAP_SHARED, MAP_PRIVATE and
 * MAP_SHARED_VALIDATE are numbers in the lowest four bits. */
#define MAP_BITS (0x0f | MAP_ANONYMOUS)
#define MAP_OWN (MAP_PRIVATE | MAP_ANONYMOUS)

/*
 * Memory: none that can be executed, and none of a descriptor, since a BPF map that is mapped can
 * be written. The receiver maps the event rings, and those that it only
 * reads for reading. It has a table of descriptors of its own, with
 * nothing else in it that could be mapped (see receiver.c). @call: mmap or mmap2.
 */
#define MEMORY(call)                                                                               \
        { call, ALL, 2, { BITS_ARE(2, PROT_EXEC, 0), BITS_ARE(3, MAP_BITS, MAP_OWN) } },           \
        {                                                                                          \
                call, RECEIVER, 2,                                                                 \
                {                                                                                  \
                        BITS_ARE(2, ~(scmp_datum_t)PROT_WRITE, PROT_READ),                         \
                        {                                                                          \
                                3, SCMP_CMP_EQ, MAP_SHARED                                         \
                        }                                                                          \
                }                                                                                  \
        }

static const Rule rules[] = {
        /* Requests and replies, questions and answers, the log, and poll(2). */
        { "read", ALL },
        { "write", ALL },
        { "writev", SERVING },
        { "close", ALL },
        { "poll", ALL },
        { "ppoll", ALL },
        { "ppoll_time64", ALL },
        { "epoll_wait", KERNEL },
        { "epoll_pwait", KERNEL },
        { "epoll_ctl", RECEIVER },
        /* The sockets are connected: no address can be given. */
        { "send", SERVING | BROKER | LOGGER },
        { "sendto", SERVING | BROKER | LOGGER, 1, { ZERO(4) } },
        /* Answers of rtnetlink, with their sender. */
        { "recvfrom", KERNEL | NETNS },
        { "sendmsg", EVENTS },
        { "recvmsg", RECEIVER },
        { "fcntl", ALL, 1, { INT_IS(1, F_GETFD) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_SETFD) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_GETFL) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_SETFL) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_GETFD) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_SETFD) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_GETFL) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_SETFL) } },
        /* stdio and isatty(3) ask these things of a descriptor. */
        { "lseek", SERVING },
        { "_llseek", SERVING },
        /* Only to the beginning: from another position in /proc/PID/mem, the memory of that process
         * could be read. */
        { "lseek", PINS, 2, { ZERO(1), INT_IS(2, SEEK_SET) } },
        { "_llseek", PINS, 3, { ZERO(1), ZERO(2), INT_IS(4, SEEK_SET) } },
        { "ioctl", SERVING, 1, { INT_IS(1, TCGETS) } },
        /* A daemon lets go of its terminal when the tree answers. */
        { "dup2", SERVING, 1, { { 1, SCMP_CMP_LE, STDERR_FILENO } } },
        { "dup3", SERVING, 1, { { 1, SCMP_CMP_LE, STDERR_FILENO } } },

        /* Files: Landlock decides which. */
        { "openat", KERNEL, 1, { BITS_ARE(2, OPEN_BITS, 0) } },
        { "pread64", KERNEL },
        { "getdents64", KERNEL },
        { "fstat", SERVING | PINS },
        { "fstat64", SERVING | PINS },
        { "stat", SERVING },
        { "stat64", SERVING },
        { "lstat", SERVING },
        { "lstat64", SERVING },
        { "newfstatat", SERVING | PINS },
        { "fstatat64", SERVING | PINS },
        { "statx", SERVING | BROKER },

        /* Directories of pins, in copies of their mounts, to which no path leads and none can be
         * made. Processes and their descriptors in /proc: no path can be told from another, so any
         * file can be read to which the process has a right. */
        { "openat", PINS, 1, { BITS_ARE(2, OPEN_BITS, 0) } },
        { "readlinkat", PINS },
        { "getdents64", PINS },
        { "chdir", PINS },
        { "fchdir", PINS },
        { "inotify_add_watch", PINS },
        { "inotify_rm_watch", PINS },
        { "open_tree", PINS, 1, { BITS_ARE(2, TREE_BITS, TREE_CLONE) } },
        { "mount_setattr", PINS, 2, { BITS_ARE(0, FD_SIGN, 0), INT_IS(2, AT_EMPTY_PATH) } },

        /* Network namespaces, and in each a socket to rtnetlink. Of addresses the kernel takes only
         * those of rtnetlink for such a socket, and the others that the broker has are connected
         * for good. */
        { "setns", NETNS, 1, { INT_IS(1, CLONE_NEWNET) } },
        { "socket",
          NETNS,
          3,
          { INT_IS(0, AF_NETLINK), INT_IS(1, SOCK_RAW | SOCK_CLOEXEC), INT_IS(2, NETLINK_ROUTE) } },
        { "connect", NETNS },
        { "setsockopt", NETNS, 2, { INT_IS(1, SOL_SOCKET), INT_IS(2, SO_RCVTIMEO) } },

        /* A receiver of the log that was started anew has another socket. No filter sees its path,
         * but most that others serve are not for datagrams. */
        { "socket",
          LOGGER,
          3,
          { INT_IS(0, AF_UNIX), INT_IS(1, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK), ZERO(2) } },
        { "connect", LOGGER },

/* The arguments are in memory, where no filter can see them. */
#ifdef __s390__
        { "mmap", ALL },
#else
        MEMORY("mmap"),
#endif
        MEMORY("mmap2"),
        { "mprotect", ALL, 1, { BITS_ARE(2, PROT_EXEC, 0) } },
        { "munmap", ALL },
        { "mremap", ALL },
        /* MADV_HWPOISON (100) and MADV_SOFT_OFFLINE (101) are no advice. */
        { "madvise", ALL, 1, { { 2, SCMP_CMP_LT, 100 } } },
        { "madvise", ALL, 1, { { 2, SCMP_CMP_GT, 101 } } },
        { "brk", ALL },

        /* Threads. None is cancelled, and each ends by returning from its function: to cancel or
         * leave one in another way, the C library would have to load a library first. */
        { "clone", SERVING, 1, { BITS_ARE(CLONE_FLAGS, CLONE_BITS, CLONE_THREAD) } },
        { "futex", ALL },
        { "futex_time64", ALL },
        { "set_robust_list", ALL },
        { "rseq", ALL },
        { "sched_yield", ALL },
        { "sched_getaffinity", ALL },
        /* Of the thread itself. */
        { "sched_setaffinity", KERNEL, 1, { ZERO(0) } },
        { "prctl", SERVING, 1, { INT_IS(0, PR_SET_NAME) } },
        /* A daemon leaves its session when it begins to serve. */
        { "setsid", SERVING },
        { "exit", ALL },
        { "exit_group", ALL },

        /* Signals: pthread_kill(3) and abort(3) are given below. */
        { "rt_sigaction", ALL },
        { "rt_sigprocmask", ALL },
        { "rt_sigreturn", ALL },
        { "sigreturn", ALL },
        { "sigaltstack", ALL },
        { "restart_syscall", ALL },

        /* Calls that tell something and change nothing. */
        { "getpid", ALL },
        { "gettid", ALL },
        { "getrandom", ALL },
        { "sysinfo", ALL },
        { "clock_gettime", ALL },
        { "clock_gettime64", ALL },
        { "clock_getres", ALL },
        { "clock_getres_time64", ALL },
        { "gettimeofday", ALL },
        { "time", ALL },

        /* BPF: the commands that read. A map can be opened for writing, but not written: that takes
         * a command or a mapping that is not allowed here. */
        BPF_COMMAND(BPF_MAP_LOOKUP_ELEM, KERNEL),
        BPF_COMMAND(BPF_MAP_GET_NEXT_KEY, CONTENTS),
        BPF_COMMAND(BPF_MAP_LOOKUP_BATCH, CONTENTS),
        BPF_COMMAND(BPF_PROG_GET_NEXT_ID, KERNEL),
        BPF_COMMAND(BPF_MAP_GET_NEXT_ID, KERNEL),
        BPF_COMMAND(BPF_PROG_GET_FD_BY_ID, KERNEL),
        BPF_COMMAND(BPF_MAP_GET_FD_BY_ID, KERNEL),
        BPF_COMMAND(BPF_OBJ_GET_INFO_BY_FD, KERNEL | PINS),
        BPF_COMMAND(BPF_BTF_GET_FD_BY_ID, KERNEL),
        BPF_COMMAND(BPF_BTF_GET_NEXT_ID, KERNEL),
        BPF_COMMAND(BPF_LINK_GET_FD_BY_ID, KERNEL),
        BPF_COMMAND(BPF_LINK_GET_NEXT_ID, KERNEL),
        BPF_COMMAND(BPF_PROG_QUERY, KERNEL | NETNS),
        /* There is no other way to learn what is pinned. It gives no more than the right to open
         * all objects by their ids, which this process has anyway. */
        BPF_COMMAND(BPF_OBJ_GET, PINS),

        /* Event rings: of a CPU, but of no task and no group. The argument that says what an event
         * reports is in memory, where no filter can see it, and it may ask for the stack of any
         * process: so only the broker opens events. No ioctl(2) on them is allowed, so no program
         * can be attached. */
        { "perf_event_open",
          EVENTS,
          3,
          { INT_IS(1, -1), INT_IS(3, -1), { 4, SCMP_CMP_EQ, PERF_FLAG_FD_CLOEXEC } } },

        { "umount2", BROKER },
        { "umount", BROKER },

#if SANITIZED
        { "clock_nanosleep", ALL },
        { "clock_nanosleep_time64", ALL },
        { "clone", ALL },
        { "clone3", ALL },
        { "dup", ALL },
        { "fstat", ALL },
        { "getcwd", ALL },
        { "getdents", ALL },
        { "getdents64", ALL },
        { "getppid", ALL },
        { "getrlimit", ALL },
        { "lseek", ALL },
        { "mmap", ALL, 2, { BITS_ARE(2, PROT_EXEC, 0), BITS_ARE(3, 0x0f, MAP_PRIVATE) } },
        { "nanosleep", ALL },
        { "newfstatat", ALL },
        { "open", ALL, 1, { BITS_ARE(1, OPEN_BITS, 0) } },
        { "openat", ALL, 1, { BITS_ARE(2, OPEN_BITS, 0) } },
        { "personality", ALL },
        { "pipe", ALL },
        { "pipe2", ALL },
        { "prctl", ALL },
        { "prlimit64", ALL, 2, { ZERO(0), ZERO(2) } },
        { "process_vm_readv", ALL },
        { "ptrace", ALL },
        { "readlink", ALL },
        { "readlinkat", ALL },
        { "stat", ALL },
        { "wait4", ALL },
        { "waitid", ALL },
#endif
};

static int add_rule(scmp_filter_ctx filter, const Rule *rule)
{
        int number = seccomp_syscall_resolve_name(rule->name);

        /* Not every architecture has every call, and an old libseccomp does not know all of
         * them. */
        if (number == __NR_SCMP_ERROR)
                return 0;
        return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, rule->n_args, rule->args);
}

int filter_enter(SandboxRole role)
{
        const Rule signals = { "tgkill", ALL, 1, { INT_IS(0, getpid()) } };
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int r;

        if (!filter)
                return -ENOMEM;
        /* System calls of another architecture (32-bit ones on a 64-bit kernel) have other numbers.
         */
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        for (guint i = 0; r == 0 && i < G_N_ELEMENTS(rules); i++)
                if (rules[i].who & 1u << role)
                        r = add_rule(filter, &rules[i]);
        if (r == 0)
                r = add_rule(filter, &signals);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}
