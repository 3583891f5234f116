/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Inode numbers, lookup counts, and what the kernel is known to have. */

#include "tree.h"

#include "fake.h"

typedef struct Mounted {
        Fake fake;
        Catalog *catalog;
        Tree *tree;
} Mounted;

static void mounted_init(Mounted *mounted, uint64_t memory)
{
        static const TreeLook look = { .mode = 0444 };

        fake_init(&mounted->fake, false);
        mounted->fake.frozen = mounted->fake.rdonly_prog = true;
        mounted->catalog = catalog_new(&mounted->fake.source, memory, true);
        mounted->tree = tree_new(mounted->catalog, (Watch *)&mounted->fake, &look);
}

static void mounted_clear(Mounted *mounted)
{
        tree_free(mounted->tree);
        catalog_free(mounted->catalog);
        fake_clear(&mounted->fake);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mounted, mounted_clear)

static TreeEntry look_up(Mounted *mounted, uint64_t parent, const char *name)
{
        TreeEntry entry;

        g_assert_cmpint(tree_lookup(mounted->tree, parent, name, &entry), ==, 0);
        g_assert_cmpuint(entry.ino, !=, 0);
        return entry;
}

/* What a listing gave of one entry. */
typedef struct Listed {
        const char *name;
        bool found;
        TreeEntry entry;
} Listed;

static bool take_listed(const char *name, uint64_t next, const TreeEntry *entry, void *data)
{
        Listed *listed = data;

        if (strcmp(name, listed->name) == 0) {
                listed->found = true;
                listed->entry = *entry;
        }
        return true;
}

/* The entry @name of a READDIRPLUS, or of a READDIR. */
static TreeEntry in_list(Mounted *mounted, uint64_t ino, const char *name, bool plus, bool *changes)
{
        Listed listed = { .name = name };
        bool ignored;

        g_assert_cmpint(tree_list(mounted->tree, ino, 0, plus, take_listed, &listed,
                                  changes ? changes : &ignored),
                        ==, 0);
        g_assert_true(listed.found);
        return listed.entry;
}

/* The number of what was forgotten does not come back soon, and when its slot does, as another
 * one: a late answer of the kernel finds nothing. */
static void test_numbers(void)
{
        g_auto(Mounted) mounted = { 0 };
        g_autoptr(GHashTable) seen =
                g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        TreeEntry entry;
        struct stat attr;
        uint64_t *number;

        mounted_init(&mounted, 1 << 20);
        for (int i = 0; i < 5000; i++) {
                entry = look_up(&mounted, TREE_ROOT, "1");
                number = g_new(uint64_t, 1);
                *number = entry.ino;
                g_assert_true(g_hash_table_add(seen, number));
                g_assert_cmpint(tree_getattr(mounted.tree, entry.ino, &attr), ==, 0);
                g_assert_cmpuint(attr.st_ino, ==, entry.attr.st_ino);
                tree_forget(mounted.tree, entry.ino, 1);
                g_assert_cmpint(tree_getattr(mounted.tree, entry.ino, &attr), ==, -ENOENT);
        }
}

/* Below 2^32 for people, whatever FUSE's number is; different for all that is there at once. */
static void test_shown_numbers(void)
{
        g_auto(Mounted) mounted = { 0 };
        g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
        static const char *const names[] = { "1", "2", "3", "maps" };
        struct stat attr;

        mounted_init(&mounted, 1 << 20);
        g_assert_cmpint(tree_getattr(mounted.tree, TREE_ROOT, &attr), ==, 0);
        g_assert_cmpuint(attr.st_ino, ==, 1);
        g_hash_table_add(seen, GUINT_TO_POINTER(1));
        for (int round = 0; round < 1000; round++) {
                for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                        TreeEntry entry = look_up(&mounted, TREE_ROOT, names[i]);
                        TreeEntry file = { 0 };

                        g_assert_cmpuint(entry.attr.st_ino, <, UINT32_MAX);
                        g_assert_cmpuint(tree_shown_ino(mounted.tree, entry.ino), ==,
                                         entry.attr.st_ino);
                        if (i < 3) {
                                file = look_up(&mounted, entry.ino, "level");
                                g_assert_cmpuint(file.attr.st_ino, <, UINT32_MAX);
                                g_assert_cmpuint(file.attr.st_ino, !=, entry.attr.st_ino);
                                tree_forget(mounted.tree, file.ino, 1);
                        }
                        if (round == 0)
                                g_assert_true(g_hash_table_add(
                                        seen, GUINT_TO_POINTER(entry.attr.st_ino)));
                        if (i > 0)
                                tree_forget(mounted.tree, entry.ino, 1);
                }
        }
}

/* A node lives as long as the kernel has a lookup of it, or of a file in it. */
static void test_counts(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, again, file;
        g_autoptr(GString) text = g_string_new(NULL);

        mounted_init(&mounted, 1 << 20);
        prog = look_up(&mounted, TREE_ROOT, "1");
        again = look_up(&mounted, TREE_ROOT, "1");
        g_assert_cmpuint(prog.ino, ==, again.ino);
        g_assert_cmpfloat(prog.entry_timeout, ==, TREE_FOREVER);
        file = look_up(&mounted, prog.ino, "level");
        tree_forget(mounted.tree, prog.ino, 2);
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text), ==, 0);
        g_assert_cmpstr(text->str, ==, "0\n");
        tree_forget(mounted.tree, file.ino, 1);
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text), ==, -ENOENT);
        g_assert_cmpint(tree_read(mounted.tree, prog.ino, 0, 100, text), ==, -ENOENT);
        /* More than there were: nothing happens, to the root neither. */
        tree_forget(mounted.tree, file.ino, 1000);
        tree_forget(mounted.tree, TREE_ROOT, 1000);
        look_up(&mounted, TREE_ROOT, "1");
}

/* The kernel gets a node in a listing once; then it has it, until its attributes are dropped. */
static void test_known(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry first, second;
        bool changes;

        mounted_init(&mounted, 1 << 20);
        /* A READDIR takes no lookup at all. */
        g_assert_cmpuint(in_list(&mounted, TREE_ROOT, "1", false, NULL).ino, ==, 0);
        first = in_list(&mounted, TREE_ROOT, "1", true, &changes);
        g_assert_cmpuint(first.ino, !=, 0);
        g_assert_true(changes);
        second = in_list(&mounted, TREE_ROOT, "1", true, NULL);
        g_assert_cmpuint(second.ino, ==, 0);
        g_assert_cmpuint(second.attr.st_ino, ==, first.attr.st_ino);
        g_assert_true(S_ISDIR(second.attr.st_mode));
        tree_drop_attr(mounted.tree, first.ino);
        second = in_list(&mounted, TREE_ROOT, "1", true, NULL);
        g_assert_cmpuint(second.ino, ==, first.ino);
        /* Once for each of the two listings. */
        tree_forget(mounted.tree, first.ino, 1);
        g_assert_cmpuint(in_list(&mounted, TREE_ROOT, "1", true, NULL).ino, ==, 0);
        tree_forget(mounted.tree, first.ino, 1);
        g_assert_cmpuint(in_list(&mounted, TREE_ROOT, "1", true, NULL).ino, !=, 0);
}

/* What may change is not made by a listing, and every version of it is a node of its own. */
static void test_changing(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, old, same, new;
        g_autoptr(GString) text = g_string_new(NULL);

        mounted_init(&mounted, 1 << 20);
        mounted.fake.frozen = false;
        prog = look_up(&mounted, TREE_ROOT, "1");
        g_assert_cmpuint(in_list(&mounted, prog.ino, "level", true, NULL).ino, ==, 0);
        old = look_up(&mounted, prog.ino, "level");
        g_assert_cmpfloat(old.entry_timeout, ==, 0);
        same = look_up(&mounted, prog.ino, "level");
        g_assert_cmpuint(same.ino, ==, old.ino);
        mounted.fake.value[0] = 7;
        new = look_up(&mounted, prog.ino, "level");
        g_assert_cmpuint(new.ino, !=, old.ino);
        g_assert_cmpuint(new.attr.st_ino, !=, old.attr.st_ino);
        g_assert_cmpint(new.attr.st_mtim.tv_sec, >, old.attr.st_mtim.tv_sec);
        /* Whoever has the old one open reads on. */
        g_assert_cmpint(tree_read(mounted.tree, old.ino, 0, 100, text), ==, 0);
        g_assert_cmpstr(text->str, ==, "0\n");
        g_string_truncate(text, 0);
        g_assert_cmpint(tree_read(mounted.tree, new.ino, 0, 100, text), ==, 0);
        g_assert_cmpstr(text->str, ==, "7\n");
}

/* A file that changed and can't any more keeps the number that a listing says, and its time. */
static void test_former(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, old, new;

        mounted_init(&mounted, 1 << 20);
        mounted.fake.frozen = false;
        prog = look_up(&mounted, TREE_ROOT, "1");
        old = look_up(&mounted, prog.ino, "level");
        mounted.fake.frozen = true;
        mounted.fake.value[0] = 7;
        new = look_up(&mounted, prog.ino, "level");
        g_assert_cmpuint(new.ino, !=, old.ino);
        g_assert_cmpfloat(new.entry_timeout, ==, TREE_FOREVER);
        g_assert_cmpint(new.attr.st_mtim.tv_sec, >, old.attr.st_mtim.tv_sec);
        g_assert_cmpuint(in_list(&mounted, prog.ino, "level", false, NULL).attr.st_ino, ==,
                         new.attr.st_ino);
        g_assert_cmpuint(in_list(&mounted, prog.ino, "level", true, NULL).attr.st_ino, ==,
                         new.attr.st_ino);
}

static guint n_told;

static void told(void *data)
{
        n_told++;
}

/* A program that goes is forgotten with its inode, and its map's entry has to be looked up again.
 */
static void test_gone(void)
{
        g_auto(Mounted) mounted = { 0 };
        g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(TreeForgotten));
        TreeEntry prog, maps, map, entry;
        int wait;

        mounted_init(&mounted, 1 << 20);
        tree_on_gone(mounted.tree, told, NULL);
        prog = look_up(&mounted, TREE_ROOT, "1");
        maps = look_up(&mounted, TREE_ROOT, "maps");
        map = in_list(&mounted, maps.ino, "10", true, NULL);
        g_assert_cmpfloat(map.entry_timeout, ==, TREE_FOREVER);
        mounted.fake.vanished = 1;
        fake_event(&mounted.fake, -1);
        n_told = 0;
        g_assert_cmpint(tree_lookup(mounted.tree, TREE_ROOT, "1", &entry), ==, -ENOENT);
        g_assert_cmpuint(n_told, ==, 1);
        g_assert_cmpint(tree_follow(mounted.tree, gone, &wait), ==, 0);
        g_assert_cmpuint(gone->len, ==, 2);
        for (guint i = 0; i < gone->len; i++) {
                const TreeForgotten *one = &g_array_index(gone, TreeForgotten, i);
                bool is_prog = one->parent == TREE_ROOT;

                g_assert_cmpstr(one->name, ==, is_prog ? "1" : "10");
                g_assert_cmpuint(one->parent, ==, is_prog ? TREE_ROOT : maps.ino);
                g_assert_cmpuint(one->child, ==, is_prog ? prog.ino : 0);
        }
        g_array_set_size(gone, 0);
        g_assert_cmpint(tree_follow(mounted.tree, gone, &wait), ==, 0);
        g_assert_cmpuint(gone->len, ==, 0);
        g_assert_cmpint(tree_lookup(mounted.tree, prog.ino, "info", &entry), ==, -ENOENT);
}

/* Directories may be searched by whoever may read them. */
static void test_modes(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, file;

        mounted_init(&mounted, 1 << 20);
        prog = look_up(&mounted, TREE_ROOT, "1");
        file = look_up(&mounted, prog.ino, "level");
        g_assert_cmpuint(prog.attr.st_mode, ==, S_IFDIR | 0555);
        g_assert_cmpuint(file.attr.st_mode, ==, S_IFREG | 0444);
        g_assert_cmpint(file.attr.st_size, ==, 2);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/tree/numbers", test_numbers);
        g_test_add_func("/tree/shown-numbers", test_shown_numbers);
        g_test_add_func("/tree/counts", test_counts);
        g_test_add_func("/tree/known", test_known);
        g_test_add_func("/tree/changing", test_changing);
        g_test_add_func("/tree/former", test_former);
        g_test_add_func("/tree/gone", test_gone);
        g_test_add_func("/tree/modes", test_modes);
        return g_test_run();
}
