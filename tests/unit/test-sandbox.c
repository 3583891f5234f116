/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The sandbox from inside: what must fail does, and what serving needs works.
 *
 * Each thing is tried in a process of its own, first without the sandbox, where it must succeed: so
 * a thing that fails for another reason shows.
 */

#include "filter.h"
#include "pins-look.h"
#include "process-look.h"
#include "process.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if SANITIZED
/* ThreadSanitizer starts a thread, and would end a child of the process that has it. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
        return "die_after_fork=0:atexit_sleep_ms=0";
}
#endif

/* What is there before the door closes. */
typedef struct World {
        char *dir;     /* a directory of our own */
        char *file;    /* in it */
        char *mounted; /* in it, and mounted */
        char *bpffs;   /* the same */
        int map;       /* an array that user space can map, of one page and more */
        int prog;      /* a socket filter */
        int perf;      /* an event of this process */
        uint32_t map_id;
        uint32_t prog_id;
        bool landlock;   /* the kernel has it */
        bool setattr;    /* and mount_setattr(2) */
        int pair[2];     /* connected datagram sockets */
        pid_t victim;    /* a process that sleeps */
        int drop_caches; /* open for writing */
        int opened;      /* the file, open for reading */
        int directory;   /* dir, open for reading */
        char *pin;       /* of the map, in bpffs */
        PinsLook *look;
} World;

#define N_ROLES (SANDBOX_LOGGER + 1)
#define OUTSIDE -1

enum {
        RECEIVER = 1 << SANDBOX_RECEIVER,
        NETNS = 1 << SANDBOX_NETNS_BROKER,
        EVENTS = 1 << SANDBOX_EVENTS_BROKER | NETNS,
        PINS = 1 << SANDBOX_PINS_BROKER | EVENTS,
        CONTENTS = 1 << SANDBOX_CONTENTS,
        KERNEL = 1 << SANDBOX_KERNEL | CONTENTS,
        BROKERS = 1 << SANDBOX_BROKER | PINS,
        LOGGER = 1 << SANDBOX_LOGGER,
};

#define RESULT(call) ((call) < 0 ? errno : 0)
#define MAP_BYTES (1u << 20)

static bool has_landlock(void)
{
        /* landlock_create_ruleset(2) with LANDLOCK_CREATE_RULESET_VERSION */
        return syscall(444, NULL, 0, 1) > 0;
}

static int make_map(void)
{
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

        return bpf_map_create(BPF_MAP_TYPE_ARRAY, "sandboxed", 4, MAP_BYTES, 1, &opts);
}

static int open_perf(void)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_DUMMY,
        };

        return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static int load_prog(void)
{
        const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
                { .code = BPF_JMP | BPF_EXIT },
        };

        return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "sandboxed", "GPL", insns,
                             G_N_ELEMENTS(insns), NULL);
}

static void make_file(const char *path)
{
        g_assert_true(g_file_set_contents(path, "text", -1, NULL));
}

/* In a process and a mount namespace of its own, so that everything ends with it. */
static void enter_world(World *world)
{
        struct bpf_map_info map_info = { 0 };
        struct bpf_prog_info prog_info = { 0 };
        uint32_t len;
        int fds[2];
        char byte;

        g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
        g_assert_cmpint(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
        g_assert_cmpint(mount("none", "/mnt", "tmpfs", 0, NULL), ==, 0);
        world->dir = g_strdup("/mnt");
        world->file = g_build_filename(world->dir, "file", NULL);
        make_file(world->file);
        world->opened = open(world->file, O_RDONLY | O_CLOEXEC);
        g_assert_cmpint(world->opened, >=, 0);
        world->mounted = g_build_filename(world->dir, "mounted", NULL);
        g_assert_cmpint(mkdir(world->mounted, 0755), ==, 0);
        g_assert_cmpint(mount("none", world->mounted, "tmpfs", 0, NULL), ==, 0);
        world->bpffs = g_build_filename(world->dir, "bpffs", NULL);
        g_assert_cmpint(mkdir(world->bpffs, 0755), ==, 0);
        g_assert_cmpint(mount("none", world->bpffs, "bpf", 0, NULL), ==, 0);
        world->directory = open(world->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(world->directory, >=, 0);

        world->landlock = has_landlock();
        world->setattr = syscall(442, -1, "", 0, NULL, 0) == 0 || errno != ENOSYS;
        world->map = make_map();
        g_assert_cmpint(world->map, >=, 0);
        world->pin = g_build_filename(world->bpffs, "map", NULL);
        g_assert_cmpint(bpf_obj_pin(world->map, world->pin), ==, 0);
        world->look = pins_look_new();
        world->prog = load_prog();
        g_assert_cmpint(world->prog, >=, 0);
        world->perf = open_perf();
        g_assert_cmpint(world->perf, >=, 0);
        len = sizeof(map_info);
        g_assert_cmpint(bpf_obj_get_info_by_fd(world->map, &map_info, &len), ==, 0);
        world->map_id = map_info.id;
        len = sizeof(prog_info);
        g_assert_cmpint(bpf_obj_get_info_by_fd(world->prog, &prog_info, &len), ==, 0);
        world->prog_id = prog_info.id;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, world->pair), ==, 0);
        world->drop_caches = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
        /* It ends with us: then the pipe's other end is closed. The signal that a parent's death
         * can send does not leave the sandbox. */
        g_assert_cmpint(pipe(fds), ==, 0);
        world->victim = fork();
        if (world->victim == 0) {
                close(fds[1]);
                _exit(read(fds[0], &byte, 1) != 0);
        }
        close(fds[0]);
}

typedef int (*TryFunc)(World *world);

/* What a process says that makes a world, goes into the sandbox unless @role is OUTSIDE, and calls
 * @func: 0 or an errno value. */
static int try_in(int role, TryFunc func)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                g_autoptr(GError) error = NULL;
                World world = { 0 };

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                enter_world(&world);
                if (role != OUTSIDE)
                        sandbox_enter(role, NULL, &error);
                g_assert_no_error(error);
                _exit(func(&world));
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* What must fail: 0 if it succeeded */

static int wait_for(pid_t pid)
{
        int status;

        if (pid < 0)
                return errno;
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int try_exec(World *world)
{
        char *const argv[] = { (char *)"true", NULL };

        return RESULT(execv("/bin/true", argv));
}

static int try_execveat(World *world)
{
        char *const argv[] = { (char *)"true", NULL };

        return RESULT(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, environ, 0));
}

static int try_fork(World *world)
{
        pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
                _exit(0);
        return wait_for(pid);
}

static int try_clone3(World *world)
{
        uint64_t args[8] = { [4] = SIGCHLD };
        pid_t pid = syscall(SYS_clone3, args, sizeof(args));

        if (pid == 0)
                _exit(0);
        return wait_for(pid);
}

static int try_unshare(World *world)
{
        return RESULT(unshare(CLONE_NEWNS));
}

static int try_setns(World *world)
{
        return RESULT(setns(world->map, 0)) == EINVAL ? 0 : errno;
}

/* With one that is of another kind, the kernel refuses. */
static int try_setns_net(World *world)
{
        return RESULT(setns(world->map, CLONE_NEWNET)) == EINVAL ? 0 : errno;
}

static int try_setns_mount(World *world)
{
        return RESULT(setns(world->map, CLONE_NEWNS)) == EINVAL ? 0 : errno;
}

static int try_read_file(World *world)
{
        return RESULT(open(world->file, O_RDONLY | O_CLOEXEC));
}

static int try_write_file(World *world)
{
        return RESULT(open(world->file, O_WRONLY | O_CLOEXEC));
}

static int try_read_write(World *world)
{
        return RESULT(open(world->file, O_RDWR | O_CLOEXEC));
}

static int try_create(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_truncate(World *world)
{
        return RESULT(open(world->file, O_RDONLY | O_TRUNC | O_CLOEXEC));
}

static int try_tmpfile(World *world)
{
        return RESULT(open(world->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static int try_openat2(World *world)
{
        uint64_t how[3] = { O_WRONLY };

        return RESULT(syscall(__NR_openat2, AT_FDCWD, world->file, how, sizeof(how)));
}

static int try_old_open(World *world)
{
#ifdef SYS_open
        return RESULT(syscall(SYS_open, world->file, O_WRONLY));
#else
        return try_write_file(world);
#endif
}

static int try_memory(World *world)
{
        return RESULT(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int try_environment(World *world)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/environ", world->victim);

        return RESULT(open(path, O_RDONLY | O_CLOEXEC));
}

/* Of another process: by a position, or from one on. */
static int try_read_memory(World *world)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/mem", world->victim);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        uint64_t bytes;

        if (fd < 0)
                return errno;
        if (pread(fd, &bytes, sizeof(bytes), (off_t)(uintptr_t)world) == sizeof(bytes))
                return 0;
        if (lseek(fd, (off_t)(uintptr_t)world, SEEK_SET) < 0)
                return errno;
        return read(fd, &bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : errno;
}

static int try_list_descriptors(World *world)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", world->victim);
        char target[64];
        int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return directory < 0 ? errno : RESULT(readlinkat(directory, "0", target, sizeof(target)));
}

static int try_unlink(World *world)
{
        return RESULT(unlink(world->file));
}

static int try_rename(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(rename(world->file, path));
}

static int try_link(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(link(world->file, path));
}

static int try_symlink(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(symlink("file", path));
}

static int try_mkdir(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(mkdir(path, 0700));
}

static int try_mknod(World *world)
{
        g_autofree char *path = g_build_filename(world->dir, "new", NULL);

        return RESULT(mknod(path, S_IFIFO | 0600, 0));
}

static int try_chmod(World *world)
{
        return RESULT(chmod(world->file, 0600));
}

static int try_chown(World *world)
{
        return RESULT(chown(world->file, 1, 1));
}

static int try_chroot(World *world)
{
        return RESULT(chroot(world->dir));
}

static int try_chdir(World *world)
{
        return RESULT(chdir(world->dir));
}

static int try_fchdir(World *world)
{
        return RESULT(fchdir(world->directory));
}

static int try_open_directory(World *world)
{
        return RESULT(open(world->mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_list_directory(World *world)
{
        char entries[4096];

        return RESULT(syscall(SYS_getdents64, world->directory, entries, sizeof(entries)));
}

static int try_watch(World *world)
{
        return RESULT(inotify_add_watch(pins_look_fd(world->look), world->bpffs, IN_CREATE));
}

/* open_tree(2) with OPEN_TREE_CLONE: newer than some libraries that this is built with. */
static int copy_mount(const char *path, unsigned int flags)
{
        return syscall(428, AT_FDCWD, path, 1 | O_CLOEXEC | flags);
}

static int try_copy_mount(World *world)
{
        return RESULT(copy_mount(world->bpffs, 0));
}

static int try_copy_mounts(World *world)
{
        return RESULT(copy_mount(world->dir, AT_RECURSIVE));
}

/* move_mount(2) with MOVE_MOUNT_F_EMPTY_PATH */
static int try_mount_copy(World *world)
{
        int fd = copy_mount(world->bpffs, 0);

        return RESULT(syscall(429, fd, "", AT_FDCWD, world->mounted, 4));
}

/* mount_setattr(2) with MOUNT_ATTR_NOATIME */
static int set_noatime(int fd, const char *path, unsigned int flags)
{
        const uint64_t attr[] = { 0x10, 0x70, 0, 0 };

        return syscall(442, fd, path, flags, attr, sizeof(attr));
}

static int try_change_copy(World *world)
{
        return RESULT(set_noatime(copy_mount(world->bpffs, 0), "", AT_EMPTY_PATH));
}

static int try_change_mount(World *world)
{
        return RESULT(set_noatime(AT_FDCWD, world->bpffs, 0));
}

static int try_change_mount_by_path(World *world)
{
        return RESULT(set_noatime(AT_FDCWD, world->bpffs, AT_EMPTY_PATH));
}

static int try_obj_get(World *world)
{
        return RESULT(bpf_obj_get(world->pin));
}

static int try_socket(World *world)
{
        return RESULT(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_udp(World *world)
{
        return RESULT(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int try_unix_socket(World *world)
{
        return RESULT(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* As the logger does. */
static int try_datagrams(World *world)
{
        return RESULT(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int try_packets(World *world)
{
        return RESULT(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

static int try_bind_socket(World *world)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        return RESULT(bind(world->pair[0], (struct sockaddr *)&address, sizeof(sa_family_t)));
}

static int try_netlink(World *world)
{
        return RESULT(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int try_rtnetlink(World *world)
{
        return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

static int try_netfilter(World *world)
{
        return RESULT(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
}

static int try_connect(World *world)
{
        struct sockaddr address = { .sa_family = AF_UNSPEC };

        return RESULT(connect(world->pair[0], &address, sizeof(address)));
}

static int try_sendto_address(World *world)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        /* Outside, the address is looked at and found to be that of nobody. */
        return sendto(world->pair[0], "x", 1, 0, (struct sockaddr *)&address, 3) < 0 &&
                               errno != ECONNREFUSED && errno != EISCONN && errno != EINVAL &&
                               errno != ENOENT
                       ? errno
                       : 0;
}

static int try_sendmsg(World *world)
{
        struct iovec iov = { .iov_base = (char *)"x", .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        return RESULT(sendmsg(world->pair[0], &message, 0));
}

static int try_io_uring(World *world)
{
        uint8_t params[120] = { 0 };
        int r = RESULT(syscall(SYS_io_uring_setup, 1, params));

        return r;
}

static int try_attach_filter(World *world)
{
        return RESULT(setsockopt(world->pair[0], SOL_SOCKET, SO_ATTACH_BPF, &world->prog,
                                 sizeof(world->prog)));
}

static int try_ptrace(World *world)
{
        return RESULT(ptrace(PTRACE_SEIZE, world->victim, NULL, NULL));
}

static int try_read_process(World *world)
{
        char here;
        struct iovec local = { .iov_base = &here, .iov_len = 1 };
        struct iovec remote = { .iov_base = (void *)world->dir, .iov_len = 1 };

        return RESULT(syscall(SYS_process_vm_readv, world->victim, &local, 1UL, &remote, 1UL, 0UL));
}

static int try_kill(World *world)
{
        return RESULT(kill(world->victim, SIGTERM));
}

static int try_tgkill(World *world)
{
        return RESULT(syscall(SYS_tgkill, world->victim, world->victim, SIGTERM));
}

static int try_pidfd(World *world)
{
        return RESULT(syscall(SYS_pidfd_open, world->victim, 0));
}

static int try_mount(World *world)
{
        return RESULT(mount("none", world->dir, "tmpfs", 0, NULL));
}

static int try_umount(World *world)
{
        return RESULT(umount2(world->mounted, MNT_DETACH));
}

static int try_fsopen(World *world)
{
        return RESULT(syscall(SYS_fsopen, "tmpfs", 0));
}

static int try_setuid(World *world)
{
        return RESULT(syscall(SYS_setresuid, 1, 1, 1));
}

static int try_setgid(World *world)
{
        return RESULT(syscall(SYS_setresgid, 1, 1, 1));
}

static int try_capset(World *world)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

        return RESULT(syscall(SYS_capset, &header, sets));
}

static int try_no_new_privs(World *world)
{
        return RESULT(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_personality(World *world)
{
        return RESULT(syscall(SYS_personality, 0));
}

static int try_hostname(World *world)
{
        char name[65] = "";

        return gethostname(name, sizeof(name)) < 0 ? errno
                                                   : RESULT(sethostname(name, strlen(name)));
}

static int try_settime(World *world)
{
        return RESULT(syscall(SYS_adjtimex, (void *)(uintptr_t)1)) == EFAULT ? 0 : errno;
}

static int try_reboot(World *world)
{
        /* Without the magic numbers, EINVAL is all that happens. */
        return RESULT(syscall(SYS_reboot, 0, 0, 0, NULL)) == EINVAL ? 0 : errno;
}

static int try_exec_mapping(World *world)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                               MAP_FAILED
                       ? errno
                       : 0;
}

static int try_exec_protection(World *world)
{
        void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return page == MAP_FAILED ? ENOMEM : RESULT(mprotect(page, 65536, PROT_READ | PROT_EXEC));
}

static int map_bpf(World *world, size_t length, int protection)
{
        return mmap(NULL, length, protection, MAP_SHARED, world->map, 0) == MAP_FAILED ? errno : 0;
}

static int try_map_for_writing(World *world)
{
        return map_bpf(world, MAP_BYTES, PROT_READ | PROT_WRITE);
}

/* No length is another's, as that of an event ring. */
static int try_any_map_for_writing(World *world)
{
        size_t page = sysconf(_SC_PAGESIZE);
        int r = ENOSYS;

        for (size_t length = page; r != 0 && length < MAP_BYTES; length += page)
                r = map_bpf(world, length, PROT_READ | PROT_WRITE);
        return r;
}

static int try_map_for_reading(World *world)
{
        return map_bpf(world, 4096, PROT_READ);
}

static int try_map_file(World *world)
{
        return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, world->opened, 0) == MAP_FAILED ? errno : 0;
}

static int try_map_perf(World *world)
{
        return mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, world->perf, 0) == MAP_FAILED
                       ? errno
                       : 0;
}

static int try_poison(World *world)
{
        /* Nothing is mapped there, which kernels say in two ways, and not every one knows the
         * advice. */
        syscall(SYS_madvise, 0, 4096, 100);
        return errno == ENOMEM || errno == EFAULT || errno == EINVAL ? 0 : errno;
}

static int try_dup(World *world)
{
        return RESULT(dup2(world->map, 100));
}

static int try_ioctl(World *world)
{
        int n;

        return RESULT(ioctl(world->pair[0], FIONREAD, &n));
}

static int try_prog_load(World *world)
{
        return RESULT(load_prog());
}

static int try_map_create(World *world)
{
        return RESULT(make_map());
}

static int try_map_update(World *world)
{
        g_autofree uint8_t *value = g_malloc0(MAP_BYTES);
        uint32_t key = 0;

        return RESULT(bpf_map_update_elem(world->map, &key, value, BPF_ANY));
}

static int try_map_delete(World *world)
{
        uint32_t key = 0;

        /* What an array answers. */
        return RESULT(bpf_map_delete_elem(world->map, &key)) == EINVAL ? 0 : errno;
}

static int try_map_freeze(World *world)
{
        return RESULT(bpf_map_freeze(world->map));
}

static int try_map_next_key(World *world)
{
        uint32_t key;

        return RESULT(bpf_map_get_next_key(world->map, NULL, &key));
}

static int try_map_batch(World *world)
{
        g_autofree uint8_t *value = g_malloc(MAP_BYTES);
        uint32_t key, next, n = 1;

        return RESULT(bpf_map_lookup_batch(world->map, NULL, &next, &key, value, &n, NULL));
}

static int try_pin(World *world)
{
        g_autofree char *path = g_build_filename(world->bpffs, "prog", NULL);

        return RESULT(bpf_obj_pin(world->prog, path));
}

static int try_bind(World *world)
{
        return RESULT(bpf_prog_bind_map(world->prog, world->map, NULL));
}

static int try_test_run(World *world)
{
        uint8_t packet[64] = { 0 };
        LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

        return RESULT(bpf_prog_test_run_opts(world->prog, &opts));
}

/* Outside, the kernel looks at what is to be attached to what, and finds nothing that fits. */
static int try_command(enum bpf_cmd command)
{
        union bpf_attr attr;

        memset(&attr, 0, sizeof(attr));
        syscall(SYS_bpf, command, &attr, sizeof(attr));
        return errno == ENOSYS || errno == EPERM ? errno : 0;
}

static int try_attach(World *world)
{
        return try_command(BPF_PROG_ATTACH);
}

static int try_detach(World *world)
{
        return try_command(BPF_PROG_DETACH);
}

static int try_link_create(World *world)
{
        return try_command(BPF_LINK_CREATE);
}

static int try_link_update(World *world)
{
        return try_command(BPF_LINK_UPDATE);
}

static int try_link_detach(World *world)
{
        return try_command(BPF_LINK_DETACH);
}

static int try_iterator(World *world)
{
        return try_command(BPF_ITER_CREATE);
}

static int try_batch_update(World *world)
{
        return try_command(BPF_MAP_UPDATE_BATCH);
}

static int try_batch_delete(World *world)
{
        return try_command(BPF_MAP_DELETE_BATCH);
}

static int try_take_element(World *world)
{
        return try_command(BPF_MAP_LOOKUP_AND_DELETE_ELEM);
}

static int try_task_query(World *world)
{
        return try_command(BPF_TASK_FD_QUERY);
}

static int try_query(World *world)
{
        int r = try_command(BPF_PROG_QUERY);

        /* Old kernels ask for CAP_NET_ADMIN as well. The filter says ENOSYS. */
        return r == EPERM ? 0 : r;
}

static int try_btf_load(World *world)
{
        return try_command(BPF_BTF_LOAD);
}

static int try_statistics(World *world)
{
        return RESULT(bpf_enable_stats(BPF_STATS_RUN_TIME));
}

static int try_raw_tracepoint(World *world)
{
        return try_command(BPF_RAW_TRACEPOINT_OPEN);
}

/* What is on the stack of @pid, or of whatever runs on the first CPU if that is -1. */
static int try_stacks(pid_t pid, int cpu)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = 1000000,
                .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
                .sample_regs_user = 1,
                .sample_stack_user = 8192,
                .disabled = 1,
        };

        return RESULT(syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

static int try_perf_of_process(World *world)
{
        return try_stacks(world->victim, -1);
}

static int try_perf_of_all(World *world)
{
        return try_stacks(-1, 0);
}

static int try_perf_with_group(World *world)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .size = sizeof(attr),
                .config = PERF_COUNT_SW_DUMMY,
        };

        return RESULT(
                syscall(SYS_perf_event_open, &attr, 0, -1, world->perf, PERF_FLAG_FD_CLOEXEC));
}

static int try_perf_ioctl(World *world)
{
        return RESULT(ioctl(world->perf, PERF_EVENT_IOC_PAUSE_OUTPUT, 0)) == EINVAL ? 0 : errno;
}

/* Outside, the kernel finds that nothing can be attached to this kind of event. */
static int try_perf_attach(World *world)
{
        return RESULT(ioctl(world->perf, PERF_EVENT_IOC_SET_BPF, world->prog)) == EINVAL ? 0
                                                                                         : errno;
}

static int try_keyctl(World *world)
{
        return RESULT(syscall(SYS_keyctl, 0, -3, 0)); /* KEYCTL_GET_KEYRING_ID of the session */
}

typedef struct Try {
        const char *name;
        TryFunc func;
        bool sanitizer_needs; /* the runtimes of the sanitizers may do it */
        bool by_landlock;     /* nothing else forbids it */
        unsigned int may;     /* roles that have to be able to do it */
} Try;

static const Try must_fail[] = {
        { "execve", try_exec },
        { "execveat", try_execveat },
        { "fork", try_fork, true },
        { "clone3", try_clone3, true },
        { "unshare", try_unshare },
        { "setns", try_setns },
        { "setns-net", try_setns_net, .may = NETNS },
        { "setns-mount", try_setns_mount },
        /* The brokers read files of processes, and no path can be told from another. */
        { "open-other-file", try_read_file, .by_landlock = true, .may = PINS },
        { "open-for-writing", try_write_file },
        { "open-read-write", try_read_write },
        { "open-creating", try_create },
        { "open-truncating", try_truncate },
        { "open-tmpfile", try_tmpfile },
        { "openat2", try_openat2 },
        { "open-old-call", try_old_open },
        { "proc-self-mem", try_memory },
        { "proc-environ", try_environment, .by_landlock = true, .may = PINS },
        { "proc-mem", try_read_memory, true, .by_landlock = true },
        { "proc-fd", try_list_descriptors, true, .by_landlock = true, .may = PINS },
        { "unlink", try_unlink },
        { "rename", try_rename },
        { "link", try_link },
        { "symlink", try_symlink },
        { "mkdir", try_mkdir },
        { "mknod", try_mknod },
        { "chmod", try_chmod },
        { "chown", try_chown },
        { "chroot", try_chroot },
        { "chdir", try_chdir, .may = PINS },
        { "fchdir", try_fchdir, .may = PINS },
        { "open-directory", try_open_directory, .by_landlock = true, .may = PINS },
        { "list-directory", try_list_directory, true, .may = PINS | KERNEL },
        { "inotify_add_watch", try_watch, .may = PINS },
        { "open_tree", try_copy_mount, .may = PINS },
        { "open_tree-recursive", try_copy_mounts },
        { "move_mount", try_mount_copy },
        { "mount_setattr", try_change_copy, .may = PINS },
        { "mount_setattr-mount", try_change_mount },
        { "mount_setattr-path", try_change_mount_by_path },
        { "socket-tcp", try_socket },
        { "socket-udp", try_udp },
        { "socket-unix", try_unix_socket },
        { "socket-unix-datagrams", try_datagrams, .may = LOGGER },
        { "socket-unix-packets", try_packets },
        { "bind", try_bind_socket },
        { "socket-netlink", try_netlink },
        { "socket-rtnetlink", try_rtnetlink, .may = NETNS },
        { "socket-netfilter", try_netfilter },
        { "connect", try_connect, .may = NETNS | LOGGER },
        { "sendto-address", try_sendto_address },
        { "sendmsg", try_sendmsg, .may = EVENTS },
        { "io_uring", try_io_uring },
        { "so-attach-bpf", try_attach_filter },
        { "ptrace", try_ptrace, true },
        { "process_vm_readv", try_read_process, true },
        { "kill", try_kill },
        { "tgkill", try_tgkill },
        { "pidfd_open", try_pidfd },
        { "mount", try_mount },
        { "umount", try_umount, .may = BROKERS },
        { "fsopen", try_fsopen },
        { "setuid", try_setuid },
        { "setgid", try_setgid },
        { "capset", try_capset },
        { "prctl", try_no_new_privs, true },
        { "personality", try_personality, true },
        { "sethostname", try_hostname },
        { "adjtimex", try_settime },
        { "reboot", try_reboot },
        { "mmap-exec", try_exec_mapping },
        { "mprotect-exec", try_exec_protection },
        /* The receiver's wall against these is another: see test-broker.c. */
        { "mmap-bpf-map-writable", try_map_for_writing, .may = RECEIVER },
        { "mmap-bpf-map-any-length", try_any_map_for_writing, .may = RECEIVER },
        { "mmap-bpf-map", try_map_for_reading, .may = RECEIVER },
        { "mmap-file", try_map_file, true },
        { "mmap-perf", try_map_perf, .may = RECEIVER },
        { "madvise-poison", try_poison },
        { "dup2", try_dup },
        { "ioctl", try_ioctl },
        { "bpf-prog-load", try_prog_load },
        { "bpf-map-create", try_map_create },
        { "bpf-map-update", try_map_update },
        { "bpf-map-delete", try_map_delete },
        { "bpf-map-freeze", try_map_freeze },
        { "bpf-map-next-key", try_map_next_key, .may = CONTENTS },
        { "bpf-map-batch", try_map_batch, .may = CONTENTS },
        { "bpf-obj-pin", try_pin },
        { "bpf-obj-get", try_obj_get, .may = PINS },
        { "bpf-prog-bind-map", try_bind },
        { "bpf-prog-test-run", try_test_run },
        { "bpf-prog-attach", try_attach },
        { "bpf-prog-detach", try_detach },
        { "bpf-link-create", try_link_create },
        { "bpf-link-update", try_link_update },
        { "bpf-link-detach", try_link_detach },
        { "bpf-iter-create", try_iterator },
        { "bpf-map-update-batch", try_batch_update },
        { "bpf-map-delete-batch", try_batch_delete },
        { "bpf-map-take", try_take_element },
        { "bpf-task-query", try_task_query },
        { "bpf-prog-query", try_query, .may = KERNEL | NETNS },
        { "bpf-btf-load", try_btf_load },
        { "bpf-enable-stats", try_statistics },
        { "bpf-raw-tracepoint", try_raw_tracepoint },
        { "perf-of-process", try_perf_of_process },
        { "perf-of-all", try_perf_of_all, .may = EVENTS },
        { "perf-with-group", try_perf_with_group },
        { "perf-ioctl", try_perf_ioctl },
        { "perf-set-bpf", try_perf_attach },
        { "keyctl", try_keyctl },
};

static void test_must_fail(const void *data)
{
        const Try *try = data;
        int outside = try_in(-1, try->func);

        if (SANITIZED && try->sanitizer_needs) {
                g_test_skip("the sanitizers may do it");
                return;
        }
        if (try->by_landlock && !has_landlock()) {
                g_test_skip("this kernel has no Landlock");
                return;
        }
        /* A kernel without it, or a container that forbids it, tells nothing of the sandbox. */
        if (outside == ENOSYS || outside == EPERM || outside == EPROTONOSUPPORT) {
                g_test_skip("cannot be done here without the sandbox either");
                return;
        }
        if (outside != 0)
                g_error("%s outside: %s", try->name, g_strerror(outside));
        for (int role = 0; role < N_ROLES; role++) {
                int inside;

                /* The sanitizers open files, and the brokers' other wall is that they may not. */
                if (SANITIZED && try->by_landlock && BROKERS & 1u << role)
                        continue;
                inside = try_in(role, try->func);
                if (try->may & 1u << role) {
                        if (inside != 0)
                                g_error("%s in role %d: %s", try->name, role, g_strerror(inside));
                        continue;
                }
                /* EPERM and EACCES: from Landlock, or for want of a capability. */
                if (inside != ENOSYS && inside != EPERM && inside != EACCES)
                        g_error("%s in role %d: %s", try->name, role,
                                inside ? g_strerror(inside) : "succeeded");
        }
}

/* What a serving thread starts is shut in as well. */
static void *thread_tries(void *data)
{
        World *world = data;

        return GINT_TO_POINTER(try_mount(world) != 0 && try_write_file(world) != 0 &&
                               try_prog_load(world) != 0 &&
                               (try_read_file(world) != 0 || !world->landlock));
}

static int try_in_thread(World *world)
{
        pthread_t thread;
        void *result = NULL;
        int r = pthread_create(&thread, NULL, thread_tries, world);

        if (r == 0)
                r = pthread_join(thread, &result);
        return r ? r : (result ? 0 : EIO);
}

static void test_threads(void)
{
        g_assert_cmpint(try_in(SANDBOX_KERNEL, try_in_thread), ==, 0);
        g_assert_cmpint(try_in(SANDBOX_OBJECT, try_in_thread), ==, 0);
}

/* What must work: 0 if it does */

#define NEED(condition)                                                                            \
        do {                                                                                       \
                if (!(condition)) {                                                                \
                        g_printerr("%s: %s\n", #condition, g_strerror(errno));                     \
                        return EIO;                                                                \
                }                                                                                  \
        } while (0)

static int need_bpf(World *world)
{
        g_autofree uint8_t *value = g_malloc(MAP_BYTES);
        struct bpf_prog_info prog_info = { 0 };
        struct bpf_map_info map_info = { 0 };
        uint32_t id, key = 0, len;
        struct btf *btf;
        int fd;

        NEED(bpf_prog_get_next_id(world->prog_id - 1, &id) == 0 && id == world->prog_id);
        NEED(bpf_map_get_next_id(world->map_id - 1, &id) == 0 && id == world->map_id);
        fd = bpf_prog_get_fd_by_id(world->prog_id);
        NEED(fd >= 0);
        len = sizeof(prog_info);
        NEED(bpf_obj_get_info_by_fd(fd, &prog_info, &len) == 0);
        NEED(strcmp(prog_info.name, "sandboxed") == 0);
        /* Without CAP_SYS_ADMIN the kernel blanks the instructions. */
        NEED(prog_info.xlated_prog_len > 0);
        NEED(close(fd) == 0);
        fd = bpf_map_get_fd_by_id(world->map_id);
        NEED(fd >= 0);
        len = sizeof(map_info);
        NEED(bpf_obj_get_info_by_fd(fd, &map_info, &len) == 0);
        NEED(bpf_map_lookup_elem(fd, &key, value) == 0);
        NEED(close(fd) == 0);
        if (bpf_btf_get_next_id(0, &id) == 0) {
                btf = btf__load_from_kernel_by_id(id);
                NEED(btf);
                btf__free(btf);
        }
        NEED(bpf_link_get_next_id(0, &id) == 0 || errno == ENOENT);
        return 0;
}

/* Also after the kernel has dropped the inodes that Landlock's rules were made for. */
static int need_fdinfo(World *world)
{
        g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", world->map);
        char text[1024] = "";
        int fd;

        for (int i = 0; i < 2; i++) {
                fd = open(path, O_RDONLY | O_CLOEXEC);
                NEED(fd >= 0);
                NEED(pread(fd, text, sizeof(text) - 1, 0) > 0);
                NEED(strstr(text, "\nfrozen:"));
                NEED(close(fd) == 0);
                NEED(write(world->drop_caches, "2", 1) == 1);
        }
        return 0;
}

/* What is pinned is found, and nothing hinders it. */
static int need_pins(World *world)
{
        g_autoptr(GByteArray) list = g_byte_array_new();

        pins_look_update(world->look);
        pins_look_list(world->look, list);
        /* Nothing is looked at then. */
        if (!world->setattr)
                return 0;
        NEED(memmem(list->data, list->len, world->pin, strlen(world->pin)));
        NEED(!memmem(list->data, list->len, "cannot be looked at", 19));
        NEED(!memmem(list->data, list->len, "not looked at", 13));
        NEED(!memmem(list->data, list->len, "not readable", 12));
        return 0;
}

static int need_process(World *world)
{
        g_autoptr(GByteArray) text = g_byte_array_new();

        NEED(process_look(world->victim, text) == 0);
        NEED(text->len > sizeof(ProcessText));
        NEED(process_look(INT32_MAX, text) == -ESRCH);
        return 0;
}

static void *thread_allocates(void *data)
{
        g_autofree void *memory = g_malloc(1 << 24);

        memory = g_realloc(memory, 1 << 26);
        memset(memory, 1, 1 << 26);
        return data;
}

static int need_threads(World *world)
{
        pthread_t threads[8];
        void *result;

        for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
                NEED(pthread_create(&threads[i], NULL, thread_allocates, world) == 0);
        for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
                NEED(pthread_join(threads[i], &result) == 0);
                NEED(result == world);
        }
        return 0;
}

static int need_libc(World *world)
{
        struct timespec now;
        struct stat attr;
        struct tm tm;
        char buffer[16];

        NEED(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
        NEED(localtime_r(&now.tv_sec, &tm));
        NEED(fstat(world->map, &attr) == 0);
        NEED(isatty(STDERR_FILENO) || errno == ENOTTY || errno == EINVAL);
        NEED(fcntl(world->map, F_GETFD) >= 0);
        NEED(g_strerror(ENOENT));
        NEED(send(world->pair[0], "log", 3, MSG_NOSIGNAL) == 3);
        NEED(read(world->pair[1], buffer, sizeof(buffer)) == 3);
        NEED(dup2(world->pair[1], STDIN_FILENO) == STDIN_FILENO);
        return 0;
}

/* A receiver that comes after the sandbox is found, and the time is local. */
static int need_log(World *world)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/mnt/log" };
        time_t now = time(NULL);
        char buffer[16];
        struct tm tm;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        NEED(fd >= 0);
        NEED(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno == ENOENT);
        NEED(send(world->pair[0], "line", 4, MSG_NOSIGNAL) == 4);
        NEED(read(world->pair[1], buffer, sizeof(buffer)) == 4);
        NEED(localtime_r(&now, &tm));
        NEED(close(fd) == 0);
        return 0;
}

static guint64 capabilities_in(const char *text, const char *key)
{
        const char *at = strstr(text, key);

        return at ? g_ascii_strtoull(at + strlen(key), NULL, 16) : G_MAXUINT64;
}

/* What the kernel says of a process in the sandbox. */
static void test_status(void)
{
        static const char *const sets[] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:" };
        const guint64 admin = 1ull << CAP_SYS_ADMIN;
        const guint64 broker = admin | 1ull << CAP_DAC_READ_SEARCH;
        const guint64 looking = broker | 1ull << CAP_SYS_PTRACE;
        const guint64 kept[N_ROLES] = { admin, admin, 0, 0, broker, looking, looking, looking, 0 };

        for (int role = 0; role < N_ROLES; role++) {
                g_autofree char *path = NULL, *text = NULL;
                int fds[2], status;
                char byte;
                pid_t pid;

                g_assert_cmpint(pipe(fds), ==, 0);
                pid = fork();
                if (pid == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        if (sandbox_enter(role, NULL, NULL) < 0)
                                _exit(1);
                        if (write(fds[1], "x", 1) != 1)
                                _exit(1);
                        for (;;)
                                poll(NULL, 0, 1000);
                }
                close(fds[1]);
                g_assert_cmpint(read(fds[0], &byte, 1), ==, 1);
                close(fds[0]);
                path = g_strdup_printf("/proc/%d/status", pid);
                g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
                g_assert_nonnull(strstr(text, "NoNewPrivs:\t1\n"));
                g_assert_nonnull(strstr(text, "Seccomp:\t2\n"));
                for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
                        bool has = i == 1 || i == 2;

                        g_assert_cmphex(capabilities_in(text, sets[i]), ==, has ? kept[role] : 0);
                }
                kill(pid, SIGKILL);
                g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        }
}

/* Fewer rights than that are no reason not to start: an ordinary user shows an object file. */
static int need_user(World *world)
{
        g_autoptr(GError) error = NULL;

        NEED(syscall(SYS_setresgid, 65534, 65534, 65534) == 0);
        NEED(syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
        sandbox_enter(SANDBOX_OBJECT, NULL, &error);
        g_assert_no_error(error);
        NEED(try_write_file(world) != 0 && try_exec(world) != 0 && try_socket(world) != 0);
        return 0;
}

static int need_close_inherited(World *world)
{
        sandbox_close_inherited();
        NEED(fcntl(world->map, F_GETFD) < 0 && fcntl(world->pair[0], F_GETFD) < 0);
        NEED(fcntl(STDERR_FILENO, F_GETFD) >= 0);
        return 0;
}

static int need_close_all_but(World *world)
{
        int last = fcntl(world->map, F_DUPFD, 200);
        int fds[] = { world->pair[0], -1, STDERR_FILENO, last, world->map, world->map };

        sandbox_close_all_but(fds, G_N_ELEMENTS(fds));
        NEED(fcntl(world->map, F_GETFD) >= 0 && fcntl(world->pair[0], F_GETFD) >= 0);
        NEED(fcntl(STDERR_FILENO, F_GETFD) >= 0 && fcntl(last, F_GETFD) >= 0);
        NEED(fcntl(STDIN_FILENO, F_GETFD) < 0 && fcntl(world->pair[1], F_GETFD) < 0);
        NEED(fcntl(world->prog, F_GETFD) < 0 && fcntl(world->perf, F_GETFD) < 0);
        return 0;
}

#ifdef __x86_64__
/* Makes a system call of i386 in another process. Returns how that has ended. */
static int end_of_other_architecture(bool sandboxed)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                long number = 20; /* i386: getpid; x86-64: writev */

                /* A sanitizer makes an exit of it. */
                signal(SIGSEGV, SIG_DFL);
                if (sandboxed && sandbox_enter(SANDBOX_KERNEL, NULL, NULL) < 0)
                        _exit(1);
                __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
                _exit(number == getpid() ? 0 : 1);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        return status;
}
#endif

/* System calls of another architecture would have other numbers: whoever makes one is killed. */
static void test_other_architecture(void)
{
#ifdef __x86_64__
        int status;

        if (end_of_other_architecture(false) != 0) {
                g_test_skip("this machine has no system calls of i386");
                return;
        }
        status = end_of_other_architecture(true);
        g_assert_true(WIFSIGNALED(status));
        g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
#else
        g_test_skip("this architecture has no other");
#endif
}

typedef struct Need {
        const char *name;
        TryFunc func;
        int roles[3]; /* ended by -2 */
} Need;

static const Need must_work[] = {
        { "bpf", need_bpf, { SANDBOX_KERNEL, SANDBOX_CONTENTS, -2 } },
        { "fdinfo", need_fdinfo, { SANDBOX_KERNEL, SANDBOX_CONTENTS, -2 } },
        { "pins", need_pins, { SANDBOX_PINS_BROKER, SANDBOX_EVENTS_BROKER, -2 } },
        { "process", need_process, { SANDBOX_EVENTS_BROKER, -2 } },
        { "threads", need_threads, { SANDBOX_CONTENTS, SANDBOX_OBJECT, -2 } },
        { "libc", need_libc, { SANDBOX_KERNEL, SANDBOX_OBJECT, -2 } },
        { "log", need_log, { SANDBOX_LOGGER, -2 } },
        { "user", need_user, { OUTSIDE, -2 } },
        { "close-inherited", need_close_inherited, { OUTSIDE, -2 } },
        { "close-all-but", need_close_all_but, { OUTSIDE, -2 } },
};

static void test_must_work(const void *data)
{
        const Need *need = data;

        for (guint i = 0; need->roles[i] != -2; i++)
                g_assert_cmpint(try_in(need->roles[i], need->func), ==, 0);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        for (guint i = 0; i < G_N_ELEMENTS(must_fail); i++) {
                g_autofree char *path = g_strconcat("/sandbox/fails/", must_fail[i].name, NULL);

                g_test_add_data_func(path, &must_fail[i], test_must_fail);
        }
        for (guint i = 0; i < G_N_ELEMENTS(must_work); i++) {
                g_autofree char *path = g_strconcat("/sandbox/works/", must_work[i].name, NULL);

                g_test_add_data_func(path, &must_work[i], test_must_work);
        }
        g_test_add_func("/sandbox/threads", test_threads);
        g_test_add_func("/sandbox/status", test_status);
        g_test_add_func("/sandbox/other-architecture", test_other_architecture);
        return g_test_run();
}
