/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of holders: read from lists of all kinds, and made of real processes. */

#include "holders-look.h"
#include "holders.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REUSE (HOLDERS_REUSE_MS * G_TIME_SPAN_MILLISECOND)
#define RETRY (HOLDERS_RETRY_MS * G_TIME_SPAN_MILLISECOND)
/* More than any question takes. */
#define LONG (3600 * G_TIME_SPAN_SECOND)

/* What is answered next. */
typedef struct World {
        GByteArray *list;
        int error;
        gint64 takes; /* microseconds */
        bool goes_on; /* a look has not ended yet, if nobody waits for it */
        gint64 now;   /* of the last update */
        guint begun;  /* looks */
        guint waited; /* for so many of them */
} World;

static int begin(void *data)
{
        World *world = data;

        world->begun++;
        return 0;
}

static int hear(void *data, bool wait, GByteArray *out, gint64 *ended)
{
        World *world = data;

        if (!wait && world->goes_on)
                return -ETIMEDOUT;
        world->waited += wait;
        if (world->error == 0)
                g_byte_array_append(out, world->list->data, world->list->len);
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
        const HolderRecord record = { kind, id, length };

        g_byte_array_append(world->list, (const guint8 *)&record, sizeof(record));
        if (length > 0)
                g_byte_array_append(world->list, bytes, length);
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

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_MAP, 5, NULL, 0);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add_process(&world, 3);
        add(&world, HOLDER_PROG, 4, NULL, 0);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_NOTE, 0, "x\n\x1b", 3);
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
        g_assert_cmpstr(notes->str, ==, "(x\\x0a\\x1b)\n");
}

/* Every list that is cut off, and texts of processes that are none. */
static void test_broken_lists(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = 0;

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        add(&world, HOLDER_NOTE, 0, "note", 4);
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

/* What was known is not shown on: it could be wrong by any time. */
static void test_no_answer(void)
{
        g_auto(World) world = { .list = g_byte_array_new() };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        g_autoptr(GString) notes = g_string_new(NULL);

        add_process(&world, 20);
        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        world.error = -ETIMEDOUT;
        g_assert_cmpint(update(holders, &world, LONG), ==, -ETIMEDOUT);
        assert_pids(holders, HOLDER_PROG, 5, "");
        holders_append_notes(holders, notes);
        g_assert_true(g_str_has_prefix(notes->str, "(cannot be looked at: "));
        g_assert_cmpint(update(holders, &world, LONG + RETRY - 1), ==, -ETIMEDOUT);
        g_assert_cmpuint(world.begun, ==, 2);
        world.error = 0;
        g_assert_cmpint(update(holders, &world, 2 * LONG), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "20 ");
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
        assert_pids(holders, HOLDER_PROG, 5, "0 ");
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

/* Nobody can look any more: that is said when what is known is too old. */
static void test_ahead_in_vain(void)
{
        g_auto(World) world = { .list = g_byte_array_new(), .takes = 10000 };
        g_autoptr(Holders) holders = holders_new(&ops, &world);
        gint64 now = REUSE;

        add(&world, HOLDER_PROG, 5, NULL, 0);
        g_assert_cmpint(update(holders, &world, 0), ==, 0);
        world.error = -EPIPE;
        for (int i = 0; i < 3; i++)
                g_assert_cmpint(update(holders, &world, now + i), ==, 0);
        assert_pids(holders, HOLDER_PROG, 5, "0 ");
        g_assert_cmpint(update(holders, &world, now + world.takes), ==, -EPIPE);
        assert_pids(holders, HOLDER_PROG, 5, "");
}

/* Looks only when somebody waits. */
static int begin_look(void *data)
{
        return 0;
}

static int look(void *data, bool wait, GByteArray *out, gint64 *ended)
{
        g_autoptr(HoldersLook) real = holders_look_new();
        const GByteArray *list;

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
        g_autoptr(Holders) holders = holders_new(&real_ops, NULL);
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

/* No process keeps those behind it from being seen. */
static void test_many_descriptors(void)
{
        g_autoptr(Holders) holders = holders_new(&real_ops, NULL);
        g_autoptr(GString) notes = g_string_new(NULL);
        Family large = family_new(HOLDERS_MAX_FDS), other = family_new(0);
        gint64 now = g_get_monotonic_time();

        /* On a busy machine a look may end before it has come to both. */
        do {
                g_string_truncate(notes, 0);
                g_assert_cmpint(holders_update(holders, now), ==, 0);
                holders_append_notes(holders, notes);
                now += LONG;
        } while (strstr(notes->str, "took longer"));
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
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/holders/list", test_list);
        g_test_add_func("/holders/broken-lists", test_broken_lists);
        g_test_add_func("/holders/one-look-for-all", test_one_look_for_all);
        g_test_add_func("/holders/long-look", test_long_look);
        g_test_add_func("/holders/no-answer", test_no_answer);
        g_test_add_func("/holders/ahead", test_ahead);
        g_test_add_func("/holders/ahead-too-old", test_ahead_too_old);
        g_test_add_func("/holders/ahead-too-late", test_ahead_too_late);
        g_test_add_func("/holders/ahead-of-long-looks", test_ahead_of_long_looks);
        g_test_add_func("/holders/ahead-in-vain", test_ahead_in_vain);
        g_test_add_func("/holders/real-processes", test_real_processes);
        g_test_add_func("/holders/many-descriptors", test_many_descriptors);
        return g_test_run();
}
