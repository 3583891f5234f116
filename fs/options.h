/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OPTIONS_H
#define BPFMETAFS_OPTIONS_H

/*
 * The mount options: one table with their names, help and defaults, for the daemon and the helper.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/types.h>

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256 /* Linux 5.10, glibc 2.33 */
#endif

/* The least memory for contents. The reports of a host with a thousand programs need as much, and
 * with less there are none, and no listings of entries. */
#define OPTIONS_LEAST_MEMORY (1u << 20)

/* Our own options, as bits: those that can't change after the daemon has started. */
enum {
        OPTIONS_ALLOW_OTHER = 1 << 0,
        OPTIONS_NOEVENTS = 1 << 1,
        OPTIONS_UID = 1 << 2,
        OPTIONS_GID = 1 << 3,
        OPTIONS_MODE = 1 << 4,
        OPTIONS_MEMORY = 1 << 5,
        OPTIONS_CONTENTS = 1 << 6,
        OPTIONS_RULES = 1 << 7,
        OPTIONS_NETNS = 1 << 8,
        OPTIONS_LOG = 1 << 9,
};

typedef struct Options {
        bool allow_other; /* all users may enter, not only the one that mounts */
        bool noevents;    /* ask the kernel at each access instead of following its events */
        bool contents;    /* show the entries of maps, and global data that may change */
        bool netns;       /* look into the network namespaces that have a name, too */
        bool log;         /* write a line for each load and unload to the system's log */
        bool remount;     /* change an existing mount; no daemon is started */
        bool has_uid; /* uid= was given: owner of everything; else the owner is the user who loaded
                         the program */
        uid_t uid;
        gid_t gid;   /* group of everything; 0 by default */
        mode_t mode; /* permission bits of files; 0444 by default. Directories get x where r is */
        uint64_t memory;     /* bytes of contents that may be kept */
        char *rules;         /* the path of the rules; NULL: there are none */
        unsigned int given;  /* which of our own options were in a list, as OPTIONS_ bits */
        unsigned long flags; /* MS_NOSUID and so on of mount(2); by default MS_NOSUID | MS_NODEV */
        GString *mount_options; /* the same as words, comma-separated, for libfuse. It has no word
                                   for MS_NOSYMFOLLOW. Never empty */
        GPtrArray *labels; /* of char *: words for SELinux, "context=..." and so on, as they stand
                              in mount(2)'s data. A comma is in one only within double quotes */
} Options;

/* An Options with the defaults. */
Options *options_new(void);
void options_free(Options *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Options, options_free)

/*
 * Takes a list of options as it follows -o: comma-separated; "\," stands for a comma and "\\" for a
 * backslash in a value, and a comma in double quotes is part of the value too. Options of
 * fstab and mount(8) (rw, nofail, _netdev, x-* ...) are taken without effect. An unknown word is an
 * error, unless @sloppy. Of contrary words, and of one option with two values, the last counts,
 * also over several calls. On failure, FALSE, one sentence without a full stop in @error (of
 * G_OPTION_ERROR, printable ASCII), and @options in part changed.
 */
bool options_parse(Options *options, const char *list, bool sloppy, GError **error);

/* @list, of options, without the word rw; owned by the caller. mount(8) puts it into each list, and
 * ps(1) would show it for a tree that is always read-only. */
char *options_without_rw(const char *list);

/* The flags for a remount by mount(2) after which a mounted tree has the flags of @options, and no
 * others. */
unsigned long options_remount_flags(const Options *options);

/* A line for each of our own options, for --help; owned by the caller. */
char *options_help(void);

#endif
