/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each piece of a work is done once, whichever thread does it, and is done when it is waited for.
 */

#include "pieces.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define N 100

typedef struct Work {
        atomic_uint done[N];
        atomic_uint others; /* pieces that the second thread has done */
        pthread_t caller;
        gulong time; /* microseconds that a piece takes */
} Work;

static void do_piece(guint piece, guint thread, void *data)
{
        Work *work = data;
        bool is_caller = pthread_equal(pthread_self(), work->caller);

        if (work->time > 0)
                g_usleep(work->time);
        g_assert_cmpuint(thread, ==, is_caller ? 0 : 1);
        work->others += !is_caller;
        work->done[piece]++;
}

static void assert_done(const Work *work, guint n, guint wanted)
{
        for (guint i = 0; i < n; i++)
                g_assert_cmpuint(work->done[i], ==, wanted);
}

static void test_all(void)
{
        g_autoptr(Pieces) pieces = pieces_new();

        for (guint round = 0; round < 200; round++) {
                Work work = { .caller = pthread_self(), .time = round % 10 == 0 };
                guint n = round % 2 ? N : PIECES_FEW - 1;

                pieces_begin(pieces, n, do_piece, &work);
                for (guint i = 0; i < n; i++) {
                        pieces_wait(pieces, i);
                        g_assert_cmpuint(work.done[i], ==, 1);
                }
                pieces_end(pieces);
                assert_done(&work, n, 1);
        }
}

/* The second thread does its part, where there is a CPU for it. */
static void test_together(void)
{
        g_autoptr(Pieces) pieces = pieces_new();
        Work work = { .caller = pthread_self(), .time = 1000 };

        pieces_begin(pieces, N, do_piece, &work);
        pieces_wait(pieces, N - 1);
        pieces_wait(pieces, 0);
        pieces_end(pieces);
        assert_done(&work, N, 1);
        if (g_get_num_processors() > 1)
                g_assert_cmpuint(work.others, >, 0);
        else
                g_assert_cmpuint(work.others, ==, 0);
}

/* What nobody has waited for need not be done, and is not done later. */
static void test_left(void)
{
        g_autoptr(Pieces) pieces = pieces_new();
        guint done[N], n = 0;

        for (guint round = 0; round < 50; round++) {
                Work work = { .caller = pthread_self(), .time = 100 };

                pieces_begin(pieces, N, do_piece, &work);
                pieces_wait(pieces, round % 5);
                g_assert_cmpuint(work.done[round % 5], ==, 1);
                pieces_end(pieces);
                for (guint i = 0; i < N; i++) {
                        done[i] = work.done[i];
                        g_assert_cmpuint(done[i], <=, 1);
                        n += 1 - done[i];
                }
                g_usleep(200);
                for (guint i = 0; i < N; i++)
                        g_assert_cmpuint(work.done[i], ==, done[i]);
        }
        g_assert_cmpuint(n, >, 0);
}

/* The second thread waits for the caller, and goes on with it. */
static void test_ahead(void)
{
        g_autoptr(Pieces) pieces = pieces_new();
        guint most = 0;

        /* On a busy machine the second thread has no CPU now and then. */
        for (guint round = 0; round < 20 || (most <= N / 4 && round < 2000); round++) {
                Work work = { .caller = pthread_self() };

                pieces_begin(pieces, N, do_piece, &work);
                for (guint i = 0; i < N; i++) {
                        pieces_wait(pieces, i);
                        if (i % 10 == 0)
                                g_usleep(1000);
                        for (guint j = i + PIECES_AHEAD; j < N; j++)
                                g_assert_cmpuint(work.done[j], ==, 0);
                }
                pieces_end(pieces);
                assert_done(&work, N, 1);
                most = MAX(most, work.others);
        }
        if (g_get_num_processors() > 1)
                g_assert_cmpuint(most, >, N / 4);
        else
                g_assert_cmpuint(most, ==, 0);
}

static void test_nothing(void)
{
        g_autoptr(Pieces) pieces = pieces_new();

        pieces_begin(pieces, 0, do_piece, NULL);
        pieces_end(pieces);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pieces/all", test_all);
        g_test_add_func("/pieces/together", test_together);
        g_test_add_func("/pieces/left", test_left);
        g_test_add_func("/pieces/ahead", test_ahead);
        g_test_add_func("/pieces/nothing", test_nothing);
        return g_test_run();
}
