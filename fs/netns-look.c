/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A walk of /run/netns, where ip-netns(8) and its like mount namespaces or link to them. */

#include "netns-look.h"

#include "netdevs.h"
#include "netns-list.h"
#include "records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/run/netns"

struct NetnsLook {
        int home;     /* or -errno */
        uint64_t ino; /* of home */
};

/* A list that is being made. */
typedef struct List {
        Records records;
        GHashTable *seen; /* uint64_t: inode numbers of namespaces */
        char *failed;     /* the first namespace that could not be looked at */
        int error;        /* the errno of that */
        guint n_failed;
} List;

NetnsLook *netns_look_new(void)
{
        NetnsLook *look = g_new0(NetnsLook, 1);
        struct stat attr;

        look->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (look->home < 0)
                look->home = -errno;
        else if (fstat(look->home, &attr) == 0)
                look->ino = attr.st_ino;
        return look;
}

void netns_look_free(NetnsLook *look)
{
        if (look->home >= 0)
                close(look->home);
        g_free(look);
}

static void add(List *list, NetnsKind kind, uint64_t number, const void *bytes, gsize length)
{
        const NetnsRecord record = { .number = number, .kind = kind, .length = length };

        records_add(&list->records, &record, sizeof(record), bytes, length);
}

static void add_note(List *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(List *list, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        add(list, NETNS_NOTE, 0, text, strlen(text));
}

static void fail(List *list, const char *name, int error)
{
        if (list->n_failed++ > 0)
                return;
        list->failed = g_strdup(name);
        list->error = error;
}

/* False if it was there before. */
static bool is_first(List *list, uint64_t ino)
{
        uint64_t *key = g_new(uint64_t, 1);

        *key = ino;
        return g_hash_table_add(list->seen, key);
}

/* Looks at the namespace in which the caller is now. */
static void list_namespace(List *list, const char *name, uint64_t ino)
{
        g_autoptr(Netdevs) netdevs = netdevs_new();
        g_autoptr(GHashTable) named = g_hash_table_new(NULL, NULL);
        int r = netdevs_scan(netdevs);

        if (r < 0)
                fail(list, name, -r);
        add(list, NETNS_SPACE, ino, name, strlen(name));
        for (guint i = 0; i < netdevs_n_progs(netdevs); i++) {
                const NetdevProg *prog = netdevs_prog(netdevs, i);
                const char *interface = netdevs_name(netdevs, prog->ifindex);

                if (interface && g_hash_table_add(named, GUINT_TO_POINTER(prog->ifindex)))
                        add(list, NETNS_INTERFACE, prog->ifindex, interface, strlen(interface));
                add(list, NETNS_PROG, 0, prog, sizeof(*prog));
        }
}

/* A file that is not a namespace is an error of setns(2). */
static void look_at(List *list, int directory, const char *name)
{
        int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        struct stat attr;

        if (fd < 0) {
                if (errno != ENOENT)
                        fail(list, name, errno);
                return;
        }
        if (fstat(fd, &attr) < 0 || !is_first(list, attr.st_ino)) {
                close(fd);
        } else if (setns(fd, CLONE_NEWNET) < 0) {
                fail(list, name, errno);
                close(fd);
        } else {
                close(fd);
                list_namespace(list, name, attr.st_ino);
        }
}

static int compare(gconstpointer a, gconstpointer b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *read_names(DIR *directory)
{
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        const struct dirent *entry;

        while ((entry = readdir(directory)) && names->len <= NETNS_MAX)
                if (entry->d_name[0] != '.')
                        g_ptr_array_add(names, g_strdup(entry->d_name));
        g_ptr_array_sort(names, compare);
        return names;
}

static void look_at_all(List *list, DIR *directory)
{
        g_autoptr(GPtrArray) names = read_names(directory);
        gint64 end = g_get_monotonic_time() + NETNS_MAX_TIME;

        for (guint i = 0; i < names->len; i++) {
                if (i == NETNS_MAX) {
                        add_note(list, "only %u network namespaces are looked at", NETNS_MAX);
                        break;
                }
                if (g_get_monotonic_time() > end) {
                        add_note(list, "not all network namespaces are looked at: it takes too "
                                       "long");
                        break;
                }
                look_at(list, dirfd(directory), names->pdata[i]);
        }
}

static void put_failed(List *list)
{
        if (list->n_failed > 0)
                add_note(list, "network namespace %s cannot be looked at: %s%s", list->failed,
                         g_strerror(list->error), list->n_failed > 1 ? ", nor can others" : "");
        g_free(list->failed);
}

void netns_look_list(NetnsLook *look, GByteArray *out)
{
        const gsize last_note = 256;
        List list = { .records = { out, out->len + NETNS_MAX_LIST - last_note } };
        DIR *directory = look->home < 0 ? NULL : opendir(DIRECTORY);
        int error = look->home < 0 ? -look->home : errno;

        list.seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        is_first(&list, look->ino);
        if (directory) {
                look_at_all(&list, directory);
                closedir(directory);
                /* The kernel has no reason to refuse it, and nothing could be done. */
                if (setns(look->home, CLONE_NEWNET) < 0)
                        fail(&list, "of the daemon", errno);
        } else if (error != ENOENT) {
                add_note(&list, "network namespaces cannot be looked at: %s", g_strerror(error));
        }
        put_failed(&list);
        if (list.records.cut) {
                list.records.cut = false;
                list.records.end += last_note;
                add_note(&list, "not all of the network namespaces is shown: it is too much");
        }
        g_hash_table_unref(list.seen);
}
