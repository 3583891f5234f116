/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The inner loops of the benchmark. Every command does the same to each of its objects in turn, A B
 * C A B C ..., and prints a line of JSON: for each object the median of the rounds in nanoseconds.
 *
 * - probe read ROUNDS TIMES FILE...: open, read and close a file, TIMES in a row
 *
 * - probe trip ROUNDS TIMES DIRECTORY...: statfs(2), TIMES in a row; on FUSE, each is a request
 * that costs the daemon nothing
 *
 * - probe list ROUNDS DIRECTORY...: read a directory, and stat() every entry that is a number
 *
 * - probe sweep ROUNDS NAME IDS DIRECTORY...: read a directory, and DIRECTORY/ID/NAME for each line
 * of IDS
 *
 * - probe spawn ROUNDS COMMAND...: run a shell command; its output is read through a pipe
 *
 * - probe watch MILLISECONDS FILE: read a file every so often, until it is killed
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Work {
        unsigned int times; /* read, trip */
        const char *name;   /* sweep */
        char **ids;         /* sweep */
} Work;

/* Does the work once. Returns how many things it did it to. */
typedef unsigned int Action(const Work *work, const char *object);

static uint64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

G_NORETURN static void die(const char *what, int error)
{
        fprintf(stderr, "probe: %s: %s\n", what, g_strerror(error));
        exit(1);
}

static int compare(gconstpointer a, gconstpointer b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static void read_file(const char *path)
{
        char bytes[4096];
        int fd = open(path, O_RDONLY);

        if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
                die(path, errno);
        close(fd);
}

static unsigned int act_read(const Work *work, const char *file)
{
        for (unsigned int i = 0; i < work->times; i++)
                read_file(file);
        return work->times;
}

static unsigned int act_trip(const Work *work, const char *directory)
{
        struct statfs stat;

        for (unsigned int i = 0; i < work->times; i++)
                if (statfs(directory, &stat) < 0)
                        die(directory, errno);
        return work->times;
}

/* Reads the directory. Of each entry that is a number, stat() if do_stat. Returns their number. */
static unsigned int read_directory(const char *path, bool do_stat)
{
        DIR *directory = opendir(path);
        struct dirent *entry;
        struct stat attr;
        unsigned int n = 0;

        if (!directory)
                die(path, errno);
        while ((entry = readdir(directory))) {
                if (!g_ascii_isdigit(entry->d_name[0]))
                        continue;
                n++;
                /* Other programs of the machine may have been unloaded meanwhile. */
                if (do_stat && fstatat(dirfd(directory), entry->d_name, &attr, 0) < 0 &&
                    errno != ENOENT)
                        die(entry->d_name, errno);
        }
        closedir(directory);
        return n;
}

static unsigned int act_list(const Work *work, const char *path)
{
        return read_directory(path, true);
}

static unsigned int act_sweep(const Work *work, const char *path)
{
        char file[PATH_MAX];
        unsigned int n = 0;

        read_directory(path, false);
        for (; work->ids[n] && work->ids[n][0]; n++) {
                snprintf(file, sizeof(file), "%s/%s/%s", path, work->ids[n], work->name);
                read_file(file);
        }
        return n;
}

/* A pipe, as grep and tar do less when their output is /dev/null. Returns the bytes printed. */
static unsigned int act_spawn(const Work *work, const char *command)
{
        char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
        char bytes[65536];
        posix_spawn_file_actions_t actions;
        unsigned int printed = 0;
        int fds[2], status, r;
        ssize_t n;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                die("pipe", errno);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        r = posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ);
        if (r != 0)
                die(command, r);
        posix_spawn_file_actions_destroy(&actions);
        close(fds[1]);
        while ((n = read(fds[0], bytes, sizeof(bytes))) > 0)
                printed += n;
        close(fds[0]);
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
                die(command, ECHILD);
        return printed;
}

G_NORETURN static void watch(unsigned int pause, const char *file)
{
        for (;;) {
                read_file(file);
                g_usleep(pause * 1000);
        }
}

static void measure(Action *action, const Work *work, unsigned int rounds, char **objects)
{
        guint n = g_strv_length(objects);
        g_autofree uint64_t *ns = g_new0(uint64_t, (gsize)n * rounds);
        g_autofree unsigned int *counts = g_new0(unsigned int, n);

        for (unsigned int round = 0; round < rounds; round++)
                for (guint i = 0; i < n; i++) {
                        uint64_t start = now();

                        counts[i] = action(work, objects[i]);
                        ns[i * rounds + round] = now() - start;
                }
        fputs("{\"ns\": [", stdout);
        for (guint i = 0; i < n; i++) {
                qsort(ns + i * rounds, rounds, sizeof(*ns), compare);
                printf("%s%" PRIu64, i ? ", " : "", ns[i * rounds + rounds / 2]);
        }
        fputs("], \"counts\": [", stdout);
        for (guint i = 0; i < n; i++)
                printf("%s%u", i ? ", " : "", counts[i]);
        puts("]}");
}

int main(int argc, char **argv)
{
        const char *command = argc > 3 ? argv[1] : "";
        unsigned int rounds = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
        g_auto(GStrv) ids = NULL;
        Work work = { 0 };

        if (rounds > 0 && (strcmp(command, "read") == 0 || strcmp(command, "trip") == 0)) {
                work.times = strtoul(argv[3], NULL, 10);
                measure(*command == 'r' ? act_read : act_trip, &work, rounds, argv + 4);
        } else if (rounds > 0 && strcmp(command, "list") == 0) {
                measure(act_list, &work, rounds, argv + 3);
        } else if (rounds > 0 && strcmp(command, "sweep") == 0 && argc > 5) {
                g_autofree char *text = NULL;

                if (!g_file_get_contents(argv[4], &text, NULL, NULL))
                        die(argv[4], errno);
                ids = g_strsplit(text, "\n", -1);
                work.name = argv[3];
                work.ids = ids;
                measure(act_sweep, &work, rounds, argv + 5);
        } else if (rounds > 0 && strcmp(command, "watch") == 0) {
                watch(rounds, argv[3]);
        } else if (rounds > 0 && strcmp(command, "spawn") == 0) {
                measure(act_spawn, &work, rounds, argv + 3);
        } else {
                fputs("Usage: probe read|trip|list|sweep|spawn|watch NUMBER ...\n", stderr);
                return 1;
        }
        return 0;
}
