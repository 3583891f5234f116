/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ARGUMENTS_H
#define BPFMETAFS_ARGUMENTS_H

/*
 * The daemon's command line.
 */

#include "options.h"

#include <stdbool.h>

/* All pointers but options are borrowed from the command line. */
typedef struct Arguments {
        const char *source;
        const char *mountpoint;
        const char *namespace; /* as in namespace_open(), or NULL: mount here */
        Options *options;
        bool foreground;
        bool debug;
        char **words; /* argv */
} Arguments;

/*
 * Takes the command line, with @arguments empty but for its options, which have their defaults.
 * Prints what is wrong on standard error, and help and version on standard output. Returns -1 if
 * there is something to mount, else the exit status.
 */
int arguments_parse(Arguments *arguments, int argc, char **argv);

#endif
