/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Keys and their values are the same twice over: a directory whose entries are found by name, and
 * listed by number. */

#include "by-table.h"

#include <string.h>

/* What stands in a directory. */
typedef struct Item {
        char *name;
        struct Directory *directory;
        uint32_t refs;
        uint32_t number;
        guint used; /* a value: how many have it; a key: how many of its values somebody has */
} Item;

typedef struct Directory {
        ByTable *table;
        GHashTable *names; /* a set of Item */
        GPtrArray *items;  /* the same, by number */
} Directory;

struct ByTable {
        Directory keys;
        size_t bytes;
};

struct ByKey {
        Item item;
        Directory values;
};

struct ByValue {
        Item item;
        ByKey *key;
        uint32_t *ids; /* item.used of them, ascending */
        uint32_t room;
};

/* What an item takes in the tables, and malloc() for its parts. */
#define ITEM_COST 64

/* Directories */

static guint item_hash(gconstpointer data)
{
        return g_str_hash(((const Item *)data)->name);
}

static gboolean item_equal(gconstpointer a, gconstpointer b)
{
        return strcmp(((const Item *)a)->name, ((const Item *)b)->name) == 0;
}

static void directory_init(Directory *directory, ByTable *table)
{
        directory->table = table;
        directory->names = g_hash_table_new(item_hash, item_equal);
        directory->items = g_ptr_array_new();
}

static void directory_clear(Directory *directory)
{
        g_hash_table_unref(directory->names);
        g_ptr_array_unref(directory->items);
}

static Item *item_at(const Directory *directory, guint index)
{
        return directory->items->pdata[index];
}

/* The index of the first item whose number is above @after. */
static guint index_above(const Directory *directory, uint32_t after)
{
        guint low = 0, high = directory->items->len;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (item_at(directory, middle)->number <= after)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static Item *find(const Directory *directory, const char *name)
{
        Item wanted = { .name = (char *)name };

        return g_hash_table_lookup(directory->names, &wanted);
}

static Item *find_used(const Directory *directory, const char *name)
{
        Item *item = find(directory, name);

        return item && item->used > 0 ? item : NULL;
}

static Item *next_used(const Directory *directory, uint32_t after)
{
        for (guint i = index_above(directory, after); i < directory->items->len; i++)
                if (item_at(directory, i)->used > 0)
                        return item_at(directory, i);
        return NULL;
}

/* From here on numbers are looked for that were given back. */
#define MAX_NUMBER (1u << 22)

/* A number that no item has, and where the item belongs. */
static guint free_place(const Directory *directory, uint32_t *number)
{
        guint n = directory->items->len;
        uint32_t last = n > 0 ? item_at(directory, n - 1)->number : 0;

        *number = last + 1;
        if (last < MAX_NUMBER)
                return n;
        for (n = 0; n < directory->items->len && item_at(directory, n)->number == n + 1; n++)
                ;
        *number = n + 1;
        return n;
}

static void add(Directory *directory, Item *item, const char *name, size_t size)
{
        guint place = free_place(directory, &item->number);

        item->name = g_strdup(name);
        item->directory = directory;
        g_ptr_array_insert(directory->items, place, item);
        g_hash_table_add(directory->names, item);
        directory->table->bytes += size + strlen(name) + ITEM_COST;
}

/* False: it is still wanted. */
static bool drop(Item *item, size_t size)
{
        Directory *directory = item->directory;

        if (item->refs > 0 || item->used > 0)
                return false;
        g_hash_table_remove(directory->names, item);
        g_ptr_array_remove_index(directory->items, index_above(directory, item->number - 1));
        directory->table->bytes -= size + strlen(item->name) + ITEM_COST;
        g_free(item->name);
        return true;
}

/* Keys */

ByTable *by_table_new(void)
{
        ByTable *table = g_new0(ByTable, 1);

        directory_init(&table->keys, table);
        return table;
}

void by_table_free(ByTable *table)
{
        g_assert(table->keys.items->len == 0);
        directory_clear(&table->keys);
        g_free(table);
}

size_t by_table_bytes(const ByTable *table)
{
        return table->bytes;
}

static ByKey *key_of(Item *item)
{
        return (ByKey *)item;
}

ByKey *by_table_key(ByTable *table, const char *name)
{
        ByKey *key = key_of(find(&table->keys, name));

        if (!key) {
                key = g_new0(ByKey, 1);
                directory_init(&key->values, table);
                add(&table->keys, &key->item, name, sizeof(ByKey));
        }
        return by_key_ref(key);
}

ByKey *by_table_find(ByTable *table, const char *name)
{
        return key_of(find_used(&table->keys, name));
}

ByKey *by_table_next(ByTable *table, uint32_t after)
{
        return key_of(next_used(&table->keys, after));
}

static void drop_key(ByKey *key)
{
        Directory values = key->values;

        if (values.items->len > 0 || !drop(&key->item, sizeof(ByKey)))
                return;
        directory_clear(&values);
        g_free(key);
}

ByKey *by_key_ref(ByKey *key)
{
        key->item.refs++;
        return key;
}

void by_key_unref(ByKey *key)
{
        if (!key)
                return;
        key->item.refs--;
        drop_key(key);
}

const char *by_key_name(const ByKey *key)
{
        return key->item.name;
}

uint32_t by_key_number(const ByKey *key)
{
        return key->item.number;
}

/* Values */

static ByValue *value_of(Item *item)
{
        return (ByValue *)item;
}

ByValue *by_key_value(ByKey *key, const char *name)
{
        ByValue *value = value_of(find(&key->values, name));

        if (!value) {
                value = g_new0(ByValue, 1);
                value->key = key;
                add(&key->values, &value->item, name, sizeof(ByValue));
        }
        return by_value_ref(value);
}

ByValue *by_key_find(ByKey *key, const char *name)
{
        return value_of(find_used(&key->values, name));
}

ByValue *by_key_next(ByKey *key, uint32_t after)
{
        return value_of(next_used(&key->values, after));
}

static void drop_value(ByValue *value)
{
        ByKey *key = value->key;

        if (!drop(&value->item, sizeof(ByValue)))
                return;
        key->values.table->bytes -= value->room * sizeof(uint32_t);
        g_free(value->ids);
        g_free(value);
        drop_key(key);
}

ByValue *by_value_ref(ByValue *value)
{
        value->item.refs++;
        return value;
}

void by_value_unref(ByValue *value)
{
        if (!value)
                return;
        value->item.refs--;
        drop_value(value);
}

const char *by_value_name(const ByValue *value)
{
        return value->item.name;
}

uint32_t by_value_number(const ByValue *value)
{
        return value->item.number;
}

ByKey *by_value_key(const ByValue *value)
{
        return value->key;
}

/* Who has them */

/* The index of the first id above @after. */
static guint id_above(const ByValue *value, uint32_t after)
{
        guint low = 0, high = value->item.used;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (value->ids[middle] <= after)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

uint32_t by_value_next(const ByValue *value, uint32_t after)
{
        guint i = id_above(value, after);

        return i < value->item.used ? value->ids[i] : 0;
}

bool by_value_has(const ByValue *value, uint32_t id)
{
        return id > 0 && by_value_next(value, id - 1) == id;
}

bool by_value_is_used(const ByValue *value)
{
        return value->item.refs > 0;
}

static void set_room(ByValue *value, uint32_t room)
{
        value->key->values.table->bytes += ((size_t)room - value->room) * sizeof(uint32_t);
        value->room = room;
        value->ids = g_renew(uint32_t, value->ids, room);
}

static void add_id(ByValue *value, uint32_t id)
{
        guint i = id_above(value, id), n = value->item.used;

        if (n == value->room)
                set_room(value, n + n / 2 + 1);
        memmove(&value->ids[i + 1], &value->ids[i], (n - i) * sizeof(uint32_t));
        value->ids[i] = id;
        if (value->item.used++ == 0)
                value->key->item.used++;
}

static void remove_id(ByValue *value, uint32_t id)
{
        guint i = id_above(value, id - 1), n = --value->item.used;

        memmove(&value->ids[i], &value->ids[i + 1], (n - i) * sizeof(uint32_t));
        if (n == 0)
                value->key->item.used--;
        if (n < value->room / 4)
                set_room(value, value->room / 2);
        drop_value(value);
}

static int compare_values(gconstpointer a, gconstpointer b)
{
        uintptr_t x = (uintptr_t) * (ByValue *const *)a, y = (uintptr_t) * (ByValue *const *)b;

        return x < y ? -1 : x > y;
}

/* Sorts them, each once, and moves what there is more than once behind these: the array may own a
 * reference for each of its elements. Returns how many different ones there are. */
static guint sort_once(GPtrArray *values)
{
        guint n = 0;

        g_ptr_array_sort(values, compare_values);
        for (guint i = 0; i < values->len; i++) {
                gpointer value = values->pdata[i];

                if (n > 0 && values->pdata[n - 1] == value)
                        continue;
                values->pdata[i] = values->pdata[n];
                values->pdata[n++] = value;
        }
        return n;
}

/* Adds and removes the holder's id where the two sorted lists differ. */
static void apply(uint32_t id, ByValue **old, guint n_old, ByValue **new, guint n_new)
{
        guint i = 0, j = 0;

        while (i < n_old || j < n_new) {
                if (i < n_old && j < n_new && old[i] == new[j]) {
                        i++;
                        j++;
                } else if (j == n_new || (i < n_old && (uintptr_t)old[i] < (uintptr_t) new[j])) {
                        remove_id(old[i++], id);
                } else {
                        add_id(new[j++], id);
                }
        }
}

void by_holder_set(ByHolder *holder, guint set, GPtrArray *values)
{
        guint n = sort_once(values), before = 0, after = 0, n_old = holder->n[set];
        ByValue **old = holder->values, **all;

        for (guint i = 0; i < BY_SETS; i++) {
                before += i < set ? holder->n[i] : 0;
                after += i > set ? holder->n[i] : 0;
        }
        if (n == n_old && (n == 0 || memcmp(old + before, values->pdata, n * sizeof(*old)) == 0))
                return;
        all = g_new(ByValue *, before + n + after);
        if (before > 0)
                memcpy(all, old, before * sizeof(*all));
        if (n > 0)
                memcpy(all + before, values->pdata, n * sizeof(*all));
        if (after > 0)
                memcpy(all + before + n, old + before + n_old, after * sizeof(*all));
        holder->values = all;
        holder->n[set] = n;
        apply(holder->id, old ? old + before : NULL, n_old, all + before, n);
        g_free(old);
}

void by_holder_clear(ByHolder *holder)
{
        g_autoptr(GPtrArray) none = g_ptr_array_new();

        for (guint i = 0; i < BY_SETS; i++)
                by_holder_set(holder, i, none);
        g_clear_pointer(&holder->values, g_free);
}
