/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The logger: with real receivers that read, do not read, are missing and come again, and with its
 * own ends. Each thing is tried in a process and a mount namespace of its own, with its own /dev.
 */

#include "logger.c"
#include "filter.h"
#include "own-process.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <syslog.h>

static void make_null(void)
{
        g_assert_cmpint(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), ==, 0);
}

static void in_process(void (*func)(void))
{
        own_process("/dev", make_null, func);
}

static Logger *start(void)
{
        const LoggerWork work = { .name = "test", .device = -1 };
        g_autoptr(GError) error = NULL;
        Logger *logger = NULL;

        logger_new(&logger, &work, &error);
        g_assert_no_error(error);
        return logger;
}

/* A socket at /dev/log, which takes the place of another. */
static int receive(void)
{
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        unlink("/dev/log");
        g_assert_cmpint(bind(fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        return fd;
}

/* The next line that has come there, within some seconds; NULL: none. Owned by the caller. */
static char *next_line(int fd)
{
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        char text[8192];
        ssize_t n;

        if (poll(&poll_fd, 1, 10000) != 1)
                return NULL;
        n = read(fd, text, sizeof(text));
        g_assert_cmpint(n, >, 0);
        return g_strndup(text, n);
}

/* "<30>Nov 27 03:50:09 test[4711]: " and the line. */
static void assert_next(int fd, int priority, const char *wanted)
{
        g_autofree char *text = next_line(fd),
                        *head = g_strdup_printf("<%d>", LOG_DAEMON | priority);
        g_autofree char *who = g_strdup_printf(" test[%d]: ", getpid());
        char *at;

        g_assert_nonnull(text);
        g_assert_true(g_str_has_prefix(text, head));
        at = text + strlen(head);
        g_assert_true(g_ascii_isupper(at[0]) && at[3] == ' ' && at[6] == ' ' && at[9] == ':');
        g_assert_true(g_str_has_prefix(at + 15, who));
        g_assert_cmpstr(at + 15 + strlen(who), ==, wanted);
}

static void lines(void)
{
        g_autoptr(Logger) logger = start();
        g_autofree char *longest = g_strnfill(LOGGER_MAX_LINE + 100, 'x');
        g_autofree char *cut = g_strnfill(LOGGER_MAX_LINE, 'x');
        int fd = receive();

        g_assert_true(logger_put(logger, LOG_INFO, "event=load %s %n"));
        g_assert_true(logger_put(logger, LOG_WARNING, longest));
        g_assert_true(logger_put(logger, LOG_NOTICE, ""));
        assert_next(fd, LOG_INFO, "event=load %s %n");
        assert_next(fd, LOG_WARNING, cut);
        assert_next(fd, LOG_NOTICE, "");
}

static void test_lines(void)
{
        in_process(lines);
}

static void restarted(void)
{
        g_autoptr(Logger) logger = start();
        int fd = receive();

        logger_put(logger, LOG_INFO, "one");
        assert_next(fd, LOG_INFO, "one");
        for (int i = 0; i < 3; i++) {
                close(fd);
                fd = receive();
                logger_put(logger, LOG_INFO, "two");
                assert_next(fd, LOG_INFO, "two");
        }
        /* It is missing for a moment, and the line waits. */
        close(fd);
        unlink("/dev/log");
        logger_put(logger, LOG_INFO, "three");
        g_usleep(300000);
        fd = receive();
        assert_next(fd, LOG_INFO, "three");
}

static void test_restarted(void)
{
        in_process(restarted);
}

/* Then lines are lost, and it says how many. */
static void missing(void)
{
        g_autoptr(Logger) logger = start();
        int64_t begin = g_get_monotonic_time();
        int fd;

        for (int i = 0; i < 3; i++)
                logger_put(logger, LOG_INFO, "lost");
        g_usleep(LOGGER_PATIENCE * 1000 + 1500000);
        fd = receive();
        logger_put(logger, LOG_INFO, "kept");
        assert_next(fd, LOG_INFO, "kept");
        assert_next(fd, LOG_WARNING, "event=lost lines=3");
        g_assert_cmpint(g_get_monotonic_time() - begin, >=, LOGGER_PATIENCE * 1000);
        logger_put(logger, LOG_INFO, "more");
        assert_next(fd, LOG_INFO, "more");
}

static void test_missing(void)
{
        in_process(missing);
}

/* It is there and does not read. */
static void stuck(void)
{
        g_autoptr(Logger) logger = start();
        int fd = receive(), n = 5000, got = 0;
        unsigned long lost = 0;

        for (int i = 0; i < n; i++)
                g_assert_true(logger_put(logger, LOG_INFO, "line"));
        while (got + (int)lost < n) {
                g_autofree char *text = next_line(fd);
                const char *at;

                g_assert_nonnull(text);
                at = strstr(text, "event=lost lines=");
                if (at)
                        lost += strtoul(at + strlen("event=lost lines="), NULL, 10);
                else
                        got++;
        }
        g_assert_cmpint(got + lost, ==, n);
        g_assert_cmpuint(lost, >, 0);
        g_assert_cmpint(got, >, 0);
}

static void test_stuck(void)
{
        in_process(stuck);
}

static pid_t child_of(void)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", getpid(), getpid());
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        return strtol(text, NULL, 10);
}

static void killed(void)
{
        g_autoptr(Logger) logger = start();

        kill(child_of(), SIGTERM);
        kill(child_of(), SIGINT);
        g_assert_true(logger_put(logger, LOG_INFO, "line"));
        kill(child_of(), SIGKILL);
        while (child_of() > 0)
                g_usleep(1000);
        g_assert_false(logger_put(logger, LOG_INFO, "line"));
        g_assert_false(logger_put(logger, LOG_INFO, "line"));
}

static void test_killed(void)
{
        in_process(killed);
}

/* It ends with the daemon, after it has written what waits; but not later than that if nobody reads
 * or nobody is there. */
static void ends(void)
{
        for (int i = 0; i < 3; i++) {
                Logger *logger = start();
                int fd = i < 2 ? receive() : -1, n = i == 1 ? 2000 : 3;

                if (i == 2)
                        unlink("/dev/log");
                for (int j = 0; j < n; j++)
                        logger_put(logger, LOG_INFO, "line");
                logger_free(logger);
                g_assert_cmpint(child_of(), ==, 0);
                if (i == 0)
                        for (int j = 0; j < n; j++)
                                assert_next(fd, LOG_INFO, "line");
                close(fd);
        }
}

static void test_ends(void)
{
        in_process(ends);
}

/* Nothing of the daemon stays open there but its end of the socket. */
static void descriptors(void)
{
        int file = open("/proc/self/status", O_RDONLY), n = 0;
        Logger *logger = start();
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", child_of());
        g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);

        while (g_dir_read_name(directory))
                n++;
        /* With a sanitizer, a directory of /proc as well (sandbox.c). */
        g_assert_cmpint(n, ==, 4 + SANITIZED);
        close(file);
        logger_free(logger);
}

static void test_descriptors(void)
{
        in_process(descriptors);
}

/* Standard error is a pipe that has room for one page: what is longer would wait for its reader. */
static void output(void)
{
        const LoggerWork work = { .name = "test", .device = -1, .keeps_output = true };
        g_autoptr(Logger) logger = NULL;
        g_autofree char *longest = g_strnfill(LOGGER_MAX_LINE, 'x');
        g_autofree char *who = g_strdup_printf("test[%d]: xx", getpid());
        int own = dup(STDERR_FILENO), fd = receive(), ends[2];
        char text[2 * PIPE_BUF];

        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        /* Pages of some machines are larger. */
        if (fcntl(ends[1], F_SETPIPE_SZ, PIPE_BUF) != PIPE_BUF)
                return;
        dup2(ends[1], STDERR_FILENO);
        g_assert_cmpint(logger_new(&logger, &work, NULL), ==, 0);
        dup2(own, STDERR_FILENO);
        /* The second is not written. */
        for (int i = 0; i < 2; i++) {
                logger_put(logger, LOG_INFO, longest);
                assert_next(fd, LOG_INFO, longest);
        }
        g_assert_cmpint(read(ends[0], text, sizeof(text)), ==, PIPE_BUF);
        g_assert_true(strncmp(text, who, strlen(who)) == 0);
        g_assert_true(strncmp(text + PIPE_BUF - 2, "x\n", 2) == 0);
        logger_put(logger, LOG_INFO, "short");
        assert_next(fd, LOG_INFO, "short");
        g_assert_cmpint(read(ends[0], text, sizeof(text)), ==, strlen(who) - 2 + strlen("short\n"));
}

static void test_output(void)
{
        in_process(output);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/logger/lines", test_lines);
        g_test_add_func("/logger/restarted", test_restarted);
        g_test_add_func("/logger/missing", test_missing);
        g_test_add_func("/logger/stuck", test_stuck);
        g_test_add_func("/logger/killed", test_killed);
        g_test_add_func("/logger/ends", test_ends);
        g_test_add_func("/logger/descriptors", test_descriptors);
        g_test_add_func("/logger/output", test_output);
        return g_test_run();
}
