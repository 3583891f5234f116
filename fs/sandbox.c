/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Takes rights away from the processes of the daemon.
 *
 * There are four layers: capabilities, no_new_privs, Landlock (from Linux 5.13 on), and seccomp.
 * Each belongs to a thread, and threads that it starts inherit it. seccomp is the wall: bpf(2) and
 * the unmount need CAP_SYS_ADMIN, which would permit nearly anything else.
 *
 * The brokers have no Landlock, since it forbids to unmount or to copy a mount. Their filter lets
 * them open directories at most, and no file.
 */

#include "sandbox.h"

#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CAPABILITY(number) (UINT64_C(1) << (number))

/* To see the descriptors of a process takes the right to trace it; the calls that trace are not
 * allowed (filter.c). */
#define LOOKING                                                                                    \
        (CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_DAC_READ_SEARCH) | CAPABILITY(CAP_SYS_PTRACE))

/* The capabilities that each role keeps, if it has them. The brokers find the mount point by its
 * path, and pins by theirs: these may lead through directories that only their owners may
 * search. */
static const uint64_t capabilities[] = {
        [SANDBOX_KERNEL] = CAPABILITY(CAP_SYS_ADMIN),
        [SANDBOX_CONTENTS] = CAPABILITY(CAP_SYS_ADMIN),
        [SANDBOX_OBJECT] = 0,
        [SANDBOX_RECEIVER] = 0,
        [SANDBOX_BROKER] = CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_DAC_READ_SEARCH),
        [SANDBOX_PINS_BROKER] = LOOKING,
        [SANDBOX_EVENTS_BROKER] = LOOKING,
        [SANDBOX_NETNS_BROKER] = LOOKING,
        [SANDBOX_LOGGER] = 0,
};

static int cut_capabilities(uint64_t kept)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

        /* Needs CAP_SETPCAP. An ordinary user does not have that, but then there is nothing to
         * cut. */
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        /* Without ambient capabilities (before Linux 4.3) there are none to clear. */
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

        if (syscall(SYS_capget, &header, sets) < 0)
                return -errno;
        for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
                sets[i].permitted &= (uint32_t)(kept >> (32 * i));
                sets[i].effective = sets[i].permitted;
                sets[i].inheritable = 0;
        }
        return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static void close_range_of(unsigned int first, unsigned int last)
{
        /* From Linux 5.9 on. The number is the kernel headers', for an older C library has no name
         * of its own. */
        if (first <= last)
                syscall(__NR_close_range, first, last, 0);
}

static int compare_fds(const void *a, const void *b)
{
        return *(const int *)a - *(const int *)b;
}

void sandbox_close_all_but(int *fds, size_t n)
{
        unsigned int first = 0;

        qsort(fds, n, sizeof(*fds), compare_fds);
        for (size_t i = 0; i < n; i++) {
                if (fds[i] > 0)
                        close_range_of(first, fds[i] - 1);
                first = fds[i] + 1;
        }
        close_range_of(first, UINT_MAX);
}

void sandbox_close_inherited(void)
{
        /* On older kernels inherited descriptors stay open; the daemon does not use them. */
        close_range_of(STDERR_FILENO + 1, UINT_MAX);
}

/* The one directory whose files the role reads, open for good; or -1. */
static int open_readable(SandboxRole role)
{
        const char *path = NULL;

        if (SANITIZED)
                path = "/proc/self";
        else if (role == SANDBOX_KERNEL || role == SANDBOX_CONTENTS)
                path = "/proc/self/fdinfo";
        return path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

static bool is_broker(SandboxRole role)
{
        return role == SANDBOX_BROKER || role == SANDBOX_PINS_BROKER ||
               role == SANDBOX_EVENTS_BROKER || role == SANDBOX_NETNS_BROKER;
}

static int shut_files(SandboxRole role, const char *listed)
{
        LandlockRule rules[] = {
                { .fd = open_readable(role), .files = true, .lists = SANITIZED },
                { .fd = listed ? open(listed, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1,
                  .lists = true },
        };
        int r = landlock_enter(rules, G_N_ELEMENTS(rules));

        /* It must not make anything there busy for umount(2). */
        if (rules[1].fd >= 0)
                close(rules[1].fd);
        return r;
}

static int shut(SandboxRole role, const char *listed, const char **what)
{
        int r = 0;

        *what = "no_new_privs";
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        *what = "Landlock";
        if (!is_broker(role))
                r = shut_files(role, listed);
        if (r < 0)
                return r;
        *what = "capabilities";
        r = cut_capabilities(capabilities[role]);
        if (r < 0)
                return r;
        *what = "seccomp";
        return filter_enter(role);
}

int sandbox_enter(SandboxRole role, const char *listed, GError **error)
{
        const char *what;
        int r;

        /* syslog(3) writes local time, and reads the zone's file when it is first used. */
        tzset();
        r = shut(role, listed, &what);
        if (r < 0)
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot give up rights that serving does not need (%s): %s", what,
                            g_strerror(-r));
        return r;
}
