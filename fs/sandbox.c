/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the daemon may still do once it serves.
 *
 * Four layers, each of them a thread's own and inherited by the threads that it starts:
 * capabilities, no_new_privs, Landlock (from Linux 5.13 on), seccomp. seccomp is the wall: bpf(2),
 * perf_event_open(2) and the mount need CAP_SYS_ADMIN, which would permit nearly anything else.
 *
 * Under Landlock nobody may unmount, and a daemon that is told to end has to. So a second thread,
 * the keeper, is made before the door closes. It has a much shorter list of system calls, and
 * sleeps.
 *
 * A system call that is not listed fails with ENOSYS. To kill the process would turn every new
 * version of the C library that tries a new system call into an outage; and where such a call fails
 * with ENOSYS, but not with EPERM, libraries go on with the older one.
 */

#include "sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <linux/types.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The runtimes of the sanitizers read /proc/self, and the one that looks for leaks stops all
 * threads with ptrace(2) from a process that it clones. Builds with them are for tests: they get
 * what follows under SANITIZED in addition. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
        __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct Sandbox {
        pthread_t keeper;
        bool has_keeper;
        int fdinfo; /* /proc/self/fdinfo, or -1 */

        /* For what follows. Of pthreads, since ThreadSanitizer can't see the locks of GLib. */
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool started;
        int result; /* of the keeper's start */
        bool ending;
        void (*func)(void *data); /* NULL: nothing to do */
        void *data;
};

/* Capabilities */

/* Keeps at most the one capability, or none if @keep is -1, in the calling thread. */
static int cut_capabilities(int keep)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

        /* Needs CAP_SETPCAP, which an ordinary user has not; but then there is nothing to cut. */
        for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        /* Without ambient capabilities (before Linux 4.3) there are none to clear. */
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);

        if (syscall(SYS_capget, &header, sets) < 0)
                return -errno;
        for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
                uint32_t kept = keep >= 0 && keep / 32 == (int)i ? CAP_TO_MASK(keep) : 0;

                sets[i].permitted &= kept;
                sets[i].effective = sets[i].permitted;
                sets[i].inheritable = 0;
        }
        return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

/* Landlock. Its header is younger than the systems that this is built on: Linux's
 * include/uapi/linux/landlock.h and Documentation/userspace-api/landlock.rst. */

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

/* Everything that each ABI can deny. Rights that the kernel does not know make it refuse the whole.
 */
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
                ruleset.scoped = 3; /* ABSTRACT_UNIX_SOCKET, SIGNAL */
        return ruleset;
}

/* No file but those beneath the directory @readable (none if that is -1) is opened from now on. */
static int enter_landlock(int readable)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
        PathBeneath rule = { .access = ACCESS_FS_READ_FILE, .fd = readable };
        Ruleset ruleset = ruleset_of_abi(abi);
        size_t size = abi >= 6   ? sizeof(Ruleset)
                      : abi >= 4 ? offsetof(Ruleset, scoped)
                                 : offsetof(Ruleset, net);
        int fd, r = 0;

        /* The kernel has it not, it is switched off, or whoever contains us does not let it
         * through: seccomp has to do alone. */
        if (abi < 1)
                return 0;
        if (SANITIZED)
                rule.access |= ACCESS_FS_READ_DIR;
        fd = syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
        if (fd < 0)
                return -errno;
        if ((readable >= 0 &&
             syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0) < 0) ||
            syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                r = -errno;
        close(fd);
        return r;
}

/* seccomp */

enum {
        KERNEL = 1 << SANDBOX_KERNEL,
        OBJECT = 1 << SANDBOX_OBJECT,
        SERVING = KERNEL | OBJECT,
        KEEPER = 1 << 2,
        ALL = SERVING | KEEPER,
};

/* A system call that those in @who may make, if its arguments are as @args say. Several rules for
 * one call: if one of them holds. */
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

#define BPF_COMMAND(command)                                                                       \
        {                                                                                          \
                "bpf", KERNEL, 1,                                                                  \
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

/* What opening a file for anything but reading it needs. */
#define OPEN_BITS (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

#define MAP_KIND 0x0f /* MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE */

static const Rule rules[] = {
        /* Requests and replies, the log, and what is polled. */
        { "read", ALL },
        { "readv", SERVING },
        { "write", ALL },
        { "writev", ALL },
        { "close", ALL },
        { "poll", ALL },
        { "ppoll", ALL },
        { "ppoll_time64", ALL },
        { "epoll_wait", SERVING },
        { "epoll_pwait", SERVING },
        { "epoll_ctl", SERVING },
        { "pread64", SERVING },
        { "lseek", SERVING },
        /* syslog(3) sends on a socket that it has connected before: no address can be given. */
        { "send", ALL },
        { "sendto", ALL, 1, { ZERO(4) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_GETFD) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_SETFD) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_GETFL) } },
        { "fcntl", ALL, 1, { INT_IS(1, F_SETFL) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_GETFD) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_SETFD) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_GETFL) } },
        { "fcntl64", ALL, 1, { INT_IS(1, F_SETFL) } },
        /* isatty(3), for stdio. */
        { "ioctl", ALL, 1, { INT_IS(1, TCGETS) } },
        /* A daemon lets go of its terminal when the tree answers. */
        { "dup2", SERVING, 1, { { 1, SCMP_CMP_LE, STDERR_FILENO } } },
        { "dup3", SERVING, 1, { { 1, SCMP_CMP_LE, STDERR_FILENO } } },

        /* Files: Landlock says which. */
        { "openat", KERNEL, 1, { BITS_ARE(2, OPEN_BITS, 0) } },
        { "fstat", ALL },
        { "fstat64", ALL },
        { "stat", ALL },
        { "stat64", ALL },
        { "lstat", ALL },
        { "lstat64", ALL },
        { "newfstatat", ALL },
        { "fstatat64", ALL },
        { "statx", ALL },

/* Memory: none that can be executed, and none that is shared, for the mapping of a BPF map
 * would write it. MADV_HWPOISON (100) and MADV_SOFT_OFFLINE (101) are no advice. */
#ifdef __s390__
        /* The arguments are in memory, where no filter can see them. */
        { "mmap", ALL },
#else
        { "mmap", ALL, 2, { BITS_ARE(2, PROT_EXEC, 0), BITS_ARE(3, MAP_KIND, MAP_PRIVATE) } },
#endif
        { "mmap2", ALL, 2, { BITS_ARE(2, PROT_EXEC, 0), BITS_ARE(3, MAP_KIND, MAP_PRIVATE) } },
        { "mprotect", ALL, 1, { BITS_ARE(2, PROT_EXEC, 0) } },
        { "munmap", ALL },
        { "mremap", ALL },
        { "madvise", ALL, 1, { { 2, SCMP_CMP_LT, 100 } } },
        { "madvise", ALL, 1, { { 2, SCMP_CMP_GT, 101 } } },
        { "brk", ALL },

        /* Threads. */
        { "clone", SERVING, 1, { BITS_ARE(CLONE_FLAGS, CLONE_BITS, CLONE_THREAD) } },
        { "futex", ALL },
        { "futex_time64", ALL },
        { "set_robust_list", ALL },
        { "rseq", ALL },
        { "sched_yield", ALL },
        { "sched_getaffinity", ALL },
        { "prctl", SERVING, 1, { INT_IS(0, PR_SET_NAME) } },
        { "exit", ALL },
        { "exit_group", ALL },

        /* Signals: pthread_kill(3) and abort(3) are given below. */
        { "rt_sigaction", ALL },
        { "rt_sigprocmask", ALL },
        { "rt_sigreturn", ALL },
        { "sigreturn", ALL },
        { "rt_sigtimedwait", SERVING },
        { "rt_sigtimedwait_time64", SERVING },
        { "sigaltstack", ALL },
        { "restart_syscall", ALL },

        /* What tells and changes nothing. */
        { "getpid", ALL },
        { "gettid", ALL },
        { "getuid", ALL },
        { "geteuid", ALL },
        { "getgid", ALL },
        { "getegid", ALL },
        { "getuid32", ALL },
        { "geteuid32", ALL },
        { "getgid32", ALL },
        { "getegid32", ALL },
        { "getrandom", ALL },
        { "getrlimit", ALL },
        { "prlimit64", ALL, 2, { ZERO(0), ZERO(2) } },
        { "sysinfo", ALL },
        { "clock_gettime", ALL },
        { "clock_gettime64", ALL },
        { "clock_getres", ALL },
        { "clock_getres_time64", ALL },
        { "gettimeofday", ALL },
        { "time", ALL },
        { "nanosleep", SERVING },
        { "clock_nanosleep", SERVING },
        { "clock_nanosleep_time64", SERVING },

        /* BPF: the commands that read. None of them opens a map for writing that could then be
         * written, for that takes a command or a mapping that is not here. */
        BPF_COMMAND(BPF_MAP_LOOKUP_ELEM),
        BPF_COMMAND(BPF_PROG_GET_NEXT_ID),
        BPF_COMMAND(BPF_MAP_GET_NEXT_ID),
        BPF_COMMAND(BPF_PROG_GET_FD_BY_ID),
        BPF_COMMAND(BPF_MAP_GET_FD_BY_ID),
        BPF_COMMAND(BPF_OBJ_GET_INFO_BY_FD),
        BPF_COMMAND(BPF_BTF_GET_FD_BY_ID),
        BPF_COMMAND(BPF_BTF_GET_NEXT_ID),
        BPF_COMMAND(BPF_LINK_GET_FD_BY_ID),
        BPF_COMMAND(BPF_LINK_GET_NEXT_ID),

        { "umount2", KEEPER },
        { "umount", KEEPER },

#if SANITIZED
        { "clone", ALL },
        { "clone3", ALL },
        { "dup", ALL },
        { "getcwd", ALL },
        { "getdents", ALL },
        { "getdents64", ALL },
        { "getppid", ALL },
        { "open", ALL, 1, { BITS_ARE(1, OPEN_BITS, 0) } },
        { "openat", ALL, 1, { BITS_ARE(2, OPEN_BITS, 0) } },
        { "personality", ALL },
        { "pipe", ALL },
        { "pipe2", ALL },
        { "prctl", ALL },
        { "process_vm_readv", ALL },
        { "ptrace", ALL },
        { "readlink", ALL },
        { "readlinkat", ALL },
        { "wait4", ALL },
        { "waitid", ALL },
#endif
};

static int add_rule(scmp_filter_ctx filter, uint32_t action, const Rule *rule)
{
        int number = seccomp_syscall_resolve_name(rule->name);

        /* Not every architecture has every one, nor does an old libseccomp know them all. */
        if (number == __NR_SCMP_ERROR)
                return 0;
        return seccomp_rule_add_array(filter, action, number, rule->n_args, rule->args);
}

/* What is known only when the process runs. */
static int add_own_rules(scmp_filter_ctx filter, unsigned int who, size_t ring_length)
{
        const Rule signals = { "tgkill", ALL, 1, { INT_IS(0, getpid()) } };
        /* Rings for a CPU that comes online: any CPU, but no task and no group. No ioctl(2) on them
         * is allowed, so that no program can be attached. A BPF map that is at least as long and
         * can be mapped is not kept from being written that way: so bells, too, are mapped with
         * that length, though a page would do. */
        const Rule ring[] = {
                { "perf_event_open",
                  KERNEL,
                  3,
                  { INT_IS(1, -1), INT_IS(3, -1), { 4, SCMP_CMP_EQ, PERF_FLAG_FD_CLOEXEC } } },
                { "mmap",
                  KERNEL,
                  4,
                  { { 1, SCMP_CMP_EQ, ring_length },
                    { 2, SCMP_CMP_EQ, PROT_READ | PROT_WRITE },
                    { 3, SCMP_CMP_EQ, MAP_SHARED },
                    ZERO(5) } },
                { "mmap2",
                  KERNEL,
                  4,
                  { { 1, SCMP_CMP_EQ, ring_length },
                    { 2, SCMP_CMP_EQ, PROT_READ | PROT_WRITE },
                    { 3, SCMP_CMP_EQ, MAP_SHARED },
                    ZERO(5) } },
        };
        int r = add_rule(filter, SCMP_ACT_ALLOW, &signals);

        for (guint i = 0; r == 0 && i < G_N_ELEMENTS(ring); i++)
                if (ring_length > 0 && (ring[i].who & who))
                        r = add_rule(filter, SCMP_ACT_ALLOW, &ring[i]);
        return r;
}

static int enter_seccomp(unsigned int who, size_t ring_length)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
        int r;

        if (!filter)
                return -ENOMEM;
        /* System calls of another architecture (32-bit ones on a 64-bit kernel) have other numbers.
         */
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        for (guint i = 0; r == 0 && i < G_N_ELEMENTS(rules); i++)
                if (rules[i].who & who)
                        r = add_rule(filter, SCMP_ACT_ALLOW, &rules[i]);
        if (r == 0)
                r = add_own_rules(filter, who, ring_length);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}

/* The keeper */

static void *keep(void *data)
{
        Sandbox *sandbox = data;
        int r = cut_capabilities(CAP_SYS_ADMIN);

        if (r == 0)
                r = enter_seccomp(KEEPER, 0);
        pthread_mutex_lock(&sandbox->mutex);
        sandbox->started = true;
        sandbox->result = r;
        pthread_cond_broadcast(&sandbox->changed);
        while (!sandbox->ending) {
                if (sandbox->func) {
                        sandbox->func(sandbox->data);
                        sandbox->func = NULL;
                        pthread_cond_broadcast(&sandbox->changed);
                } else {
                        pthread_cond_wait(&sandbox->changed, &sandbox->mutex);
                }
        }
        pthread_mutex_unlock(&sandbox->mutex);
        return NULL;
}

static int start_keeper(Sandbox *sandbox)
{
        sigset_t all, before;
        int r;

        /* Signals are for the thread that serves. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&sandbox->keeper, NULL, keep, sandbox);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        sandbox->has_keeper = true;
        pthread_mutex_lock(&sandbox->mutex);
        while (!sandbox->started)
                pthread_cond_wait(&sandbox->changed, &sandbox->mutex);
        pthread_mutex_unlock(&sandbox->mutex);
        return sandbox->result;
}

void sandbox_call_outside(Sandbox *sandbox, void (*func)(void *data), void *data)
{
        pthread_mutex_lock(&sandbox->mutex);
        sandbox->func = func;
        sandbox->data = data;
        pthread_cond_broadcast(&sandbox->changed);
        while (sandbox->func)
                pthread_cond_wait(&sandbox->changed, &sandbox->mutex);
        pthread_mutex_unlock(&sandbox->mutex);
}

void sandbox_free(Sandbox *sandbox)
{
        if (!sandbox)
                return;
        if (sandbox->has_keeper) {
                pthread_mutex_lock(&sandbox->mutex);
                sandbox->ending = true;
                pthread_cond_broadcast(&sandbox->changed);
                pthread_mutex_unlock(&sandbox->mutex);
                pthread_join(sandbox->keeper, NULL);
        }
        if (sandbox->fdinfo >= 0)
                close(sandbox->fdinfo);
        pthread_mutex_destroy(&sandbox->mutex);
        pthread_cond_destroy(&sandbox->changed);
        g_free(sandbox);
}

/* The whole */

void sandbox_close_inherited(void)
{
        /* From Linux 5.9 on. On older kernels what was inherited stays open: the daemon uses none.
         * The number is the kernel headers', for an older C library has no name of its own. */
        syscall(__NR_close_range, STDERR_FILENO + 1, UINT_MAX, 0);
}

/* What libraries load when they are first used, while there still are files. */
static void load_ahead(void)
{
        /* pthread_cancel(3), by which libfuse ends its threads, unwinds with it. It stays loaded.
         */
        dlopen("libgcc_s.so.1", RTLD_NOW);
        /* syslog(3) writes local time. */
        tzset();
}

static int shut(Sandbox *sandbox, SandboxKind kind, size_t ring_length, const char **what)
{
        int r;

        *what = "no_new_privs";
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        *what = "the thread that unmounts";
        r = start_keeper(sandbox);
        if (r < 0)
                return r;

        /* A rule holds for an inode, and those of /proc are made anew when they have been dropped
         * from memory: the open descriptor keeps this one. */
        if (SANITIZED)
                sandbox->fdinfo = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
        else if (kind == SANDBOX_KERNEL)
                sandbox->fdinfo = open("/proc/self/fdinfo", O_PATH | O_DIRECTORY | O_CLOEXEC);
        *what = "Landlock";
        r = enter_landlock(sandbox->fdinfo);
        if (r < 0)
                return r;
        *what = "capabilities";
        r = cut_capabilities(kind == SANDBOX_KERNEL ? CAP_SYS_ADMIN : -1);
        if (r < 0)
                return r;
        *what = "seccomp";
        return enter_seccomp(1 << kind, ring_length);
}

int sandbox_enter(Sandbox **out, SandboxKind kind, size_t ring_length, GError **error)
{
        g_autoptr(Sandbox) sandbox = g_new0(Sandbox, 1);
        const char *what = NULL;
        int r;

        sandbox->fdinfo = -1;
        pthread_mutex_init(&sandbox->mutex, NULL);
        pthread_cond_init(&sandbox->changed, NULL);
        load_ahead();
        r = shut(sandbox, kind, ring_length, &what);
        if (r < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot give up rights that serving does not need (%s): %s", what,
                            g_strerror(-r));
                return r;
        }
        *out = g_steal_pointer(&sandbox);
        return 0;
}
