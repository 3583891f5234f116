/* SPDX-License-Identifier: GPL-2.0-or-later */

/* For each object, the files of it that were looked at. */

#include "versions.h"

#include <string.h>

/* The last version of a file. */
typedef struct Version {
        uint64_t path;
        uint64_t hash;
        int64_t since;
} Version;

typedef struct Group {
        const ObjectKind *kind;
        uint32_t id;
        GHashTable *versions; /* a set of Version, by path */
} Group;

struct Versions {
        Catalog *catalog;
        GHashTable *groups; /* a set of Group, by kind and id */
        guint swept;        /* how many groups the last sweep has left */
};

/* Bytes for each version, with its share of the tables. */
#define COST 64

/* Not before there are this many more groups is it worth to look for objects that have gone without
 * our being told. */
#define SWEEP_AFTER 1024

static guint group_hash(gconstpointer key)
{
        const Group *group = key;

        return group->id * 2654435761u ^ GPOINTER_TO_UINT(group->kind);
}

static gboolean group_equal(gconstpointer a, gconstpointer b)
{
        const Group *left = a, *right = b;

        return left->id == right->id && left->kind == right->kind;
}

static void group_free(gpointer data)
{
        Group *group = data;

        g_hash_table_unref(group->versions);
        g_free(group);
}

Versions *versions_new(Catalog *catalog)
{
        Versions *versions = g_new0(Versions, 1);

        versions->catalog = catalog;
        versions->groups = g_hash_table_new_full(group_hash, group_equal, group_free, NULL);
        return versions;
}

void versions_free(Versions *versions)
{
        g_hash_table_unref(versions->groups);
        g_free(versions);
}

static bool drop_group(Versions *versions, Group *group)
{
        catalog_give_back(versions->catalog, g_hash_table_size(group->versions) * COST);
        return g_hash_table_remove(versions->groups, group);
}

static Group *lookup(Versions *versions, const ObjectKind *kind, uint32_t id)
{
        Group wanted = { .kind = kind, .id = id };

        return g_hash_table_lookup(versions->groups, &wanted);
}

bool versions_know(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path)
{
        Group *group = lookup(versions, kind, id);

        return group && g_hash_table_contains(group->versions, &path);
}

void versions_drop(Versions *versions, const ObjectKind *kind, uint32_t id)
{
        Group *group = lookup(versions, kind, id);

        if (group)
                drop_group(versions, group);
}

/* Not every object tells us of its end. */
static void sweep(Versions *versions)
{
        Source *source = catalog_source(versions->catalog);
        g_autoptr(GList) groups = g_hash_table_get_keys(versions->groups);

        for (GList *at = groups; at; at = at->next) {
                Group *group = at->data;

                if (!source_has(source, group->kind->next, group->id))
                        drop_group(versions, group);
        }
        versions->swept = g_hash_table_size(versions->groups);
}

static Group *find_group(Versions *versions, const ObjectKind *kind, uint32_t id)
{
        Group *group = lookup(versions, kind, id);

        if (group)
                return group;
        if (g_hash_table_size(versions->groups) > 2 * versions->swept + SWEEP_AFTER)
                sweep(versions);
        group = g_new(Group, 1);
        group->kind = kind;
        group->id = id;
        group->versions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        g_hash_table_add(versions->groups, group);
        return group;
}

/* FNV-1a: two versions in a row have to differ, no more. */
static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
        uint64_t hash = 0xcbf29ce484222325;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ bytes[i]) * 0x100000001b3;
        return hash;
}

int64_t versions_since(Versions *versions, const ObjectKind *kind, uint32_t id, uint64_t path,
                       const void *content, size_t size, int64_t made)
{
        Group *group = find_group(versions, kind, id);
        Version *version = g_hash_table_lookup(group->versions, &path);
        uint64_t hash = hash_of(content, size);
        int64_t now = g_get_real_time() * 1000;

        if (version && version->hash == hash)
                return version->since;
        if (!version) {
                /* A value that can't be remembered may have changed. */
                if (!catalog_take_memory(versions->catalog, COST))
                        return now;
                version = g_new(Version, 1);
                *version = (Version){ .path = path, .since = made };
                g_hash_table_add(group->versions, version);
        } else {
                version->since = now;
        }
        version->hash = hash;
        return version->since;
}
