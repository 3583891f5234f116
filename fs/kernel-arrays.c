/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Arrays by id. */

#include "kernel-arrays.h"

struct KernelArrays {
        GHashTable *by_id; /* id -> Resting */
};

static void resting_free(gpointer data)
{
        Resting *resting = data;

        g_clear_pointer(&resting->progs, g_array_unref);
        g_free(resting);
}

KernelArrays *kernel_arrays_new(void)
{
        KernelArrays *arrays = g_new0(KernelArrays, 1);

        arrays->by_id = g_hash_table_new_full(NULL, NULL, NULL, resting_free);
        return arrays;
}

void kernel_arrays_free(KernelArrays *arrays)
{
        g_hash_table_unref(arrays->by_id);
        g_free(arrays);
}

const Resting *kernel_arrays_add(KernelArrays *arrays, uint32_t id, const MapFacts *facts,
                                 GArray *progs)
{
        Resting *resting = g_new0(Resting, 1);

        resting->facts = *facts;
        resting->since = g_get_monotonic_time();
        resting->progs = progs;
        g_hash_table_insert(arrays->by_id, GUINT_TO_POINTER(id), resting);
        return resting;
}

static gboolean has_rested(gpointer id, gpointer value, gpointer now)
{
        const Resting *resting = value;

        return *(const int64_t *)now - resting->since > KERNEL_ARRAYS_REST;
}

const Resting *kernel_arrays_find(KernelArrays *arrays, uint32_t id)
{
        int64_t now = g_get_monotonic_time();

        g_hash_table_foreach_remove(arrays->by_id, has_rested, &now);
        return g_hash_table_lookup(arrays->by_id, GUINT_TO_POINTER(id));
}
