/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads BPF programs for the benchmark and holds them: loader RARE-OBJECT COMMON-OBJECT. Of what it
 * holds, every tenth object is RARE-OBJECT. It reads commands from stdin, answers each with a line
 * of JSON, times in nanoseconds, and ends, its programs with it, when stdin does:
 *
 *      load N          load N more objects; the ids of all programs held
 *      unload          let go of all
 *      mark            the id of a program that was loaded and unloaded just now
 *      cost N          BPF_PROG_LOAD and close() of the smallest program, N times: CPU time, and
 *                      what passed meanwhile
 *      cost-object N   the same of an object, by libbpf
 *      gone N TREE     from the last close() of a program until stat() fails in TREE
 *      there N TREE    from libbpf's load of an object until its oncall can be read in TREE
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RARE_EVERY 10
#define GIVE_UP_NS (1000 * 1000 * 1000ULL)

/* What RARE-OBJECT's oncall has to read as. */
#define RARE_ONCALL "net-team\n"

typedef struct Loader {
        const char *rare;
        const char *common;
        GArray *fds; /* of the programs held */
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

static void unload(Loader *loader)
{
        for (guint i = 0; i < loader->fds->len; i++) {
                close(g_array_index(loader->fds, int, i));
                if (i % UNLOADS == 0)
                        let_kernel_free();
        }
        g_array_set_size(loader->fds, 0);
        loader->objects = 0;
        puts("{}");
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
        const char *tree = n && words[2] ? words[2] : "";

        if (g_strcmp0(command, "load") == 0)
                load(loader, n);
        else if (g_strcmp0(command, "unload") == 0)
                unload(loader);
        else if (g_strcmp0(command, "mark") == 0)
                mark();
        else if (g_strcmp0(command, "cost") == 0)
                cost(times, n);
        else if (g_strcmp0(command, "cost-object") == 0)
                cost_object(loader, times, n);
        else if (g_strcmp0(command, "gone") == 0)
                gone(times, n, tree);
        else if (g_strcmp0(command, "there") == 0)
                there(loader, times, n, tree);
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
        g_autoptr(GArray) ns = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        Loader loader = { .fds = fds };
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
