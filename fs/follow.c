/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The follower: a thread that sleeps until a program is loaded or unloaded. While programs come and
 * go, it looks as often as the tree tells it to. */

#include "follow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <unistd.h>

struct Follow {
        Watch *watch;
        Tree *tree;
        Session *session;
        pthread_t thread;
        int ended; /* eventfd: the thread has ended */
        bool started;
        atomic_bool stop;
};

static void on_gone(void *data)
{
        Follow *follow = data;

        watch_wake(follow->watch);
}

/* Tells the kernel to forget what has gone since the last call. Returns the result of
 * tree_follow(). */
static int tell(Follow *follow, int *wait)
{
        g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(TreeForgotten));
        int r;

        g_array_set_clear_func(entries, (GDestroyNotify)tree_forgotten_clear);
        r = tree_follow(follow->tree, entries, wait);

        for (guint i = 0; i < entries->len; i++) {
                const TreeForgotten *entry = &g_array_index(entries, TreeForgotten, i);

                session_forget_entry(follow->session, entry->parent, entry->child, entry->name);
        }
        return r;
}

static void *follow_thread(void *data)
{
        static const uint64_t one = 1;
        Follow *follow = data;
        bool has_events = true;
        int wait, log_wait, r;

        prctl(PR_SET_NAME, "bpfmeta-follow", 0, 0, 0);
        for (;;) {
                r = tell(follow, &wait);
                if (r < 0 && has_events)
                        syslog(LOG_WARNING,
                               "events can't be followed any more, access is slower now: %s",
                               r == -EPIPE ? "the process bpfmeta-broker has ended"
                                           : g_strerror(-r));
                has_events = r == 0;
                log_wait = tree_log(follow->tree);
                if (log_wait == -EPIPE)
                        syslog(LOG_WARNING,
                               "the log of loads has ended: the process bpfmeta-log has ended");
                if (log_wait >= 0 && (wait < 0 || log_wait < wait))
                        wait = log_wait;
                if (follow->stop)
                        break;
                watch_wait(follow->watch, wait);
        }
        /* It can only fail if the counter is full. */
        return write(follow->ended, &one, sizeof(one)) < 0 ? follow : NULL;
}

Follow *follow_new(Watch *watch, Tree *tree, Session *session, GError **error)
{
        g_autoptr(Follow) follow = g_new0(Follow, 1);

        follow->watch = watch;
        follow->tree = tree;
        follow->session = session;
        follow->ended = eventfd(0, EFD_CLOEXEC);
        if (follow->ended < 0) {
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
        if (!follow)
                return;
        if (follow->started) {
                tree_on_gone(follow->tree, NULL, NULL);
                follow->stop = true;
                watch_wake(follow->watch);
                session_serve_until(follow->session, follow->ended);
                pthread_join(follow->thread, NULL);
        }
        if (follow->ended >= 0)
                close(follow->ended);
        g_free(follow);
}
