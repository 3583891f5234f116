/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Inode numbers, lookup counts, and what the kernel is known to have. */

#include "tree.h"

#include "by-ask.h"
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
        double timeout;
        uint64_t *number;

        mounted_init(&mounted, 1 << 20);
        for (int i = 0; i < 5000; i++) {
                entry = look_up(&mounted, NODES_ROOT, "1");
                number = g_new(uint64_t, 1);
                *number = entry.ino;
                g_assert_true(g_hash_table_add(seen, number));
                g_assert_cmpint(tree_getattr(mounted.tree, entry.ino, &attr, &timeout), ==, 0);
                g_assert_cmpuint(attr.st_ino, ==, entry.attr.st_ino);
                tree_forget(mounted.tree, entry.ino, 1);
                g_assert_cmpint(tree_getattr(mounted.tree, entry.ino, &attr, &timeout), ==,
                                -ENOENT);
        }
}

/* Below 2^32 for people, whatever FUSE's number is; different for all that is there at once. */
static void test_shown_numbers(void)
{
        g_auto(Mounted) mounted = { 0 };
        g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
        static const char *const names[] = { "1", "2", "3", "maps" };
        struct stat attr;
        double timeout;

        mounted_init(&mounted, 1 << 20);
        g_assert_cmpint(tree_getattr(mounted.tree, NODES_ROOT, &attr, &timeout), ==, 0);
        g_assert_cmpuint(attr.st_ino, ==, 1);
        g_hash_table_add(seen, GUINT_TO_POINTER(1));
        for (int round = 0; round < 1000; round++) {
                for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                        TreeEntry entry = look_up(&mounted, NODES_ROOT, names[i]);
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
        prog = look_up(&mounted, NODES_ROOT, "1");
        again = look_up(&mounted, NODES_ROOT, "1");
        g_assert_cmpuint(prog.ino, ==, again.ino);
        g_assert_cmpfloat(prog.entry_timeout, ==, TREE_FOREVER);
        file = look_up(&mounted, prog.ino, "level");
        tree_forget(mounted.tree, prog.ino, 2);
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text, NULL), ==, 0);
        g_assert_cmpstr(text->str, ==, "0\n");
        tree_forget(mounted.tree, file.ino, 1);
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text, NULL), ==, -ENOENT);
        g_assert_cmpint(tree_read(mounted.tree, prog.ino, 0, 100, text, NULL), ==, -ENOENT);
        /* More than there were: nothing happens, to the root neither. */
        tree_forget(mounted.tree, file.ino, 1000);
        tree_forget(mounted.tree, NODES_ROOT, 1000);
        look_up(&mounted, NODES_ROOT, "1");
}

/* The kernel gets a node in a listing once; then it has it, until its attributes are dropped. */
static void test_known(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry first, second;
        bool changes;

        mounted_init(&mounted, 1 << 20);
        /* A READDIR takes no lookup at all. */
        g_assert_cmpuint(in_list(&mounted, NODES_ROOT, "1", false, NULL).ino, ==, 0);
        first = in_list(&mounted, NODES_ROOT, "1", true, &changes);
        g_assert_cmpuint(first.ino, !=, 0);
        g_assert_true(changes);
        second = in_list(&mounted, NODES_ROOT, "1", true, NULL);
        g_assert_cmpuint(second.ino, ==, 0);
        g_assert_cmpuint(second.attr.st_ino, ==, first.attr.st_ino);
        g_assert_true(S_ISDIR(second.attr.st_mode));
        tree_drop_attr(mounted.tree, first.ino);
        second = in_list(&mounted, NODES_ROOT, "1", true, NULL);
        g_assert_cmpuint(second.ino, ==, first.ino);
        /* Once for each of the two listings. */
        tree_forget(mounted.tree, first.ino, 1);
        g_assert_cmpuint(in_list(&mounted, NODES_ROOT, "1", true, NULL).ino, ==, 0);
        tree_forget(mounted.tree, first.ino, 1);
        g_assert_cmpuint(in_list(&mounted, NODES_ROOT, "1", true, NULL).ino, !=, 0);
}

/* What may change is not made by a listing, and every version of it is a node of its own. */
static void test_changing(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, old, same, new;
        g_autoptr(GString) text = g_string_new(NULL);

        mounted_init(&mounted, 1 << 20);
        mounted.fake.frozen = false;
        prog = look_up(&mounted, NODES_ROOT, "1");
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
        g_assert_cmpint(tree_read(mounted.tree, old.ino, 0, 100, text, NULL), ==, 0);
        g_assert_cmpstr(text->str, ==, "0\n");
        g_string_truncate(text, 0);
        g_assert_cmpint(tree_read(mounted.tree, new.ino, 0, 100, text, NULL), ==, 0);
        g_assert_cmpstr(text->str, ==, "7\n");
}

/* A file that changed and can't any more keeps the number that a listing says, and its time. */
static void test_former(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, old, new;

        mounted_init(&mounted, 1 << 20);
        mounted.fake.frozen = false;
        prog = look_up(&mounted, NODES_ROOT, "1");
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

static TreeEntry look_later(Mounted *mounted)
{
        g_usleep(REPORT_REUSE + 1000);
        return look_up(mounted, NODES_ROOT, "programs.json");
}

/* A report that has not changed is the same file. A lookup makes one only if somebody has used the
 * last one. */
static void test_reports(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry first, entry;
        struct stat attr, again;
        double timeout;

        mounted_init(&mounted, 1 << 20);
        mounted.fake.n_bound = 0;
        first = look_later(&mounted);
        g_assert_cmpuint(mounted.fake.n_fixed, ==, 0);
        g_assert_cmpfloat(first.attr_timeout, ==, 0);
        for (guint i = 0; i < 3; i++) {
                g_assert_cmpint(tree_getattr(mounted.tree, first.ino, &attr, &timeout), ==, 0);
                g_assert_cmpfloat(timeout, ==, TREE_FOREVER);
                mounted.fake.n_next = 0;
                entry = look_later(&mounted);
                g_assert_cmpuint(entry.ino, ==, first.ino);
                g_assert_cmpint(entry.attr.st_size, ==, attr.st_size);
                /* Who uses it asks. */
                g_assert_cmpfloat(entry.attr_timeout, ==, 0);
                g_assert_cmpuint(mounted.fake.n_next, >, 0);
        }
        g_assert_cmpint(tree_getattr(mounted.tree, first.ino, &attr, &timeout), ==, 0);
        mounted.fake.counts[2].run_time_ns = mounted.fake.counts[2].run_cnt = 1;
        entry = look_later(&mounted);
        g_assert_cmpuint(entry.ino, !=, first.ino);
        /* The old one is as it was. */
        g_assert_cmpint(tree_getattr(mounted.tree, first.ino, &again, &timeout), ==, 0);
        g_assert_cmpint(again.st_size, ==, attr.st_size);
        g_assert_cmpint(tree_getattr(mounted.tree, entry.ino, &again, &timeout), ==, 0);
        g_assert_cmpint(again.st_size, >, attr.st_size);
        /* Names that are looked up alone, as shells do. */
        look_later(&mounted);
        mounted.fake.n_next = 0;
        for (guint i = 0; i < 3; i++)
                g_assert_cmpuint(look_later(&mounted).ino, !=, first.ino);
        g_assert_cmpuint(mounted.fake.n_next, ==, 0);
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

        g_array_set_clear_func(gone, (GDestroyNotify)tree_forgotten_clear);
        mounted_init(&mounted, 1 << 20);
        tree_on_gone(mounted.tree, told, NULL);
        prog = look_up(&mounted, NODES_ROOT, "1");
        maps = look_up(&mounted, NODES_ROOT, "maps");
        map = in_list(&mounted, maps.ino, "10", true, NULL);
        g_assert_cmpfloat(map.entry_timeout, ==, TREE_FOREVER);
        mounted.fake.vanished = 1;
        fake_event(&mounted.fake, -1);
        n_told = 0;
        g_assert_cmpint(tree_lookup(mounted.tree, NODES_ROOT, "1", &entry), ==, -ENOENT);
        g_assert_cmpuint(n_told, ==, 1);
        g_assert_cmpint(tree_follow(mounted.tree, gone, &wait), ==, 0);
        g_assert_cmpuint(gone->len, ==, 2);
        for (guint i = 0; i < gone->len; i++) {
                const TreeForgotten *one = &g_array_index(gone, TreeForgotten, i);
                bool is_prog = one->parent == NODES_ROOT;

                g_assert_cmpstr(one->name, ==, is_prog ? "1" : "10");
                g_assert_cmpuint(one->parent, ==, is_prog ? NODES_ROOT : maps.ino);
                g_assert_cmpuint(one->child, ==, is_prog ? prog.ino : 0);
        }
        g_array_set_size(gone, 0);
        g_assert_cmpint(tree_follow(mounted.tree, gone, &wait), ==, 0);
        g_assert_cmpuint(gone->len, ==, 0);
        g_assert_cmpint(tree_lookup(mounted.tree, prog.ino, "info", &entry), ==, -ENOENT);
}

/* When there are no more events, every program gets another node. A path on which the kernel still
 * remembers the old one is walked anew. The kernel is not told that its directory was deleted: it
 * would find nothing in it any more (S_DEAD, fuse_reverse_inval_entry() in fs/fuse/dir.c). */
static void test_events_end(void)
{
        g_autoptr(GArray) forgotten = g_array_new(FALSE, FALSE, sizeof(TreeForgotten));
        g_auto(Mounted) mounted = { 0 };
        TreeEntry before, after, none;
        int wait;

        g_array_set_clear_func(forgotten, (GDestroyNotify)tree_forgotten_clear);
        mounted_init(&mounted, 1 << 20);
        before = look_up(&mounted, NODES_ROOT, "1");
        mounted.fake.broken = -EPIPE;
        g_assert_cmpint(tree_lookup(mounted.tree, before.ino, "level", &none), ==, -ESTALE);
        after = look_up(&mounted, NODES_ROOT, "1");
        g_assert_cmpuint(after.ino, !=, before.ino);
        g_assert_cmpfloat(after.entry_timeout, ==, 0);
        look_up(&mounted, after.ino, "level");
        g_assert_cmpint(tree_lookup(mounted.tree, after.ino, "none", &none), ==, -ENOENT);
        g_assert_cmpint(tree_follow(mounted.tree, forgotten, &wait), ==, -EPIPE);
        g_assert_cmpuint(forgotten->len, ==, 1);
        g_assert_cmpstr(g_array_index(forgotten, TreeForgotten, 0).name, ==, "1");
        g_assert_cmpuint(g_array_index(forgotten, TreeForgotten, 0).child, ==, 0);
}

/* Directories may be searched by those who may read them. */
static void test_modes(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, file;

        mounted_init(&mounted, 1 << 20);
        prog = look_up(&mounted, NODES_ROOT, "1");
        file = look_up(&mounted, prog.ino, "level");
        g_assert_cmpuint(prog.attr.st_mode, ==, S_IFDIR | 0555);
        g_assert_cmpuint(file.attr.st_mode, ==, S_IFREG | 0444);
        g_assert_cmpint(file.attr.st_size, ==, 2);
}

static void assert_moment(const TreeEntry *entry)
{
        g_assert_cmpuint(entry->ino, !=, 0);
        g_assert_true(entry->entry_timeout >= 0 && entry->entry_timeout <= ENTRY_MOMENT_MS / 1e3);
}

/* A listing of info/ gives the contents of files that change, from one question, and the kernel may
 * remember these for a moment. A lookup is for itself alone. */
static void test_moment(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry info, file, other;
        guint asked;

        mounted_init(&mounted, 1 << 20);
        info = look_up(&mounted, look_up(&mounted, NODES_ROOT, "1").ino, "info");
        asked = mounted.fake.n_changing;
        file = in_list(&mounted, info.ino, "changing", true, NULL);
        g_assert_cmpuint(mounted.fake.n_changing, ==, asked + 1);
        assert_moment(&file);
        other = look_up(&mounted, info.ino, "changing");
        g_assert_cmpuint(other.ino, ==, file.ino);
        g_assert_cmpfloat(other.entry_timeout, ==, 0);
        mounted.fake.change = 1;
        other = in_list(&mounted, info.ino, "changing", true, NULL);
        assert_moment(&other);
        g_assert_cmpuint(other.ino, !=, file.ino);
}

/* The same is true of what lasts in a directory that is not watched, but not of the directory. */
static void test_moment_without_events(void)
{
        g_auto(Mounted) mounted = { 0 };
        TreeEntry prog, entry;

        mounted_init(&mounted, 1 << 20);
        mounted.fake.broken = -EPIPE;
        prog = look_up(&mounted, NODES_ROOT, "1");
        g_assert_cmpfloat(prog.entry_timeout, ==, 0);
        g_assert_cmpuint(in_list(&mounted, NODES_ROOT, "1", true, NULL).ino, ==, 0);
        entry = look_up(&mounted, prog.ino, "info");
        assert_moment(&entry);
        entry = in_list(&mounted, prog.ino, "level", true, NULL);
        assert_moment(&entry);
        mounted.fake.vanished = 1;
        g_assert_cmpint(tree_lookup(mounted.tree, NODES_ROOT, "1", &entry), ==, -ENOENT);
        g_assert_cmpint(tree_lookup(mounted.tree, prog.ino, "info", &entry), ==, -ESTALE);
}

static int begin_look(void *data, uint32_t from)
{
        return 0;
}

/* @data is the name of the process, one character. */
static int hear_holders(void *data, int wait, GByteArray *out, gint64 *ended)
{
        char names[] = "a\n\0"
                       "0::/x\n";
        const HolderRecord process = { HOLDER_PROCESS, 42, sizeof(names) };
        const HolderRecord held = { HOLDER_PROG, 1, 0 };

        names[0] = *(const char *)data;
        g_byte_array_append(out, (const guint8 *)&process, sizeof(process));
        g_byte_array_append(out, (const guint8 *)names, sizeof(names));
        g_byte_array_append(out, (const guint8 *)&held, sizeof(held));
        *ended = g_get_monotonic_time();
        return 0;
}

/* A process is remembered for as long as one look serves everybody, and a listing gives all of it,
 * so that nobody asks again for what was just seen. */
static void test_holders(void)
{
        static const HoldersOps ops = { begin_look, hear_holders };
        char name[] = "a";
        const double reuse = HOLDERS_REUSE_MS / 1000.0;
        g_autoptr(Holders) holders = holders_new(&ops, name);
        const Observers observers = { .holders = holders };
        g_auto(Mounted) mounted = { 0 };
        TreeEntry pids, process, file;

        mounted_init(&mounted, 1 << 20);
        catalog_set_observers(mounted.catalog, &observers);
        process = look_up(&mounted, NODES_ROOT, "1");
        pids = look_up(&mounted, look_up(&mounted, process.ino, "info").ino, "pids");
        g_assert_true(pids.entry_timeout == TREE_FOREVER);
        process = look_up(&mounted, pids.ino, "42");
        g_assert_true(process.entry_timeout >= 0 && process.entry_timeout <= reuse);
        g_usleep(HOLDERS_REUSE_MS * 1000);
        process = in_list(&mounted, pids.ino, "42", true, NULL);
        g_assert_cmpuint(process.ino, !=, 0);
        g_assert_true(process.entry_timeout >= 0 && process.entry_timeout <= reuse);
        file = look_up(&mounted, process.ino, "comm");
        g_assert_cmpint(file.attr.st_size, ==, 2);
        g_assert_true(file.entry_timeout == TREE_FOREVER);
}

/* The directory of a process is a snapshot: the kernel may keep all of it, and gets another one
 * when anything in it has changed. Whoever stays in the old one finds that it is stale. */
static void test_snapshot(void)
{
        static const HoldersOps ops = { begin_look, hear_holders };
        char name[] = "a";
        g_autoptr(Holders) holders = holders_new(&ops, name);
        const Observers observers = { .holders = holders };
        g_autoptr(GString) text = g_string_new(NULL);
        g_auto(Mounted) mounted = { 0 };
        TreeEntry pids, before, same, after, file;
        struct stat attr;
        double timeout;
        bool changes;

        mounted_init(&mounted, 1 << 20);
        catalog_set_observers(mounted.catalog, &observers);
        pids = look_up(&mounted, look_up(&mounted, NODES_ROOT, "1").ino, "info");
        pids = look_up(&mounted, pids.ino, "pids");
        before = look_up(&mounted, pids.ino, "42");
        g_assert_true(before.attr_timeout <= HOLDERS_REUSE_MS / 1e3);
        in_list(&mounted, before.ino, "comm", true, &changes);
        g_assert_false(changes);
        g_usleep(HOLDERS_REUSE_MS * 1000);
        same = look_up(&mounted, pids.ino, "42");
        g_assert_cmpuint(same.ino, ==, before.ino);
        file = look_up(&mounted, before.ino, "comm");

        name[0] = 'b';
        g_usleep(HOLDERS_REUSE_MS * 1000);
        after = look_up(&mounted, pids.ino, "42");
        g_assert_cmpuint(after.ino, !=, before.ino);
        g_assert_cmpint(tree_getattr(mounted.tree, before.ino, &attr, &timeout), ==, -ESTALE);
        g_assert_cmpint(tree_lookup(mounted.tree, before.ino, "comm", &same), ==, -ESTALE);
        g_assert_cmpint(tree_getattr(mounted.tree, after.ino, &attr, &timeout), ==, 0);
        g_assert_true(timeout <= HOLDERS_REUSE_MS / 1e3);
        /* An open file is another snapshot. */
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text, NULL), ==, 0);
        g_assert_cmpstr(text->str, ==, "a\n");
        g_string_truncate(text, 0);
        file = look_up(&mounted, after.ino, "comm");
        g_assert_cmpint(tree_read(mounted.tree, file.ino, 0, 100, text, NULL), ==, 0);
        g_assert_cmpstr(text->str, ==, "b\n");
}

static bool has_forgotten(const GArray *gone, uint64_t parent, const char *name)
{
        for (guint i = 0; i < gone->len; i++) {
                const TreeForgotten *one = &g_array_index(gone, TreeForgotten, i);

                if (one->parent == parent && strcmp(one->name, name) == 0)
                        return true;
        }
        return false;
}

/* What is seen of all programs at once is remembered for as long as it is told again, and the
 * kernel is told if the program goes before. */
static void test_by_holders(void)
{
        static const HoldersOps ops = { begin_look, hear_holders };
        char name[] = "a";
        g_autoptr(Holders) holders = holders_new(&ops, name);
        const Observers observers = { .holders = holders };
        g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(TreeForgotten));
        g_auto(Mounted) mounted = { 0 };
        TreeEntry key, value, prog;
        int wait;

        g_array_set_clear_func(gone, (GDestroyNotify)tree_forgotten_clear);
        mounted_init(&mounted, 1 << 20);
        catalog_set_observers(mounted.catalog, &observers);
        key = look_up(&mounted, look_up(&mounted, NODES_ROOT, "by").ino, "comm");
        value = in_list(&mounted, key.ino, "a", true, NULL);
        g_assert_true(value.entry_timeout > 0 && value.entry_timeout <= BY_LAG_MS / 1e3);
        prog = in_list(&mounted, value.ino, "1", true, NULL);
        g_assert_true(prog.entry_timeout > 0 && prog.entry_timeout <= BY_LAG_MS / 1e3);
        g_assert_true(S_ISLNK(prog.attr.st_mode));
        mounted.fake.vanished = 1;
        fake_event(&mounted.fake, -1);
        g_assert_cmpint(tree_follow(mounted.tree, gone, &wait), ==, 0);
        g_assert_true(has_forgotten(gone, value.ino, "1"));
        g_assert_true(has_forgotten(gone, key.ino, "a"));
        g_assert_cmpint(tree_lookup(mounted.tree, value.ino, "1", &prog), ==, -ENOENT);
}

static bool has_in_list(Mounted *mounted, uint64_t ino, const char *name, bool *changes)
{
        Listed listed = { .name = name };

        g_assert_cmpint(tree_list(mounted->tree, ino, 0, true, take_listed, &listed, changes), ==,
                        0);
        return listed.found;
}

/* A program can be listed before its load event is there: as long as that can be, the kernel may
 * not keep the listing of its info. */
static void test_loader_comes(void)
{
        for (int i = 0; i < 20; i++) {
                g_auto(Mounted) mounted = { 0 };
                g_autoptr(Loaders) loaders = loaders_new(NULL, NULL, 0, 0);
                const Observers observers = { .loaders = loaders };
                const int64_t now = g_get_real_time();
                TreeEntry prog, info, loader, pid;
                struct stat attr;
                double timeout;
                bool changes;

                mounted_init(&mounted, 1 << 20);
                catalog_set_observers(mounted.catalog, &observers);
                /* At another moment of the second each time. */
                mounted.fake.loaded = (struct timespec){ now / 1000000, now % 1000000 * 1000 };
                mounted.fake.pid = 4711;
                g_usleep(50000);
                prog = look_up(&mounted, NODES_ROOT, "1");
                info = look_up(&mounted, prog.ino, "info");
                g_assert_false(has_in_list(&mounted, info.ino, "loader", &changes));
                g_assert_true(changes);
                fake_event(&mounted.fake, 1);
                g_assert_true(has_in_list(&mounted, info.ino, "loader", &changes));
                g_assert_false(changes);
                loader = look_up(&mounted, info.ino, "loader");
                g_assert_cmpfloat(loader.entry_timeout, ==, TREE_FOREVER);
                g_assert_true(has_in_list(&mounted, loader.ino, "pid", &changes));
                pid = look_up(&mounted, loader.ino, "pid");
                g_assert_cmpfloat(pid.entry_timeout, ==, TREE_FOREVER);
                g_assert_cmpint(tree_getattr(mounted.tree, pid.ino, &attr, &timeout), ==, 0);
                g_assert_cmpint(attr.st_size, ==, 5);

                /* Of an older one there will be no event any more. */
                mounted.fake.loaded.tv_sec -= 2;
                prog = look_up(&mounted, NODES_ROOT, "2");
                info = look_up(&mounted, prog.ino, "info");
                g_assert_false(has_in_list(&mounted, info.ino, "loader", &changes));
                g_assert_false(changes);
                catalog_set_observers(mounted.catalog, &(Observers){ 0 });
        }
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
        g_test_add_func("/tree/reports", test_reports);
        g_test_add_func("/tree/gone", test_gone);
        g_test_add_func("/tree/events-end", test_events_end);
        g_test_add_func("/tree/loader-comes", test_loader_comes);
        g_test_add_func("/tree/modes", test_modes);
        g_test_add_func("/tree/moment", test_moment);
        g_test_add_func("/tree/moment-without-events", test_moment_without_events);
        g_test_add_func("/tree/holders", test_holders);
        g_test_add_func("/tree/snapshot", test_snapshot);
        g_test_add_func("/tree/by-holders", test_by_holders);
        return g_test_run();
}
