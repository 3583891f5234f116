/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Slots are used again in the order in which they were freed, so that a number stays away for as
 * long as possible. */

#include "nodes.h"

#include <malloc.h>
#include <string.h>

G_STATIC_ASSERT(ENTRY_MAX_KEY == 1u << NODES_KEY_BITS);

/* The bits of a node's slot and of a key in a st_ino of 32 bits. */
#define SHOWN_SLOT_BITS 24
#define SHOWN_KEY_BITS 8

/* A slot is used again only when this many others are free as well. */
#define MIN_FREE 1024

#define NO_SLOT UINT32_MAX

/* If there are this many nodes, it is worth returning the memory of those that have gone. */
#define MANY_NODES 512

typedef struct Slot {
        Node *node;    /* owned; NULL: it is free */
        uint32_t next; /* the slot that was freed next */
        uint16_t uses; /* how often it was taken */
} Slot;

struct Nodes {
        GArray *slots; /* Slot */
        guint n_free;
        guint most;          /* the greatest number of nodes since memory was last returned */
        uint32_t first_free; /* the slots that are free, in the order in which they were freed */
        uint32_t last_free;
        GHashTable *current; /* by parent and key: borrowed Nodes */
        Node *root;
};

static guint entry_hash(gconstpointer key)
{
        const Node *node = key;
        uint64_t mix = (node->parent * 0x9e3779b97f4a7c15u) ^ node->key;

        return (guint)(mix ^ (mix >> 32));
}

static gboolean entry_equal(gconstpointer a, gconstpointer b)
{
        const Node *left = a, *right = b;

        return left->parent == right->parent && left->key == right->key;
}

Place node_place(const Node *node)
{
        return (Place){
                .row = node->row,
                .object = node->object,
                .argument = node->type == NODE_DIRECTORY ? node->argument : NULL,
        };
}

static Slot *slot_at(const Nodes *nodes, uint32_t slot)
{
        return &g_array_index(nodes->slots, Slot, slot);
}

static uint32_t slot_of(uint64_t number)
{
        return number & ((1u << NODES_SLOT_BITS) - 1);
}

/* NO_SLOT: there are too many nodes. */
static uint32_t take_slot(Nodes *nodes)
{
        static const Slot unused = { 0 };
        uint32_t slot = nodes->first_free;

        if (nodes->slots->len < 1u << NODES_SLOT_BITS && nodes->n_free < MIN_FREE) {
                g_array_append_val(nodes->slots, unused);
                return nodes->slots->len - 1;
        }
        if (slot != NO_SLOT) {
                nodes->first_free = slot_at(nodes, slot)->next;
                nodes->n_free--;
        }
        return slot;
}

static void free_slot(Nodes *nodes, uint32_t slot)
{
        slot_at(nodes, slot)->node = NULL;
        slot_at(nodes, slot)->next = NO_SLOT;
        if (nodes->first_free == NO_SLOT)
                nodes->first_free = slot;
        else
                slot_at(nodes, nodes->last_free)->next = slot;
        nodes->last_free = slot;
        nodes->n_free++;
}

/* A content from this size on is not copied. */
#define LARGE 32768

GBytes *node_bytes(const Node *node)
{
        GBytes *bytes = NULL;

        if (node->apart)
                memcpy(&bytes, node->content, sizeof(bytes));
        return bytes;
}

const char *node_content(const Node *node)
{
        GBytes *bytes = node_bytes(node);

        return bytes ? g_bytes_get_data(bytes, NULL) : node->content;
}

static void refer(Node *node, GBytes *content)
{
        g_bytes_ref(content);
        memcpy(node->content, &content, sizeof(content));
}

static void drop_reference(Node *node)
{
        g_bytes_unref(node_bytes(node));
}

static void set_content(Node *node, GBytes *content)
{
        if (node->apart)
                refer(node, content);
        else if (node->size > 0)
                memcpy(node->content, g_bytes_get_data(content, NULL), node->size);
}

/* Takes @place. @shared: the content is not copied, whatever its size. */
static Node *node_new(Nodes *nodes, NodeType type, Place *place, GBytes *content, bool shared)
{
        uint32_t slot = take_slot(nodes);
        gsize size = content ? g_bytes_get_size(content) : 0;
        Node *node;

        if (slot == NO_SLOT)
                return NULL;
        shared = shared || size >= LARGE;
        node = g_malloc(sizeof(Node) + (shared ? sizeof(content) : size));
        *node = (Node){
                .number = (uint64_t)slot_at(nodes, slot)->uses++ << NODES_SLOT_BITS | slot,
                .type = type,
                .row = place->row,
                .size = size,
                .apart = shared,
                .object = g_steal_pointer(&place->object),
        };
        if (type == NODE_DIRECTORY)
                node->argument = g_steal_pointer(&place->argument);
        set_content(node, content);
        slot_at(nodes, slot)->node = node;
        return node;
}

static void node_free(Node *node)
{
        Place place;

        if (!node)
                return;
        if (node->apart)
                drop_reference(node);
        place = node_place(node);
        place_clear(&place);
        g_free(node);
}

Nodes *nodes_new(Place *root)
{
        Nodes *nodes = g_new0(Nodes, 1);

        nodes->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
        nodes->first_free = NO_SLOT;
        nodes->current = g_hash_table_new(entry_hash, entry_equal);
        /* The first node has number 0. */
        nodes->root = node_new(nodes, NODE_DIRECTORY, root, NULL, false);
        nodes->root->refs = 1;
        return nodes;
}

void nodes_free(Nodes *nodes)
{
        g_hash_table_unref(nodes->current);
        for (guint i = 0; i < nodes->slots->len; i++)
                node_free(slot_at(nodes, i)->node);
        g_array_unref(nodes->slots);
        g_free(nodes);
}

Node *nodes_root(Nodes *nodes)
{
        return nodes->root;
}

static Node *add(Nodes *nodes, Node *node, const Node *directory, uint32_t key)
{
        if (!node)
                return NULL;
        node->parent = directory->number;
        node->key = key;
        node->current = true;
        g_hash_table_add(nodes->current, node);
        return node;
}

Node *nodes_add(Nodes *nodes, NodeType type, Place *place, GBytes *content, const Node *directory,
                uint32_t key)
{
        return add(nodes, node_new(nodes, type, place, content, false), directory, key);
}

Node *nodes_add_late(Nodes *nodes, Place *place, const Node *directory, uint32_t key)
{
        g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
        Node *node = add(nodes, node_new(nodes, NODE_FILE, place, nothing, true), directory, key);

        if (node)
                node->late = true;
        return node;
}

void nodes_fill(Node *node, GBytes *content)
{
        drop_reference(node);
        refer(node, content);
        node->size = g_bytes_get_size(content);
        node->late = false;
}

/* FUSE gives the root's number. All files of the root are nodes. */
uint64_t nodes_ino(const Nodes *nodes, const Node *node)
{
        return node == nodes->root ? NODES_ROOT : (uint64_t)node->number << NODES_KEY_BITS;
}

uint64_t nodes_shown_ino(const Nodes *nodes, const Node *node, uint64_t key)
{
        uint64_t number = node->number;
        uint32_t slot = slot_of(number);

        if (node == nodes->root && key == 0)
                return NODES_ROOT;
        if (slot < 1u << SHOWN_SLOT_BITS && key < 1u << SHOWN_KEY_BITS)
                return slot << SHOWN_KEY_BITS | key;
        return number << NODES_KEY_BITS | key | UINT64_C(1) << 63;
}

Node *nodes_find(Nodes *nodes, uint64_t ino, uint64_t *key)
{
        uint64_t number = ino == NODES_ROOT ? 0 : ino >> NODES_KEY_BITS;
        uint32_t slot = slot_of(number);
        Node *node = slot < nodes->slots->len ? slot_at(nodes, slot)->node : NULL;

        *key = ino == NODES_ROOT ? 0 : ino & (ENTRY_MAX_KEY - 1);
        return node && node->number == number ? node : NULL;
}

Node *nodes_find_directory(Nodes *nodes, uint64_t ino)
{
        uint64_t key;
        Node *node = nodes_find(nodes, ino, &key);

        return node && key == 0 && node->type == NODE_DIRECTORY ? node : NULL;
}

Node *nodes_at(Nodes *nodes, const Node *directory, uint64_t key)
{
        Node at = { .parent = directory->number, .key = key };

        return g_hash_table_lookup(nodes->current, &at);
}

const Node *nodes_parent(const Nodes *nodes, const Node *node)
{
        const Node *parent = slot_at(nodes, slot_of(node->parent))->node;

        return parent && parent->number == node->parent ? parent : NULL;
}

void nodes_retire(Nodes *nodes, Node *node)
{
        if (node->current)
                g_hash_table_remove(nodes->current, node);
        node->current = false;
}

/* The kernel forgets most nodes at once when memory gets short. Then the system needs our
 * memory, too, and the allocator would not return it by itself. */
static void return_memory(Nodes *nodes)
{
        guint n = nodes->slots->len - nodes->n_free;

        nodes->most = MAX(nodes->most, n);
        if (nodes->most < MANY_NODES || n > nodes->most / 2)
                return;
        nodes->most = n;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
}

bool nodes_drop(Nodes *nodes, Node *node, uint64_t n)
{
        uint32_t slot = slot_of(node->number);

        node->refs -= MIN(n, node->refs);
        if (node->refs > 0 || node == nodes->root)
                return false;
        nodes_retire(nodes, node);
        free_slot(nodes, slot);
        node_free(node);
        return_memory(nodes);
        return true;
}
