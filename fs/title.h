/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TITLE_H
#define BPFMETAFS_TITLE_H

/* Makes ps(1) and pidof(8) show @name for the calling process. @arguments is main()'s argv, which
 * is overwritten; NULL: it stays. */
void title_set(char **arguments, const char *name);

#endif
