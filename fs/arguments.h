/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_ARGUMENTS_H
#define BPFMETAFS_ARGUMENTS_H

/*
 * The daemon's command line.
 */

#include "options.h"

#include <stdbool.h>

/* What points somewhere is borrowed from the command line. */
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
 * What is wrong is said on standard error, and what is asked for on standard output. -1 if there is
 * something to mount, else the exit status.
 */
int arguments_parse(Arguments *arguments, int argc, char **argv);

#endif
