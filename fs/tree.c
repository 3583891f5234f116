/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Requests under the lock: lookup, listing, attributes, contents. */

#include "tree.h"

#include "events.h"
#include "layout.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct Tree {
        pthread_mutex_t lock;
        Entering entering;
        Watch *watch;     /* NULL: there are no events */
        LoadLog *log;     /* NULL: there is none */
        int events_error; /* -errno: why there are no events any more; 0: there are some, or there
                             never were */
        void (*on_gone)(void *data);
        void *on_gone_data;
};

/* pthread's locks, not GLib's: ThreadSanitizer knows only these. Unlocked when it goes out of
 * scope. */
#define autounlock __attribute__((cleanup(unlock), unused))

static void unlock(pthread_mutex_t **lock)
{
        pthread_mutex_unlock(*lock);
}

static pthread_mutex_t *take_lock(Tree *tree)
{
        pthread_mutex_lock(&tree->lock);
        return &tree->lock;
}

Tree *tree_new(Catalog *catalog, Watch *watch, const TreeLook *look)
{
        Tree *tree = g_new0(Tree, 1);

        pthread_mutex_init(&tree->lock, NULL);
        entering_init(&tree->entering, catalog, look);
        tree->watch = watch;
        layout_init(catalog);
        return tree;
}

void tree_set_log(Tree *tree, LoadLog *log)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        tree->log = log;
}

void tree_free(Tree *tree)
{
        entering_clear(&tree->entering);
        pthread_mutex_destroy(&tree->lock);
        g_free(tree);
}

static void tell_gone(Tree *tree)
{
        if (tree->on_gone && catalog_has_forgotten(tree->entering.catalog))
                tree->on_gone(tree->on_gone_data);
}

/* 0; or -errno: there are no events any more. @wait is the follower's, see watch_take(). */
static int take_events(Tree *tree, int *wait)
{
        if (wait)
                *wait = -1;
        if (tree->watch)
                tree->events_error =
                        events_take(tree->watch, tree->entering.catalog, tree->log, wait);
        if (tree->events_error < 0)
                tree->watch = NULL;
        return tree->events_error;
}

/* A request begins. */
static void begin(Tree *tree)
{
        contents_begin(catalog_contents(tree->entering.catalog));
        passes_sweep(catalog_passes(tree->entering.catalog));
        take_events(tree, NULL);
}

int tree_lookup(Tree *tree, uint64_t parent, const char *name, TreeEntry *out)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Node *directory = nodes_find_directory(tree->entering.nodes, parent);
        g_auto(Entry) entry = { 0 };
        Place place;
        int r;

        if (!directory)
                return -ENOENT;
        begin(tree);
        place = node_place(directory);
        r = layout_find(tree->entering.catalog, &place, name, &entry);
        /* When events end, every program gets another node. Until the follower has made the kernel
         * forget the old one, a path may still lead there: at this error the kernel looks up each
         * of its names anew (path_openat(), fs/namei.c). */
        if (r == -ENOENT && tree->events_error < 0 && place.object && place.object->gone)
                r = -ESTALE;
        if (r == 0)
                r = entering_add(&tree->entering, directory, &entry, out);
        if (r == 0)
                entering_set_bare(&tree->entering, out->ino, false);
        tell_gone(tree);
        return r;
}

void tree_forget(Tree *tree, uint64_t ino, uint64_t n)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = nodes_find(tree->entering.nodes, ino, &key);

        if (node)
                entering_drop(&tree->entering, node, n);
}

/* A report is made when it is looked at. */
static int make(Tree *tree, Node *node)
{
        int r;

        if (!node->late)
                return entering_make(&tree->entering, node);
        begin(tree);
        r = entering_make(&tree->entering, node);
        tell_gone(tree);
        return r;
}

int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr, double *timeout)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = nodes_find(tree->entering.nodes, ino, &key);
        int r;

        if (!node)
                return -ENOENT;
        r = make(tree, node);
        if (r < 0)
                return r;
        entering_set_bare(&tree->entering, ino, false);
        return entering_attributes(&tree->entering, node, key, attr, timeout);
}

void tree_drop_attr(Tree *tree, uint64_t ino)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        entering_set_bare(&tree->entering, ino, true);
}

uint64_t tree_shown_ino(Tree *tree, uint64_t ino)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        const Node *node = nodes_find(tree->entering.nodes, ino, &key);

        return node ? nodes_shown_ino(tree->entering.nodes, node, key) : NODES_UNKNOWN_INO;
}

/* Listing */

typedef struct Listing {
        Tree *tree;
        Node *directory;
        bool lookup;
        TreeListFunc func;
        void *data;
        int error;
} Listing;

static bool list_entry(Entry *entry, void *data)
{
        Listing *listing = data;
        Tree *tree = listing->tree;
        TreeEntry out = { 0 };
        uint64_t next = entry->next ? entry->next : entry->key;
        Node *node;
        bool taken;
        uint64_t key;

        if (!listing->lookup || entering_is_mentioned(&tree->entering, listing->directory, entry)) {
                entering_mention(&tree->entering, listing->directory, entry, &out);
                return listing->func(entry->name, next, &out, listing->data);
        }
        /* An entry can't be left out for want of memory: the listing would look whole. */
        listing->error = entering_add(&tree->entering, listing->directory, entry, &out);
        if (listing->error < 0)
                return false;
        taken = listing->func(entry->name, next, &out, listing->data);
        if (taken) {
                entering_set_bare(&tree->entering, out.ino, false);
        } else {
                node = nodes_find(tree->entering.nodes, out.ino, &key);
                entering_drop(&tree->entering, node, 1);
        }
        return taken;
}

int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Listing listing = { tree,   nodes_find_directory(tree->entering.nodes, ino),
                            lookup, func,
                            data,   0 };
        Place place;
        int r;

        if (!listing.directory)
                return -ENOENT;
        begin(tree);
        place = node_place(listing.directory);
        *changes = layout_changes(tree->entering.catalog, &place);
        r = layout_list(tree->entering.catalog, &place, after, list_entry, &listing);
        tell_gone(tree);
        return listing.error < 0 ? listing.error : r;
}

/* Contents */

static void read_content(const Node *node, uint64_t offset, size_t count, GString *out,
                         GBytes **bytes)
{
        GBytes *content = node_bytes(node);

        if (offset >= node->size)
                return;
        count = MIN(count, node->size - offset);
        if (content && bytes)
                *bytes = g_bytes_new_from_bytes(content, offset, count);
        else
                g_string_append_len(out, node_content(node) + offset, count);
}

int tree_read(Tree *tree, uint64_t ino, uint64_t offset, size_t count, GString *out, GBytes **bytes)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key, size;
        Node *node = nodes_find(tree->entering.nodes, ino, &key);
        Place place;
        int r;

        if (!node)
                return -ENOENT;
        if (key != 0) {
                place = node_place(node);
                return layout_content(tree->entering.catalog, &place, key, offset, count, out,
                                      &size);
        }
        if (node->type == NODE_DIRECTORY)
                return -EISDIR;
        r = make(tree, node);
        if (r < 0)
                return r;
        read_content(node, offset, count, out, bytes);
        return 0;
}

int tree_readlink(Tree *tree, uint64_t ino, GString *out)
{
        return tree_read(tree, ino, 0, SIZE_MAX, out, NULL);
}

/* Events */

void tree_forgotten_clear(TreeForgotten *forgotten)
{
        g_clear_pointer(&forgotten->name, g_free);
}

/* The directory that the keys of @path but the last lead to; NULL: the kernel does not have it. */
static Node *directory_at(Nodes *nodes, const GArray *path)
{
        Node *node = nodes_root(nodes);

        for (guint i = 0; node && i + 1 < path->len; i++)
                node = nodes_at(nodes, node, g_array_index(path, uint64_t, i));
        return node;
}

static void add_forgotten(Nodes *nodes, const Forgotten *forgotten, GArray *entries)
{
        g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        char text[CATALOG_NAME_MAX];
        const char *name = layout_where(forgotten, path, text);
        const Node *directory = directory_at(nodes, path), *node = NULL;
        TreeForgotten entry = { 0 };

        if (directory)
                node = nodes_at(nodes, directory, g_array_index(path, uint64_t, path->len - 1));
        /* Entries of by/ need not be nodes. */
        if (!directory || (!node && forgotten->by_key == 0))
                return;
        entry.parent = nodes_ino(nodes, directory);
        entry.child = forgotten->gone ? nodes_ino(nodes, node) : 0;
        entry.name = g_strdup(name);
        g_array_append_val(entries, entry);
}

int tree_follow(Tree *tree, GArray *entries, int *wait)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Forgotten));
        int r = take_events(tree, wait);

        catalog_take_forgotten(tree->entering.catalog, list);
        for (guint i = 0; i < list->len; i++) {
                Forgotten *forgotten = &g_array_index(list, Forgotten, i);

                if (forgotten->gone)
                        versions_drop(tree->entering.versions, forgotten->kind, forgotten->id);
                add_forgotten(tree->entering.nodes, forgotten, entries);
                g_free(forgotten->name);
        }
        return r;
}

int tree_log(Tree *tree)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        int wait;

        if (!tree->log)
                return -1;
        contents_begin(catalog_contents(tree->entering.catalog));
        wait = load_log_follow(tree->log);
        /* A look has found that something has gone. */
        return wait >= -1 && catalog_has_forgotten(tree->entering.catalog) ? 0 : wait;
}

void tree_on_gone(Tree *tree, void (*func)(void *data), void *data)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        tree->on_gone = func;
        tree->on_gone_data = data;
}
