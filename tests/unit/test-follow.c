/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The follower among a watch, a tree and operations that the test plays: when it looks, what it
 * tells the kernel, and how it ends.
 */

#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

/* Everything behind one lock. */
typedef struct Played {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        guint looks;     /* calls of tree_follow() */
        guint waits;     /* calls of watch_wait() that have begun */
        int last_wait;   /* what the last was asked to wait */
        guint woken;     /* calls of watch_wake() that nobody has taken up */
        int next_wait;   /* what tree_follow() says */
        int log_wait;    /* what tree_log() says */
        int error;       /* the same */
        GArray *pending; /* TreeForgotten: what the next tree_follow() gives */
        GString *told;   /* what session_forget_entry() was given */
        void (*on_gone)(void *data);
        void *on_gone_data;
        bool signals_blocked;
        bool served; /* requests were served while the thread ended */
} Played;

/* The watch, the tree and the operations are all the Played one. */

void tree_forgotten_clear(TreeForgotten *forgotten)
{
        g_clear_pointer(&forgotten->name, g_free);
}

int tree_follow(Tree *tree, GArray *entries, int *wait)
{
        Played *played = (Played *)tree;
        sigset_t mask;
        int r;

        pthread_mutex_lock(&played->lock);
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        played->signals_blocked = sigismember(&mask, SIGTERM) == 1;
        g_array_append_vals(entries, played->pending->data, played->pending->len);
        g_array_set_size(played->pending, 0);
        *wait = played->next_wait;
        r = played->error;
        played->looks++;
        pthread_cond_broadcast(&played->changed);
        pthread_mutex_unlock(&played->lock);
        return r;
}

int tree_log(Tree *tree)
{
        Played *played = (Played *)tree;
        int wait;

        pthread_mutex_lock(&played->lock);
        wait = played->log_wait;
        pthread_mutex_unlock(&played->lock);
        return wait;
}

void tree_on_gone(Tree *tree, void (*func)(void *data), void *data)
{
        Played *played = (Played *)tree;

        pthread_mutex_lock(&played->lock);
        played->on_gone = func;
        played->on_gone_data = data;
        pthread_mutex_unlock(&played->lock);
}

void session_forget_entry(Session *session, uint64_t parent, uint64_t child, const char *name)
{
        Played *played = (Played *)session;

        pthread_mutex_lock(&played->lock);
        g_string_append_printf(played->told, "%d/%s:%d ", (int)parent, name, (int)child);
        pthread_mutex_unlock(&played->lock);
}

void session_serve_until(Session *session, int fd)
{
        struct pollfd end = { .fd = fd, .events = POLLIN };

        ((Played *)session)->served = true;
        g_assert_cmpint(poll(&end, 1, 10000), ==, 1);
}

void watch_wait(Watch *watch, int wait)
{
        Played *played = (Played *)watch;

        pthread_mutex_lock(&played->lock);
        played->waits++;
        played->last_wait = wait;
        pthread_cond_broadcast(&played->changed);
        while (played->woken == 0)
                pthread_cond_wait(&played->changed, &played->lock);
        played->woken = 0;
        pthread_mutex_unlock(&played->lock);
}

void watch_wake(Watch *watch)
{
        Played *played = (Played *)watch;

        pthread_mutex_lock(&played->lock);
        played->woken++;
        pthread_cond_broadcast(&played->changed);
        pthread_mutex_unlock(&played->lock);
}

static void played_init(Played *played)
{
        *played = (Played){ .next_wait = -1, .log_wait = -1 };
        pthread_mutex_init(&played->lock, NULL);
        pthread_cond_init(&played->changed, NULL);
        played->pending = g_array_new(FALSE, FALSE, sizeof(TreeForgotten));
        played->told = g_string_new(NULL);
}

static void played_clear(Played *played)
{
        g_array_unref(played->pending);
        g_string_free(played->told, TRUE);
        pthread_cond_destroy(&played->changed);
        pthread_mutex_destroy(&played->lock);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Played, played_clear)

static Follow *start(Played *played)
{
        g_autoptr(GError) error = NULL;
        Follow *follow = follow_new((Watch *)played, (Tree *)played, (Session *)played, &error);

        g_assert_no_error(error);
        g_assert_cmpint(follow_start(follow, &error), ==, 0);
        g_assert_no_error(error);
        return follow;
}

/* Waits until the follower sleeps for the @n-th time. */
static void wait_for(Played *played, guint n)
{
        pthread_mutex_lock(&played->lock);
        while (played->waits < n)
                pthread_cond_wait(&played->changed, &played->lock);
        pthread_mutex_unlock(&played->lock);
}

static void add(Played *played, uint64_t parent, uint64_t child, const char *name)
{
        TreeForgotten entry = { .parent = parent, .child = child };

        entry.name = g_strdup(name);
        pthread_mutex_lock(&played->lock);
        g_array_append_val(played->pending, entry);
        pthread_mutex_unlock(&played->lock);
}

/* It looks before it sleeps for the first time, and tells the kernel everything in order. */
static void test_first_look(void)
{
        g_auto(Played) played;
        g_autoptr(Follow) follow = NULL;

        played_init(&played);
        add(&played, 1, 5, "131");
        add(&played, 7, 0, "30");
        follow = start(&played);
        wait_for(&played, 1);
        g_assert_cmpstr(played.told->str, ==, "1/131:5 7/30:0 ");
        g_assert_cmpint(played.last_wait, ==, -1);
        g_assert_true(played.signals_blocked);
        g_clear_pointer(&follow, follow_free);
}

/* It sleeps until the log has something to do, if that is earlier. */
static void test_log(void)
{
        static const struct {
                int next, log, wanted;
        } waits[] = { { -1, 7, 7 }, { 2, 7, 2 }, { 9, 7, 7 }, { 2, -1, 2 }, { -1, -EPIPE, -1 } };
        g_auto(Played) played;
        g_autoptr(Follow) follow = NULL;

        played_init(&played);
        follow = start(&played);
        wait_for(&played, 1);
        for (guint i = 0; i < G_N_ELEMENTS(waits); i++) {
                pthread_mutex_lock(&played.lock);
                played.next_wait = waits[i].next;
                played.log_wait = waits[i].log;
                pthread_mutex_unlock(&played.lock);
                watch_wake((Watch *)&played);
                wait_for(&played, i + 2);
                g_assert_cmpint(played.last_wait, ==, waits[i].wanted);
        }
        g_clear_pointer(&follow, follow_free);
}

/* A request that has found something wakes it, and so does an event. It sleeps as long as the tree
 * says. */
static void test_woken(void)
{
        g_auto(Played) played;
        g_autoptr(Follow) follow = NULL;

        played_init(&played);
        follow = start(&played);
        wait_for(&played, 1);
        add(&played, 1, 6, "132");
        played.next_wait = 2;
        played.on_gone(played.on_gone_data);
        wait_for(&played, 2);
        g_assert_cmpstr(played.told->str, ==, "1/132:6 ");
        g_assert_cmpint(played.last_wait, ==, 2);
        watch_wake((Watch *)&played);
        wait_for(&played, 3);
        g_assert_cmpuint(played.looks, ==, 3);
        g_clear_pointer(&follow, follow_free);
}

/* Without events it goes on: requests still find what has gone. */
static void test_events_end(void)
{
        g_auto(Played) played;
        g_autoptr(Follow) follow = NULL;

        played_init(&played);
        played.error = -EPIPE;
        follow = start(&played);
        wait_for(&played, 1);
        add(&played, 1, 7, "133");
        played.on_gone(played.on_gone_data);
        wait_for(&played, 2);
        g_assert_cmpstr(played.told->str, ==, "1/133:7 ");
        g_clear_pointer(&follow, follow_free);
}

/* At the end it looks once more, requests are served until then, and nobody calls it again. */
static void test_end(void)
{
        g_auto(Played) played;
        Follow *follow;

        played_init(&played);
        follow = start(&played);
        wait_for(&played, 1);
        add(&played, 1, 8, "134");
        follow_free(follow);
        g_assert_cmpstr(played.told->str, ==, "1/134:8 ");
        g_assert_true(played.served);
        g_assert_null(played.on_gone);
}

/* One that was never started ends without a thread to wait for. */
static void test_not_started(void)
{
        g_auto(Played) played;
        g_autoptr(GError) error = NULL;

        played_init(&played);
        follow_free(follow_new((Watch *)&played, (Tree *)&played, (Session *)&played, &error));
        g_assert_no_error(error);
        g_assert_false(played.served);
        g_assert_cmpuint(played.looks, ==, 0);
        follow_free(NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/follow/first-look", test_first_look);
        g_test_add_func("/follow/log", test_log);
        g_test_add_func("/follow/woken", test_woken);
        g_test_add_func("/follow/events-end", test_events_end);
        g_test_add_func("/follow/end", test_end);
        g_test_add_func("/follow/not-started", test_not_started);
        return g_test_run();
}
