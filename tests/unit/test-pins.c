/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Pins on real bpffs mounts, in a mount namespace of the test's own.
 *
 * Most tests have a directory with a bpffs mounted on it, and one map, which costs the kernel
 * little and can be pinned as often as one likes.
 */

#include "pins-look.h"
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct World {
        char *top; /* an empty directory */
        char *bpf; /* in it, with a bpffs */
        int map;
        uint32_t id;
        PinsLook *look;
        Pins *pins;
        guint asked;
} World;

#define OK(call) g_assert_cmpint((call), >=, 0)

static uint32_t id_of(int fd)
{
        struct bpf_map_info info = { 0 };
        uint32_t len = sizeof(info);

        OK(bpf_obj_get_info_by_fd(fd, &info, &len));
        return info.id;
}

static int ask(void *data, GByteArray *out)
{
        World *world = data;

        world->asked++;
        pins_look_update(world->look);
        pins_look_list(world->look, out);
        return 0;
}

static void mount_bpf(const char *path, const char *options, unsigned long flags)
{
        mkdir(path, 0755);
        OK(mount("bpf", path, "bpf", flags, options));
}

static char *in_top(const World *world, const char *name)
{
        return g_build_filename(world->top, name, NULL);
}

static char *in_bpf(const World *world, const char *name)
{
        return g_build_filename(world->bpf, name, NULL);
}

static void start(World *world)
{
        world->look = pins_look_new();
        world->pins = pins_new(pins_look_fd(world->look), ask, world);
}

static void stop(World *world)
{
        g_clear_pointer(&world->pins, pins_free);
        g_clear_pointer(&world->look, pins_look_free);
}

static void set_up(World *world, gconstpointer data)
{
        world->top = g_dir_make_tmp("bpfmetafs-pins-XXXXXX", NULL);
        g_assert_nonnull(world->top);
        world->bpf = in_top(world, "bpf");
        /* Every look at a file is a new time of access, if nobody prevents it. */
        mount_bpf(world->bpf, NULL, MS_STRICTATIME);
        world->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pinned", 4, 4, 1, NULL);
        OK(world->map);
        world->id = id_of(world->map);
        start(world);
}

static void tear_down(World *world, gconstpointer data)
{
        stop(world);
        if (world->map >= 0)
                close(world->map);
        umount2(world->bpf, MNT_DETACH);
        rmdir(world->bpf);
        rmdir(world->top);
        g_free(world->bpf);
        g_free(world->top);
}

/* What is said of an object, with $ for the directory of the test. */
static char *said_of(World *world, PinKind kind, uint32_t id)
{
        g_autoptr(GString) out = g_string_new(NULL);
        g_auto(GStrv) parts = NULL;

        g_assert_cmpint(pins_update(world->pins, g_get_monotonic_time()), ==, 0);
        pins_append(world->pins, kind, id, out);
        parts = g_strsplit(out->str, world->top, -1);
        return g_strjoinv("$", parts);
}

#define assert_said(world, kind, id, expected)                                                     \
        do {                                                                                       \
                g_autofree char *said = said_of((world), (kind), (id));                            \
                g_assert_cmpstr(said, ==, (expected));                                             \
        } while (0)
#define assert_map(world, expected) assert_said((world), PIN_MAP, (world)->id, (expected))

static void pin(const World *world, const char *name)
{
        g_autofree char *path = in_bpf(world, name);

        OK(bpf_obj_pin(world->map, path));
}

static void make_dir(const World *world, const char *name)
{
        g_autofree char *path = in_bpf(world, name);

        OK(mkdir(path, 0755));
}

static void move(const World *world, const char *from, const char *to)
{
        g_autofree char *a = in_bpf(world, from), *b = in_bpf(world, to);

        OK(rename(a, b));
}

static void take_away(const World *world, const char *name)
{
        g_autofree char *path = in_bpf(world, name);

        OK(remove(path));
}

static void test_life(World *world, gconstpointer data)
{
        assert_map(world, "");
        pin(world, "b");
        assert_map(world, "$/bpf/b\n");
        pin(world, "a");
        assert_map(world, "$/bpf/a\n$/bpf/b\n");
        move(world, "a", "c");
        assert_map(world, "$/bpf/b\n$/bpf/c\n");
        move(world, "b", "c");
        assert_map(world, "$/bpf/c\n");
        take_away(world, "c");
        assert_map(world, "");
        /* Several things between two looks. */
        pin(world, "a");
        take_away(world, "a");
        pin(world, "a");
        move(world, "a", "b");
        pin(world, "a");
        take_away(world, "b");
        assert_map(world, "$/bpf/a\n");
        take_away(world, "a");
}

/* Another object under a name that is known: by rename, and by exchange. */
static void test_replaced(World *world, gconstpointer data)
{
        g_autofree char *a = in_bpf(world, "a"), *b = in_bpf(world, "b");
        int other = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL);
        uint32_t id = id_of(other);

        pin(world, "a");
        OK(bpf_obj_pin(other, b));
        assert_map(world, "$/bpf/a\n");
        assert_said(world, PIN_MAP, id, "$/bpf/b\n");
        if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0) {
                assert_map(world, "$/bpf/b\n");
                assert_said(world, PIN_MAP, id, "$/bpf/a\n");
                OK(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE));
        }
        OK(rename(b, a));
        assert_map(world, "");
        assert_said(world, PIN_MAP, id, "$/bpf/a\n");
        close(other);
}

static int load(enum bpf_prog_type type)
{
        const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
                                          { .code = BPF_JMP | BPF_EXIT } };
        int fd = bpf_prog_load(type, "pinned", "GPL", insns, G_N_ELEMENTS(insns), NULL);

        OK(fd);
        return fd;
}

static void test_kinds(World *world, gconstpointer data)
{
        g_autofree char *path = in_bpf(world, "program"), *link_path = in_bpf(world, "link");
        g_autofree char *symlink_path = in_bpf(world, "symlink");
        int prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT);
        int link = bpf_raw_tracepoint_open("task_rename", prog);
        uint32_t id, link_id;

        OK(link);
        /* All infos begin with type and id. */
        id = id_of(prog);
        link_id = id_of(link);
        pin(world, "map");
        OK(bpf_obj_pin(prog, path));
        OK(bpf_obj_pin(link, link_path));
        OK(symlink("map", symlink_path));
        assert_map(world, "$/bpf/map\n");
        assert_said(world, PIN_PROG, id, "$/bpf/program\n");
        assert_said(world, PIN_LINK, link_id, "$/bpf/link\n");
        assert_said(world, PIN_LINK, 0, "");
        close(link);
        close(prog);
}

static void test_directories(World *world, gconstpointer data)
{
        make_dir(world, "a");
        assert_map(world, "");
        make_dir(world, "a/b");
        pin(world, "a/b/x");
        assert_map(world, "$/bpf/a/b/x\n");
        make_dir(world, "a/b/c");
        make_dir(world, "a/b/c/d");
        pin(world, "a/b/c/d/y");
        assert_map(world, "$/bpf/a/b/c/d/y\n$/bpf/a/b/x\n");
        /* What is in a directory goes with it, and is watched there. */
        move(world, "a/b", "z");
        assert_map(world, "$/bpf/z/c/d/y\n$/bpf/z/x\n");
        pin(world, "z/c/d/new");
        assert_map(world, "$/bpf/z/c/d/new\n$/bpf/z/c/d/y\n$/bpf/z/x\n");
        take_away(world, "z/c/d/new");
        take_away(world, "z/c/d/y");
        take_away(world, "z/c/d");
        make_dir(world, "z/c/d");
        pin(world, "z/c/d/again");
        assert_map(world, "$/bpf/z/c/d/again\n$/bpf/z/x\n");
        /* A name that was a directory, and one that becomes one. */
        take_away(world, "z/c/d/again");
        take_away(world, "z/c/d");
        pin(world, "z/c/d");
        assert_map(world, "$/bpf/z/c/d\n$/bpf/z/x\n");
        take_away(world, "z/x");
        make_dir(world, "z/x");
        pin(world, "z/x/x");
        assert_map(world, "$/bpf/z/c/d\n$/bpf/z/x/x\n");
}

/* "b" and "ba" are no parts of each other. */
static void test_similar_names(World *world, gconstpointer data)
{
        make_dir(world, "b");
        make_dir(world, "ba");
        pin(world, "b/x");
        pin(world, "ba/x");
        assert_map(world, "$/bpf/b/x\n$/bpf/ba/x\n");
        move(world, "b", "c");
        assert_map(world, "$/bpf/ba/x\n$/bpf/c/x\n");
}

static void test_mounts(World *world, gconstpointer data)
{
        g_autofree char *later = in_top(world, "later");

        assert_map(world, "");
        for (int i = 0; i < 3; i++) {
                g_autofree char *path = g_build_filename(later, "x", NULL);

                mount_bpf(later, NULL, 0);
                OK(bpf_obj_pin(world->map, path));
                assert_map(world, "$/later/x\n");
                /* Nothing that we do keeps it busy. */
                OK(umount(later));
                assert_map(world, "");
                /* The same path and the same numbers, but another filesystem. */
                mount_bpf(later, NULL, 0);
                assert_map(world, "");
                OK(umount(later));
                mount_bpf(later, NULL, 0);
                OK(bpf_obj_pin(world->map, path));
                OK(umount(later));
                mount_bpf(later, NULL, 0);
                assert_map(world, "");
                OK(umount(later));
        }
        rmdir(later);
}

static void test_bind(World *world, gconstpointer data)
{
        g_autofree char *bind = in_top(world, "bind"), *part = in_top(world, "part");
        g_autofree char *inside = in_bpf(world, "dir");

        make_dir(world, "dir");
        pin(world, "dir/x");
        pin(world, "y");
        mkdir(bind, 0755);
        mkdir(part, 0755);
        OK(mount(world->bpf, bind, NULL, MS_BIND, NULL));
        OK(mount(inside, part, NULL, MS_BIND, NULL));
        assert_map(world, "$/bind/dir/x\n$/bind/y\n$/bpf/dir/x\n$/bpf/y\n$/part/x\n");
        pin(world, "dir/z");
        assert_map(world,
                   "$/bind/dir/x\n$/bind/dir/z\n$/bind/y\n$/bpf/dir/x\n$/bpf/dir/z\n$/bpf/y\n"
                   "$/part/x\n$/part/z\n");
        take_away(world, "dir/z");
        /* Who renames what is mounted elsewhere changes nothing there. */
        g_assert_cmpint(rename(inside, "/nowhere/at/all"), <, 0);
        OK(umount(bind));
        assert_map(world, "$/bpf/dir/x\n$/bpf/y\n$/part/x\n");
        /* Then only a part of it can be reached. */
        OK(umount(world->bpf));
        assert_map(world, "$/part/x\n");
        OK(umount(part));
        assert_map(world, "");
        mount_bpf(world->bpf, NULL, 0);
        rmdir(bind);
        rmdir(part);
}

static void test_hidden(World *world, gconstpointer data)
{
        g_autofree char *dir = in_bpf(world, "dir"), *bind = in_top(world, "bind");

        make_dir(world, "dir");
        pin(world, "dir/x");
        pin(world, "y");
        OK(mount("none", dir, "tmpfs", 0, NULL));
        assert_map(world, "$/bpf/y\n(hidden by another mount: $/bpf/dir/x)\n");
        OK(umount(dir));
        assert_map(world, "$/bpf/dir/x\n$/bpf/y\n");
        OK(mount("none", world->bpf, "tmpfs", 0, NULL));
        assert_map(world, "(not looked at, hidden by another mount: $/bpf)\n");
        assert_said(world, PIN_PROG, 4711, "(not looked at, hidden by another mount: $/bpf)\n");
        OK(umount(world->bpf));
        assert_map(world, "$/bpf/dir/x\n$/bpf/y\n");
        /* It can be reached another way. */
        mkdir(bind, 0755);
        OK(mount(world->bpf, bind, NULL, MS_BIND, NULL));
        OK(mount("none", world->bpf, "tmpfs", 0, NULL));
        assert_map(world, "$/bind/dir/x\n$/bind/y\n(hidden by another mount: $/bpf/dir/x)\n"
                          "(hidden by another mount: $/bpf/y)\n");
        OK(umount(world->bpf));
        OK(umount(bind));
        rmdir(bind);
}

/* Below a filesystem of somebody who does not answer: nobody walks there. */
static void test_remote(World *world, gconstpointer data)
{
        g_autofree char *dir = in_top(world, "dir"), *bind = in_top(world, "bind");
        g_autofree char *path = g_build_filename(dir, "x", NULL), *options = NULL;
        int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

        if (fuse < 0) {
                g_test_skip("no FUSE");
                return;
        }
        options = g_strdup_printf("fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
        mkdir(dir, 0755);
        OK(mount("nobody", dir, "fuse", 0, options));
        OK(mount("bpf", dir, "bpf", 0, NULL));
        OK(bpf_obj_pin(world->map, path));
        assert_map(world, "(not looked at, the way there may not answer: $/dir)\n");
        /* It can be reached another way, and then its paths are told. */
        mkdir(bind, 0755);
        OK(mount(dir, bind, NULL, MS_BIND, NULL));
        assert_map(world, "$/bind/x\n$/dir/x\n");
        OK(umount(bind));
        rmdir(bind);
        OK(umount(dir));
        close(fuse);
        OK(umount2(dir, MNT_DETACH));
        rmdir(dir);
}

static void test_hostile_names(World *world, gconstpointer data)
{
        g_autofree char *longest = g_strnfill(255, 'n');
        g_autofree char *odd = in_top(world, "a b\\\n\t");
        g_autofree char *odd_pin = g_build_filename(odd, "x", NULL);
        g_autofree char *expected = NULL;

        pin(world, "a\nb");
        pin(world, "(hidden by another mount: x)");
        pin(world, "\033[2J\\");
        pin(world, "\xff\xfe");
        pin(world, "\xc3\xa4");
        pin(world, longest);
        mount_bpf(odd, NULL, 0);
        OK(bpf_obj_pin(world->map, odd_pin));
        expected = g_strdup_printf("$/a b\\\\\\x0a\\x09/x\n"
                                   "$/bpf/\\x1b[2J\\\\\n"
                                   "$/bpf/(hidden by another mount: x)\n"
                                   "$/bpf/a\\x0ab\n"
                                   "$/bpf/%s\n"
                                   "$/bpf/\xc3\xa4\n"
                                   "$/bpf/\\xff\\xfe\n",
                                   longest);
        assert_map(world, expected);
        OK(umount(odd));
        rmdir(odd);
}

/* Nothing shows that somebody has looked, and nothing is kept. */
static void test_leaves_no_trace(World *world, gconstpointer data)
{
        g_autofree char *file = in_bpf(world, "dir/x"), *dir = in_bpf(world, "dir");
        const char *paths[] = { file, dir, world->bpf };
        struct stat before[3], after[3];
        g_autoptr(GDir) fds = NULL;
        g_autofree char *cwd = NULL;
        guint n = 0;

        make_dir(world, "dir");
        pin(world, "dir/x");
        for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
                OK(stat(paths[i], &before[i]));
        g_usleep(20000);
        for (int i = 0; i < 3; i++) {
                stop(world);
                start(world);
                assert_map(world, "$/bpf/dir/x\n");
        }
        for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
                OK(stat(paths[i], &after[i]));
                g_assert_cmpint(after[i].st_atim.tv_sec, ==, before[i].st_atim.tv_sec);
                g_assert_cmpint(after[i].st_atim.tv_nsec, ==, before[i].st_atim.tv_nsec);
                g_assert_cmpint(after[i].st_mtim.tv_nsec, ==, before[i].st_mtim.tv_nsec);
                g_assert_cmpint(after[i].st_ctim.tv_nsec, ==, before[i].st_ctim.tv_nsec);
        }
        fds = g_dir_open("/proc/self/fd", 0, NULL);
        for (const char *name; (name = g_dir_read_name(fds));) {
                g_autofree char *path = g_build_filename("/proc/self/fd", name, NULL);
                g_autofree char *target = g_file_read_link(path, NULL);

                if (!target)
                        continue;
                n++;
                g_assert_false(g_str_has_prefix(target, world->top));
                g_assert_null(strstr(target, "bpf-prog"));
                g_assert_null(strstr(target, "bpf_link"));
                g_assert_null(strstr(target, "bpf-link"));
        }
        g_assert_cmpuint(n, >, 3);
        cwd = g_get_current_dir();
        g_assert_cmpstr(cwd, ==, "/");
}

/* As long as nothing happens, nobody is asked. */
static void test_quiet(World *world, gconstpointer data)
{
        pin(world, "x");
        assert_map(world, "$/bpf/x\n");
        /* The first look may be followed by one more, for what it has caused itself. */
        assert_map(world, "$/bpf/x\n");
        world->asked = 0;
        for (int i = 0; i < 100; i++)
                assert_map(world, "$/bpf/x\n");
        g_assert_cmpuint(world->asked, ==, 0);
        pin(world, "y");
        assert_map(world, "$/bpf/x\n$/bpf/y\n");
        g_assert_cmpuint(world->asked, ==, 1);
}

static void test_many(World *world, gconstpointer data)
{
        gint64 begin, first, again;
        guint n = 0;
        char name[32];

        for (int i = 0; i < 1000; i++) {
                if (i % 100 == 0) {
                        g_snprintf(name, sizeof(name), "%d", i / 100);
                        make_dir(world, name);
                }
                g_snprintf(name, sizeof(name), "%d/%d", i / 100, i);
                pin(world, name);
        }
        begin = g_get_monotonic_time();
        pins_update(world->pins, begin);
        first = g_get_monotonic_time() - begin;
        pins_update(world->pins, begin);
        pin(world, "5/new");
        begin = g_get_monotonic_time();
        pins_update(world->pins, begin);
        again = g_get_monotonic_time() - begin;
        g_test_message("1000 pins: %d us, one more: %d us", (int)first, (int)again);
        {
                g_autofree char *said = said_of(world, PIN_MAP, world->id);

                for (const char *at = said; *at; at++)
                        n += *at == '\n';
                g_assert_nonnull(strstr(said, "$/bpf/5/new\n"));
                g_assert_nonnull(strstr(said, "$/bpf/9/999\n"));
        }
        g_assert_cmpuint(n, ==, 1001);
        /* Generous: a sanitized build on a machine that does other things. */
        g_assert_cmpint(first, <, 200000);
        g_assert_cmpint(again, <, first);
}

static void test_more(World *world, gconstpointer data)
{
        char name[32];
        g_autofree char *said = NULL;

        make_dir(world, "later");
        for (guint i = 0; i <= PINS_MAX; i++) {
                g_snprintf(name, sizeof(name), "%u", i);
                pin(world, name);
        }
        said = said_of(world, PIN_MAP, world->id);
        g_assert_true(g_str_has_suffix(said, "(not all are looked at: more than 8192 pins or 4096 "
                                             "directories, or more than 64 deep)\n"));
        for (guint i = 100; i <= PINS_MAX; i++) {
                g_snprintf(name, sizeof(name), "%u", i);
                take_away(world, name);
        }
        g_clear_pointer(&said, g_free);
        said = said_of(world, PIN_MAP, world->id);
        g_assert_null(strstr(said, "("));
        for (guint i = 0; i < 100; i++) {
                g_autofree char *line = g_strdup_printf("$/bpf/%u\n", i);

                g_assert_nonnull(strstr(said, line));
        }
}

/* As many paths as may be; and that there are more is said. */
static void test_more_mounts(World *world, gconstpointer data)
{
        g_autofree char *all = in_top(world, "all");
        g_autofree char *text = NULL;
        guint n = 0;

        pin(world, "x");
        OK(mkdir(all, 0755));
        OK(mount("none", all, "tmpfs", 0, NULL));
        for (guint i = 0; i < PINS_MAX_MOUNTS; i++) {
                g_autofree char *path = g_strdup_printf("%s/%u", all, i);

                OK(mkdir(path, 0755));
                OK(mount(world->bpf, path, NULL, MS_BIND, NULL));
        }
        text = said_of(world, PIN_MAP, world->id);
        for (const char *at = text; (at = strstr(at, "/x\n")); at++)
                n++;
        g_assert_cmpuint(n, ==, PINS_MAX_MOUNTS);
        g_assert_true(g_str_has_suffix(text, "(not all are looked at: more than 1024 mounts)\n"));
        OK(umount2(all, MNT_DETACH));
        OK(rmdir(all));
        assert_map(world, "$/bpf/x\n");
}

static void test_deep(World *world, gconstpointer data)
{
        g_autoptr(GString) path = g_string_new("d");

        for (guint i = 0; i < PINS_MAX_DEPTH + 10; i++) {
                make_dir(world, path->str);
                g_string_append(path, "/d");
        }
        g_string_append(path, "x");
        pin(world, path->str);
        pin(world, "d/d/x");
        assert_map(world, "$/bpf/d/d/x\n(not all are looked at: more than 8192 pins or 4096 "
                          "directories, or more than 64 deep)\n");
}

/* More events than the kernel keeps. */
static void test_overflow(World *world, gconstpointer data)
{
        g_autofree char *other = in_bpf(world, "other"), *third = in_bpf(world, "third");

        pin(world, "before");
        assert_map(world, "$/bpf/before\n");
        for (int i = 0; i < 20000; i++) {
                OK(mkdir(i % 2 ? other : third, 0755));
                OK(rmdir(i % 2 ? other : third));
        }
        take_away(world, "before");
        make_dir(world, "dir");
        pin(world, "dir/after");
        assert_map(world, "$/bpf/dir/after\n");
        pin(world, "dir/watched");
        assert_map(world, "$/bpf/dir/after\n$/bpf/dir/watched\n");
}

/* Calls @func in a process of its own. */
static pid_t start_child(void (*func)(const World *world), const World *world)
{
        pid_t pid = fork();

        OK(pid);
        if (pid == 0) {
                func(world);
                _exit(0);
        }
        return pid;
}

static void end_child(pid_t pid)
{
        OK(kill(pid, SIGKILL));
        OK(waitpid(pid, NULL, 0));
}

/* Looks at everything without a pause. */
static void look_for_ever(const World *world)
{
        for (;;) {
                g_autoptr(PinsLook) look = pins_look_new();
                g_autoptr(GByteArray) out = g_byte_array_new();

                pins_look_update(look);
                pins_look_list(look, out);
        }
}

static void churn_for_ever(const World *world)
{
        g_autofree char *x = in_bpf(world, "x"), *y = in_bpf(world, "y"),
                        *dir = in_bpf(world, "dir");
        g_autofree char *in_dir = in_bpf(world, "dir/z"), *moved = in_bpf(world, "moved");
        g_autofree char *in_moved = in_bpf(world, "moved/z");

        for (;;) {
                bpf_obj_pin(world->map, x);
                rename(x, y);
                mkdir(dir, 0755);
                bpf_obj_pin(world->map, in_dir);
                rename(dir, moved);
                unlink(in_moved);
                rmdir(moved);
                unlink(y);
        }
}

/* Whatever vanishes while it is looked at, in the end all is as it is. */
static void test_races(World *world, gconstpointer data)
{
        static const char *const names[] = { "x", "y", "dir/z", "dir", "moved/z", "moved" };

        pin(world, "stays");
        for (int round = 0; round < 20; round++) {
                pid_t pid = start_child(churn_for_ever, world);
                gint64 end = g_get_monotonic_time() + 50000;

                while (g_get_monotonic_time() < end) {
                        g_autofree char *said = said_of(world, PIN_MAP, world->id);

                        g_assert_nonnull(strstr(said, "$/bpf/stays\n"));
                        g_assert_null(strstr(said, "("));
                }
                end_child(pid);
                for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                        g_autofree char *path = in_bpf(world, names[i]);

                        remove(path);
                }
                assert_map(world, "$/bpf/stays\n");
        }
}

/* A program goes with its pin, whoever looks at that moment. */
static void test_is_not_kept(World *world, gconstpointer data)
{
        g_autofree char *path = in_bpf(world, "program");
        pid_t pid = start_child(look_for_ever, world);
        gint64 longest = 0;

        for (int i = 0; i < 30; i++) {
                int prog = load(BPF_PROG_TYPE_SOCKET_FILTER), fd;
                uint32_t id = id_of(prog);
                gint64 begin;

                OK(bpf_obj_pin(prog, path));
                close(prog);
                g_usleep(10000);
                begin = g_get_monotonic_time();
                OK(unlink(path));
                while ((fd = bpf_prog_get_fd_by_id(id)) >= 0) {
                        close(fd);
                        g_assert_cmpint(g_get_monotonic_time() - begin, <, 5000000);
                        g_usleep(100);
                }
                longest = MAX(longest, g_get_monotonic_time() - begin);
                g_usleep(20000);
        }
        g_test_message("gone at most %d us later", (int)longest);
        end_child(pid);
}

/* Nobody is refused to unmount because of what we keep. Only the lookup of the path itself, which
 * takes a microsecond, can be in the way, as any stat(2) can: without a pause, once in thousands.
 */
static void test_never_busy(World *world, gconstpointer data)
{
        g_autofree char *other = in_top(world, "other");
        pid_t pid = start_child(look_for_ever, world);
        guint busy = 0;

        for (int i = 0; i < 300; i++) {
                mount_bpf(other, NULL, 0);
                g_usleep(300);
                if (umount(other) < 0) {
                        g_assert_cmpint(errno, ==, EBUSY);
                        busy++;
                        OK(umount2(other, MNT_DETACH));
                }
        }
        end_child(pid);
        g_test_message("%u of 300 were busy", busy);
        g_assert_cmpuint(busy, <, 4);
        rmdir(other);
}

/* Makes a system call fail from now on. */
static void forbid(const char *name, int error)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

        OK(seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), seccomp_syscall_resolve_name(name), 0));
        OK(seccomp_load(filter));
        seccomp_release(filter);
}

/* Runs @func on a copy of @world in a process of its own, and expects that it succeeds. */
static void in_child(World *world, void (*func)(World *world))
{
        pid_t pid = fork();
        int status;

        OK(pid);
        if (pid == 0) {
                stop(world);
                func(world);
                _exit(0);
        }
        OK(waitpid(pid, &status, 0));
        g_assert_cmpint(status, ==, 0);
}

static void without_watches(World *world)
{
        forbid("inotify_add_watch", ENOSPC);
        start(world);
        assert_map(world, "$/bpf/x\n");
        pin(world, "y");
        g_usleep(PINS_REUSE);
        assert_map(world, "$/bpf/x\n$/bpf/y\n");
        world->asked = 0;
        for (int i = 0; i < 1000; i++)
                assert_map(world, "$/bpf/x\n$/bpf/y\n");
        g_assert_cmpuint(world->asked, <, 1000);
        take_away(world, "y");
        stop(world);
}

static void without_inotify(World *world)
{
        forbid("inotify_init1", EMFILE);
        start(world);
        assert_map(world, "$/bpf/x\n");
        pin(world, "y");
        g_usleep(PINS_REUSE);
        assert_map(world, "$/bpf/x\n$/bpf/y\n");
        take_away(world, "y");
        stop(world);
}

static void without_setattr(World *world)
{
        static const char note[] = "(not looked at, it would change times of access before Linux "
                                   "5.12: $/bpf)\n";

        forbid("mount_setattr", ENOSYS);
        start(world);
        assert_map(world, note);
        stop(world);
}

static void without_open_tree(World *world)
{
        forbid("open_tree", EPERM);
        start(world);
        assert_map(world, "(cannot be looked at: $/bpf: Operation not permitted)\n");
        stop(world);
}

static void without_obj_get(World *world)
{
        g_autofree char *said = NULL;

        forbid("bpf", EACCES);
        start(world);
        said = said_of(world, PIN_MAP, world->id);
        g_assert_true(g_str_has_prefix(said, "(not readable: $/bpf/"));
        /* There may be pins of the kernel's own. */
        g_assert_true(g_str_has_suffix(said, ": Permission denied)\n") ||
                      g_str_has_suffix(said, ": Permission denied, and others)\n"));
        stop(world);
}

/* Keeps CAP_SYS_ADMIN alone: permissions hold for root as well. */
static void drop_capabilities(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

        sets[0].effective = sets[0].permitted = CAP_TO_MASK(CAP_SYS_ADMIN);
        OK(syscall(SYS_capset, &header, sets));
}

/* As far as one may, and what one may not is told once. */
static void without_permission(World *world)
{
        g_autofree char *other = in_bpf(world, "other"), *file = in_bpf(world, "file");

        make_dir(world, "other");
        pin(world, "other/x");
        OK(chown(other, 1, 1));
        OK(chmod(other, 0700));
        drop_capabilities();
        start(world);
        assert_map(world, "$/bpf/x\n(not readable: $/bpf/other/: Permission denied)\n");
        pin(world, "file");
        OK(chmod(file, 0));
        assert_map(world, "$/bpf/x\n(not readable: $/bpf/other/: Permission denied, and others)\n");
        OK(chmod(file, 0600));
        assert_map(world, "$/bpf/file\n$/bpf/x\n(not readable: $/bpf/other/: Permission denied)\n");
        OK(unlink(file));
        /* The topmost directory has none that could tell. */
        OK(chmod(world->bpf, 0));
        stop(world);
        start(world);
        assert_map(world, "(not readable: $/bpf/: Permission denied)\n");
        OK(chmod(world->bpf, 0755));
        g_usleep(PINS_REUSE);
        assert_map(world, "$/bpf/x\n(not readable: $/bpf/other/: Permission denied)\n");
        stop(world);
}

static void test_forbidden(World *world, gconstpointer data)
{
        pin(world, "x");
        in_child(world, without_watches);
        in_child(world, without_inotify);
        in_child(world, without_setattr);
        in_child(world, without_open_tree);
        in_child(world, without_obj_get);
        in_child(world, without_permission);
        take_away(world, "other/x");
        assert_map(world, "$/bpf/x\n");
}

static int fail(void *data, GByteArray *out)
{
        int *error = data;

        if (*error == 0) {
                PinRecord record = { PIN_MAP, 7, 0, 2 };

                g_byte_array_append(out, (const void *)&record, sizeof(record));
                g_byte_array_append(out, (const void *)"/a", 2);
                /* And one that is longer than the list. */
                record.length = 1000;
                g_byte_array_append(out, (const void *)&record, sizeof(record));
                g_byte_array_append(out, (const void *)"/b", 2);
        }
        return *error;
}

/* The other half does not answer, or not as it should. */
static void test_cannot_ask(void)
{
        int error = 0;
        g_autoptr(Pins) pins = pins_new(-1, fail, &error);
        g_autoptr(GString) out = g_string_new(NULL);

        g_assert_cmpint(pins_update(pins, 0), ==, 0);
        pins_append(pins, PIN_MAP, 7, out);
        g_assert_cmpstr(out->str, ==, "/a\n");
}

static void test_cannot_ask_again(void)
{
        int error = -EPIPE;
        g_autoptr(Pins) pins = pins_new(-1, fail, &error);
        g_autoptr(GString) out = g_string_new(NULL);

        g_assert_cmpint(pins_update(pins, 0), ==, -EPIPE);
        pins_append(pins, PIN_MAP, 7, out);
        g_assert_cmpstr(out->str, ==, "(cannot be looked at: Broken pipe)\n");
        /* It is asked again though nothing has changed, but not by everybody. */
        error = 0;
        g_assert_cmpint(pins_update(pins, PINS_RETRY - 1), ==, -EPIPE);
        g_assert_cmpint(pins_update(pins, PINS_RETRY), ==, 0);
        g_string_truncate(out, 0);
        pins_append(pins, PIN_MAP, 7, out);
        g_assert_cmpstr(out->str, ==, "/a\n");
}

static void add(const char *name, void (*func)(World *world, gconstpointer data))
{
        g_test_add(name, World, NULL, set_up, func, tear_down);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        OK(unshare(CLONE_NEWNS));
        OK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
        /* What others have pinned is not ours. */
        while (umount2("/sys/fs/bpf", MNT_DETACH) == 0)
                ;
        add("/pins/life", test_life);
        add("/pins/replaced", test_replaced);
        add("/pins/kinds", test_kinds);
        add("/pins/directories", test_directories);
        add("/pins/similar-names", test_similar_names);
        add("/pins/mounts", test_mounts);
        add("/pins/bind", test_bind);
        add("/pins/hidden", test_hidden);
        add("/pins/remote", test_remote);
        add("/pins/hostile-names", test_hostile_names);
        add("/pins/leaves-no-trace", test_leaves_no_trace);
        add("/pins/quiet", test_quiet);
        add("/pins/many", test_many);
        add("/pins/more", test_more);
        add("/pins/more-mounts", test_more_mounts);
        add("/pins/deep", test_deep);
        add("/pins/overflow", test_overflow);
        add("/pins/races", test_races);
        add("/pins/is-not-kept", test_is_not_kept);
        add("/pins/never-busy", test_never_busy);
        add("/pins/forbidden", test_forbidden);
        g_test_add_func("/pins/cannot-ask", test_cannot_ask);
        g_test_add_func("/pins/cannot-ask-again", test_cannot_ask_again);
        return g_test_run();
}
