/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The files of a process, unchanged. */

#include "process-look.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000ull

/* The files in the order of a ProcessText. */
static const char *const files[] = { "schedstat", "stat", "comm", "cgroup" };

bool process_look_can(void)
{
        g_autofree char *text = NULL;
        const char *line;
        char *end;

        if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
                return false;
        /* Its pid in the pid namespace of /proc, and then in each namespace below. */
        line = strstr(text, "\nNSpid:");
        if (!line)
                return false;
        return strtol(line + strlen("\nNSpid:"), &end, 10) == getpid() && *end == '\n';
}

static uint64_t now(void)
{
        struct timespec time;

        clock_gettime(CLOCK_BOOTTIME, &time);
        return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/* Appends the content of the file @name in @directory and a NUL. 0 or -errno. Of a file of a
 * process, one read gives all for which there is room (single_open(), fs/seq_file.c). */
static int append_file(int directory, const char *name, GByteArray *out, size_t end)
{
        int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
        guint at = out->len;
        int r = fd < 0 ? -errno : 0;

        if (r == 0 && at < end) {
                ssize_t n;

                g_byte_array_set_size(out, end);
                n = read(fd, out->data + at, end - at);
                if (n < 0)
                        r = -errno;
                else
                        at += n;
        }
        if (fd >= 0)
                close(fd);
        g_byte_array_set_size(out, at + 1);
        out->data[at] = '\0';
        return r;
}

static int append_files(int directory, GByteArray *out)
{
        ProcessText text = { .tick = NANOSECONDS / sysconf(_SC_CLK_TCK) };
        size_t start = out->len;
        size_t end = start + PROCESS_MAX_TEXT;

        g_byte_array_append(out, (const guint8 *)&text, sizeof(text));
        for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
                /* There is room for the NULs of the others. */
                int r = append_file(directory, files[i], out, end - (G_N_ELEMENTS(files) - i));

                if (i == 0)
                        text.seen = now();
                /* Not every kernel has schedstat. */
                if (r < 0 && i > 0)
                        return r;
        }
        memcpy(out->data + start, &text, sizeof(text));
        return 0;
}

/* Looks at the thread that calls it. */
static void *look_at_own(void *data)
{
        int directory = open("/proc/thread-self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (directory < 0)
                return NULL;
        append_files(directory, data);
        close(directory);
        return NULL;
}

int64_t process_look_behind(int64_t offset)
{
        g_autoptr(GByteArray) text = g_byte_array_new();
        uint64_t before = now(), after;
        ProcessSeen seen;
        pthread_t thread;

        if (offset == 0)
                return 0;
        if (pthread_create(&thread, NULL, look_at_own, text) != 0)
                return PROCESS_LOOK_UNKNOWN;
        pthread_join(thread, NULL);
        after = now();
        if (process_read(text->data, text->len, &seen) < 0)
                return PROCESS_LOOK_UNKNOWN;
        /* The thread has started in between. If the offset is too small to tell, no process may
         * seem older than it is. */
        for (int i = 0; i < 2; i++) {
                int64_t behind = (i == 0) == (offset > 0) ? offset : 0;

                if (seen.start + behind <= after && seen.until + behind >= before)
                        return behind;
        }
        return PROCESS_LOOK_UNKNOWN;
}

/* After the process has gone, the name of a file is looked up anew. */
static int error_of(int r)
{
        return r == -ENOENT ? -ESRCH : r;
}

int process_look_names(int directory, GByteArray *out)
{
        size_t end = out->len + PROCESS_MAX_TEXT;
        int r = append_file(directory, "../comm", out, end - 2);

        if (r == 0)
                r = append_file(directory, "../cgroup", out, end - 1);
        return error_of(r);
}

int process_look(uint32_t pid, GByteArray *out)
{
        char path[32];
        int directory, r;

        /* A file that is opened below it belongs to this process, or the open fails, even if its
         * number is another process's by then. */
        snprintf(path, sizeof(path), "/proc/%u", pid);
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        r = append_files(directory, out);
        close(directory);
        return error_of(r);
}
