/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "entering.h"

#include "dir-value.h"
#include "layout.h"

#include <errno.h>
#include <string.h>

#define NS_PER_S 1000000000

/* The size in bytes of the longest file for which check_former() does anything. */
#define MAX_FORMER LAYOUT_MAX_CHANGING

/* Contents up to here are not counted against the memory= option. */
#define FREE_CONTENT 256
/* One of so many parts of that memory is for reports alone. */
#define REPORTS_PART 8

void entering_init(Entering *entering, Catalog *catalog, const TreeLook *look)
{
        Place root = layout_root();

        *entering = (Entering){
                .catalog = catalog,
                .look = *look,
                .nodes = nodes_new(&root),
                .versions = versions_new(catalog),
        };
}

void entering_clear(Entering *entering)
{
        nodes_free(entering->nodes);
        versions_free(entering->versions);
}

/* The part of @size that counts against the memory= option. */
static size_t charged(uint64_t size)
{
        return size > FREE_CONTENT ? size : 0;
}

/* Takes memory for a file below an object, but not all: whoever reads large maps must not close the
 * reports in the root to everybody. False: there is too little. */
static bool take_for_object(Catalog *catalog, size_t size)
{
        size_t kept = catalog_most_memory(catalog) / REPORTS_PART;

        return charged(size) == 0 || (charged(size) + kept <= catalog_memory(catalog) &&
                                      catalog_take_memory(catalog, charged(size)));
}

void entering_drop(Entering *entering, Node *node, uint64_t n)
{
        uint64_t size = node->size;

        if (nodes_drop(entering->nodes, node, n))
                catalog_give_back(entering->catalog, charged(size));
}

/* Attributes */

static struct stat attributes(const Entering *entering, uint64_t st_ino, const Place *place,
                              mode_t type, uint64_t size)
{
        struct timespec time = layout_time(entering->catalog, place);
        mode_t mode = entering->look.mode;
        struct stat attr = {
                .st_ino = st_ino,
                .st_nlink = 1,
                .st_uid = entering->look.has_uid ? entering->look.uid
                                                 : layout_owner(entering->catalog, place),
                .st_gid = entering->look.gid,
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
static struct stat node_attributes(const Entering *entering, const Node *node)
{
        static const mode_t types[] = {
                [NODE_DIRECTORY] = S_IFDIR,
                [NODE_FILE] = S_IFREG,
                [NODE_LINK] = S_IFLNK,
        };
        Place place = node_place(node);
        struct stat attr = attributes(entering, nodes_shown_ino(entering->nodes, node, 0), &place,
                                      types[node->type], node->size);

        if (node->type == NODE_FILE) {
                attr.st_mtim.tv_sec = node->since / NS_PER_S;
                attr.st_mtim.tv_nsec = node->since % NS_PER_S;
                attr.st_atim = attr.st_ctim = attr.st_mtim;
        }
        return attr;
}

/* Entering the result of a lookup */

static bool same_content(const Node *node, GBytes *content)
{
        gsize size;
        const void *bytes = g_bytes_get_data(content, &size);

        return node->size == size &&
               (bytes == node_content(node) || memcmp(node_content(node), bytes, size) == 0);
}

static bool stands_for(const Node *node, const Entry *entry)
{
        Place place = node_place(node);

        if (entry->type == ENTRY_DIRECTORY)
                return node->type == NODE_DIRECTORY && place_equal(&place, &entry->place);
        return node->type != NODE_DIRECTORY && entry->content && same_content(node, entry->content);
}

/* The same for a report. It is made anew to see whether it is the same if somebody has used it
 * since it was made last: so the kernel need not read it again. If nobody has, the lookup may be of
 * the name alone. */
static bool is_same_report(const Entering *entering, Node *node)
{
        g_autoptr(GBytes) text = NULL;
        int64_t since;

        if (node->late ||
            layout_report_is_current(entering->catalog, node->row, node->key, node->since))
                return true;
        if (!node->used)
                return false;
        node->used = false;
        return layout_report(entering->catalog, node->row, node->key, &text, &since) == 0 &&
               since == node->since;
}

/* The node that stands for @entry of @directory, or NULL if there is none that is still the same.
 */
static Node *find_current(Entering *entering, const Node *directory, const Entry *entry)
{
        Node *node = nodes_at(entering->nodes, directory, entry->key);

        if (!node || (entry->type == ENTRY_REPORT ? is_same_report(entering, node)
                                                  : stands_for(node, entry)))
                return node;
        nodes_retire(entering->nodes, node);
        return NULL;
}

/* Mixes @word into the number that stands for a path. */
static uint64_t mix(uint64_t path, uint64_t word)
{
        path = (path ^ word) * 0x9e3779b97f4a7c15u;
        return path ^ path >> 29;
}

/* The keys on the way from the root: they name the directory as long as the daemon runs. */
static uint64_t path_of(const Entering *entering, const Node *directory)
{
        const Node *parent = nodes_parent(entering->nodes, directory);

        /* The kernel keeps a directory as long as it keeps an entry of it. */
        return !parent || parent == directory ? 0 : mix(path_of(entering, parent), directory->key);
}

/* The same for its file @name. The entry's key would not do: a file of info/ gets another key once
 * its value can't change any more. */
static uint64_t path_of_file(const Entering *entering, const Node *directory, const char *name)
{
        return mix(path_of(entering, directory), g_str_hash(name));
}

/* The time since which the file @name of @directory has this content. */
static int64_t since(Entering *entering, const Node *directory, const char *name, const char *bytes,
                     gsize size)
{
        Place place = node_place(directory);
        const Object *shown = place_shown(&place);
        struct timespec made = layout_time(entering->catalog, &place);

        /* A file of no object is as it is since now. */
        if (!shown)
                return g_get_real_time() * 1000;
        return versions_since(entering->versions, shown->kind, shown->id,
                              path_of_file(entering, directory, name), bytes, size,
                              (int64_t)made.tv_sec * NS_PER_S + made.tv_nsec);
}

/* If a file can't change any more, but could when readers got it, it still is a node with a time of
 * its own. */
static int check_former(Entering *entering, const Node *directory, Entry *entry)
{
        Place place = node_place(directory);
        const Object *shown = place_shown(&place);
        GString *content;
        uint64_t size;
        int r;

        if (entry->type != ENTRY_FILE || !shown || entry->size > MAX_FORMER ||
            !versions_know(entering->versions, shown->kind, shown->id,
                           path_of_file(entering, directory, entry->name)))
                return 0;
        content = g_string_new(NULL);
        r = layout_content(entering->catalog, &place, entry->key, 0, entry->size, content, &size);
        entry->content = g_string_free_to_bytes(content);
        entry->type = ENTRY_CHANGING_FILE;
        return r;
}

/* The node of a file with the content of @entry, or with a text that says that there is no memory
 * for it. NULL: there are too many nodes, or no text may stand for it. */
static Node *new_file(Entering *entering, const Node *directory, NodeType type, const Entry *entry)
{
        static const char no_room[] = "(cannot be shown: more than the option memory= allows)\n";
        g_autoptr(GBytes) content = g_bytes_ref(entry->content);
        gsize size = g_bytes_get_size(content);
        Place place = { .row = directory->row };
        Node *node;

        if (size > UINT32_MAX || !take_for_object(entering->catalog, size)) {
                if (entry->only_whole)
                        return NULL;
                g_bytes_unref(content);
                content = g_bytes_new_static(no_room, strlen(no_room));
                size = strlen(no_room);
        }
        if (directory->object)
                place.object = object_ref(directory->object);
        node = nodes_add(entering->nodes, type, &place, content, directory, entry->key);
        place_clear(&place);
        if (!node)
                catalog_give_back(entering->catalog, charged(size));
        else if (type == NODE_FILE)
                node->since = since(entering, directory, entry->name,
                                    g_bytes_get_data(content, NULL), size);
        return node;
}

static Node *new_report(Entering *entering, const Node *directory, const Entry *entry)
{
        Place place = { .row = directory->row };
        Node *node = nodes_add_late(entering->nodes, &place, directory, entry->key);

        if (node)
                node->since = g_get_real_time() * 1000;
        return node;
}

int entering_make(Entering *entering, Node *node)
{
        g_autoptr(GBytes) content = NULL;
        int64_t since;
        size_t size;
        int r;

        node->used = true;
        if (!node->late)
                return 0;
        r = layout_report(entering->catalog, node->row, node->key, &content, &since);
        if (r < 0)
                return r;
        size = g_bytes_get_size(content);
        /* No other text can stand for it: a reader expects its format. */
        if (size > UINT32_MAX || !catalog_take_memory(entering->catalog, charged(size)))
                return -ENOMEM;
        nodes_fill(node, content);
        node->since = since;
        return 0;
}

static double seconds_until(gint64 time)
{
        return MAX(time - g_get_monotonic_time(), 0) / (double)G_TIME_SPAN_SECOND;
}

/* Seconds for which the kernel may remember the attributes of @node. A process that stays in a
 * snapshot learns by them that it is not the present one any more: it is until @current; 0: that
 * has not been asked. */
static double attr_timeout(const Entering *entering, const Node *node, gint64 current)
{
        Place place = node_place(node);
        int lag = node->type == NODE_DIRECTORY ? layout_time_lag(entering->catalog, &place) : -1;

        if (node->late)
                return 0;
        if (node->type == NODE_DIRECTORY && place.row->current)
                return seconds_until(current ? current : layout_current(entering->catalog, &place));
        return lag < 0 ? TREE_FOREVER : lag / 1e3;
}

/* Moves the place out of @entry. */
static int new_node(Entering *entering, const Node *directory, Entry *entry, Node **out)
{
        Node *node;

        if (entry->type == ENTRY_DIRECTORY)
                node = nodes_add(entering->nodes, NODE_DIRECTORY, &entry->place, NULL, directory,
                                 entry->key);
        else if (entry->type == ENTRY_REPORT)
                node = new_report(entering, directory, entry);
        else
                node = new_file(entering, directory,
                                entry->type == ENTRY_LINK ? NODE_LINK : NODE_FILE, entry);
        *out = node;
        return node ? 0 : -ENOMEM;
}

/* Of an entry that is not a node, in a directory of @row. */
static mode_t fixed_type(const Row *row)
{
        return row->links ? S_IFLNK : S_IFREG;
}

static mode_t file_type(const Row *row, const Entry *entry)
{
        switch (entry->type) {
        case ENTRY_FILE:
                return fixed_type(row);
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

        if (entry->lasting)
                return place.row->current || place_is_watched(&place) ? TREE_FOREVER
                                                                      : ENTRY_MOMENT_MS / 1e3;
        return entry->until == 0 ? 0 : seconds_until(entry->until);
}

int entering_add(Entering *entering, Node *directory, Entry *entry, TreeEntry *out)
{
        Node *node = directory;
        Place place;
        int r = check_former(entering, directory, entry);

        if (r < 0)
                return r;
        if (entry->type == ENTRY_FILE) {
                place = node_place(directory);
                out->ino = nodes_ino(entering->nodes, directory) | entry->key;
                out->attr = attributes(entering,
                                       nodes_shown_ino(entering->nodes, directory, entry->key),
                                       &place, fixed_type(directory->row), entry->size);
        } else {
                node = find_current(entering, directory, entry);
                if (!node)
                        r = new_node(entering, directory, entry, &node);
                if (r < 0)
                        return r;
                out->ino = nodes_ino(entering->nodes, node);
                out->attr = node_attributes(entering, node);
        }
        out->attr_timeout = entry->type == ENTRY_FILE ? TREE_FOREVER
                                                      : attr_timeout(entering, node, entry->until);
        /* Who uses it has to ask. */
        if (entry->type == ENTRY_REPORT)
                out->attr_timeout = 0;
        out->entry_timeout = entry_timeout(directory, entry);
        node->refs++;
        return 0;
}

/* True if the kernel has all of the entry, and keeps it. */
static bool is_known(Entering *entering, const Node *directory, const Entry *entry)
{
        const Node *node;

        if (entry->type == ENTRY_FILE)
                return false;
        node = nodes_at(entering->nodes, directory, entry->key);
        return node && node->refs > 0 && !node->bare && stands_for(node, entry);
}

void entering_mention(Entering *entering, const Node *directory, const Entry *entry, TreeEntry *out)
{
        const Node *node = nodes_at(entering->nodes, directory, entry->key);

        *out = (TreeEntry){ .attr = { .st_mode = file_type(directory->row, entry) } };
        if (node)
                out->attr.st_ino = nodes_shown_ino(entering->nodes, node, 0);
        else if (entry->type == ENTRY_FILE)
                out->attr.st_ino = nodes_shown_ino(entering->nodes, directory, entry->key);
        else
                out->attr.st_ino = NODES_UNKNOWN_INO;
}

bool entering_is_mentioned(Entering *entering, const Node *directory, const Entry *entry)
{
        double timeout = entry_timeout(directory, entry);

        return timeout == 0 || (timeout == TREE_FOREVER && is_known(entering, directory, entry));
}

void entering_set_bare(Entering *entering, uint64_t ino, bool bare)
{
        uint64_t key;
        Node *node = nodes_find(entering->nodes, ino, &key);

        if (node && key == 0)
                node->bare = bare;
}

int entering_attributes(Entering *entering, const Node *node, uint64_t key, struct stat *attr,
                        double *timeout)
{
        Place place = node_place(node);
        uint64_t size;
        int r;

        *timeout = TREE_FOREVER;
        if (key == 0) {
                gint64 current = node->type == NODE_DIRECTORY
                                         ? layout_current(entering->catalog, &place)
                                         : INT64_MAX;

                if (current < 0)
                        return current;
                *attr = node_attributes(entering, node);
                *timeout = attr_timeout(entering, node, current);
                return 0;
        }
        r = layout_content(entering->catalog, &place, key, 0, 0, NULL, &size);
        if (r == 0)
                *attr = attributes(entering, nodes_shown_ino(entering->nodes, node, key), &place,
                                   fixed_type(node->row), size);
        return r;
}
