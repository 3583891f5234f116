/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of holders: read from lists of all kinds, and made of real processes. */

#include "holders-look.h"
#include "holders-seen.h"
#include "holders.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REUSE (HOLDERS_REUSE_MS * G_TIME_SPAN_MILLISECOND)
#define KEEP (HOLDERS_KEEP_MS * G_TIME_SPAN_MILLISECOND)
/* More descriptors than a look has in one step. */
#define FEW 200
#define RETRY (HOLDERS_RETRY_MS * G_TIME_SPAN_MILLISECOND)
/* More than any question takes. */
#define LONG (3600 * G_TIME_SPAN_SECOND)

/* What is answered next. */
typedef struct World {
        GByteArray *list;
        uint32_t cut; /* a look that begins before this process ends here; 0: none ends early */
        int error;
        gint64 takes; /* microseconds */
        int takes_ms; /* in fact */
        bool goes_on; /* a look has not ended yet, if nobody waits for it */
        gint64 now;   /* of the last update */
        guint begun;  /* looks */
        guint waited; /* for so many of them */
        uint32_t from;
        int wait; /* the longest, in milliseconds */
} World;

static void add_record(GByteArray *list, HolderKind kind, uint32_t id, const void *bytes,
                       uint32_t length)
{
        const HolderRecord record = { kind, id, length };

        g_byte_array_append(list, (const guint8 *)&record, sizeof(record));
        if (length > 0)
                g_byte_array_append(list, bytes, length);
}

static int begin(void *data, uint32_t from)
{
        World *world = data;

        world->begun++;
        world->from = from;
        return 0;
}

static int hear(void *data, int wait, GByteArray *out, gint64 *ended)
{
        World *world = data;
        bool is_cut = world->from < world->cut;

        if (wait == 0 && world->goes_on)
                return -ETIMEDOUT;
        g_usleep(world->takes_ms * 1000);
        world->waited += wait > 0;
        world->wait = MAX(world->wait, wait);
        /* What is before or behind is in the list nevertheless, and not taken. */
        if (world->error == 0)
                g_byte_array_append(out, world->list->data, world->list->len);
        if (is_cut)
                add_record(out, HOLDER_CUT, world->cut, NULL, 0);
        *ended = world->now + world->takes;
        return world->error;
}

static const HoldersOps ops = { begin, hear };

static int update(Holders *holders, World *world, gint64 now)
{
        world->now = now;
        return holders_update(holders, now);
}

static void add(World *world, HolderKind kind, uint32_t id, const void *bytes, uint32_t length)
{
        add_record(world->list, kind, id, bytes, length);
}

static void add_process(World *world, uint32_t pid)
{
        static const char names[] = "a\n\0"
                                    "0::/system.slice/a.service\n";

        add(world, HOLDER_PROCESS, pid, names, sizeof(names));
}

static char *pids_of(const Holders *holders, HolderKind kind, uint32_t id)
{
        g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        GString *out = g_string_new(NULL);

        holders_append(holders, kind, id, pids);
        for (guint i = 0; i < pids->len; i++)
                g_string_append_printf(out, "%u ", g_array_index(pids, uint32_t, i));
        return g_string_free(out, FALSE);
}

#define assert_pids(holders, kind, id, wanted)                                                     \
        do {                                                                                       \
                g_autofree char *found = pids_of(holders, kind, id);                               \
                g_assert_cmpstr(found, ==, wanted);                                                \
        } while (0)

static void world_clear(World *world)
{
        g_byte_array_unref(world->list);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

static void test_list(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        g_autoptr(GString) notes = g_string_new(NULL);
        g_autoptr(Info) info = NULL;
        const int32_t error = EACCES;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_MAP, 5, NULL, 0);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add_process(&world, 3);
        add(&world, HOLDER_PROG, 4, NULL, 0);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_CLOSED, 30, &error, sizeof(error));
        add(&world, HOLDER_CLOSED, 31, &error, sizeof(error));
        add(&world, HOLDER_LARGE, 32, NULL, 0);
        g_assert_cmpint(update(holders, &world, 1), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "3 20 ");
        assert_pids(holders, HOLDER_MAP, 5, "20 ");
        assert_pids(holders, HOLDER_LINK, 5, "");
        assert_pids(holders, HOLDER_PROG, 6, "");
        g_assert_true(holders_has(holders, HOLDER_PROG, 4, 3));
        g_assert_false(holders_has(holders, HOLDER_PROG, 4, 20));
        info = holders_process(holders, 20);
        g_assert_nonnull(info);
        g_assert_true(info_has(info, "unit"));
        g_assert_null(holders_process(holders, 21));
        holders_append_notes(holders, notes);
        g_assert_cmpstr(notes->str, ==,
                        "(2 processes cannot be looked at: Permission denied)\n"
                        "(1 processes have more than 16384 descriptors, which are not all seen)\n");
}

/* Every list that is cut off, and texts of processes that are none. */
static void test_broken_lists(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = 0;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_CLOSED, 20, "note", 4);
        add(&world, HOLDER_CUT, 30, NULL, 0);
        for (guint length = world.list->len; length > 0; length--) {
                g_autoptr(Info) info = NULL;

                g_byte_array_set_size(world.list, length - 1);
                now += LONG;
                g_assert_cmpint(update(holders, &world, now), ==, 0);
                info = holders_process(holders, 20);
        }
        for (uint32_t length = 0; length < 64; length++) {
                char bytes[64];
                g_autoptr(Info) info = NULL;

                memset(bytes, 'x', sizeof(bytes));
                g_byte_array_set_size(world.list, 0);
                add(&world, HOLDER_PROCESS, 20, bytes, length);
                now += LONG;
                g_assert_cmpint(update(holders, &world, now), ==, 0);
                info = holders_process(holders, 20);
                g_assert_null(info);
        }
}

static void test_one_look_for_all(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 1000), ==, 0);
        g_assert_cmpint(update(holders, &world, 1000 + REUSE - 1), ==, 0);
        g_assert_cmpuint(world.begun, ==, 1);
        g_byte_array_set_size(world.list, 0);
        g_assert_cmpint(update(holders, &world, LONG), ==, 0);
        g_assert_cmpuint(world.begun, ==, 2);
        assert_pids(holders, HOLDER_PROG, 5, "");
}

/* A look that takes long is not too old as soon as it ends: else every lookup would look. */
static void test_long_look(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 20000 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);

        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        g_assert_cmpint(update(holders, &world, REUSE + world.takes - 1000), ==, 0);
        g_assert_cmpuint(world.waited, ==, 1);
}

static char *notes_of(const Holders *holders)
{
        GString *notes = g_string_new(NULL);

        holders_append_notes(holders, notes);
        return g_string_free(notes, FALSE);
}

#define assert_notes(holders, wanted)                                                              \
        do {                                                                                       \
                g_autofree char *noted = notes_of(holders);                                        \
                g_assert_cmpstr(noted, ==, wanted);                                                \
        } while (0)

/* What was known is shown on for a moment only: it could be wrong by any time. */
static void test_no_answer(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = REUSE;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        world.error = -ETIMEDOUT;
        world.goes_on = true;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        g_assert_cmpuint(world.waited, ==, 2);
        /* The kernel remembers nothing of it. */
        g_assert_cmpint(holders_until(holders), <=, now);
        /* The others don't wait. */
        g_assert_cmpint(update(holders, &world, now + RETRY - 1), ==, 0);
        g_assert_cmpuint(world.waited, ==, 2);
        g_assert_cmpint(update(holders, &world, KEEP), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        assert_notes(holders, "");
        g_assert_cmpint(update(holders, &world, KEEP + 1), ==, -ETIMEDOUT);
        assert_pids(holders, HOLDER_PROG, 5, "");
        assert_notes(holders, "(cannot be looked at: Connection timed out)\n");
        /* The look still goes on: another one would begin anew. */
        g_assert_cmpuint(world.begun, ==, 2);
        world.error = 0;
        world.goes_on = false;
        g_assert_cmpint(update(holders, &world, KEEP + 2), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        assert_notes(holders, "");
        g_assert_cmpuint(world.begun, ==, 2);
}

/* If the other half is gone, that is said as soon as what is known is too old. */
static void test_no_other_half(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        world.error = -EPIPE;
        g_assert_cmpint(update(holders, &world, 0), ==, -EPIPE);
        assert_notes(holders, "(cannot be looked at: Broken pipe)\n");
        g_assert_cmpint(update(holders, &world, RETRY - 1000), ==, -EPIPE);
        g_assert_cmpuint(world.begun, ==, 1);
        g_assert_cmpint(update(holders, &world, LONG), ==, -EPIPE);
        g_assert_cmpuint(world.begun, ==, 2);
        g_assert_cmpint(world.wait, ==, HOLDERS_FIRST_MS);
}

/* A look that is cut goes on at once if nothing is known, else at the next look; and what is known
 * of the others is kept. */
static void test_cut(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .cut = 25 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        const int32_t error = EACCES;
        gint64 now = REUSE;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_LARGE, 20, NULL, 0);
        add_process(&world, 25);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_CLOSED, 30, &error, sizeof(error));
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        g_assert_cmpuint(world.begun, ==, 2);
        g_assert_cmpuint(world.from, ==, 25);
        assert_pids(holders, HOLDER_PROG, 5, "20 25 ");
        assert_notes(holders,
                     "(1 processes cannot be looked at: Permission denied)\n"
                     "(1 processes have more than 16384 descriptors, which are not all seen)\n");

        /* All of them end, and 22 has come. */
        g_byte_array_set_size(world.list, 0);
        add_process(&world, 22);
        add(&world, HOLDER_PROG, 6, NULL, 0);
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpuint(world.begun, ==, 3);
        g_assert_cmpuint(world.from, ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "25 ");
        assert_pids(holders, HOLDER_PROG, 6, "22 ");
        g_assert_false(holders_has(holders, HOLDER_PROG, 5, 20));
        g_assert_null(holders_process(holders, 20));
        assert_notes(holders, "(1 processes cannot be looked at: Permission denied)\n");
        now += REUSE;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpuint(world.begun, ==, 4);
        g_assert_cmpuint(world.from, ==, 25);
        assert_pids(holders, HOLDER_PROG, 5, "");
        assert_pids(holders, HOLDER_PROG, 6, "22 ");
        assert_notes(holders, "");
        /* A process that is looked at is not waited for as long as the first time. */
        world.wait = 0;
        now += REUSE;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpint(world.wait, ==, HOLDERS_WAIT_MS);
}

/* Processes that no look has come to for long are not shown, and that is said. */
static void test_kept_too_long(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .cut = 25 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add_process(&world, 25);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        now = KEEP - REUSE / 2;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 25 ");
        assert_notes(holders, "");
        /* The kernel does not remember it for longer, either. */
        g_assert_cmpint(holders_until(holders), <, KEEP + REUSE / 2);
        world.goes_on = true;
        world.error = -ETIMEDOUT;
        now = KEEP + REUSE / 2;
        g_assert_cmpint(update(holders, &world, now), ==, -ETIMEDOUT);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        assert_notes(holders, "(cannot be looked at: Connection timed out)\n");
        world.goes_on = false;
        world.error = 0;
        /* The one that has not ended yet was begun where the last one was cut. */
        g_assert_cmpint(update(holders, &world, now + 1), ==, 0);
        g_assert_cmpuint(world.from, ==, 25);
        assert_pids(holders, HOLDER_PROG, 5, "20 25 ");
        assert_notes(holders, "");
}

/* The first time, looks follow each other for a fixed time only. */
static void test_cut_again_and_again(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .cut = 25 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add_process(&world, 30);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        world.takes_ms = HOLDERS_FIRST_MS;
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        g_assert_cmpuint(world.begun, ==, 1);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        assert_notes(holders,
                     "(not all processes are shown: some were not looked at for 2000 ms)\n");
        world.takes_ms = 0;
        g_assert_cmpint(update(holders, &world, REUSE), ==, 0);
        g_assert_cmpuint(world.begun, ==, 2);
        assert_pids(holders, HOLDER_PROG, 5, "20 30 ");
        assert_notes(holders, "");
}

/* A look that has not come further is an error, not an endless loop. */
static void test_cut_at_once(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);

        add(&world, HOLDER_CUT, 0, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, -EPROTO);
        g_assert_cmpuint(world.begun, ==, 1);
}

static void add_large(World *world, uint32_t pid, guint n)
{
        add_process(world, pid);
        for (guint i = 0; i < n; i++)
                add(world, HOLDER_PROG, pid, NULL, 0);
}

/* All that is known together is no more than a list may be. */
static void test_full(void)
{
        static const char note[] =
                "(not all processes are shown: the list would be longer than 4194304 bytes)\n";
        const guint half = HOLDERS_MAX_LIST / sizeof(HolderRecord) / 2;
        g_auto(World) world = { .list = g_byte_array_new(), .cut = 25 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = REUSE;

        add_large(&world, 20, half);
        add_large(&world, 30, half);
        add_process(&world, 40);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        assert_pids(holders, HOLDER_PROG, 20, "20 ");
        assert_pids(holders, HOLDER_PROG, 30, "30 ");
        assert_pids(holders, HOLDER_PROG, 5, "");
        assert_notes(holders, note);

        /* The list of one look is too long. */
        world.cut = 0;
        g_byte_array_set_size(world.list, 0);
        add_process(&world, 20);
        add(&world, HOLDER_PROG, 20, NULL, 0);
        add(&world, HOLDER_FULL, 30, NULL, 0);
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpuint(world.from, ==, 0);
        assert_pids(holders, HOLDER_PROG, 20, "20 ");
        assert_pids(holders, HOLDER_PROG, 30, "");
        assert_notes(holders, note);
        now += REUSE;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpuint(world.from, ==, 0);

        /* There is room again. */
        g_byte_array_set_size(world.list, 0);
        now += REUSE;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        assert_notes(holders, "");
}

/* Somebody reads steadily for so many microseconds. Returns the time of the end. */
static gint64 read_for(Holders *holders, World *world, gint64 from, gint64 microseconds)
{
        for (gint64 now = from; now < from + microseconds; now += 1000)
                g_assert_cmpint(update(holders, world, now), ==, 0);
        return from + microseconds;
}

/* The next look begins before the results of the last are too old, and only the first reader waits.
 */
static void test_ahead(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 10000, .goes_on = true };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        g_assert_cmpuint(world.waited, ==, 1);
        /* Twice what a look takes is left. */
        now = read_for(holders, &world, 0, REUSE + world.takes - 20000);
        g_assert_cmpuint(world.begun, ==, 1);
        now = read_for(holders, &world, now, 10000);
        g_assert_cmpuint(world.begun, ==, 2);
        /* Until it has ended, what is known is used. */
        g_byte_array_set_size(world.list, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        world.goes_on = false;
        world.takes = 0;
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "");
        g_assert_cmpint(holders_until(holders), ==, now + REUSE);
        g_assert_cmpuint(world.begun, ==, 2);
        g_assert_cmpuint(world.waited, ==, 1);
}

/* A look that was begun ahead is as old as any other: it is used neither too long after its end,
 * nor waited for without need. */
static void test_ahead_too_old(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 10000, .goes_on = true };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now;

        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        now = read_for(holders, &world, 0, REUSE);
        g_assert_cmpuint(world.begun, ==, 2);
        /* It ended long ago. */
        world.goes_on = false;
        world.takes -= LONG;
        g_assert_cmpint(update(holders, &world, now + LONG), ==, 0);
        g_assert_cmpuint(world.begun, ==, 3);
        g_assert_cmpuint(world.waited, ==, 2);
}

/* If the results become too old before it ends, it is waited for, and no other is begun. */
static void test_ahead_too_late(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 10000, .goes_on = true };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now;

        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        now = read_for(holders, &world, 0, REUSE + world.takes);
        g_assert_cmpuint(world.begun, ==, 2);
        g_assert_cmpuint(world.waited, ==, 1);
        g_assert_cmpint(update(holders, &world, now), ==, 0);
        g_assert_cmpuint(world.begun, ==, 2);
        g_assert_cmpuint(world.waited, ==, 2);
}

/* Long looks do not follow each other without a pause. */
static void test_ahead_of_long_looks(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = REUSE };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 ahead = HOLDERS_AHEAD_MS * G_TIME_SPAN_MILLISECOND;

        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        read_for(holders, &world, REUSE, REUSE - ahead);
        g_assert_cmpuint(world.begun, ==, 1);
        g_assert_cmpint(update(holders, &world, 2 * REUSE - ahead), ==, 0);
        g_assert_cmpuint(world.begun, ==, 2);
}

/* Nobody can look any more: what is known is used until it is too old. */
static void test_ahead_in_vain(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 10000 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = REUSE;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        world.error = -EPIPE;
        for (int i = 0; i < 3; i++)
                g_assert_cmpint(update(holders, &world, now + i), ==, 0);
        g_assert_cmpint(update(holders, &world, now + world.takes), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
        g_assert_cmpint(update(holders, &world, KEEP + 1), ==, -EPIPE);
        assert_pids(holders, HOLDER_PROG, 5, "");
}

/* The real other half. */
typedef struct Real {
        HoldersKept *kept;
        uint32_t from;
} Real;

static void real_clear(Real *real)
{
        holders_kept_free(real->kept);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Real, real_clear)

/* Looks only when somebody waits. */
static int begin_look(void *data, uint32_t from)
{
        ((Real *)data)->from = from;
        return 0;
}

static int look(void *data, int wait, GByteArray *out, gint64 *ended)
{
        const Real *half = data;
        g_autoptr(HoldersLook) real = NULL;
        const GByteArray *list;

        g_assert_cmpint(holders_look_new(half->from, half->kept, &real), ==, 0);
        while (holders_look_step(real))
                ;
        list = holders_look_list(real);
        g_byte_array_append(out, list->data, list->len);
        *ended = g_get_monotonic_time();
        return 0;
}

static const HoldersOps real_ops = { begin_look, look };

/* A map, and a child that has it too. */
typedef struct Family {
        int map;
        uint32_t id;
        int end; /* the child ends when it is closed */
        pid_t child;
} Family;

static Family family_new(int copies)
{
        Family family = { .map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "held", 4, 4, 1, NULL) };
        struct bpf_map_info info = { 0 };
        uint32_t length = sizeof(info);
        int fds[2], ready[2];
        char byte;

        g_assert_cmpint(family.map, >=, 0);
        g_assert_cmpint(bpf_obj_get_info_by_fd(family.map, &info, &length), ==, 0);
        family.id = info.id;
        g_assert_cmpint(pipe(fds), ==, 0);
        g_assert_cmpint(pipe(ready), ==, 0);
        family.child = fork();
        if (family.child == 0) {
                const struct rlimit limit = { copies + 64, copies + 64 };

                close(fds[1]);
                close(ready[0]);
                if (copies > 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
                        _exit(1);
                for (int i = 0; i < copies; i++)
                        if (dup(ready[1]) < 0)
                                _exit(1);
                if (write(ready[1], "", 1) != 1)
                        _exit(1);
                _exit(read(fds[0], &byte, 1) != 0);
        }
        close(fds[0]);
        close(ready[1]);
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        close(ready[0]);
        family.end = fds[1];
        return family;
}

static void family_end_child(const Family *family)
{
        int status;

        close(family->end);
        g_assert_cmpint(waitpid(family->child, &status, 0), ==, family->child);
        g_assert_cmpint(status, ==, 0);
}

static void test_real_processes(void)
{
        g_auto(Real) half = { .kept = holders_kept_new() };
        g_autoptr(Holders) holders = holders_new(&real_ops, &half);
        g_autoptr(Info) info = NULL;
        gint64 now = g_get_monotonic_time();
        Family family = family_new(0);

        g_assert_cmpint(holders_update(holders, now), ==, 0);
        g_assert_true(holders_has(holders, HOLDER_MAP, family.id, getpid()));
        g_assert_true(holders_has(holders, HOLDER_MAP, family.id, family.child));
        info = holders_process(holders, family.child);
        g_assert_nonnull(info);
        g_assert_true(info_has(info, "comm"));
        g_assert_true(info_has(info, "cgroup"));
        family_end_child(&family);
        g_assert_cmpint(holders_update(holders, now + LONG), ==, 0);
        g_assert_true(holders_has(holders, HOLDER_MAP, family.id, getpid()));
        g_assert_false(holders_has(holders, HOLDER_MAP, family.id, family.child));
        close(family.map);
}

/* Who gets and closes a descriptor of a process. */
typedef enum Opener {
        ITS_ONLY_THREAD,
        ANOTHER_THREAD, /* the first one sleeps */
        ANOTHER_PROCESS /* with the same table of descriptors */
} Opener;

typedef struct Commands {
        int there[2], back[2]; /* pipes */
} Commands;

/* Opens a map, or closes the last one, for each byte that comes, and answers with the id or 0. */
static void *serve(void *data)
{
        const Commands *commands = data;
        struct bpf_map_info info;
        uint32_t length = sizeof(info);
        int map = -1;
        char byte;

        while (read(commands->there[0], &byte, 1) == 1) {
                memset(&info, 0, sizeof(info));
                if (map < 0) {
                        map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "held", 4, 4, 1, NULL);
                        if (bpf_obj_get_info_by_fd(map, &info, &length) < 0)
                                _exit(1);
                } else {
                        close(map);
                        map = -1;
                }
                if (write(commands->back[1], &info.id, sizeof(info.id)) != sizeof(info.id))
                        _exit(1);
        }
        _exit(0);
}

static pid_t start(Opener opener, Commands *commands)
{
        pid_t child = fork();
        pthread_t thread;

        if (child != 0)
                return child;
        close(commands->there[1]);
        close(commands->back[0]);
        if (opener == ITS_ONLY_THREAD)
                serve(commands);
        if (opener == ANOTHER_THREAD && pthread_create(&thread, NULL, serve, commands) != 0)
                _exit(1);
        if (opener == ANOTHER_PROCESS &&
            syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL) == 0)
                serve(commands);
        for (;;)
                pause();
}

static uint32_t command(const Commands *commands)
{
        uint32_t id;

        g_assert_cmpint(write(commands->there[1], "", 1), ==, 1);
        g_assert_cmpint(read(commands->back[0], &id, sizeof(id)), ==, sizeof(id));
        return id;
}

/* Looks once, or as often as it takes. */
static void assert_seen(Holders *holders, uint32_t map, pid_t child, bool held, bool at_once)
{
        static gint64 looks;

        do
                g_assert_cmpint(holders_update(holders, g_get_monotonic_time() + LONG * ++looks),
                                ==, 0);
        while (!at_once && holders_has(holders, HOLDER_MAP, map, child) != held);
        g_assert_true(holders_has(holders, HOLDER_MAP, map, child) == held);
}

/* Though it is not looked at anew if it has not run. */
static void test_every_change_is_seen(gconstpointer data)
{
        Opener opener = GPOINTER_TO_UINT(data);
        g_auto(Real) half = { .kept = holders_kept_new() };
        g_autoptr(Holders) holders = holders_new(&real_ops, &half);
        bool at_once = opener != ANOTHER_PROCESS;
        Commands commands;
        pid_t child;

        g_assert_cmpint(pipe(commands.there), ==, 0);
        g_assert_cmpint(pipe(commands.back), ==, 0);
        child = start(opener, &commands);
        for (int i = 0; i < (at_once ? 20 : 1); i++) {
                uint32_t map = command(&commands);

                assert_seen(holders, map, child, true, at_once);
                assert_seen(holders, map, child, true, true);
                g_assert_cmpuint(command(&commands), ==, 0);
                assert_seen(holders, map, child, false, at_once);
                assert_seen(holders, map, child, false, true);
        }
        g_assert_cmpint(kill(child, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
        for (int i = 0; i < 2; i++) {
                close(commands.there[i]);
                close(commands.back[i]);
        }
}

static int load(uint32_t *id)
{
        const struct bpf_insn code[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS },
                { .code = BPF_JMP | BPF_EXIT },
        };
        LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_SK_LOOKUP);
        struct bpf_prog_info info = { 0 };
        uint32_t length = sizeof(info);
        int fd = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "held", "GPL", code, G_N_ELEMENTS(code),
                               &options);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(bpf_obj_get_info_by_fd(fd, &info, &length), ==, 0);
        *id = info.id;
        return fd;
}

/* A child that has closed these descriptors, and sleeps. */
static pid_t start_sleeper(const int *closed, guint n)
{
        int ready[2];
        pid_t child;
        char byte;

        g_assert_cmpint(pipe(ready), ==, 0);
        child = fork();
        if (child == 0) {
                for (guint i = 0; i < n; i++)
                        close(closed[i]);
                if (write(ready[1], "", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        close(ready[0]);
        close(ready[1]);
        return child;
}

/* Another process gives a link another program while its holder sleeps. */
static void test_link_of_one_who_sleeps(void)
{
        g_auto(Real) half = { .kept = holders_kept_new() };
        g_autoptr(Holders) holders = holders_new(&real_ops, &half);
        int namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), link, programs[2];
        uint32_t ids[2];
        pid_t child;

        for (int i = 0; i < 2; i++)
                programs[i] = load(&ids[i]);
        link = bpf_link_create(programs[0], namespace, BPF_SK_LOOKUP, NULL);
        g_assert_cmpint(link, >=, 0);
        child = start_sleeper(programs, G_N_ELEMENTS(programs));
        for (int i = 0; i < 4; i++) {
                gint64 now = g_get_monotonic_time() + LONG * i;

                g_assert_cmpint(bpf_link_update(link, programs[i % 2], NULL), ==, 0);
                g_assert_cmpint(holders_update(holders, now), ==, 0);
                g_assert_true(holders_has(holders, HOLDER_PROG, ids[i % 2], child));
                g_assert_false(holders_has(holders, HOLDER_PROG, ids[1 - i % 2], child));
        }
        g_assert_cmpint(kill(child, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
        close(link);
        close(namespace);
        for (int i = 0; i < 2; i++)
                close(programs[i]);
}

static void test_kept(void)
{
        g_autoptr(HoldersKept) kept = holders_kept_new();
        const HoldersStamp stamp = { "1 2 3\n" }, other = { "1 2 4\n" };
        int fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        gint64 until = HOLDERS_KEPT_MS * G_TIME_SPAN_MILLISECOND;
        HoldersStamp present;
        HoldersSaw *saw;

        g_assert_cmpint(fds, >=, 0);
        g_assert_true(holders_stamp_read(fds, &present));
        saw = holders_saw_new(fds, &stamp, 0);
        g_assert_nonnull(saw);
        holders_kept_add(kept, 20, saw);
        g_assert_true(holders_kept_find(kept, 20, &stamp, 1) == saw);
        g_assert_null(holders_kept_find(kept, 20, &other, 1));
        g_assert_null(holders_kept_find(kept, 21, &stamp, 1));
        g_assert_null(holders_kept_find(kept, 20, &stamp, until));
        holders_kept_sweep(kept, 1);
        g_assert_true(holders_kept_find(kept, 20, &stamp, 1) == saw);
        holders_kept_sweep(kept, until);
        g_assert_null(holders_kept_find(kept, 20, &stamp, 1));
        close(fds);
}

/* However late it is, a look comes to the end of one process, and tells where to go on. */
static void test_no_time(void)
{
        Family family = family_new(FEW);

        for (int i = 0; i < 2; i++) {
                pid_t first = i == 0 ? getpid() : family.child;
                g_autoptr(HoldersLook) real = NULL;
                g_auto(HoldersSeen) seen = { 0 };
                uint32_t next;

                holders_seen_init(&seen);
                g_assert_cmpint(holders_look_new(first, NULL, &real), ==, 0);
                g_usleep((HOLDERS_LOOK_MAX_MS + 1) * 1000);
                while (holders_look_step(real))
                        ;
                g_assert_cmpint(holders_seen_take(&seen, holders_look_list(real), first, 0, &next),
                                ==, 0);
                g_assert_cmpuint(next, ==, first + 1);
                g_assert_false(holders_seen_all(&seen));
                g_assert_nonnull(memmem(seen.list->data, seen.list->len, &first, sizeof(first)));
        }
        family_end_child(&family);
        close(family.map);
}

/* No process keeps those behind it from being seen. */
static void test_many_descriptors(void)
{
        g_auto(Real) half = { .kept = holders_kept_new() };
        g_autoptr(Holders) holders = holders_new(&real_ops, &half);
        g_autoptr(GString) notes = g_string_new(NULL);
        Family large = family_new(HOLDERS_MAX_FDS), other = family_new(0);
        gint64 now = g_get_monotonic_time();

        /* On a busy machine a look may end before it has come to both. */
        do {
                g_string_truncate(notes, 0);
                g_assert_cmpint(holders_update(holders, now), ==, 0);
                holders_append_notes(holders, notes);
                now += LONG;
        } while (strstr(notes->str, "were not looked at"));
        g_assert_true(holders_has(holders, HOLDER_MAP, other.id, other.child));
        g_assert_nonnull(strstr(notes->str, "more than 16384 descriptors"));
        g_assert_true(holders_has(holders, HOLDER_MAP, large.id, large.child));
        family_end_child(&other);
        family_end_child(&large);
        g_assert_cmpint(holders_update(holders, now), ==, 0);
        g_string_truncate(notes, 0);
        holders_append_notes(holders, notes);
        g_assert_null(strstr(notes->str, "descriptors"));
        close(large.map);
        close(other.map);
}

int main(int argc, char **argv)
{
        static const char *const openers[] = {
                [ITS_ONLY_THREAD] = "its-only-thread",
                [ANOTHER_THREAD] = "another-thread",
                [ANOTHER_PROCESS] = "another-process",
        };

        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holders/list", test_list);
        g_test_add_func("/holders/broken-lists", test_broken_lists);
        g_test_add_func("/holders/one-look-for-all", test_one_look_for_all);
        g_test_add_func("/holders/long-look", test_long_look);
        g_test_add_func("/holders/kept", test_kept);
        g_test_add_func("/holders/no-answer", test_no_answer);
        g_test_add_func("/holders/no-other-half", test_no_other_half);
        g_test_add_func("/holders/cut", test_cut);
        g_test_add_func("/holders/kept-too-long", test_kept_too_long);
        g_test_add_func("/holders/cut-again-and-again", test_cut_again_and_again);
        g_test_add_func("/holders/cut-at-once", test_cut_at_once);
        g_test_add_func("/holders/full", test_full);
        g_test_add_func("/holders/ahead", test_ahead);
        g_test_add_func("/holders/ahead-too-old", test_ahead_too_old);
        g_test_add_func("/holders/ahead-too-late", test_ahead_too_late);
        g_test_add_func("/holders/ahead-of-long-looks", test_ahead_of_long_looks);
        g_test_add_func("/holders/ahead-in-vain", test_ahead_in_vain);
        g_test_add_func("/holders/real-processes", test_real_processes);
        for (guint i = 0; i < G_N_ELEMENTS(openers); i++) {
                g_autofree char *name = g_strconcat("/holders/every-change/", openers[i], NULL);

                g_test_add_data_func(name, GUINT_TO_POINTER(i), test_every_change_is_seen);
        }
        g_test_add_func("/holders/link-of-one-who-sleeps", test_link_of_one_who_sleeps);
        g_test_add_func("/holders/no-time", test_no_time);
        g_test_add_func("/holders/many-descriptors", test_many_descriptors);
        return g_test_run();
}
