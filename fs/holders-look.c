/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptors of all processes. The link of a descriptor tells the kind of its object
 * (anon_inode_getfd() in the kernel's kernel/bpf/), so fdinfo is read for few of them.
 */

#include "holders-look.h"

#include "cpu-time.h"
#include "holders-kept.h"
#include "process-look.h"
#include "records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Only this much of an fdinfo is read: the ids stand in the first lines. */
#define MAX_FDINFO 4096
/* A step is a look at so many descriptors of one process, or passes so many processes by. */
#define FDS_A_STEP 64
#define NAMES_A_STEP 1024
/* Bytes of /proc/PID/fd that are read at a time: some hundred entries. */
#define LISTED 8192

struct HoldersLook {
        HoldersKept *kept; /* borrowed */
        GByteArray *out;   /* the list; owned */
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
        int fds;     /* its /proc/PID/fd: entries below it belong to this process only. -1: the next
                        process is to be looked at */
        guint n_fds; /* how many were looked at */
        bool holds;  /* it is known to hold anything, and has a record */
        const HoldersSaw *before; /* it has not run since then: only links are looked at. Borrowed;
                                     NULL: all are */
        HoldersSaw *saw;          /* owned; NULL: what is seen of it can't be kept */
        alignas(struct dirent64) char listed[LISTED]; /* the part of fds that was read last */
        size_t at, end;                               /* its entries that come next */
};

/* The names of an object's descriptors, and the lines of its fdinfo that have ids. */
typedef struct Named {
        const char *targets[2];
        struct {
                const char *key;
                HolderKind kind;
        } ids[2];
} Named;

enum { NAMED_PROG, NAMED_MAP, NAMED_LINK };

static const Named names[] = {
        [NAMED_PROG] = { { "anon_inode:bpf-prog" }, { { "prog_id:", HOLDER_PROG } } },
        [NAMED_MAP] = { { "anon_inode:bpf-map" }, { { "map_id:", HOLDER_MAP } } },
        /* Who made it has the first; who opened it by its pin or by its id, the second
         * (bpf_link_prime() and bpf_link_new_fd() of the kernel's kernel/bpf/syscall.c). */
        [NAMED_LINK] = { { "anon_inode:bpf_link", "anon_inode:bpf-link" },
                         { { "link_id:", HOLDER_LINK }, { "prog_id:", HOLDER_PROG } } },
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
        fd = openat(look->fds, path, O_RDONLY | O_CLOEXEC);
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

        if (process_look_names(look->fds, text) < 0)
                return false;
        add(look, HOLDER_PROCESS, look->pid, text->data, text->len);
        look->holds = !look->list.cut;
        return look->holds;
}

/* Adds what @text, the fdinfo of a descriptor, tells. */
static void add_ids(HoldersLook *look, const Named *named, const char *text)
{
        for (guint i = 0; i < G_N_ELEMENTS(named->ids) && named->ids[i].key; i++) {
                const HolderRecord record = { named->ids[i].kind,
                                              number_of(text, named->ids[i].key), 0 };

                if (record.id == 0)
                        continue;
                records_add(&look->list, &record, sizeof(record), NULL, 0);
                if (look->saw && named != &names[NAMED_LINK])
                        g_byte_array_append(look->saw->list, (const guint8 *)&record,
                                            sizeof(record));
        }
}

/* Another process may give it another program. */
static void note_link(HoldersLook *look, const char *name)
{
        uint32_t number = g_ascii_strtoull(name, NULL, 10);

        if (look->saw)
                g_array_append_val(look->saw->links, number);
}

/* What fails now may not fail the next time. */
static void keep_nothing(HoldersLook *look)
{
        g_clear_pointer(&look->saw, holders_saw_free);
}

/* NULL: it is of none of these objects. */
static const Named *find_named(HoldersLook *look, const char *name)
{
        char target[32];
        ssize_t n = readlinkat(look->fds, name, target, sizeof(target) - 1);

        if (n < 0 && errno != ENOENT)
                keep_nothing(look);
        target[MAX(n, 0)] = '\0';
        for (guint i = 0; i < G_N_ELEMENTS(names); i++)
                for (guint k = 0; k < G_N_ELEMENTS(names[i].targets); k++)
                        if (g_strcmp0(target, names[i].targets[k]) == 0)
                                return &names[i];
        return NULL;
}

static void look_at_fd(HoldersLook *look, const char *name)
{
        const Named *named = look->before ? &names[NAMED_LINK] : find_named(look, name);
        char text[MAX_FDINFO];

        if (!named)
                return;
        if (named == &names[NAMED_LINK])
                note_link(look, name);
        if ((look->holds || add_process(look)) && read_fdinfo(look, name, text))
                add_ids(look, named, text);
        else
                keep_nothing(look);
}

static void end_process(HoldersLook *look)
{
        if (look->saw)
                holders_kept_add(look->kept, look->pid, g_steal_pointer(&look->saw));
        if (look->fds >= 0)
                close(look->fds);
        look->fds = -1;
        look->n_ended++;
}

/* The next name in /proc/PID/fd, borrowed; NULL: there is none. */
static const char *next_listed(HoldersLook *look)
{
        for (;;) {
                const struct dirent64 *entry = (const void *)(look->listed + look->at);

                if (look->at == look->end) {
                        ssize_t n = getdents64(look->fds, look->listed, sizeof(look->listed));

                        if (n < 0)
                                keep_nothing(look);
                        if (n <= 0)
                                return NULL;
                        look->at = 0;
                        look->end = n;
                        continue;
                }
                look->at += entry->d_reclen;
                if (g_ascii_isdigit(entry->d_name[0]))
                        return entry->d_name;
        }
}

/* The same of those that have to be looked at. */
static const char *next_fd(HoldersLook *look, char name[16])
{
        if (!look->before)
                return next_listed(look);
        if (look->n_fds == look->before->links->len)
                return NULL;
        snprintf(name, 16, "%u", g_array_index(look->before->links, uint32_t, look->n_fds));
        return name;
}

/* Any user may have a process with half a million descriptors: it gets no more than its part of the
 * time. */
static void look_at_fds(HoldersLook *look)
{
        for (guint i = 0; i < FDS_A_STEP && !look->list.cut; i++) {
                char number[16];
                const char *name = next_fd(look, number);

                if (name && look->n_fds == HOLDERS_MAX_FDS) {
                        add(look, HOLDER_LARGE, look->pid, NULL, 0);
                        g_clear_pointer(&look->saw, holders_saw_free);
                        name = NULL;
                }
                if (!name) {
                        end_process(look);
                        return;
                }
                look_at_fd(look, name);
                look->n_fds++;
        }
}

/* What it holds is as it was, but its cgroup may be another one. */
static void add_before(HoldersLook *look)
{
        const HoldersSaw *before = look->before;

        if ((before->list->len > 0 || before->links->len > 0) && add_process(look))
                records_add(&look->list, before->list->data, before->list->len, NULL, 0);
}

/* If a process ends meanwhile, it holds nothing. */
static void begin_process(HoldersLook *look, uint32_t pid)
{
        gint64 now = g_get_monotonic_time();
        HoldersStamp stamp;
        char path[32];

        snprintf(path, sizeof(path), "%u/fd", pid);
        look->fds = openat(dirfd(look->proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        look->pid = pid;
        look->start = look->out->len;
        look->holds = false;
        look->n_fds = 0;
        look->at = look->end = 0;
        look->before = NULL;
        if (look->fds < 0) {
                int32_t error = errno;

                if (error != ENOENT && error != ESRCH)
                        add(look, HOLDER_CLOSED, pid, &error, sizeof(error));
                end_process(look);
                return;
        }
        if (!look->kept || !holders_stamp_read(look->fds, &stamp))
                return;
        look->before = holders_kept_find(look->kept, pid, &stamp, now);
        if (look->before)
                add_before(look);
        else
                look->saw = holders_saw_new(look->fds, &stamp, now);
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

int holders_look_new(uint32_t from, HoldersKept *kept, HoldersLook **out)
{
        DIR *proc = opendir("/proc");
        HoldersLook *look;

        if (!proc)
                return -errno;
        if (kept)
                holders_kept_sweep(kept, g_get_monotonic_time());
        look = g_new0(HoldersLook, 1);
        look->kept = kept;
        look->from = from;
        look->fds = -1;
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
        if (look->fds >= 0)
                close(look->fds);
        g_clear_pointer(&look->saw, holders_saw_free);
        g_clear_pointer(&look->proc, closedir);
        g_byte_array_unref(look->out);
        g_free(look);
}

bool holders_look_step(HoldersLook *look)
{
        look->cut = look->cut || is_late(look);
        if (look->cut || look->list.cut)
                return false;
        if (look->fds < 0 && !begin_next(look))
                return false;
        if (look->fds >= 0)
                look_at_fds(look);
        return true;
}

/* Nothing is told of a process that was not looked at to its end. */
const GByteArray *holders_look_list(HoldersLook *look)
{
        bool full = look->list.cut, in_process = full || look->fds >= 0;

        look->list.cut = false;
        look->list.end += sizeof(HolderRecord);
        if (in_process)
                g_byte_array_set_size(look->out, look->start);
        if (full || look->cut)
                add(look, full ? HOLDER_FULL : HOLDER_CUT, look->pid + !in_process, NULL, 0);
        return look->out;
}
