/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The descriptors of all processes. The link of a descriptor tells the kind of its object
 * (anon_inode_getfd() in the kernel's kernel/bpf/), so fdinfo is read for few of them.
 */

#include "holders-look.h"

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
/* The room that is left for notes, and the longest of them. */
#define NOTES 1024
#define MAX_NOTE 128
/* A step is a look at so many descriptors of one process. */
#define FDS_A_STEP 64

struct HoldersLook {
        GByteArray *out; /* the list; owned */
        Records list;
        DIR *proc;    /* NULL: it can't be read */
        int failed;   /* why: an errno */
        gint64 until; /* g_get_monotonic_time() */
        bool late;    /* there was no time */
        guint closed; /* processes that can't be looked at */
        int error;    /* why: the first errno */
        guint large;  /* processes with more than HOLDERS_MAX_FDS descriptors */
        /* The process that is looked at: */
        uint32_t pid;
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

static bool is_over(HoldersLook *look)
{
        look->late = look->late || g_get_monotonic_time() > look->until;
        return look->late || look->list.cut;
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
                        look->large++;
                if (!entry || look->n_fds == HOLDERS_MAX_FDS) {
                        g_clear_pointer(&look->fds, closedir);
                        return;
                }
                look_at_fd(look, entry->d_name);
                look->n_fds++;
                i++;
        }
}

/* If a process ends meanwhile, it holds nothing. */
static void begin_process(HoldersLook *look, const char *name)
{
        g_autofree char *path = g_strconcat(name, "/fd", NULL);
        int fds = openat(dirfd(look->proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        look->pid = g_ascii_strtoull(name, NULL, 10);
        look->holds = false;
        look->n_fds = 0;
        if (fds >= 0)
                look->fds = fdopendir(fds);
        if (!look->fds && errno != ENOENT && errno != ESRCH && look->closed++ == 0)
                look->error = errno;
        if (!look->fds && fds >= 0)
                close(fds);
}

HoldersLook *holders_look_new(void)
{
        HoldersLook *look = g_new0(HoldersLook, 1);

        look->out = g_byte_array_new();
        look->list = (Records){ look->out, HOLDERS_MAX_LIST - NOTES };
        look->until = g_get_monotonic_time() + HOLDERS_LOOK_MS * G_TIME_SPAN_MILLISECOND;
        look->proc = opendir("/proc");
        look->failed = errno;
        return look;
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
        struct dirent *entry;

        if (!look->proc || is_over(look))
                return false;
        if (!look->fds) {
                entry = readdir(look->proc);
                if (!entry)
                        return false;
                if (g_ascii_isdigit(entry->d_name[0]))
                        begin_process(look, entry->d_name);
        }
        if (look->fds)
                look_at_fds(look);
        return true;
}

static void add_note(HoldersLook *look, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(HoldersLook *look, const char *format, ...)
{
        char text[MAX_NOTE];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        add(look, HOLDER_NOTE, 0, text, strlen(text));
}

const GByteArray *holders_look_list(HoldersLook *look)
{
        bool cut = look->list.cut;

        look->list.cut = false;
        look->list.end += NOTES;
        if (!look->proc)
                add_note(look, "cannot be looked at: /proc: %s", g_strerror(look->failed));
        if (look->closed > 0)
                add_note(look, "%u processes cannot be looked at: %s", look->closed,
                         g_strerror(look->error));
        if (look->large > 0)
                add_note(look, "%u processes have more than %u descriptors, which are not all seen",
                         look->large, HOLDERS_MAX_FDS);
        if (cut)
                add_note(look,
                         "not all processes are shown: the list would be longer than %u bytes",
                         HOLDERS_MAX_LIST);
        if (look->late)
                add_note(look, "not all processes are shown: to look took longer than %u ms",
                         HOLDERS_LOOK_MS);
        return look->out;
}
