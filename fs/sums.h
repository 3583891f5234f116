/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SUMS_H
#define BPFMETAFS_SUMS_H

/*
 * Figures summed by labels, from one report to the next.
 *
 * A sum's counts never go backwards: callers only tell what is to be added, and a program's counts
 * stay when it has gone.
 */

#include <glib.h>
#include <stdint.h>

/* The most sums. All others are added to one, whose labels are those of SUMS_OTHERS. */
#define SUMS_MAX 1000u
#define SUMS_OTHERS "(others)"

/* The counts. */
enum {
        SUM_RUN_TIME_NS,
        SUM_RUNS,
        SUM_MISSES,
        SUM_N_COUNTS,
};

/* The sum of all that have the same labels. */
typedef struct Sum {
        uint64_t n;      /* the number of those that are there now */
        uint64_t memory; /* bytes, of these */
        uint64_t counts[SUM_N_COUNTS];
        uint64_t round; /* the last round in which there was one */
        char labels[];  /* in the form of prometheus.h */
} Sum;

typedef struct Sums Sums;

/* @others: the labels of the sum of all beyond the limit. */
Sums *sums_new(const char *others);
void sums_free(Sums *sums);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sums, sums_free)

/* A round begins, or begins again: nothing is there any more, and counts stay. */
void sums_begin(Sums *sums);

/* The sum of these labels; borrowed until the end of the next round in which sums_add() adds
 * nothing to it. */
Sum *sums_get(Sums *sums, const char *labels);

/* One more is there. */
void sums_add(Sums *sums, Sum *sum, uint64_t memory);

/* The round is over: sums without members and without counts go. Returns the other sums, sorted by
 * labels (Sum *, borrowed until the next call); the array is the caller's. */
GPtrArray *sums_end(Sums *sums);

#endif
