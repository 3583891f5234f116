/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Writes lines to /dev/log, as syslog(3) does, but so that neither a receiver that does not read
 * nor one that is missing keeps the process from ending with the daemon.
 */

#include "logger-process.h"

#include "child.h"
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define NAME "bpfmeta-log"
#define RECEIVER "/dev/log"

/* How long to wait before a receiver that is missing is looked for again, in milliseconds. */
#define RETRY 200

typedef struct Process {
        const LoggerWork *work;
        int lines; /* socket; its end is the serving process's end */
        LoggerShared *shared;
        pid_t daemon;
        int log;              /* socket to the receiver; -1: none */
        int64_t missed_since; /* g_get_monotonic_time() when the receiver was missing first; 0: it
                                 is there */
        int64_t end;          /* the same, after which nothing more is tried; 0: the serving process
                                 has not ended */
        uint64_t lost;        /* lines for which there was no receiver */
} Process;

static int connect_log(void)
{
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RECEIVER };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                return fd;
        r = -errno;
        close(fd);
        return r;
}

static int try_once(Process *process, const GString *text)
{
        if (process->log < 0)
                process->log = connect_log();
        if (process->log < 0)
                return process->log;
        return send(process->log, text->str, text->len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* True: the receiver has to read first. */
static bool is_full(int error)
{
        return error == -EAGAIN || error == -ENOBUFS;
}

/* A receiver that was restarted has another socket at the same path. */
static int try(Process *process, const GString *text)
{
        int r = try_once(process, text);

        if (r == 0 || is_full(r) || process->log < 0)
                return r;
        close(process->log);
        process->log = -1;
        return try_once(process, text);
}

/* Waits until the receiver has read something if @full, else for a moment. */
static void rest(Process *process, bool full)
{
        struct pollfd fds[] = {
                { .fd = full ? process->log : -1, .events = POLLOUT },
                { .fd = process->end > 0 ? -1 : process->lines },
        };
        int64_t left = process->end - g_get_monotonic_time();
        int wait = full ? -1 : RETRY;

        if (process->end > 0)
                wait = MAX(left, 0) / G_TIME_SPAN_MILLISECOND + 1;
        if (poll(fds, G_N_ELEMENTS(fds), wait) > 0 && fds[1].revents)
                process->end = g_get_monotonic_time() + LOGGER_GRACE * G_TIME_SPAN_MILLISECOND;
}

/* False: @text is lost. */
static bool write_log(Process *process, const GString *text)
{
        for (;;) {
                int r = try(process, text);
                int64_t now = g_get_monotonic_time();

                if (r == 0) {
                        process->missed_since = 0;
                        return true;
                }
                if (!is_full(r) && process->missed_since == 0)
                        process->missed_since = now;
                if (process->end > 0 && now >= process->end)
                        return false;
                if (!is_full(r) &&
                    now >= process->missed_since + LOGGER_PATIENCE * G_TIME_SPAN_MILLISECOND)
                        return false;
                rest(process, is_full(r));
        }
}

/* With a pipe that nobody reads, the line is not written. What poll(2) says is true of PIPE_BUF
 * bytes: more might wait for a reader, or be mixed with what others write. */
static void write_output(const Process *process, const char *line, size_t length)
{
        g_autoptr(GString) text = g_string_new(NULL);
        struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

        g_string_printf(text, "%s[%d]: %.*s", process->work->name, (int)process->daemon,
                        (int)length, line);
        g_string_truncate(text, MIN(text->len, PIPE_BUF - 1));
        g_string_append_c(text, '\n');
        if (poll(&fd, 1, 0) == 1 && write(STDERR_FILENO, text->str, text->len) < 0)
                return;
}

/* In the form of RFC 3164. False: the line is lost. */
static bool write_line(Process *process, const LoggerLine *head, const char *line, size_t length)
{
        g_autoptr(GString) text = g_string_new(NULL);
        time_t when = head->time;
        char date[32] = "";
        struct tm tm;

        if (localtime_r(&when, &tm))
                strftime(date, sizeof(date), "%h %e %T ", &tm);
        g_string_printf(text, "<%d>%s%s[%d]: %.*s", LOG_DAEMON | LOG_PRI(head->priority), date,
                        process->work->name, (int)process->daemon, (int)length, line);
        if (process->work->keeps_output)
                write_output(process, line, length);
        return write_log(process, text);
}

static void tell_lost(Process *process)
{
        uint64_t lost = process->lost + atomic_exchange(&process->shared->lost, 0);
        const LoggerLine head = { time(NULL), LOG_WARNING };
        g_autofree char *line = NULL;

        process->lost = lost;
        if (lost == 0)
                return;
        line = g_strdup_printf("event=lost lines=%" G_GUINT64_FORMAT, (guint64)lost);
        if (write_line(process, &head, line, strlen(line)))
                process->lost = 0;
}

static void work(Process *process)
{
        g_autofree char *text = g_malloc(sizeof(LoggerLine) + LOGGER_MAX_LINE);
        LoggerLine head;
        ssize_t n;

        while ((n = TEMP_FAILURE_RETRY(
                        read(process->lines, text, sizeof(head) + LOGGER_MAX_LINE))) >=
               (ssize_t)sizeof(head)) {
                memcpy(&head, text, sizeof(head));
                if (write_line(process, &head, text + sizeof(head), n - sizeof(head)))
                        tell_lost(process);
                else
                        process->lost++;
        }
}

static int prepare(const LoggerWork *work_to_do, int lines)
{
        const ChildLook look = { NAME, work_to_do->arguments, work_to_do->keeps_output };

        if (work_to_do->device >= 0)
                close(work_to_do->device);
        child_begin(&look, &lines, 1);
        return sandbox_enter(SANDBOX_LOGGER, NULL, NULL);
}

void logger_process_run(const LoggerWork *work_to_do, int lines, LoggerShared *shared)
{
        Process process = {
                .work = work_to_do,
                .lines = lines,
                .shared = shared,
                .daemon = getppid(),
                .log = -1,
        };
        int32_t r = prepare(work_to_do, lines);

        /* If nobody reads it, that shows when the next line is read. */
        if (send(lines, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r) && r == 0)
                work(&process);
        _exit(0);
}
