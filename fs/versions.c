/* SPDX-License-Identifier: GPL-2.0-or-later */

/* For each object, those of its files that were looked at. */

#include "versions.h"

#include <string.h>

/* The last version of a file. */
typedef struct Version {
        uint64_t path;
        uint64_t hash;
        int64_t since;
} Version;

typedef struct Group {
        Object object;        /* kind and id alone: whose files they are */
        GHashTable *versions; /* a set of Version, by path */
} Group;

struct Versions {
        Catalog *catalog;
        GHashTable *groups; /* a set of Group, by kind and id */
        guint swept;        /* how many groups the last sweep has left */
        size_t taken;       /* bytes of memory */
};

/* Bytes for each version, with its share of the tables. */
#define COST 64
/* Versions take at most this part of the memory: each entry of a map that was looked at is one, and
 * contents have to have room as well. */
#define PART 4

/* After each sweep, only this many more groups make it worth to look for objects that have gone
 * without an event. */
#define SWEEP_AFTER 1024

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
        versions->groups = g_hash_table_new_full(object_hash, object_equal, group_free, NULL);
        return versions;
}

void versions_free(Versions *versions)
{
        g_hash_table_unref(versions->groups);
        g_free(versions);
}

/* False: there is no memory for another version. */
static bool take(Versions *versions)
{
        if (versions->taken + COST > catalog_most_memory(versions->catalog) / PART ||
            !catalog_take_memory(versions->catalog, COST))
                return false;
        versions->taken += COST;
        return true;
}

static bool drop_group(Versions *versions, Group *group)
{
        size_t taken = g_hash_table_size(group->versions) * COST;

        versions->taken -= taken;
        catalog_give_back(versions->catalog, taken);
        return g_hash_table_remove(versions->groups, group);
}

static Group *lookup(Versions *versions, const ObjectKind *kind, uint32_t id)
{
        Group wanted = { .object = { .kind = kind, .id = id } };

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

/* Not every object has an event at its end. */
static void sweep(Versions *versions)
{
        Source *source = catalog_source(versions->catalog);
        g_autoptr(GList) groups = g_hash_table_get_keys(versions->groups);

        for (GList *at = groups; at; at = at->next) {
                Group *group = at->data;

                if (!source_has(source, group->object.kind->next, group->object.id))
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
        group = g_new0(Group, 1);
        group->object = (Object){ .kind = kind, .id = id };
        group->versions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        g_hash_table_add(versions->groups, group);
        return group;
}

/* FNV-1a. It is enough if two versions in a row differ. */
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
                if (!take(versions))
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
