/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_RECORDS_H
#define BPFMETAFS_RECORDS_H

/*
 * Lists that go from the broker to an observer: each record is a struct of a fixed size, with bytes
 * behind it whose number the struct has.
 */

#include <glib.h>
#include <stdbool.h>

/* A list that is being made. */
typedef struct Records {
        GByteArray *out;
        gsize end; /* of the room for the list, in @out */
        bool cut;  /* something did not fit: nothing more is added */
} Records;

/* Adds @record, of @size bytes, and the @length bytes that go with it, or neither. */
void records_add(Records *records, const void *record, gsize size, const void *bytes, gsize length);

/* The rest of a list that is being read. */
typedef struct RecordsRest {
        const guint8 *bytes;
        gsize size;
} RecordsRest;

/* Reads the next record into @record, of @size bytes; *@length is its member that has the number of
 * the bytes behind it. They are borrowed. NULL: there is no other whole record. */
const guint8 *records_next(RecordsRest *rest, void *record, gsize size, const guint32 *length);

#endif
