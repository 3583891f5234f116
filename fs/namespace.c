/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct Namespace {
        char *path;
        int fd; /* of a process or of the namespace's file: setns(2) takes both */
};

/* The place where a step starts, and to which it has to come back. */
typedef struct Home {
        int namespace;
        int root;
        int directory;
} Home;

/* The id in "ID" or "/proc/ID/ns/mnt"; 0 if @name is neither. */
static pid_t process_of(const char *name)
{
        g_autofree char *id = NULL;
        guint64 number;

        if (g_str_has_prefix(name, "/proc/") && g_str_has_suffix(name, "/ns/mnt")) {
                id = g_strdup(name + strlen("/proc/"));
                id[strcspn(id, "/")] = '\0';
                if (strlen(id) + strlen("/proc/") + strlen("/ns/mnt") != strlen(name))
                        return 0;
                name = id;
        }
        return g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &number, NULL) ? number : 0;
}

static bool is_number(const char *name)
{
        return *name && name[strspn(name, "0123456789")] == '\0';
}

Namespace *namespace_open(const char *name, GError **error)
{
        g_autoptr(Namespace) namespace = g_new0(Namespace, 1);
        g_autofree char *shown = NULL;
        pid_t process = process_of(name);

        namespace->path =
                is_number(name) ? g_strdup_printf("/proc/%s/ns/mnt", name) : g_strdup(name);
        namespace->fd = process > 0 ? syscall(SYS_pidfd_open, process, 0) : -1;
        /* Linux before 5.3, or the id of a thread */
        if (namespace->fd < 0)
        namespace->fd = open(namespace->path, O_RDONLY | O_CLOEXEC);
        if (namespace->fd >= 0)
                return g_steal_pointer(&namespace);

        shown = g_strescape(namespace->path, NULL);
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "the mount namespace '%s' cannot be opened: %s", shown, g_strerror(errno));
        return NULL;
}

void namespace_free(Namespace *namespace)
{
        if (!namespace)
                return;
        if (namespace->fd >= 0)
                close(namespace->fd);
        g_free(namespace->path);
        g_free(namespace);
}

static int leave_home(const Namespace *namespace, Home *home)
{
        home->namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        home->root = open("/", O_PATH | O_CLOEXEC);
        home->directory = open(".", O_PATH | O_CLOEXEC);
        if (home->namespace < 0 || home->root < 0 || home->directory < 0)
                return -errno;
        /* The kernel does not move a thread that shares its root directory with another. */
        if (unshare(CLONE_FS) < 0 || setns(namespace->fd, CLONE_NEWNS) < 0)
                return -errno;
        return 0;
}

/* Nothing that this process does in the wrong place can be right. */
static void come_home(const Home *home)
{
        if (setns(home->namespace, CLONE_NEWNS) < 0 || fchdir(home->root) < 0 || chroot(".") < 0 ||
            fchdir(home->directory) < 0)
                abort();
}

static void close_home(Home *home)
{
        const int fds[] = { home->namespace, home->root, home->directory };

        for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Home, close_home)

bool namespace_call(const Namespace *namespace, void (*step)(void *data), void *data,
                    GError **error)
{
        g_auto(Home) home = { -1, -1, -1 };
        g_autofree char *shown = NULL;
        int r = namespace ? leave_home(namespace, &home) : 0;

        if (r < 0) {
                shown = g_strescape(namespace->path, NULL);
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "the mount namespace '%s' cannot be entered: %s", shown,
                            g_strerror(-r));
                return false;
        }
        step(data);
        if (namespace)
                come_home(&home);
        return true;
}
