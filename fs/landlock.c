/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Landlock. Its header is younger than the systems that this is built on. So the numbers and
 * structures stand here, from Linux's include/uapi/linux/landlock.h and
 * Documentation/userspace-api/landlock.rst. */

#include "landlock.h"

#include <errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
        CREATE_RULESET_VERSION = 1, /* LANDLOCK_CREATE_RULESET_VERSION */
        RULE_PATH_BENEATH = 1,      /* LANDLOCK_RULE_PATH_BENEATH */
        ACCESS_FS_READ_FILE = 1 << 2,
        ACCESS_FS_READ_DIR = 1 << 3,
};

/* struct landlock_ruleset_attr */
typedef struct Ruleset {
        __u64 fs;     /* rights that are denied where no rule gives them */
        __u64 net;    /* ABI 4 */
        __u64 scoped; /* ABI 6 */
} Ruleset;

/* struct landlock_path_beneath_attr */
typedef struct PathBeneath {
        __u64 access;
        __s32 fd;
} __attribute__((packed)) PathBeneath;

/* All the rights that each ABI can deny. The kernel refuses a ruleset with rights that it does not
 * know. */
static Ruleset ruleset_of_abi(long abi)
{
        Ruleset ruleset = { .fs = (1 << 13) - 1 }; /* from EXECUTE to MAKE_SYM */

        if (abi >= 2)
                ruleset.fs |= 1 << 13; /* REFER */
        if (abi >= 3)
                ruleset.fs |= 1 << 14; /* TRUNCATE */
        if (abi >= 4)
                ruleset.net = 3; /* BIND_TCP, CONNECT_TCP */
        if (abi >= 5)
                ruleset.fs |= 1 << 15; /* IOCTL_DEV */
        if (abi >= 6)
                /* ABSTRACT_UNIX_SOCKET. Not SIGNAL: the filter lets no signal through, and the
                 * kernel would hold back those that tell of our end (see parent.h). */
                ruleset.scoped = 1;
        return ruleset;
}

static int add_rule(int ruleset, const LandlockRule *rule)
{
        PathBeneath beneath = {
                .access = (rule->files ? ACCESS_FS_READ_FILE : 0) |
                          (rule->lists ? ACCESS_FS_READ_DIR : 0),
                .fd = rule->fd,
        };

        if (rule->fd < 0)
                return 0;
        return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno
                                                                                           : 0;
}

int landlock_enter(const LandlockRule *rules, size_t n)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
        Ruleset ruleset = ruleset_of_abi(abi);
        size_t size = abi >= 6   ? sizeof(Ruleset)
                      : abi >= 4 ? offsetof(Ruleset, scoped)
                                 : offsetof(Ruleset, net);
        int fd, r = 0;

        /* The kernel has no Landlock, it is switched off, or the container that we are in does not
         * let the call through. Then seccomp has to be enough. */
        if (abi < 1)
                return 0;
        fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_rule(fd, &rules[i]);
        if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                r = -errno;
        close(fd);
        return r;
}
