/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Nodes. An inode number has the key of a file that is no node itself in its lower bits, or 0, and
 * above it the node's number: its place in a table, and how often that place was used before. So it
 * is found without a search, and a number that was given comes back only after very many others.
 */

#include "tree.h"

#include "layout.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define KEY_BITS 24
#define SLOT_BITS 26
#define USE_BITS 14
G_STATIC_ASSERT(LAYOUT_MAX_KEY == 1u << KEY_BITS);

/* Contents up to here are not counted against the memory= option. */
#define FREE_CONTENT 256

typedef enum NodeType {
        NODE_DIRECTORY,
        NODE_FILE,
        NODE_LINK,
} NodeType;

/* There are some dozens for each program: every byte counts. */
typedef struct Node {
        uint64_t refs; /* lookups of the node and of the files in it */
        uint64_t number : SLOT_BITS + USE_BITS;
        uint64_t type : 8;                      /* NodeType */
        uint64_t current : 1;                   /* a lookup of its place finds it */
        uint64_t bare : 1;                      /* the kernel has no attributes of it */
        uint64_t parent : SLOT_BITS + USE_BITS; /* number of the directory that it was found in */
        uint64_t kind : 8; /* PlaceKind: of the directory; of a file, its directory's */
        uint32_t key;      /* its entry in the parent */
        uint32_t size;     /* of content */
        Prog *prog;        /* as in Place */
        Map *map;
        union {
                ValuePlace *value; /* PLACE_VALUE */
                const char *sub;   /* all others */
        };
        char content[]; /* of a file or symlink */
} Node;

struct Tree {
        pthread_mutex_t lock;
        Catalog *catalog;
        TreeLook look;
        GPtrArray *slots;    /* owned Nodes, or NULL */
        GArray *uses;        /* uint16_t for each slot */
        GArray *free_slots;  /* uint32_t */
        GHashTable *current; /* by parent and key: borrowed Nodes */
        Node *root;
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

/* The place that the node is, or of a file, that it is in; borrowed from the node. */
static Place place_of(const Node *node)
{
        bool is_value = node->kind == PLACE_VALUE;

        return (Place){
                .kind = node->kind,
                .prog = node->prog,
                .map = node->map,
                .value = is_value ? node->value : NULL,
                .sub = is_value ? NULL : node->sub,
        };
}

/* Takes @place. NULL: there are too many nodes. */
static Node *node_new(Tree *tree, NodeType type, Place *place, const char *content, uint32_t size)
{
        Node *node;
        uint32_t slot;

        if (tree->free_slots->len > 0) {
                slot = g_array_index(tree->free_slots, uint32_t, tree->free_slots->len - 1);
                g_array_set_size(tree->free_slots, tree->free_slots->len - 1);
        } else if (tree->slots->len < 1u << SLOT_BITS) {
                uint16_t unused = 0;

                slot = tree->slots->len;
                g_ptr_array_add(tree->slots, NULL);
                g_array_append_val(tree->uses, unused);
        } else {
                return NULL;
        }
        node = g_malloc(sizeof(Node) + size);
        *node = (Node){
                .number = (uint64_t)g_array_index(tree->uses, uint16_t, slot)++ << SLOT_BITS | slot,
                .type = type,
                .kind = place->kind,
                .size = size,
                .prog = place->prog,
                .map = place->map,
        };
        if (place->kind == PLACE_VALUE)
                node->value = place->value;
        else
                node->sub = place->sub;
        if (size > 0)
                memcpy(node->content, content, size);
        *place = (Place){ 0 };
        tree->slots->pdata[slot] = node;
        return node;
}

static void node_free(Node *node)
{
        Place place;

        if (!node)
                return;
        place = place_of(node);
        place_clear(&place);
        g_free(node);
}

static uint32_t slot_of(uint64_t number)
{
        return number & ((1u << SLOT_BITS) - 1);
}

Tree *tree_new(Catalog *catalog, const TreeLook *look)
{
        Tree *tree = g_new0(Tree, 1);
        Place root = { .kind = PLACE_ROOT };

        pthread_mutex_init(&tree->lock, NULL);
        tree->catalog = catalog;
        tree->look = *look;
        tree->slots = g_ptr_array_new_with_free_func((GDestroyNotify)node_free);
        tree->uses = g_array_new(FALSE, FALSE, sizeof(uint16_t));
        tree->free_slots = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        tree->current = g_hash_table_new(place_hash, place_equal);
        /* The first node has number 0. */
        tree->root = node_new(tree, NODE_DIRECTORY, &root, NULL, 0);
        tree->root->refs = 1;
        return tree;
}

void tree_free(Tree *tree)
{
        g_hash_table_unref(tree->current);
        g_ptr_array_unref(tree->slots);
        g_array_unref(tree->uses);
        g_array_unref(tree->free_slots);
        pthread_mutex_destroy(&tree->lock);
        g_free(tree);
}

/* The root's number is given by FUSE; it has no files that are not nodes. */
static uint64_t node_ino(const Tree *tree, const Node *node)
{
        return node == tree->root ? TREE_ROOT : (uint64_t)node->number << KEY_BITS;
}

/* The node that @ino is or is in; *@key is the file in it, or 0. NULL: the kernel never saw it. */
static Node *find_node(Tree *tree, uint64_t ino, uint64_t *key)
{
        uint64_t number = ino == TREE_ROOT ? 0 : ino >> KEY_BITS;
        uint32_t slot = slot_of(number);
        Node *node = slot < tree->slots->len ? tree->slots->pdata[slot] : NULL;

        *key = ino == TREE_ROOT ? 0 : ino & (LAYOUT_MAX_KEY - 1);
        return node && node->number == number ? node : NULL;
}

static Node *find_directory(Tree *tree, uint64_t ino)
{
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        return node && key == 0 && node->type == NODE_DIRECTORY ? node : NULL;
}

static void retire(Tree *tree, Node *node)
{
        if (node->current)
                g_hash_table_remove(tree->current, node);
        node->current = false;
}

/* The size that the memory= option was charged for. */
static size_t charged(uint64_t size)
{
        return size > FREE_CONTENT ? size : 0;
}

static void drop_refs(Tree *tree, Node *node, uint64_t n)
{
        uint32_t slot = slot_of(node->number);

        node->refs -= MIN(n, node->refs);
        if (node->refs > 0 || node == tree->root)
                return;
        retire(tree, node);
        catalog_give_back(tree->catalog, charged(node->size));
        tree->slots->pdata[slot] = NULL;
        g_array_append_val(tree->free_slots, slot);
        node_free(node);
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

static bool same_content(const Node *node, GBytes *content)
{
        gsize size;
        const void *bytes = g_bytes_get_data(content, &size);

        return node->size == size && memcmp(node->content, bytes, size) == 0;
}

/* The node that is remembered as entry @key of @directory, or NULL. */
static Node *find_at(Tree *tree, const Node *directory, uint64_t key)
{
        Node at = { .parent = directory->number, .key = key };

        return g_hash_table_lookup(tree->current, &at);
}

/* The node that stands for @entry of @directory, or NULL if there is none that is still the same.
 */
static Node *find_current(Tree *tree, const Node *directory, const Entry *entry)
{
        Node *node = find_at(tree, directory, entry->key);
        Place place;

        if (!node)
                return NULL;
        place = place_of(node);
        if (entry->type == ENTRY_DIRECTORY
                    ? node->type == NODE_DIRECTORY && same_object(&place, &entry->place)
                    : node->type != NODE_DIRECTORY && same_content(node, entry->content))
                return node;
        retire(tree, node);
        return NULL;
}

/* A file's node with @content, or with a text that says that there is no room for it. */
static Node *new_file(Tree *tree, const Node *directory, NodeType type, GBytes *content)
{
        static const char no_room[] = "(cannot be shown: more than the option memory= allows)\n";
        Place place = {
                .kind = directory->kind == PLACE_VALUE ? PLACE_MAP_VARS : directory->kind,
                .prog = directory->prog ? prog_ref(directory->prog) : NULL,
                .map = directory->map ? map_ref(directory->map) : NULL,
        };
        gsize size;
        const char *bytes = g_bytes_get_data(content, &size);
        Node *node;

        if (size > UINT32_MAX || !catalog_take(tree->catalog, charged(size))) {
                bytes = no_room;
                size = strlen(no_room);
        }
        node = node_new(tree, type, &place, bytes, size);
        if (!node)
                catalog_give_back(tree->catalog, charged(size));
        place_clear(&place);
        return node;
}

/* Takes the place out of @entry. */
static int new_node(Tree *tree, const Node *directory, Entry *entry, Node **out)
{
        Node *node;

        if (entry->type == ENTRY_DIRECTORY)
                node = node_new(tree, NODE_DIRECTORY, &entry->place, NULL, 0);
        else
                node = new_file(tree, directory, entry->type == ENTRY_LINK ? NODE_LINK : NODE_FILE,
                                entry->content);
        if (!node)
                return -ENOMEM;
        node->parent = directory->number;
        node->key = entry->key;
        node->current = true;
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
        Place place = place_of(directory);
        bool followed = layout_is_followed(tree->catalog, &place);
        mode_t type = file_type(entry);
        Node *node = directory;
        uint64_t ino;
        int r = 0;

        if (entry->type == ENTRY_FILE) {
                ino = (uint64_t)directory->number << KEY_BITS | entry->key;
                out->attr = attributes(tree, ino, &place, type, entry->size);
        } else {
                node = find_current(tree, directory, entry);
                if (!node)
                        r = new_node(tree, directory, entry, &node);
                if (r < 0)
                        return r;
                ino = node_ino(tree, node);
                place = place_of(node);
                out->attr = attributes(tree, ino, &place, type, node->size);
        }
        out->entry_timeout = entry->fixed && followed ? TREE_FOREVER : 0;
        out->known = node != directory && node->refs > 0 && out->entry_timeout > 0 && !node->bare;
        node->refs++;
        return 0;
}

/* Whether the kernel has the attributes of the node @ino. */
static void set_bare(Tree *tree, uint64_t ino, bool bare)
{
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        if (node && key == 0)
                node->bare = bare;
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
        Place place;
        int r;

        if (!directory)
                return -ENOENT;
        place = place_of(directory);
        r = layout_find(tree->catalog, &place, name, &entry);
        if (r == 0)
                r = enter(tree, directory, &entry, out);
        if (r == 0)
                set_bare(tree, out->attr.st_ino, false);
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
        static const mode_t types[] = {
                [NODE_DIRECTORY] = S_IFDIR,
                [NODE_FILE] = S_IFREG,
                [NODE_LINK] = S_IFLNK,
        };
        Place place = place_of(node);
        uint64_t size = node->size;
        int r = 0;

        if (key != 0)
                r = layout_content(tree->catalog, &place, key, 0, 0, NULL, &size);
        if (r == 0)
                *attr = attributes(tree, ino, &place, key ? S_IFREG : types[node->type], size);
        return r;
}

int tree_getattr(Tree *tree, uint64_t ino, struct stat *attr)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        uint64_t key;
        Node *node = find_node(tree, ino, &key);

        if (!node)
                return -ENOENT;
        set_bare(tree, ino, false);
        return describe(tree, node, key, ino, attr);
}

void tree_drop_attr(Tree *tree, uint64_t ino)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        set_bare(tree, ino, true);
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
        } else {
                set_bare(tree, out.attr.st_ino, false);
        }
        return taken;
}

int tree_list(Tree *tree, uint64_t ino, uint64_t after, bool lookup, TreeListFunc func, void *data,
              bool *changes)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        Listing listing = { tree, find_directory(tree, ino), lookup, func, data, 0 };
        Place place;
        int r;

        if (!listing.directory)
                return -ENOENT;
        place = place_of(listing.directory);
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
        Node *node = find_node(tree, ino, &key);
        Place place;

        if (!node)
                return -ENOENT;
        if (key != 0) {
                place = place_of(node);
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

static void add_gone(GArray *gone, uint64_t parent, uint64_t child, uint32_t id)
{
        TreeGone entry = { .parent = parent, .child = child };

        g_snprintf(entry.name, sizeof(entry.name), "%u", id);
        g_array_append_val(gone, entry);
}

int tree_follow(Tree *tree, GArray *gone, int *wait)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);
        g_autoptr(GArray) progs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(GArray) maps = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        Node *directory = find_at(tree, tree->root, LAYOUT_MAPS_KEY);
        int r = catalog_take_events(tree->catalog, wait);

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
        return r;
}

void tree_on_gone(Tree *tree, void (*func)(void *data), void *data)
{
        autounlock pthread_mutex_t *lock = take_lock(tree);

        tree->on_gone = func;
        tree->on_gone_data = data;
}
