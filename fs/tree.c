/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Nodes. An inode number is the serial number of a node in the upper bits, and in the lower ones
 * the key of a file in that directory, or 0 for the node itself. Serial numbers are never used
 * again. */

#include "tree.h"

#include "layout.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define KEY_BITS 24
G_STATIC_ASSERT(LAYOUT_MAX_KEY == 1u << KEY_BITS);

typedef struct Node {
        uint64_t serial;
        uint64_t parent; /* serial of the directory that it was found in */
        uint64_t key;    /* and its entry there */
        uint64_t refs;   /* lookups of the node and of the files in it */
        Place place;     /* of a file: its directory's */
        GBytes *content; /* of a file or symlink; NULL: a directory */
        bool current;    /* a lookup of its place finds it */
        bool is_link;    /* content is a symlink's target */
} Node;

struct Tree {
        pthread_mutex_t lock;
        Catalog *catalog;
        TreeLook look;
        GHashTable *nodes;   /* by serial: owned Nodes */
        GHashTable *current; /* by parent and key: the same, borrowed */
        Node *root;
        uint64_t last_serial;
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

static guint place_hash(gconstpointer key)
{
        const Node *node = key;
        uint64_t mix = (node->parent * 0x9e3779b97f4a7c15u) ^ node->key;

        return (guint)(mix ^ (mix >> 32));
}

static gboolean place_equal(gconstpointer a, gconstpointer b)
{
        const Node *left = a, *right = b;

        return left->parent == right->parent && left->key == right->key;
}

static void node_free(Node *node)
{
        place_clear(&node->place);
        g_clear_pointer(&node->content, g_bytes_unref);
        g_free(node);
}

Tree *tree_new(Catalog *catalog, const TreeLook *look)
{
        Tree *tree = g_new0(Tree, 1);

        pthread_mutex_init(&tree->lock, NULL);
        tree->catalog = catalog;
        tree->look = *look;
        tree->nodes =
                g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)node_free);
        tree->current = g_hash_table_new(place_hash, place_equal);
        tree->root = g_new0(Node, 1);
        tree->root->place.kind = PLACE_ROOT;
        tree->root->refs = 1;
        g_hash_table_insert(tree->nodes, &tree->root->serial, tree->root);
        return tree;
}

void tree_free(Tree *tree)
{
        g_hash_table_unref(tree->current);
        g_hash_table_unref(tree->nodes);
        pthread_mutex_destroy(&tree->lock);
        g_free(tree);
}

/* The root's number is given by FUSE; it has serial 0, and no files that are not nodes. */
static uint64_t node_ino(const Tree *tree, const Node *node)
{
        return node == tree->root ? TREE_ROOT : node->serial << KEY_BITS;
}

/* The node that @ino is or is in; *@key is the file in it, or 0. NULL: the kernel never saw it. */
static Node *find_node(Tree *tree, uint64_t ino, uint64_t *key)
{
        uint64_t serial = ino >> KEY_BITS;

        *key = ino == TREE_ROOT ? 0 : ino & (LAYOUT_MAX_KEY - 1);
        return g_hash_table_lookup(tree->nodes, &serial);
}

static Node *find_directory(Tree *tree, uint64_t ino)
{
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        return node && key == 0 && !node->content ? node : NULL;
}

static void retire(Tree *tree, Node *node)
{
        if (node->current)
                g_hash_table_remove(tree->current, node);
        node->current = false;
}

static void drop_refs(Tree *tree, Node *node, uint64_t n)
{
        node->refs -= MIN(n, node->refs);
        if (node->refs > 0 || node == tree->root)
                return;
        retire(tree, node);
        if (node->content)
                catalog_give_back(tree->catalog, g_bytes_get_size(node->content));
        g_hash_table_remove(tree->nodes, &node->serial);
}

/* Attributes */

static struct stat attributes(const Tree *tree, uint64_t ino, const Place *place, mode_t type,
                              uint64_t size)
{
        struct timespec time = layout_time(tree->catalog, place);
        mode_t mode = tree->look.mode;
        struct stat attr = {
                .st_ino = ino,
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

/* Entering what a lookup has found */

static bool same_object(const Place *a, const Place *b)
{
        return a->kind == b->kind && a->prog == b->prog && a->map == b->map && a->sub == b->sub;
}

/* The node that stands for @entry of @directory, or NULL if there is none that is still the same.
 */
static Node *find_current(Tree *tree, const Node *directory, const Entry *entry)
{
        Node key = { .parent = directory->serial, .key = entry->key };
        Node *node = g_hash_table_lookup(tree->current, &key);

        if (!node)
                return NULL;
        if (entry->type == ENTRY_DIRECTORY
                    ? !node->content && same_object(&node->place, &entry->place)
                    : node->content && g_bytes_equal(node->content, entry->content))
                return node;
        retire(tree, node);
        return NULL;
}

/* Takes place or content out of @entry. */
static int new_node(Tree *tree, const Node *directory, Entry *entry, Node **out)
{
        Node *node;

        if (entry->content && !catalog_take(tree->catalog, g_bytes_get_size(entry->content)))
                return -ENOMEM;
        node = g_new0(Node, 1);
        node->serial = ++tree->last_serial;
        node->parent = directory->serial;
        node->key = entry->key;
        node->current = true;
        if (entry->type == ENTRY_DIRECTORY) {
                node->place = entry->place;
                entry->place = (Place){ 0 };
        } else {
                node->place.kind = directory->place.kind;
                node->place.prog = directory->place.prog ? prog_ref(directory->place.prog) : NULL;
                node->place.map = directory->place.map ? map_ref(directory->place.map) : NULL;
                node->content = g_steal_pointer(&entry->content);
                node->is_link = entry->type == ENTRY_LINK;
        }
        g_hash_table_insert(tree->nodes, &node->serial, node);
        g_hash_table_add(tree->current, node);
        *out = node;
        return 0;
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

/* Counts one lookup of the entry, and describes it. */
static int enter(Tree *tree, Node *directory, Entry *entry, TreeEntry *out)
{
        bool followed = layout_is_followed(tree->catalog, &directory->place);
        mode_t type = file_type(entry);
        Node *node = directory;
        uint64_t ino;
        int r = 0;

        if (entry->type == ENTRY_FILE) {
                ino = directory->serial << KEY_BITS | entry->key;
                out->attr = attributes(tree, ino, &directory->place, type, entry->size);
        } else {
                node = find_current(tree, directory, entry);
                if (!node)
                        r = new_node(tree, directory, entry, &node);
                if (r < 0)
                        return r;
                ino = node_ino(tree, node);
                out->attr = attributes(tree, ino, &node->place, type,
                                       node->content ? g_bytes_get_size(node->content) : 0);
        }
        out->entry_timeout = entry->fixed && followed ? TREE_FOREVER : 0;
        out->known = node != directory && node->refs > 0 && out->entry_timeout > 0;
        node->refs++;
        return 0;
}

static void tell_gone(Tree *tree)
{
        if (tree->on_gone && catalog_has_gone(tree->catalog))
                tree->on_gone(tree->on_gone_data);
}

int tree_lookup(Tree *tree, uint64_t parent, const char *name, TreeEntry *out)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Node *directory = find_directory(tree, parent);
        g_auto(Entry) entry = { 0 };
        int r;

        if (!directory)
                return -ENOENT;
        r = layout_find(tree->catalog, &directory->place, name, &entry);
        if (r == 0)
                r = enter(tree, directory, &entry, out);
        tell_gone(tree);
        return r;
}

void tree_forget(Tree *tree, uint64_t ino, uint64_t n)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        if (node)
                drop_refs(tree, node, n);
}

/* What the inode is like that is the file @key of @node, or the node itself. */
static int describe(Tree *tree, const Node *node, uint64_t key, uint64_t ino, struct stat *attr)
{
        uint64_t size = 0;
        mode_t type = S_IFREG;

        if (key != 0) {
                int r = layout_content(tree->catalog, &node->place, key, 0, 0, NULL, &size);

                if (r < 0)
                        return r;
        } else if (node->content) {
                size = g_bytes_get_size(node->content);
                type = node->is_link ? S_IFLNK : S_IFREG;
        } else {
                type = S_IFDIR;
        }
        *attr = attributes(tree, ino, &node->place, type, size);
        return 0;
}

int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        return node ? describe(tree, node, key, ino, attr) : -ENOENT;
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
        Node *node = listing->directory;
        bool taken;
        uint64_t key;

        /* An entry can't be left out for want of memory: the listing would look whole. */
        listing->error = enter(tree, listing->directory, entry, &out);
        if (listing->error < 0)
                return false;
        taken = listing->func(entry->name, entry->key, &out, listing->data);
        if (!taken || !listing->lookup || out.known) {
                node = find_node(tree, out.attr.st_ino, &key);
                drop_refs(tree, node, 1);
        }
        return taken;
}

int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Listing listing = { tree, find_directory(tree, ino), lookup, func, data, 0 };
        int r;

        if (!listing.directory)
                return -ENOENT;
        *changes = layout_changes(tree->catalog, &listing.directory->place);
        r = layout_list(tree->catalog, &listing.directory->place, after, list_entry, &listing);
        tell_gone(tree);
        return listing.error < 0 ? listing.error : r;
}

/* Contents */

int tree_read(Tree *tree, uint64_t ino, uint64_t offset, size_t count, GString *out)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key, size;
        Node *node = find_node(tree, ino, &key);
        const char *bytes;
        gsize length;

        if (!node)
                return -ENOENT;
        if (key != 0)
                return layout_content(tree->catalog, &node->place, key, offset, count, out, &size);
        if (!node->content)
                return -EISDIR;
        bytes = g_bytes_get_data(node->content, &length);
        if (offset < length)
                g_string_append_len(out, bytes + offset, MIN(count, length - offset));
        return 0;
}

int tree_readlink(Tree *tree, uint64_t ino, GString *out)
{
        return tree_read(tree, ino, 0, SIZE_MAX, out);
}

/* Events */

/* The node that is remembered as entry @key of @directory, or NULL. */
static Node *find_at(Tree *tree, const Node *directory, uint64_t key)
{
        Node at = { .parent = directory->serial, .key = key };

        return g_hash_table_lookup(tree->current, &at);
}

static void add_gone(GArray *gone, uint64_t parent, uint64_t child, uint32_t id)
{
        TreeGone entry = { .parent = parent, .child = child };

        g_snprintf(entry.name, sizeof(entry.name), "%u", id);
        g_array_append_val(gone, entry);
}

void tree_follow(Tree *tree, GArray *gone)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        g_autoptr(GArray) progs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        Node *directory = find_at(tree, tree->root, LAYOUT_MAPS_KEY);

        catalog_follow(tree->catalog);
        catalog_take_gone(tree->catalog, progs, maps);
        for (guint i = 0; i < progs->len; i++) {
                uint32_t id = g_array_index(progs, uint32_t, i);
                Node *node = find_at(tree, tree->root, LAYOUT_PROG_KEY(id));

                if (node)
                        add_gone(gone, TREE_ROOT, node_ino(tree, node), id);
        }
        for (guint i = 0; directory && i < maps->len; i++) {
                uint32_t id = g_array_index(maps, uint32_t, i);

                if (find_at(tree, directory, LAYOUT_MAP_KEY(id)))
                        add_gone(gone, node_ino(tree, directory), 0, id);
        }
}

int tree_dispatch(Tree *tree, Watch *watch)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        return watch_dispatch(watch);
}

void tree_stop_events(Tree *tree)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        catalog_stop_events(tree->catalog);
        tell_gone(tree);
}

void tree_on_gone(Tree *tree, void (*func)(void *data), void *data)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        tree->on_gone = func;
        tree->on_gone_data = data;
}
