/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBSERVERS_H
#define BPFMETAFS_OBSERVERS_H

/*
 * What looks outside of programs and maps. An observer is made before the sandbox is entered, and
 * never fails: what it can't look at becomes a line of its answers.
 */

#include "attachments.h"

/* All are borrowed; NULL: nothing is observed, as in an object file. */
typedef struct Observers {
        Attachments *attachments;
} Observers;

#endif
