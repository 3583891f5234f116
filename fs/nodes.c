/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Slots are used again in the order in which they were freed, so that a number stays away for as
 * long as possible. */

#include "nodes.h"

#include <string.h>

G_STATIC_ASSERT(ENTRY_MAX_KEY == 1u << NODES_KEY_BITS);

/* How many bits of a node's slot and of a key go into a st_ino of 32 bits. */
#define SHOWN_SLOT_BITS 24
#define SHOWN_KEY_BITS 8

/* A slot is used again only when this many others are free as well. */
#define MIN_FREE 1024

#define NO_SLOT UINT32_MAX

typedef struct Slot {
        Node *node;    /* owned; NULL: it is free */
        uint32_t next; /* the slot that was freed next */
        uint16_t uses; /* how often it was taken */
} Slot;

struct Nodes {
        GArray *slots; /* Slot */
        guint n_free;
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

/* Takes @place. */
static Node *node_new(Nodes *nodes, NodeType type, Place *place, const char *content, uint32_t size)
{
        uint32_t slot = take_slot(nodes);
        Node *node;

        if (slot == NO_SLOT)
                return NULL;
        node = g_malloc(sizeof(Node) + size);
        *node = (Node){
                .number = (uint64_t)slot_at(nodes, slot)->uses++ << NODES_SLOT_BITS | slot,
                .type = type,
                .row = place->row,
                .size = size,
                .object = g_steal_pointer(&place->object),
        };
        if (type == NODE_DIRECTORY)
                node->argument = g_steal_pointer(&place->argument);
        if (size > 0)
                memcpy(node->content, content, size);
        slot_at(nodes, slot)->node = node;
        return node;
}

static void node_free(Node *node)
{
        Place place;

        if (!node)
                return;
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
        nodes->root = node_new(nodes, NODE_DIRECTORY, root, NULL, 0);
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

Node *nodes_add(Nodes *nodes, NodeType type, Place *place, const char *content, uint32_t size,
                const Node *directory, uint32_t key)
{
        Node *node = node_new(nodes, type, place, content, size);

        if (!node)
                return NULL;
        node->parent = directory->number;
        node->key = key;
        node->current = true;
        g_hash_table_add(nodes->current, node);
        return node;
}

/* The root's number is given by FUSE; it has no files that are not nodes. */
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

bool nodes_drop(Nodes *nodes, Node *node, uint64_t n)
{
        uint32_t slot = slot_of(node->number);

        node->refs -= MIN(n, node->refs);
        if (node->refs > 0 || node == nodes->root)
                return false;
        nodes_retire(nodes, node);
        free_slot(nodes, slot);
        node_free(node);
        return true;
}
