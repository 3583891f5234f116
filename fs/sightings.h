/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SIGHTINGS_H
#define BPFMETAFS_SIGHTINGS_H

/*
 * Since when an object has been there, and when one of its kind has come or gone last, as far as we
 * have seen: the kernel tells neither of maps and links.
 *
 * Ids count up. So what has a higher id than all others had at the last look is new since then.
 */

#include "catalog.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* How long the kernel may remember the time of a directory of which no event tells, in
 * milliseconds; and how often it is looked at most for objects that have gone. */
#define SIGHTINGS_LAG_MS 100
#define SIGHTINGS_PASS_MS 1000

/* To be called once, at the start: the objects of @kind that are there now have the time of the
 * source. */
void sightings_begin(Catalog *catalog, const ObjectKind *kind);

/* An event tells that an object of @kind came or went. */
void sightings_event(Catalog *catalog, const ObjectKind *kind);
/* Some events may have been lost: looks whether any of @kind has come or gone. */
void sightings_check(Catalog *catalog, const ObjectKind *kind);
/* Looks for new objects of @kind. */
void sightings_look(Catalog *catalog, const ObjectKind *kind);
/* Objects of @kind may have gone: the next sightings_changed() that looks finds out. */
void sightings_expect(Catalog *catalog, const ObjectKind *kind);

/* When the object was seen first. */
struct timespec sightings_since(Catalog *catalog, const ObjectKind *kind, uint32_t id);
/* When one of @kind came or went last. @look: no events tell of them, so it looks. */
struct timespec sightings_changed(Catalog *catalog, const ObjectKind *kind, bool look);

#endif
