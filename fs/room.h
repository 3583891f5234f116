/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ROOM_H
#define BPFMETAFS_ROOM_H

/*
 * Room for a text that is known to become large.
 *
 * The kernel gives memory page by page when it is written to for the first time. Where it is a
 * guest without help of the processor, each page costs as much as several system calls. So all
 * pages are asked for at once.
 */

#include <glib.h>

/* Makes room for @more bytes behind @text, whose pages come when they are asked for. So a text that
 * grows within them stays where it is: to move it, the kernel has to stop other CPUs. */
void room_reserve(GString *text, gsize more);

/* Makes room for @more bytes behind @text, with all pages. */
void room_make(GString *text, gsize more);

#endif
