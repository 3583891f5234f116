/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lookup, listing, attributes and contents of nodes. */

#include "tree.h"

#include "dir-value.h"
#include "events.h"
#include "layout.h"
#include "nodes.h"
#include "versions.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define NS_PER_S 1000000000

/* The longest file in bytes that check_former() looks after. */
#define MAX_FORMER LAYOUT_MAX_CHANGING

/* Contents up to here are not counted against the memory= option. */
#define FREE_CONTENT 256

struct Tree {
        pthread_mutex_t lock;
        Catalog *catalog;
        Watch *watch;     /* NULL: there are no events */
        int events_error; /* why there are none any more; 0: there are, or never were */
        TreeLook look;
        Nodes *nodes;
        Versions *versions; /* of files that may change */
        void (*on_gone)(void *data);
        void *on_gone_data;
};

/* pthread's, not GLib's: ThreadSanitizer knows only these. Unlocked when it goes out of scope. */
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
        Place root = layout_root();

        pthread_mutex_init(&tree->lock, NULL);
        tree->catalog = catalog;
        tree->watch = watch;
        tree->look = *look;
        tree->nodes = nodes_new(&root);
        tree->versions = versions_new(catalog);
        layout_init(catalog);
        return tree;
}

void tree_free(Tree *tree)
{
        nodes_free(tree->nodes);
        versions_free(tree->versions);
        pthread_mutex_destroy(&tree->lock);
        g_free(tree);
}

/* The size that the memory= option was charged for. */
static size_t charged(uint64_t size)
{
        return size > FREE_CONTENT ? size : 0;
}

static void drop_refs(Tree *tree, Node *node, uint64_t n)
{
        uint64_t size = node->size;

        if (nodes_drop(tree->nodes, node, n))
                catalog_give_back(tree->catalog, charged(size));
}

/* Attributes */

static struct stat attributes(const Tree *tree, uint64_t st_ino, const Place *place, mode_t type,
                              uint64_t size)
{
        struct timespec time = layout_time(tree->catalog, place);
        mode_t mode = tree->look.mode;
        struct stat attr = {
                .st_ino = st_ino,
                .st_nlink = 1,
                .st_uid = tree->look.has_uid ? tree->look.uid : layout_owner(tree->catalog, place),
                .st_gid = tree->look.gid,
                .st_size = size,
                .st_blksize = 4096,
                .st_blocks = (size + 511) / 512,
                .st_atim = time,
                .st_mtim = time,
                .st_ctim = time,
        };

        if (type == S_IFDIR)
                mode |= (mode & 0444) >> 2;
        else if (type == S_IFLNK)
                mode = 0777;
        attr.st_mode = type | mode;
        return attr;
}

/* Those of a node. */
static struct stat node_attributes(const Tree *tree, const Node *node)
{
        static const mode_t types[] = {
                [NODE_DIRECTORY] = S_IFDIR,
                [NODE_FILE] = S_IFREG,
                [NODE_LINK] = S_IFLNK,
        };
        Place place = node_place(node);
        struct stat attr = attributes(tree, nodes_shown_ino(tree->nodes, node, 0), &place,
                                      types[node->type], node->size);

        if (node->type == NODE_FILE) {
                attr.st_mtim.tv_sec = node->since / NS_PER_S;
                attr.st_mtim.tv_nsec = node->since % NS_PER_S;
                attr.st_atim = attr.st_ctim = attr.st_mtim;
        }
        return attr;
}

/* Entering what a lookup has found */

static bool same_content(const Node *node, GBytes *content)
{
        gsize size;
        const void *bytes = g_bytes_get_data(content, &size);

        return node->size == size && memcmp(node->content, bytes, size) == 0;
}

static bool stands_for(const Node *node, const Entry *entry)
{
        Place place = node_place(node);

        if (entry->type == ENTRY_DIRECTORY)
                return node->type == NODE_DIRECTORY && place_equal(&place, &entry->place);
        return node->type != NODE_DIRECTORY && entry->content && same_content(node, entry->content);
}

/* The node that stands for @entry of @directory, or NULL if there is none that is still the same.
 */
static Node *find_current(Tree *tree, const Node *directory, const Entry *entry)
{
        Node *node = nodes_at(tree->nodes, directory, entry->key);

        if (!node || stands_for(node, entry))
                return node;
        nodes_retire(tree->nodes, node);
        return NULL;
}

/* Mixes @word into what stands for a path. */
static uint64_t mix(uint64_t path, uint64_t word)
{
        path = (path ^ word) * 0x9e3779b97f4a7c15u;
        return path ^ path >> 29;
}

/* The keys on the way from the root: they name the directory as long as the daemon runs. */
static uint64_t path_of(const Tree *tree, const Node *directory)
{
        const Node *parent = nodes_parent(tree->nodes, directory);

        /* The kernel keeps a directory as long as it keeps what is in it. */
        return !parent || parent == directory ? 0 : mix(path_of(tree, parent), directory->key);
}

/* And its file @name: a key of info/ is another one once the value can't change any more. */
static uint64_t path_of_file(const Tree *tree, const Node *directory, const char *name)
{
        return mix(path_of(tree, directory), g_str_hash(name));
}

/* Since when the file @name of @directory is as it is. */
static int64_t since(Tree *tree, const Node *directory, const char *name, const char *bytes,
                     gsize size)
{
        Place place = node_place(directory);
        const Object *shown = place_shown(&place);
        struct timespec made = layout_time(tree->catalog, &place);

        return versions_since(tree->versions, shown->kind, shown->id,
                              path_of_file(tree, directory, name), bytes, size,
                              (int64_t)made.tv_sec * NS_PER_S + made.tv_nsec);
}

/* A file that can't change any more, but was given to readers when it could: it is a node with a
 * time of its own as well. */
static int check_former(Tree *tree, const Node *directory, Entry *entry)
{
        Place place = node_place(directory);
        const Object *shown = place_shown(&place);
        GString *content;
        uint64_t size;
        int r;

        if (entry->type != ENTRY_FILE || !shown || entry->size > MAX_FORMER ||
            !versions_know(tree->versions, shown->kind, shown->id,
                           path_of_file(tree, directory, entry->name)))
                return 0;
        content = g_string_new(NULL);
        r = layout_content(tree->catalog, &place, entry->key, 0, entry->size, content, &size);
        entry->content = g_string_free_to_bytes(content);
        entry->type = ENTRY_CHANGING_FILE;
        return r;
}

/* A file's node with the content of @entry, or with a text that says that there is no room for it.
 */
static Node *new_file(Tree *tree, const Node *directory, NodeType type, const Entry *entry)
{
        static const char no_room[] = "(cannot be shown: more than the option memory= allows)\n";
        Place place = { .row = directory->row };
        gsize size;
        const char *bytes = g_bytes_get_data(entry->content, &size);
        Node *node;

        if (size > UINT32_MAX || !catalog_take_memory(tree->catalog, charged(size))) {
                bytes = no_room;
                size = strlen(no_room);
        }
        if (directory->object)
                place.object = object_ref(directory->object);
        node = nodes_add(tree->nodes, type, &place, bytes, size, directory, entry->key);
        place_clear(&place);
        if (!node)
                catalog_give_back(tree->catalog, charged(size));
        else if (type == NODE_FILE)
                node->since = since(tree, directory, entry->name, bytes, size);
        return node;
}

/* Takes the place out of @entry. */
static int new_node(Tree *tree, const Node *directory, Entry *entry, Node **out)
{
        Node *node;

        if (entry->type == ENTRY_DIRECTORY)
                node = nodes_add(tree->nodes, NODE_DIRECTORY, &entry->place, NULL, 0, directory,
                                 entry->key);
        else
                node = new_file(tree, directory, entry->type == ENTRY_LINK ? NODE_LINK : NODE_FILE,
                                entry);
        *out = node;
        return node ? 0 : -ENOMEM;
}

static mode_t file_type(const Entry *entry)
{
        switch (entry->type) {
        case ENTRY_DIRECTORY:
                return S_IFDIR;
        case ENTRY_LINK:
                return S_IFLNK;
        default:
                return S_IFREG;
        }
}

/* Seconds for which the kernel may remember @entry of @directory. */
static double entry_timeout(const Node *directory, const Entry *entry)
{
        Place place = node_place(directory);

        return entry->lasting && place_is_watched(&place) ? TREE_FOREVER : 0;
}

/* Counts one lookup of the entry, and describes it. */
static int enter(Tree *tree, Node *directory, Entry *entry, TreeEntry *out)
{
        Node *node = directory;
        Place place;
        int r = check_former(tree, directory, entry);

        if (r < 0)
                return r;
        if (entry->type == ENTRY_FILE) {
                place = node_place(directory);
                out->ino = nodes_ino(tree->nodes, directory) | entry->key;
                out->attr = attributes(tree, nodes_shown_ino(tree->nodes, directory, entry->key),
                                       &place, S_IFREG, entry->size);
        } else {
                node = find_current(tree, directory, entry);
                if (!node)
                        r = new_node(tree, directory, entry, &node);
                if (r < 0)
                        return r;
                out->ino = nodes_ino(tree->nodes, node);
                out->attr = node_attributes(tree, node);
        }
        out->entry_timeout = entry_timeout(directory, entry);
        node->refs++;
        return 0;
}

/* True if the kernel has all of the entry, and keeps it. */
static bool is_known(Tree *tree, const Node *directory, const Entry *entry)
{
        const Node *node;

        if (entry->type == ENTRY_FILE)
                return false;
        node = nodes_at(tree->nodes, directory, entry->key);
        return node && node->refs > 0 && !node->bare && stands_for(node, entry);
}

/* The kernel is told no more of the entry than its type and number. */
static void enter_without_node(Tree *tree, const Node *directory, const Entry *entry,
                               TreeEntry *out)
{
        const Node *node = nodes_at(tree->nodes, directory, entry->key);

        *out = (TreeEntry){ .attr = { .st_mode = file_type(entry) } };
        if (node)
                out->attr.st_ino = nodes_shown_ino(tree->nodes, node, 0);
        else if (entry->type == ENTRY_FILE)
                out->attr.st_ino = nodes_shown_ino(tree->nodes, directory, entry->key);
        else
                out->attr.st_ino = NODES_UNKNOWN_INO;
}

/* Whether the kernel has the attributes of the node @ino. */
static void set_bare(Tree *tree, uint64_t ino, bool bare)
{
        uint64_t key;
        Node *node = nodes_find(tree->nodes, ino, &key);

        if (node && key == 0)
                node->bare = bare;
}

static void tell_gone(Tree *tree)
{
        if (tree->on_gone && catalog_has_forgotten(tree->catalog))
                tree->on_gone(tree->on_gone_data);
}

/* 0; or -errno: there are no events any more. @wait is the follower's, see watch_take(). */
static int take_events(Tree *tree, int *wait)
{
        if (wait)
                *wait = -1;
        if (tree->watch)
                tree->events_error = events_take(tree->watch, tree->catalog, wait);
        if (tree->events_error < 0)
                tree->watch = NULL;
        return tree->events_error;
}

/* A request begins. */
static void begin(Tree *tree)
{
        contents_begin(catalog_contents(tree->catalog));
        take_events(tree, NULL);
}

int tree_lookup(Tree *tree, uint64_t parent, const char *name, TreeEntry *out)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Node *directory = nodes_find_directory(tree->nodes, parent);
        g_auto(Entry) entry = { 0 };
        Place place;
        int r;

        if (!directory)
                return -ENOENT;
        begin(tree);
        place = node_place(directory);
        r = layout_find(tree->catalog, &place, name, &entry);
        if (r == 0)
                r = enter(tree, directory, &entry, out);
        if (r == 0)
                set_bare(tree, out->ino, false);
        tell_gone(tree);
        return r;
}

void tree_forget(Tree *tree, uint64_t ino, uint64_t n)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = nodes_find(tree->nodes, ino, &key);

        if (node)
                drop_refs(tree, node, n);
}

/* The attributes of the file @key of @node, or of the node itself. */
static int describe(Tree *tree, const Node *node, uint64_t key, struct stat *attr)
{
        Place place = node_place(node);
        uint64_t size;
        int r;

        if (key == 0) {
                *attr = node_attributes(tree, node);
                return 0;
        }
        r = layout_content(tree->catalog, &place, key, 0, 0, NULL, &size);
        if (r == 0)
                *attr = attributes(tree, nodes_shown_ino(tree->nodes, node, key), &place, S_IFREG,
                                   size);
        return r;
}

int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = nodes_find(tree->nodes, ino, &key);

        if (!node)
                return -ENOENT;
        set_bare(tree, ino, false);
        return describe(tree, node, key, attr);
}

void tree_drop_attr(Tree *tree, uint64_t ino)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        set_bare(tree, ino, true);
}

uint64_t tree_shown_ino(Tree *tree, uint64_t ino)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        const Node *node = nodes_find(tree->nodes, ino, &key);

        return node ? nodes_shown_ino(tree->nodes, node, key) : NODES_UNKNOWN_INO;
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
        Node *node;
        bool taken;
        uint64_t key;

        if (!listing->lookup || entry_timeout(listing->directory, entry) == 0 ||
            is_known(tree, listing->directory, entry)) {
                enter_without_node(tree, listing->directory, entry, &out);
                return listing->func(entry->name, entry->key, &out, listing->data);
        }
        /* An entry can't be left out for want of memory: the listing would look whole. */
        listing->error = enter(tree, listing->directory, entry, &out);
        if (listing->error < 0)
                return false;
        taken = listing->func(entry->name, entry->key, &out, listing->data);
        if (taken) {
                set_bare(tree, out.ino, false);
        } else {
                node = nodes_find(tree->nodes, out.ino, &key);
                drop_refs(tree, node, 1);
        }
        return taken;
}

int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Listing listing = { tree, nodes_find_directory(tree->nodes, ino), lookup, func, data, 0 };
        Place place;
        int r;

        if (!listing.directory)
                return -ENOENT;
        begin(tree);
        place = node_place(listing.directory);
        *changes = layout_changes(tree->catalog, &place);
        r = layout_list(tree->catalog, &place, after, list_entry, &listing);
        tell_gone(tree);
        return listing.error < 0 ? listing.error : r;
}

/* Contents */

int tree_read(Tree *tree, uint64_t ino, uint64_t offset, size_t count, GString *out)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key, size;
        Node *node = nodes_find(tree->nodes, ino, &key);
        Place place;

        if (!node)
                return -ENOENT;
        if (key != 0) {
                place = node_place(node);
                return layout_content(tree->catalog, &place, key, offset, count, out, &size);
        }
        if (node->type == NODE_DIRECTORY)
                return -EISDIR;
        if (offset < node->size)
                g_string_append_len(out, node->content + offset, MIN(count, node->size - offset));
        return 0;
}

int tree_readlink(Tree *tree, uint64_t ino, GString *out)
{
        return tree_read(tree, ino, 0, SIZE_MAX, out);
}

/* Events */

static void add_forgotten(GArray *entries, uint64_t parent, uint64_t child, uint32_t id)
{
        TreeForgotten entry = { .parent = parent, .child = child };

        g_snprintf(entry.name, sizeof(entry.name), "%u", id);
        g_array_append_val(entries, entry);
}

int tree_follow(Tree *tree, GArray *entries, int *wait)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Forgotten));
        Node *root = nodes_root(tree->nodes);
        int r = take_events(tree, wait);

        catalog_take_forgotten(tree->catalog, list);
        for (guint i = 0; i < list->len; i++) {
                const Forgotten *forgotten = &g_array_index(list, Forgotten, i);
                uint64_t parent, key;
                Node *directory, *node;

                if (forgotten->gone)
                        versions_drop(tree->versions, forgotten->kind, forgotten->id);
                layout_where(forgotten->kind, forgotten->id, &parent, &key);
                directory = parent ? nodes_at(tree->nodes, root, parent) : root;
                node = directory ? nodes_at(tree->nodes, directory, key) : NULL;
                if (node)
                        add_forgotten(entries, nodes_ino(tree->nodes, directory),
                                      forgotten->gone ? nodes_ino(tree->nodes, node) : 0,
                                      forgotten->id);
        }
        return r;
}

void tree_on_gone(Tree *tree, void (*func)(void *data), void *data)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        tree->on_gone = func;
        tree->on_gone_data = data;
}
