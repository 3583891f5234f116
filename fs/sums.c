/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Figures summed by labels. */

#include "sums.h"

#include <stdbool.h>
#include <string.h>

struct Sums {
        GHashTable *sums; /* labels -> Sum, which owns both */
        Sum *others;      /* the sum of all beyond the limit */
        uint64_t round;   /* the number of rounds that have ended */
};

static Sum *sum_new(const char *labels)
{
        size_t size = strlen(labels) + 1;
        Sum *sum = g_malloc0(sizeof(Sum) + size);

        memcpy(sum->labels, labels, size);
        return sum;
}

Sums *sums_new(const char *others)
{
        Sums *sums = g_new0(Sums, 1);

        sums->sums = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
        sums->others = sum_new(others);
        return sums;
}

void sums_free(Sums *sums)
{
        g_hash_table_unref(sums->sums);
        g_free(sums->others);
        g_free(sums);
}

static void clear(Sum *sum)
{
        sum->n = 0;
        sum->memory = 0;
}

void sums_begin(Sums *sums)
{
        GHashTableIter iter;
        gpointer sum;

        clear(sums->others);
        g_hash_table_iter_init(&iter, sums->sums);
        while (g_hash_table_iter_next(&iter, NULL, &sum))
                clear(sum);
}

static bool has_counted(const Sum *sum)
{
        for (guint i = 0; i < SUM_N_COUNTS; i++)
                if (sum->counts[i] > 0)
                        return true;
        return false;
}

/* If one was not there in the last round either, its counts go to the others: so the sum of all
 * does not go backwards. */
static void make_room(Sums *sums)
{
        GHashTableIter iter;
        gpointer data;

        g_hash_table_iter_init(&iter, sums->sums);
        while (g_hash_table_iter_next(&iter, NULL, &data)) {
                Sum *sum = data;

                if (sum->round + 1 >= sums->round)
                        continue; /* it is, or was, and may be borrowed */
                for (guint i = 0; i < SUM_N_COUNTS; i++)
                        sums->others->counts[i] += sum->counts[i];
                g_hash_table_iter_remove(&iter);
                break;
        }
}

Sum *sums_get(Sums *sums, const char *labels)
{
        Sum *sum = g_hash_table_lookup(sums->sums, labels);

        if (sum)
                return sum;
        if (g_hash_table_size(sums->sums) >= SUMS_MAX)
                make_room(sums);
        if (g_hash_table_size(sums->sums) >= SUMS_MAX)
                return sums->others;
        sum = sum_new(labels);
        sum->round = sums->round;
        g_hash_table_insert(sums->sums, sum->labels, sum);
        return sum;
}

void sums_add(Sums *sums, Sum *sum, uint64_t memory)
{
        sum->n++;
        sum->memory += memory;
        sum->round = sums->round;
}

static int compare(gconstpointer a, gconstpointer b)
{
        const Sum *const *one = a, *const *other = b;

        return strcmp((*one)->labels, (*other)->labels);
}

GPtrArray *sums_end(Sums *sums)
{
        GPtrArray *all = g_ptr_array_new();
        GHashTableIter iter;
        gpointer data;

        g_hash_table_iter_init(&iter, sums->sums);
        while (g_hash_table_iter_next(&iter, NULL, &data)) {
                Sum *sum = data;

                if (sum->n > 0 || has_counted(sum))
                        g_ptr_array_add(all, sum);
                else
                        g_hash_table_iter_remove(&iter);
        }
        if (sums->others->n > 0 || has_counted(sums->others))
                g_ptr_array_add(all, sums->others);
        g_ptr_array_sort(all, compare);
        sums->round++;
        return all;
}
