/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The mount options: one table of all words that may follow -o, and the code that reads it.
 *
 * Words come from the command line, fstab and units; and mount(8), mount.fuse3 and the kernel add
 * some of their own. So most words of the table are there because they must not be an error.
 */

#include "options.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#define DEFAULT_MODE 0444
#define DEFAULT_MEMORY (64ull << 20)
/* chown(2) takes (uid_t)-1 for "leave it": no user or group has that number. */
#define MAX_ID (G_MAXUINT32 - 1)

typedef enum OptionValue {
        VALUE_NONE,
        VALUE_NEEDED,
        VALUE_OPTIONAL,
} OptionValue;

typedef struct Option {
        const char *name; /* one that ends in '*' stands for all words that begin so */
        OptionValue value;
        bool (*take)(Options *options, const char *value); /* false: the value is not right */
        unsigned long set; /* flags of mount(2) that the word sets */
        unsigned long clear;
        bool libfuse;      /* libfuse 3.10 knows the word, too */
        bool label;        /* the word goes to SELinux */
        const char *right; /* the rest of the sentence "the value must be ..." */
        /* Our own options only: */
        unsigned int given; /* its OPTIONS_ bit */
        const char *form;   /* the value's name in help */
        const char *help;
} Option;

static bool take_allow_other(Options *options, const char *value)
{
        options->allow_other = true;
        return true;
}

static bool take_noevents(Options *options, const char *value)
{
        options->noevents = true;
        return true;
}

static bool take_contents(Options *options, const char *value)
{
        options->contents = true;
        return true;
}

static bool take_netns(Options *options, const char *value)
{
        options->netns = true;
        return true;
}

static bool take_log(Options *options, const char *value)
{
        options->log = true;
        return true;
}

static bool take_remount(Options *options, const char *value)
{
        options->remount = true;
        return true;
}

static bool take_uid(Options *options, const char *value)
{
        const struct passwd *user;
        guint64 number;

        if (g_ascii_string_to_unsigned(value, 10, 0, MAX_ID, &number, NULL)) {
                options->uid = number;
        } else {
                user = getpwnam(value);
                if (!user)
                        return false;
                options->uid = user->pw_uid;
        }
        options->has_uid = true;
        return true;
}

static bool take_gid(Options *options, const char *value)
{
        const struct group *group;
        guint64 number;

        if (g_ascii_string_to_unsigned(value, 10, 0, MAX_ID, &number, NULL)) {
                options->gid = number;
                return true;
        }
        group = getgrnam(value);
        if (!group)
                return false;
        options->gid = group->gr_gid;
        return true;
}

static bool take_mode(Options *options, const char *value)
{
        guint64 number;

        if (!g_ascii_string_to_unsigned(value, 8, 0, 0777, &number, NULL))
                return false;
        options->mode = number;
        return true;
}

static bool take_memory(Options *options, const char *value)
{
        static const char suffixes[] = "KMG";
        g_autofree char *digits = g_strdup(value);
        size_t length = strlen(digits);
        unsigned int shift = 0;
        const char *suffix;
        guint64 number;

        if (length > 0) {
                suffix = strchr(suffixes, g_ascii_toupper(digits[length - 1]));
                if (suffix) {
                        shift = 10 * (suffix - suffixes + 1);
                        digits[length - 1] = '\0';
                }
        }
        if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64 >> shift, &number, NULL))
                return false;
        options->memory = number << shift;
        return options->memory >= OPTIONS_LEAST_MEMORY;
}

static bool take_rules(Options *options, const char *value)
{
        g_free(options->rules);
        options->rules = g_strdup(value);
        return *value != '\0';
}

/* Tells how far a flag reaches (mount(8) of util-linux 2.39 and later). For one mount of a
 * filesystem of its own there is no difference. */
static bool take_reach(Options *options, const char *value)
{
        static const char *const reaches[] = { "recursive", "vfs", "fs", NULL };

        return !value || g_strv_contains(reaches, value);
}

/* SELinux looks for the end of a context at a comma that is not in double quotes. The kernel
 * would take the text after it for an option. */
static bool take_label(Options *options, const char *value)
{
        size_t length = strlen(value);
        const char *quote = strchr(value, '"');

        if (quote)
                return quote == value && length > 2 && strchr(value + 1, '"') == value + length - 1;
        return length > 0 && !strchr(value, ',');
}

#define REACH .value = VALUE_OPTIONAL, .take = take_reach, .right = "recursive, vfs or fs"
#define LABEL                                                                                      \
        .value = VALUE_NEEDED, .take = take_label, .label = true,                                  \
        .right = "a security context, in double quotes if it has a comma"

static const Option table[] = {
        /* Our own, in the order of the help. */
        { .name = "allow_other",
          .given = OPTIONS_ALLOW_OTHER,
          .take = take_allow_other,
          .help = "let all users in, not only the one who mounts" },
        { .name = "uid",
          .given = OPTIONS_UID,
          .take = take_uid,
          .value = VALUE_NEEDED,
          .form = "USER",
          .right = "the name of a user of this machine or a number from 0 to 4294967294",
          .help = "owner of all files; by default who loaded the program" },
        { .name = "gid",
          .given = OPTIONS_GID,
          .take = take_gid,
          .value = VALUE_NEEDED,
          .form = "GROUP",
          .right = "the name of a group of this machine or a number from 0 to 4294967294",
          .help = "group of all files; by default 0" },
        { .name = "mode",
          .given = OPTIONS_MODE,
          .take = take_mode,
          .value = VALUE_NEEDED,
          .form = "MODE",
          .right = "an octal number from 0 to 777",
          .help = "permissions of files, in octal; by default 444" },
        { .name = "memory",
          .given = OPTIONS_MEMORY,
          .take = take_memory,
          .value = VALUE_NEEDED,
          .form = "BYTES",
          .right = "a number of bytes from 1M on, which K, M or G may follow, such as 64M",
          .help = "most memory for contents that are kept; by default 64M" },
        { .name = "rules",
          .given = OPTIONS_RULES,
          .take = take_rules,
          .value = VALUE_NEEDED,
          .form = "PATH",
          .right = "the path of a file or directory",
          .help = "file or directory of rules for what authors don't say" },
        { .name = "noevents",
          .given = OPTIONS_NOEVENTS,
          .take = take_noevents,
          .help = "ask the kernel at each access instead of following events" },
        { .name = "contents",
          .given = OPTIONS_CONTENTS,
          .take = take_contents,
          .help = "show what is in maps" },
        { .name = "netns",
          .given = OPTIONS_NETNS,
          .take = take_netns,
          .help = "look into the network namespaces of /run/netns, too" },
        { .name = "log",
          .given = OPTIONS_LOG,
          .take = take_log,
          .help = "tell the system's log of each load and unload" },

        /* Flags of mount(2). */
        { .name = "nosuid", REACH, .set = MS_NOSUID, .libfuse = true },
        { .name = "suid", REACH, .clear = MS_NOSUID, .libfuse = true },
        { .name = "nodev", REACH, .set = MS_NODEV, .libfuse = true },
        { .name = "dev", REACH, .clear = MS_NODEV, .libfuse = true },
        { .name = "noexec", REACH, .set = MS_NOEXEC, .libfuse = true },
        { .name = "exec", REACH, .clear = MS_NOEXEC, .libfuse = true },
        { .name = "noatime", REACH, .set = MS_NOATIME, .libfuse = true },
        { .name = "atime", REACH, .clear = MS_NOATIME, .libfuse = true },
        { .name = "nosymfollow", REACH, .set = MS_NOSYMFOLLOW },
        { .name = "symfollow", REACH, .clear = MS_NOSYMFOLLOW },
        { .name = "remount", .take = take_remount },

        /* The tree is read-only: mount(8) always adds one of these, and both mean the same here. */
        { .name = "rw", REACH },
        { .name = "ro", REACH },

        /* Flags that change nothing on a read-only tree that keeps no access times. */
        { .name = "async" },
        { .name = "sync" },
        { .name = "dirsync" },
        { .name = "relatime", REACH },
        { .name = "norelatime", REACH },
        { .name = "strictatime", REACH },
        { .name = "nostrictatime", REACH },
        { .name = "diratime", REACH },
        { .name = "nodiratime", REACH },
        { .name = "lazytime" },
        { .name = "nolazytime" },
        { .name = "iversion" },
        { .name = "noiversion" },
        { .name = "mand" },
        { .name = "nomand" },
        { .name = "silent" },
        { .name = "loud" },

        /* For SELinux: the kernel gets them. */
        { .name = "context", LABEL },
        { .name = "fscontext", LABEL },
        { .name = "defcontext", LABEL },
        { .name = "rootcontext", LABEL },

        /* For mount(8) and for readers of fstab, not for us. */
        { .name = "defaults" },
        { .name = "auto" },
        { .name = "noauto" },
        { .name = "nofail" },
        { .name = "_netdev" },
        { .name = "user", .value = VALUE_OPTIONAL },
        { .name = "nouser" },
        { .name = "users" },
        { .name = "nousers" },
        { .name = "owner" },
        { .name = "noowner" },
        { .name = "group" },
        { .name = "nogroup" },
        { .name = "comment", .value = VALUE_OPTIONAL },
        { .name = "uhelper", .value = VALUE_OPTIONAL },
        { .name = "helper", .value = VALUE_OPTIONAL },
        { .name = "x-*", .value = VALUE_OPTIONAL },
        { .name = "X-*", .value = VALUE_OPTIONAL },

        /* The kernel lists these for a mounted tree, and mount(8) hands them back at a remount; or
         * mount.fuse3 and fusermount3 pass them along. libfuse sets them all. */
        { .name = "default_permissions" },
        { .name = "seclabel" },
        { .name = "fd", .value = VALUE_OPTIONAL },
        { .name = "rootmode", .value = VALUE_OPTIONAL },
        { .name = "user_id", .value = VALUE_OPTIONAL },
        { .name = "group_id", .value = VALUE_OPTIONAL },
        { .name = "max_read", .value = VALUE_OPTIONAL },
        { .name = "blksize", .value = VALUE_OPTIONAL },
        { .name = "fsname", .value = VALUE_OPTIONAL },
        { .name = "subtype", .value = VALUE_OPTIONAL },
};

/* The options for libfuse. All are given, so that libfuse's defaults do not matter. */
static void list_mount_options(Options *options)
{
        const Option *option;

        g_string_truncate(options->mount_options, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                option = &table[i];
                if (!option->libfuse || (option->set & ~options->flags) ||
                    (option->clear & options->flags))
                        continue;
                if (options->mount_options->len > 0)
                        g_string_append_c(options->mount_options, ',');
                g_string_append(options->mount_options, option->name);
        }
}

Options *options_new(void)
{
        Options *options = g_new0(Options, 1);

        options->mode = DEFAULT_MODE;
        options->memory = DEFAULT_MEMORY;
        options->flags = MS_NOSUID | MS_NODEV;
        options->mount_options = g_string_new(NULL);
        options->labels = g_ptr_array_new_with_free_func(g_free);
        list_mount_options(options);
        return options;
}

void options_free(Options *options)
{
        if (!options)
                return;
        g_string_free(options->mount_options, TRUE);
        g_ptr_array_unref(options->labels);
        g_free(options->rules);
        g_free(options);
}

/* The last word of a name counts. */
static void add_label(GPtrArray *labels, const char *name, const char *word)
{
        const char *label;

        for (guint i = 0; i < labels->len; i++) {
                label = labels->pdata[i];
                if (g_str_has_prefix(label, name) && label[strlen(name)] == '=')
                        g_ptr_array_remove_index(labels, i--);
        }
        g_ptr_array_add(labels, g_strdup(word));
}

static const Option *find(const char *name)
{
        const char *star;

        for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
                star = strchr(table[i].name, '*');
                if (star ? strncmp(name, table[i].name, star - table[i].name) == 0
                         : strcmp(name, table[i].name) == 0)
                        return &table[i];
        }
        return NULL;
}

/* Takes one word, its escapes resolved. */
static bool take(Options *options, const char *word, bool sloppy, GError **error)
{
        /* A word may hold any bytes, and a terminal shows the message. */
        g_autofree char *shown = g_strescape(word, NULL);
        const char *equals = strchr(word, '=');
        g_autofree char *name = equals ? g_strndup(word, equals - word) : g_strdup(word);
        const char *value = equals ? equals + 1 : NULL;
        const Option *option = find(name);

        if (!option) {
                if (sloppy)
                        return true;
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                            "option '%s' is not known; the manual page mount.bpfmetafs(8) lists "
                            "those that are",
                            shown);
                return false;
        }
        if (value && option->value == VALUE_NONE) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "option '%s' takes no value; write '%s' instead of '%s'", option->name,
                            option->name, shown);
                return false;
        }
        if (!value && option->value == VALUE_NEEDED) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "option '%s' needs a value, as in '%s=VALUE'; it must be %s",
                            option->name, option->name, option->right);
                return false;
        }
        if (option->take && !option->take(options, value)) {
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "option '%s' is wrong; the value of '%s' must be %s", shown,
                            option->name, option->right);
                return false;
        }
        if (option->label)
                add_label(options->labels, option->name, word);
        options->given |= option->given;
        options->flags = (options->flags & ~option->clear) | option->set;
        return true;
}

/* The end of the word that begins at @list, in a list of options: a comma or the end. */
static const char *end_of_word(const char *list)
{
        bool quoted = false;
        const char *c;

        for (c = list; *c && (*c != ',' || quoted); c++) {
                if (*c == '"' && (quoted || strchr(c + 1, '"')))
                        quoted = !quoted;
                if (*c == '\\' && (c[1] == ',' || c[1] == '\\'))
                        c++;
        }
        return c;
}

/* Sets @out to that word, its escapes resolved. */
static void read_word(const char *word, const char *end, GString *out)
{
        g_string_truncate(out, 0);
        for (const char *c = word; c < end; c++) {
                if (*c == '\\' && (c[1] == ',' || c[1] == '\\'))
                        c++;
                g_string_append_c(out, *c);
        }
}

bool options_parse(Options *options, const char *list, bool sloppy, GError **error)
{
        g_autoptr(GString) word = g_string_new(NULL);
        const char *end;

        for (const char *c = list;; c = end + 1) {
                end = end_of_word(c);
                read_word(c, end, word);
                if (word->len > 0 && !take(options, word->str, sloppy, error))
                        return false;
                if (*end == '\0')
                        break;
        }
        list_mount_options(options);
        return true;
}

char *options_without_rw(const char *list)
{
        GString *out = g_string_new(NULL);
        g_autoptr(GString) word = g_string_new(NULL);
        const char *end;

        for (const char *c = list;; c = end + 1) {
                end = end_of_word(c);
                read_word(c, end, word);
                if (word->len > 0 && strcmp(word->str, "rw") != 0) {
                        if (out->len > 0)
                                g_string_append_c(out, ',');
                        g_string_append_len(out, c, end - c);
                }
                if (*end == '\0')
                        break;
        }
        return g_string_free(out, FALSE);
}

unsigned long options_remount_flags(const Options *options)
{
        unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | options->flags;

        /* If no flag says anything of access times, the kernel keeps a noatime that is set. */
        return options->flags & MS_NOATIME ? flags : flags | MS_RELATIME;
}

char *options_help(void)
{
        GString *help = g_string_new(NULL);
        g_autofree char *word = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(table) && table[i].help; i++) {
                g_free(word);
                word = table[i].form ? g_strdup_printf("%s=%s", table[i].name, table[i].form)
                                     : g_strdup(table[i].name);
                g_string_append_printf(help, "  -o %-15s %s\n", word, table[i].help);
        }
        return g_string_free(help, FALSE);
}
