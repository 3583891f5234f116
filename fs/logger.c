/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The serving process's side of the logger. */

#include "logger.h"

#include "child.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long to wait for its start and its end, in milliseconds. */
#define START_PATIENCE 10000
#define END_PATIENCE (2 * LOGGER_GRACE)

struct Logger {
        int lines; /* socket */
        int pidfd; /* as child_fork() has given it; -1: none */
        LoggerShared *shared;
};

bool logger_put(Logger *logger, int priority, const char *line)
{
        size_t length = MIN(strlen(line), LOGGER_MAX_LINE);
        g_autofree char *text = g_malloc(sizeof(LoggerLine) + length);
        const LoggerLine head = { time(NULL), priority };

        memcpy(text, &head, sizeof(head));
        memcpy(text + sizeof(head), line, length);
        if (send(logger->lines, text, sizeof(head) + length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                return true;
        if (errno != EAGAIN && errno != ENOBUFS)
                return false;
        atomic_fetch_add(&logger->shared->lost, 1);
        return true;
}

/* Waits until it says that it is ready, or could not be. 0 or -errno. */
static int hear(Logger *logger)
{
        struct pollfd fd = { .fd = logger->lines, .events = POLLIN };
        int32_t result;
        int r;

        do
                r = poll(&fd, 1, START_PATIENCE);
        while (r < 0 && errno == EINTR);
        if (r <= 0)
                return r < 0 ? -errno : -ETIMEDOUT;
        return read(logger->lines, &result, sizeof(result)) == sizeof(result) ? result : -EPIPE;
}

static int start_process(Logger *logger, const LoggerWork *work)
{
        int lines[2] = { -1, -1 };
        void *shared = mmap(NULL, sizeof(LoggerShared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pid;

        if (shared == MAP_FAILED)
                return -errno;
        logger->shared = shared;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lines) < 0)
                return -errno;
        logger->lines = lines[0];
        pid = child_fork(&logger->pidfd);
        if (pid == 0) {
                close(lines[0]);
                logger_process_run(work, lines[1], logger->shared);
        }
        close(lines[1]);
        return pid < 0 ? pid : hear(logger);
}

int logger_new(Logger **out, const LoggerWork *work, GError **error)
{
        g_autoptr(Logger) logger = g_new(Logger, 1);
        int r;

        *logger = (Logger){ .lines = -1, .pidfd = -1 };
        r = start_process(logger, work);
        if (r < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot start the process that writes the log of loads: %s",
                            g_strerror(-r));
                return r;
        }
        *out = g_steal_pointer(&logger);
        return 0;
}

void logger_free(Logger *logger)
{
        if (!logger)
                return;
        if (logger->lines >= 0)
                close(logger->lines);
        child_bury(logger->pidfd, END_PATIENCE);
        if (logger->shared)
                munmap(logger->shared, sizeof(LoggerShared));
        g_free(logger);
}
