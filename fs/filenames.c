/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Nothing of an object file changes: all names are given at once. */

#include "filenames.h"

struct FileNames {
        GPtrArray *names; /* of id 1, 2 ...; NULL where there is no such object */
        GHashTable *ids;  /* by name; borrowed keys */
};

FileNames *file_names_new(Source *source, int (*next)(Source *source, uint32_t after, uint32_t *id),
                          char *(*name)(Source *source, uint32_t id), NamesReserved reserved)
{
        g_autoptr(Names) given = names_new(reserved);
        FileNames *names = g_new0(FileNames, 1);
        uint32_t id = 0;

        names->names = g_ptr_array_new_with_free_func(g_free);
        names->ids = g_hash_table_new(g_str_hash, g_str_equal);
        while (next(source, id, &id) == 0) {
                g_autofree char *full = name(source, id);
                char *file = names_give(given, full ? full : "", full ? full : "");

                while (names->names->len < id)
                        g_ptr_array_add(names->names, NULL);
                names->names->pdata[id - 1] = file;
                g_hash_table_insert(names->ids, file, GUINT_TO_POINTER(id));
        }
        return names;
}

void file_names_free(FileNames *names)
{
        g_hash_table_unref(names->ids);
        g_ptr_array_unref(names->names);
        g_free(names);
}

const char *file_names_of(const FileNames *names, uint32_t id)
{
        return id >= 1 && id <= names->names->len ? names->names->pdata[id - 1] : NULL;
}

uint32_t file_names_id(const FileNames *names, const char *name)
{
        return GPOINTER_TO_UINT(g_hash_table_lookup(names->ids, name));
}
