/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptors of all processes. The link of a descriptor tells the kind of its object
 * (anon_inode_getfd() in the kernel's kernel/bpf/), so fdinfo is read for few of them.
 */

#include "holders-look.h"

#include "cpu-time.h"
#include "process-look.h"
#include "records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Only this much of an fdinfo is read: the ids stand in the first lines. */
#define MAX_FDINFO 4096
/* A step is a look at so many descriptors of one process, or passes so many processes by. */
#define FDS_A_STEP 64
#define NAMES_A_STEP 1024

struct HoldersLook {
        GByteArray *out; /* the list; owned */
        Records list;
        uint32_t from; /* processes before this one are left out */
        DIR *proc;
        gint64 until;     /* g_get_monotonic_time() */
        gint64 cpu_until; /* cpu_time() of the process */
        bool cut;         /* there was no time */
        guint n_ended;    /* processes that were looked at to their end */
        /* The process that is looked at: */
        uint32_t pid;
        guint start; /* of its records in the list */
        DIR *fds;    /* its /proc/PID/fd: entries below it belong to this process only. NULL: the
                        next process is to be looked at */
        guint n_fds; /* how many were looked at */
        bool holds;  /* it is known to hold anything, and has a record */
};

/* The names of an object's descriptors, and the lines of its fdinfo that have ids. */
typedef struct Named {
        const char *target;
        struct {
                const char *key;
                HolderKind kind;
        } ids[2];
} Named;

static const Named names[] = {
        { "anon_inode:bpf-prog", { { "prog_id:", HOLDER_PROG } } },
        { "anon_inode:bpf-map", { { "map_id:", HOLDER_MAP } } },
        { "anon_inode:bpf_link", { { "link_id:", HOLDER_LINK }, { "prog_id:", HOLDER_PROG } } },
};

static void add(HoldersLook *look, HolderKind kind, uint32_t id, const void *bytes, gsize length)
{
        const HolderRecord record = { kind, id, length };

        records_add(&look->list, &record, sizeof(record), bytes, length);
}

/* The number behind @key at the beginning of a line; 0 if there is no such line, or no number. */
static uint32_t number_of(const char *text, const char *key)
{
        size_t length = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, length) == 0)
                        return g_ascii_strtoull(line + length, NULL, 10);
                if (!*line)
                        break;
        }
        return 0;
}

static bool read_fdinfo(const HoldersLook *look, const char *name, char text[MAX_FDINFO])
{
        char path[64];
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "../fdinfo/%s", name);
        fd = openat(dirfd(look->fds), path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, text, MAX_FDINFO - 1);
        close(fd);
        text[MAX(n, 0)] = '\0';
        return n > 0;
}

/* Begins the record of the process with its facts in /proc. False if it has gone. */
static bool add_process(HoldersLook *look)
{
        g_autoptr(GByteArray) text = g_byte_array_new();

        if (process_look_names(dirfd(look->fds), text) < 0)
                return false;
        add(look, HOLDER_PROCESS, look->pid, text->data, text->len);
        look->holds = !look->list.cut;
        return look->holds;
}

static void look_at_fd(HoldersLook *look, const char *name)
{
        char target[32], text[MAX_FDINFO];
        ssize_t n = readlinkat(dirfd(look->fds), name, target, sizeof(target) - 1);

        if (n <= 0)
                return;
        target[n] = '\0';
        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                if (strcmp(target, names[i].target) != 0)
                        continue;
                if ((!look->holds && !add_process(look)) || !read_fdinfo(look, name, text))
                        return;
                for (guint k = 0; k < G_N_ELEMENTS(names[i].ids) && names[i].ids[k].key; k++) {
                        uint32_t id = number_of(text, names[i].ids[k].key);

                        if (id != 0)
                                add(look, names[i].ids[k].kind, id, NULL, 0);
                }
        }
}

static void end_process(HoldersLook *look)
{
        g_clear_pointer(&look->fds, closedir);
        look->n_ended++;
}

/* Any user may have a process with half a million descriptors: it gets no more than its part of the
 * time. */
static void look_at_fds(HoldersLook *look)
{
        struct dirent *entry;

        for (guint i = 0; i < FDS_A_STEP && !look->list.cut;) {
                entry = readdir(look->fds);
                if (entry && !g_ascii_isdigit(entry->d_name[0]))
                        continue;
                if (entry && look->n_fds == HOLDERS_MAX_FDS)
                        add(look, HOLDER_LARGE, look->pid, NULL, 0);
                if (!entry || look->n_fds == HOLDERS_MAX_FDS) {
                        end_process(look);
                        return;
                }
                look_at_fd(look, entry->d_name);
                look->n_fds++;
                i++;
        }
}

/* If a process ends meanwhile, it holds nothing. */
static void begin_process(HoldersLook *look, uint32_t pid)
{
        char path[32];
        int fds;

        snprintf(path, sizeof(path), "%u/fd", pid);
        fds = openat(dirfd(look->proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        look->pid = pid;
        look->start = look->out->len;
        look->holds = false;
        look->n_fds = 0;
        if (fds >= 0)
                look->fds = fdopendir(fds);
        if (look->fds)
                return;
        if (errno != ENOENT && errno != ESRCH) {
                int32_t error = errno;

                add(look, HOLDER_CLOSED, pid, &error, sizeof(error));
        }
        if (fds >= 0)
                close(fds);
        end_process(look);
}

/* False: there is none. /proc lists processes in the order of their pids (proc_pid_readdir() of the
 * kernel's fs/proc/base.c). */
static bool begin_next(HoldersLook *look)
{
        for (guint i = 0; i < NAMES_A_STEP; i++) {
                const struct dirent *entry = readdir(look->proc);
                uint32_t pid;

                if (!entry)
                        return false;
                if (!g_ascii_isdigit(entry->d_name[0]))
                        continue;
                pid = g_ascii_strtoull(entry->d_name, NULL, 10);
                if (pid < look->from)
                        continue;
                begin_process(look, pid);
                return true;
        }
        return true;
}

/* Without the end of one process, looks that are cut would never come further. */
static bool is_late(const HoldersLook *look)
{
        return look->n_ended > 0 && (g_get_monotonic_time() > look->until ||
                                     cpu_time(CLOCK_PROCESS_CPUTIME_ID) > look->cpu_until);
}

int holders_look_new(uint32_t from, HoldersLook **out)
{
        DIR *proc = opendir("/proc");
        HoldersLook *look;

        if (!proc)
                return -errno;
        look = g_new0(HoldersLook, 1);
        look->from = from;
        look->out = g_byte_array_new();
        look->list = (Records){ look->out, HOLDERS_MAX_LIST - sizeof(HolderRecord) };
        look->until = g_get_monotonic_time() + HOLDERS_LOOK_MAX_MS * G_TIME_SPAN_MILLISECOND;
        /* Others' questions are answered meanwhile, which counts as well. */
        look->cpu_until =
                cpu_time(CLOCK_PROCESS_CPUTIME_ID) + HOLDERS_LOOK_MS * G_TIME_SPAN_MILLISECOND;
        look->proc = proc;
        *out = look;
        return 0;
}

void holders_look_free(HoldersLook *look)
{
        if (!look)
                return;
        g_clear_pointer(&look->fds, closedir);
        g_clear_pointer(&look->proc, closedir);
        g_byte_array_unref(look->out);
        g_free(look);
}

bool holders_look_step(HoldersLook *look)
{
        look->cut = look->cut || is_late(look);
        if (look->cut || look->list.cut)
                return false;
        if (!look->fds && !begin_next(look))
                return false;
        if (look->fds)
                look_at_fds(look);
        return true;
}

/* Nothing is told of a process that was not looked at to its end. */
const GByteArray *holders_look_list(HoldersLook *look)
{
        bool full = look->list.cut, in_process = full || look->fds;

        look->list.cut = false;
        look->list.end += sizeof(HolderRecord);
        if (in_process)
                g_byte_array_set_size(look->out, look->start);
        if (full || look->cut)
                add(look, full ? HOLDER_FULL : HOLDER_CUT, look->pid + !in_process, NULL, 0);
        return look->out;
}
