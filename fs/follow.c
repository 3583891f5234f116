/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The follower: one thread that sleeps until a program is loaded or unloaded, and while programs
 * come and go looks as often as watch_dispatch() says. */

#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

struct Follow {
        Watch *watch; /* NULL: no more events */
        Tree *tree;
        Ops *ops;
        pthread_t thread;
        int wake;  /* eventfd: a request has found something, or it is time to end */
        int ended; /* eventfd: the thread has ended */
        bool started;
        atomic_bool stop;
};

static void kick(int fd)
{
        static const uint64_t one = 1;

        /* It can only fail if the counter is full; then the reader is awake anyway. */
        if (write(fd, &one, sizeof(one)) < 0)
                return;
}

static void on_gone(void *data)
{
        Follow *follow = data;

        kick(follow->wake);
}

/* Tells the kernel of everything that has gone since the last time. */
static void tell(Follow *follow)
{
        g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(TreeGone));

        tree_follow(follow->tree, gone);
        for (guint i = 0; i < gone->len; i++) {
                const TreeGone *entry = &g_array_index(gone, TreeGone, i);

                ops_forget_entry(follow->ops, entry->parent, entry->child, entry->name);
        }
}

/* Returns how long to wait at most, as poll(2) takes it. */
static int dispatch(Follow *follow)
{
        int r = follow->watch ? tree_dispatch(follow->tree, follow->watch) : 0;

        if (r < 0) {
                syslog(LOG_WARNING, "events can't be followed any more, access is slower now: %s",
                       g_strerror(-r));
                follow->watch = NULL;
                tree_stop_events(follow->tree);
        }
        return r > 0 ? r : -1;
}

static void *follow_thread(void *data)
{
        Follow *follow = data;
        uint64_t count;
        int timeout = -1;

        tell(follow);
        while (!follow->stop) {
                struct pollfd fds[] = {
                        { .fd = follow->wake, .events = POLLIN },
                        { .fd = follow->watch ? watch_fd(follow->watch) : -1, .events = POLLIN },
                };

                if (poll(fds, G_N_ELEMENTS(fds), timeout) < 0 && errno != EINTR)
                        break;
                if (fds[0].revents && read(follow->wake, &count, sizeof(count)) < 0)
                        break;
                timeout = dispatch(follow);
                tell(follow);
        }
        kick(follow->ended);
        return NULL;
}

Follow *follow_new(Watch *watch, Tree *tree, Ops *ops, GError **error)
{
        g_autoptr(Follow) follow = g_new0(Follow, 1);

        follow->watch = watch;
        follow->tree = tree;
        follow->ops = ops;
        follow->wake = eventfd(0, EFD_CLOEXEC);
        follow->ended = eventfd(0, EFD_CLOEXEC);
        if (follow->wake < 0 || follow->ended < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                            "cannot make an eventfd: %s", g_strerror(errno));
                return NULL;
        }
        return g_steal_pointer(&follow);
}

int follow_start(Follow *follow, GError **error)
{
        sigset_t all, before;
        int r;

        /* Signals are for the thread that serves. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&follow->thread, NULL, follow_thread, follow);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(r),
                            "cannot start the thread that follows events: %s", g_strerror(r));
                return -r;
        }
        follow->started = true;
        tree_on_gone(follow->tree, on_gone, follow);
        return 0;
}

void follow_free(Follow *follow)
{
        if (follow->started) {
                tree_on_gone(follow->tree, NULL, NULL);
                follow->stop = true;
                kick(follow->wake);
                ops_serve_until(follow->ops, follow->ended);
                pthread_join(follow->thread, NULL);
        }
        if (follow->wake >= 0)
                close(follow->wake);
        if (follow->ended >= 0)
                close(follow->ended);
        g_free(follow);
}
