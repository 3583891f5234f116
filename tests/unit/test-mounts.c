/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Mountinfo as text, real and hostile. */

#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static Mounts *parsed(const char *text)
{
        return mounts_new(g_strdup(text));
}

static void test_plain(void)
{
        g_autoptr(Mounts) mounts = parsed(
                "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
                "36 27 0:31 /a /sys/fs/bpf rw,nosuid shared:7 master:1 - bpf none rw,mode=700\n"
                "37 27 4095:1048575 / /mnt/a\\040b\\134\\012\\011c rw unknown - x y\n"
                "38 27 0:4 / /last rw - bpf none rw");
        const Mount *mount;

        g_assert_cmpuint(mounts->all->len, ==, 4);
        mount = mounts_get(mounts, 1);
        g_assert_cmpuint(mount->id, ==, 36);
        g_assert_cmpuint(mount->parent, ==, 27);
        g_assert_true(mount->dev == makedev(0, 31));
        g_assert_cmpstr(mount->root, ==, "/a");
        g_assert_cmpstr(mount->path, ==, "/sys/fs/bpf");
        g_assert_cmpstr(mount->type, ==, "bpf");
        mount = mounts_get(mounts, 2);
        g_assert_true(mount->dev == makedev(4095, 1048575));
        g_assert_cmpstr(mount->path, ==, "/mnt/a b\\\n\tc");
        g_assert_cmpstr(mount->type, ==, "x");
        g_assert_cmpstr(mounts_get(mounts, 3)->path, ==, "/last");
        g_assert_true(mounts_by_id(mounts, 27) == mounts_get(mounts, 0));
        g_assert_null(mounts_by_id(mounts, 1));
}

/* What is no line of mountinfo is none, and hides no other. */
static void test_hostile(void)
{
        static const char *const lines[] = {
                "",
                " ",
                "36",
                "36 27",
                "36 27 0:31",
                "36 27 0:31 / /a",
                "36 27 0:31 / /a rw",
                "36 27 0:31 / /a rw shared:7",
                "36 27 0:31 / /a rw -",
                "36 27 0:31 / /a rw - ",
                "x 27 0:31 / /a rw - bpf n rw",
                "36 - 0:31 / /a rw - bpf n rw",
                "36 27 031 / /a rw - bpf n rw",
                "36 27 0: / /a rw - bpf n rw",
                "36 27 :31 / /a rw - bpf n rw",
                "36  27 0:31 / /a rw - bpf n rw",
                "36 27 0:31 / a rw - bpf n rw",
                "\xff\xfe\x01",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
                g_autofree char *text =
                        g_strdup_printf("%s\n38 27 0:4 / /b rw - bpf n rw\n", lines[i]);
                g_autoptr(Mounts) mounts = parsed(text);

                g_assert_cmpuint(mounts->all->len, ==, 1);
                g_assert_cmpstr(mounts_get(mounts, 0)->path, ==, "/b");
        }
        for (size_t length = 0; length < 60; length++) {
                static const char line[] =
                        "36 27 0:31 /\\040 /a\\1\\134 rw shared:7 - bpf none rw,mode=700\n";
                g_autoptr(Mounts) mounts = mounts_new(g_strndup(line, length));

                g_assert_cmpuint(mounts->all->len, <=, 1);
        }
}

static void test_below(void)
{
        static const struct {
                const char *path, *top, *below;
        } rows[] = {
                { "/a/b", "/a", "b" }, { "/a/b/c", "/a", "b/c" }, { "/a", "/a", "" },
                { "/ab", "/a", NULL }, { "/a", "/a/b", NULL },    { "/a", "/", "a" },
                { "/", "/", "" },      { "/b", "/a", NULL },      { "a/b", "a", "b" },
                { "ab", "a", NULL },   { "a/b", "", NULL },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                g_assert_cmpstr(mounts_below(rows[i].path, rows[i].top), ==, rows[i].below);
}

static void assert_reached(const char *text, const char *ids)
{
        g_autoptr(Mounts) mounts = parsed(text);
        g_autoptr(GString) reached = g_string_new(NULL);

        for (guint i = 0; i < mounts->all->len; i++)
                if (mounts_is_reached(mounts, mounts_get(mounts, i)))
                        g_string_append_printf(reached, "%u ", mounts_get(mounts, i)->id);
        g_assert_cmpstr(reached->str, ==, ids);
}

static void test_reached(void)
{
        static const char base[] = "1 0 0:1 / / rw - ext4 n rw\n"
                                   "2 1 0:2 / /sys rw - sysfs n rw\n"
                                   "3 2 0:3 / /sys/fs/bpf rw - bpf n rw\n";
        g_autofree char *beside = g_strconcat(base,
                                              "4 2 0:4 / /sys/fs/bp rw - x n rw\n"
                                              "5 3 0:4 / /sys/fs/bpf/a rw - x n rw\n",
                                              NULL);
        g_autofree char *over = g_strconcat(base, "4 3 0:4 / /sys/fs/bpf rw - x n rw\n", NULL);
        g_autofree char *above = g_strconcat(base, "4 2 0:4 / /sys/fs rw - x n rw\n", NULL);
        g_autofree char *top = g_strconcat(base, "4 1 0:4 / /sys rw - x n rw\n", NULL);
        g_autofree char *root = g_strconcat(base, "4 1 0:4 / / rw - x n rw\n", NULL);

        assert_reached(base, "1 2 3 ");
        assert_reached(beside, "1 2 3 4 5 ");
        assert_reached(over, "1 2 4 ");
        assert_reached(above, "1 2 4 ");
        assert_reached(top, "1 ");
        assert_reached(root, "4 ");
        /* In a circle, and each its own parent. */
        assert_reached("1 2 0:1 / /a rw - x n rw\n2 1 0:1 / /b rw - x n rw\n", "");
        assert_reached("1 1 0:1 / /a rw - x n rw\n", "");
}

static void test_read(void)
{
        g_autoptr(Mounts) mounts = NULL;
        g_autofree char *part = g_strnfill(1 << 20, 'x');
        int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        struct stat st;
        bool root = false;

        g_assert_cmpint(fd, >=, 0);
        for (int i = 0; i < 2; i++) {
                g_clear_pointer(&mounts, mounts_free);
                g_assert_cmpint(mounts_read(fd, &mounts), ==, 0);
        }
        close(fd);
        g_assert_cmpint(stat("/proc", &st), ==, 0);
        for (guint i = 0; i < mounts->all->len; i++) {
                const Mount *mount = mounts_get(mounts, i);

                if (strcmp(mount->path, "/proc") == 0 && mounts_is_reached(mounts, mount))
                        root |= mount->dev == st.st_dev;
        }
        g_assert_true(root);

        fd = memfd_create("mountinfo", MFD_CLOEXEC);
        for (int i = 0; i < 17; i++)
                g_assert_cmpint(write(fd, part, 1 << 20), ==, 1 << 20);
        g_clear_pointer(&mounts, mounts_free);
        g_assert_cmpint(mounts_read(fd, &mounts), ==, -E2BIG);
        g_assert_null(mounts);
        close(fd);
        g_assert_cmpint(mounts_read(-1, &mounts), ==, -EBADF);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mounts/plain", test_plain);
        g_test_add_func("/mounts/hostile", test_hostile);
        g_test_add_func("/mounts/below", test_below);
        g_test_add_func("/mounts/reached", test_reached);
        g_test_add_func("/mounts/read", test_read);
        return g_test_run();
}
