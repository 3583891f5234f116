/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads BPF programs for the benchmark and holds them: loader RARE-OBJECT COMMON-OBJECT. Of what it
 * holds, every tenth object is RARE-OBJECT. It reads commands from stdin, answers each with a line
 * of JSON, times in nanoseconds, and ends, its programs with it, when stdin does:
 *
 *      load N          load N more objects; the ids of all programs held
 *      unload          let go of all, and of the links
 *      attach N DIR    a link of each program held to one of the cgroups DIR/0 ... DIR/N-1
 *      crowd N         N processes that each hold two of the programs, among other descriptors:
 *                      their pids; they end with unload
 *      pin 1 DIR       pin each program held in DIR, by its id
 *      map N           make and hold a hash of N entries, whose values are structs; its id
 *      mark            the id of a program that was loaded and unloaded just now
 *      cost N          BPF_PROG_LOAD and close() of the smallest program, N times: CPU time, and
 *                      what passed meanwhile
 *      cost-object N   the same of an object, by libbpf
 *      gone N TREE     from the last close() of a program until stat() fails in TREE
 *      there N TREE    from libbpf's load of an object until its oncall can be read in TREE
 */

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RARE_EVERY 10
#define GIVE_UP_NS (1000 * 1000 * 1000ULL)

/* What RARE-OBJECT's oncall has to read as. */
#define RARE_ONCALL "net-team\n"

typedef struct Loader {
        const char *rare;
        const char *common;
        GArray *fds;   /* of the programs held */
        GArray *links; /* descriptors, too */
        GArray *crowd; /* pid_t */
        unsigned int objects;
} Loader;

/* Times of one command, and how often what was waited for did not come. */
typedef struct Times {
        GArray *ns;
        uint64_t wall; /* if they are CPU time: what passed meanwhile, in all */
        unsigned int missed;
} Times;

static uint64_t clock_ns(clockid_t clock)
{
        struct timespec time;

        clock_gettime(clock, &time);
        return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static uint64_t now(void)
{
        return clock_ns(CLOCK_MONOTONIC);
}

G_NORETURN static void die(const char *what, int error)
{
        fprintf(stderr, "loader: %s: %s\n", what, g_strerror(error));
        exit(1);
}

static int compare(gconstpointer a, gconstpointer b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t percentile(const GArray *sorted, unsigned int percent)
{
        return g_array_index(sorted, uint64_t, (guint64)(sorted->len - 1) * percent / 100);
}

static uint64_t mean(const GArray *ns)
{
        uint64_t sum = 0;

        for (guint i = 0; i < ns->len; i++)
                sum += g_array_index(ns, uint64_t, i);
        return sum / ns->len;
}

/* Answers with what was measured, and empties it. */
static void answer(Times *times)
{
        printf("{\"count\": %u, \"missed\": %u", times->ns->len + times->missed, times->missed);
        if (times->ns->len > 0) {
                g_array_sort(times->ns, compare);
                printf(", \"mean\": %" PRIu64 ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64
                       ", \"max\": %" PRIu64,
                       mean(times->ns), percentile(times->ns, 50), percentile(times->ns, 99),
                       percentile(times->ns, 100));
                if (times->wall > 0)
                        printf(", \"wall mean\": %" PRIu64, times->wall / times->ns->len);
        }
        puts("}");
        g_array_set_size(times->ns, 0);
        times->wall = 0;
        times->missed = 0;
}

static void add_time(Times *times, uint64_t since)
{
        uint64_t ns = now() - since;

        g_array_append_val(times->ns, ns);
}

/* Programs */

static struct bpf_object *load_object(const char *path)
{
        struct bpf_object *object = bpf_object__open_file(path, NULL);

        if (!object)
                die(path, errno);
        if (bpf_object__load(object) < 0)
                die(path, errno);
        return object;
}

static int load_small(void)
{
        static const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K },
                { .code = BPF_JMP | BPF_EXIT },
        };
        int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "bench", "GPL", insns,
                               G_N_ELEMENTS(insns), NULL);

        if (fd < 0)
                die("BPF_PROG_LOAD", -fd);
        return fd;
}

static uint32_t program_id(int fd)
{
        struct bpf_prog_info info = { 0 };
        uint32_t len = sizeof(info);

        if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
                die("BPF_OBJ_GET_INFO_BY_FD", errno);
        return info.id;
}

static uint32_t first_id(const struct bpf_object *object)
{
        return program_id(bpf_program__fd(bpf_object__next_program(object, NULL)));
}

/* Waits until the kernel has begun to free what was unloaded: with a thousand programs waiting for
 * that on each CPU, Linux 6.18 may never load another one (bpf_prog_pack_free(),
 * kernel/bpf/core.c). */
static void let_kernel_free(void)
{
        syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* How many programs are unloaded in between. */
#define UNLOADS 200

/* Commands */

/* Keeps the programs' descriptors alone: maps and BTF live as long as the programs do. */
static void hold(Loader *loader, const struct bpf_object *object)
{
        struct bpf_program *program;

        bpf_object__for_each_program(program, object)
        {
                int fd = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);

                if (fd < 0)
                        die("cannot hold a program", errno);
                g_array_append_val(loader->fds, fd);
        }
}

static void load(Loader *loader, unsigned int n)
{
        for (unsigned int i = 0; i < n; i++) {
                struct bpf_object *object =
                        load_object(loader->objects++ % RARE_EVERY ? loader->common : loader->rare);

                hold(loader, object);
                bpf_object__close(object);
        }
        fputs("{\"ids\": [", stdout);
        for (guint i = 0; i < loader->fds->len; i++)
                printf("%s%u", i ? ", " : "", program_id(g_array_index(loader->fds, int, i)));
        puts("]}");
}

/* How many programs there are is how many links there are: the kernel takes 64 of a cgroup. */
static void attach(Loader *loader, unsigned int n, const char *directory)
{
        for (guint i = 0; i < loader->fds->len; i++) {
                g_autofree char *path = g_strdup_printf("%s/%u", directory, i % n);
                int cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                int link = bpf_link_create(g_array_index(loader->fds, int, i), cgroup,
                                           BPF_CGROUP_INET_EGRESS, NULL);

                if (cgroup < 0 || link < 0)
                        die(path, errno);
                close(cgroup);
                g_array_append_val(loader->links, link);
        }
        puts("{}");
}

/* What a process of the crowd has open, standard descriptors included. */
#define CROWD_FDS 17
#define CROWD_PROGRAMS 2

G_NORETURN static void be_one(const Loader *loader, guint index)
{
        int fds[CROWD_PROGRAMS];

        for (guint i = 0; i < CROWD_PROGRAMS; i++)
                fds[i] = g_array_index(loader->fds, int,
                                       (index * CROWD_PROGRAMS + i) % loader->fds->len);
        /* Those that it keeps come first. */
        for (int i = 0; i < CROWD_PROGRAMS; i++)
                if (dup2(fcntl(fds[i], F_DUPFD, CROWD_FDS), i) < 0)
                        _exit(1);
        for (int i = CROWD_PROGRAMS; i < CROWD_FDS; i++)
                if (dup2(open("/dev/null", O_RDONLY), i) < 0)
                        _exit(1);
        syscall(__NR_close_range, CROWD_FDS, UINT_MAX, 0);
        for (;;)
                pause();
}

static void crowd(Loader *loader, guint n)
{
        for (guint i = 0; i < n; i++) {
                pid_t self = getpid(), pid = fork();

                if (pid < 0)
                        die("fork", errno);
                if (pid == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        if (getppid() == self)
                                be_one(loader, i);
                        _exit(1);
                }
                g_array_append_val(loader->crowd, pid);
        }
        fputs("{\"pids\": [", stdout);
        for (guint i = 0; i < n; i++)
                printf("%s%d", i ? ", " : "", g_array_index(loader->crowd, pid_t, i));
        puts("]}");
}

static void end_crowd(Loader *loader)
{
        for (guint i = 0; i < loader->crowd->len; i++)
                kill(g_array_index(loader->crowd, pid_t, i), SIGKILL);
        for (guint i = 0; i < loader->crowd->len; i++)
                waitpid(g_array_index(loader->crowd, pid_t, i), NULL, 0);
        g_array_set_size(loader->crowd, 0);
}

static void pin(const Loader *loader, const char *directory)
{
        for (guint i = 0; i < loader->fds->len; i++) {
                int fd = g_array_index(loader->fds, int, i);
                g_autofree char *path = g_strdup_printf("%s/%u", directory, program_id(fd));

                if (bpf_obj_pin(fd, path) < 0)
                        die(path, errno);
        }
        puts("{}");
}

static void unload(Loader *loader)
{
        end_crowd(loader);
        for (guint i = 0; i < loader->links->len; i++)
                close(g_array_index(loader->links, int, i));
        g_array_set_size(loader->links, 0);
        for (guint i = 0; i < loader->fds->len; i++) {
                close(g_array_index(loader->fds, int, i));
                if (i % UNLOADS == 0)
                        let_kernel_free();
        }
        g_array_set_size(loader->fds, 0);
        loader->objects = 0;
        puts("{}");
}

static void fill_map(unsigned int n)
{
        struct btf *btf = btf__new_empty();
        LIBBPF_OPTS(bpf_map_create_opts, opts);
        struct bpf_map_info info = { 0 };
        uint32_t size = sizeof(info);
        int number = btf__add_int(btf, "unsigned long long", 8, 0), fd;

        opts.btf_key_type_id = btf__add_int(btf, "unsigned int", 4, 0);
        opts.btf_value_type_id = btf__add_struct(btf, "traffic", 16);
        btf__add_field(btf, "packets", number, 0, 0);
        btf__add_field(btf, "bytes", number, 64, 0);
        if (btf__load_into_kernel(btf) < 0)
                die("BTF", errno);
        opts.btf_fd = btf__fd(btf);
        fd = bpf_map_create(BPF_MAP_TYPE_HASH, "traffic", 4, 16, n, &opts);
        btf__free(btf);
        for (uint32_t i = 0; fd >= 0 && i < n; i++) {
                const uint64_t value[] = { i, i * 1000 };

                if (bpf_map_update_elem(fd, &i, value, BPF_ANY) < 0)
                        die("update", errno);
        }
        if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
                die("map", errno);
        printf("{\"id\": %u}\n", info.id);
}

static void mark(void)
{
        int fd = load_small();

        printf("{\"id\": %u}\n", program_id(fd));
        close(fd);
}

/* CPU time is what the owner pays itself. The rest, who else runs meanwhile, is in the wall clock,
 * with all that others do on the machine. */
static void add_cost(Times *times, uint64_t cpu_start, uint64_t start)
{
        uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start;

        g_array_append_val(times->ns, cpu);
        times->wall += now() - start;
}

static void cost(Times *times, unsigned int n)
{
        for (unsigned int i = 0; i < n; i++) {
                uint64_t start = now(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);

                close(load_small());
                add_cost(times, cpu, start);
                if (i % UNLOADS == 0)
                        let_kernel_free();
        }
        answer(times);
}

static void cost_object(const Loader *loader, Times *times, unsigned int n)
{
        for (unsigned int i = 0; i < n; i++) {
                uint64_t start = now(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);

                bpf_object__close(load_object(loader->common));
                add_cost(times, cpu, start);
        }
        let_kernel_free();
        answer(times);
}

/* The stat() before the close() makes sure that there is something to be forgotten. */
static void gone(Times *times, unsigned int n, const char *tree)
{
        struct stat attr;

        for (unsigned int i = 0; i < n; i++) {
                int fd = load_small();
                g_autofree char *path = g_strdup_printf("%s/%u", tree, program_id(fd));
                uint64_t start;
                int r;

                if (stat(path, &attr) < 0)
                        die(path, errno);
                start = now();
                close(fd);
                do
                        r = stat(path, &attr);
                while (r == 0 && now() - start < GIVE_UP_NS);
                if (r < 0 && errno == ENOENT)
                        add_time(times, start);
                else
                        times->missed++;
        }
        answer(times);
}

static void there(const Loader *loader, Times *times, unsigned int n, const char *tree)
{
        for (unsigned int i = 0; i < n; i++) {
                struct bpf_object *object = load_object(loader->rare);
                uint64_t start = now();
                g_autofree char *path = g_strdup_printf("%s/%u/oncall", tree, first_id(object));
                char text[64] = "";
                int fd = open(path, O_RDONLY | O_CLOEXEC);

                if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 &&
                    strcmp(text, RARE_ONCALL) == 0)
                        add_time(times, start);
                else
                        times->missed++;
                if (fd >= 0)
                        close(fd);
                bpf_object__close(object);
        }
        answer(times);
}

static void obey(Loader *loader, Times *times, const char *line)
{
        g_auto(GStrv) words = g_strsplit(line, " ", 3);
        const char *command = words[0];
        unsigned int n = words[0] && words[1] ? strtoul(words[1], NULL, 10) : 0;
        const char *path = n && words[2] ? words[2] : "";

        if (g_strcmp0(command, "load") == 0)
                load(loader, n);
        else if (g_strcmp0(command, "unload") == 0)
                unload(loader);
        else if (g_strcmp0(command, "attach") == 0 && n > 0)
                attach(loader, n, path);
        else if (g_strcmp0(command, "crowd") == 0)
                crowd(loader, n);
        else if (g_strcmp0(command, "pin") == 0)
                pin(loader, path);
        else if (g_strcmp0(command, "map") == 0)
                fill_map(n);
        else if (g_strcmp0(command, "mark") == 0)
                mark();
        else if (g_strcmp0(command, "cost") == 0)
                cost(times, n);
        else if (g_strcmp0(command, "cost-object") == 0)
                cost_object(loader, times, n);
        else if (g_strcmp0(command, "gone") == 0)
                gone(times, n, path);
        else if (g_strcmp0(command, "there") == 0)
                there(loader, times, n, path);
        else
                die(line, EINVAL);
}

/* Ten thousand programs are ten times as many descriptors as are allowed by default. */
static void raise_limit(void)
{
        struct rlimit limit;

        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                die("RLIMIT_NOFILE", errno);
}

int main(int argc, char **argv)
{
        g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_autoptr(GArray) links = g_array_new(FALSE, FALSE, sizeof(int));
        g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
        g_autoptr(GArray) ns = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        Loader loader = { .fds = fds, .links = links, .crowd = pids };
        Times times = { .ns = ns };
        char line[PATH_MAX];

        if (argc != 3) {
                fputs("Usage: loader RARE-OBJECT COMMON-OBJECT\n", stderr);
                return 1;
        }
        loader.rare = argv[1];
        loader.common = argv[2];
        raise_limit();
        while (fgets(line, sizeof(line), stdin)) {
                line[strcspn(line, "\n")] = '\0';
                obey(&loader, &times, line);
                fflush(stdout);
        }
        return 0;
}
