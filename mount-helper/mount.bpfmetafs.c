/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * mount.bpfmetafs: mount(8) runs it for the type bpfmetafs.
 *
 * It keeps mount(8)'s contract for helpers (its arguments, its exit codes, -f, -N, remount), and
 * finds faults of the request before anything is started. Then it becomes the daemon, which returns
 * when the tree answers. It needs no rights of its own: the daemon and the kernel decide what a
 * user may mount.
 */

#include "command.h"
#include "mounted.h"
#include "namespace.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The call of the helper. Pointers are borrowed from the command line, unless they are owned. */
typedef struct Call {
        bool sloppy;
        bool fake;
        bool verbose;
        bool version;
        bool help;
        const char *namespace;
        const char *type;
        const char *spec;
        const char *dir;
        GString *list;  /* owned: the lists behind each -o, joined */
        char *absolute; /* owned: dir, if it was relative */
} Call;

static void call_clear(Call *call)
{
        g_string_free(call->list, TRUE);
        g_free(call->absolute);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Call, call_clear)

/* Says what is wrong; returns @code. */
static int G_GNUC_PRINTF(2, 3) fail(int code, const char *format, ...)
{
        g_autofree char *sentence = NULL;
        va_list args;

        va_start(args, format);
        sentence = g_strdup_vprintf(format, args);
        va_end(args);
        fprintf(stderr, "mount.bpfmetafs: %s\n", sentence);
        return code;
}

static const char usage[] =
        "Usage: mount.bpfmetafs SPEC DIR [OPTION]...\n"
        "Mount at DIR the loaded BPF programs (SPEC bpf) or an object file (its path).\n"
        "\n"
        "  -f, --fake          check everything, but do not mount\n"
        "  -h, --help          show this help and exit\n"
        "  -N, --namespace=NS  mount in this mount namespace: a file, or a process's id\n"
        "  -n, -r, -w          no effect, nor has --no-mtab, --read-only, --read-write\n"
        "  -o, --options=LIST  mount options, separated by commas\n"
        "  -s, --sloppy        ignore mount options that are not known\n"
        "  -t, --types=TYPE    the filesystem type: bpfmetafs or fuse.bpfmetafs\n"
        "  -V, --version       show the version and exit\n"
        "  -v, --verbose       say what is run\n"
        "Mount options, besides those of mount(8):\n";

/* Afterwards the operands are the last words of @argv. */
static int parse(Call *call, int argc, char **argv)
{
        static const struct option words[] = {
                { "fake", no_argument, NULL, 'f' },
                { "help", no_argument, NULL, 'h' },
                { "namespace", required_argument, NULL, 'N' },
                { "no-mtab", no_argument, NULL, 'n' },
                { "options", required_argument, NULL, 'o' },
                { "read-only", no_argument, NULL, 'r' },
                { "read-write", no_argument, NULL, 'w' },
                { "rw", no_argument, NULL, 'w' },
                { "sloppy", no_argument, NULL, 's' },
                { "types", required_argument, NULL, 't' },
                { "verbose", no_argument, NULL, 'v' },
                { "version", no_argument, NULL, 'V' },
                { 0 },
        };
        g_autofree char *refused = NULL;
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":fhnrsvwN:o:t:V", words, NULL)) != -1) {
                switch (option) {
                case 'f':
                        call->fake = true;
                        break;
                case 'h':
                        call->help = true;
                        break;
                case 'N':
                        call->namespace = optarg;
                        break;
                case 'n':
                case 'r':
                case 'w':
                        break;
                case 'o':
                        if (call->list->len > 0)
                                g_string_append_c(call->list, ',');
                        g_string_append(call->list, optarg);
                        break;
                case 's':
                        call->sloppy = true;
                        break;
                case 't':
                        call->type = optarg;
                        break;
                case 'V':
                        call->version = true;
                        break;
                case 'v':
                        call->verbose = true;
                        break;
                default:
                        refused = command_refused("mount.bpfmetafs", option, optopt,
                                                  argv[optind - 1]);
                        return fail(EXIT_USAGE, "%s", refused);
                }
        }
        if (call->help || call->version)
                return EXIT_OK;
        if (argc - optind != 2)
                return fail(
                        EXIT_USAGE,
                        "a source and a mount point are needed, such as: mount -t bpfmetafs bpf "
                        "/bpfmeta");
        call->spec = argv[optind];
        call->dir = argv[optind + 1];
        /* The working directory there is another. */
        if (call->namespace)
                call->dir = call->absolute = g_canonicalize_filename(call->dir, NULL);
        return EXIT_OK;
}

static int print_help(void)
{
        g_autofree char *options = options_help();

        printf("%s%s", usage, options);
        return EXIT_OK;
}

/*
 * The first option in @asked that a remount would have to change and can't; NULL if there is none.
 * The root shows the values of uid=, gid= and mode=; nothing shows memory=, noevents, contents,
 * netns, log and rules=.
 */
static const char *find_fixed(const Options *asked, bool allow_other, const struct stat *root)
{
        mode_t mode = asked->mode | (asked->mode & 0444) >> 2; /* of directories */

        if (asked->given & OPTIONS_MEMORY)
                return "memory";
        if (asked->given & OPTIONS_NOEVENTS)
                return "noevents";
        if (asked->given & OPTIONS_RULES)
                return "rules";
        if (asked->given & OPTIONS_CONTENTS)
                return "contents";
        if (asked->given & OPTIONS_NETNS)
                return "netns";
        if (asked->given & OPTIONS_LOG)
                return "log";
        if (asked->given & OPTIONS_ALLOW_OTHER && !allow_other)
                return "allow_other";
        if (asked->given & OPTIONS_UID && asked->uid != root->st_uid)
                return "uid";
        if (asked->given & OPTIONS_GID && asked->gid != root->st_gid)
                return "gid";
        if (asked->given & OPTIONS_MODE && mode != (root->st_mode & 07777))
                return "mode";
        return NULL;
}

/* Facts that are looked up where the tree is to be mounted, by system calls alone. */
typedef struct Look {
        const Call *call;
        int proc; /* the caller's /proc/self */

        struct stat dir;
        int dir_error; /* the errno of stat(2), or 0 */
        char *path;    /* of the directory, without links; NULL if it is not known */
        int path_error;
        GString *mounts;  /* mountinfo */
        const char *word; /* the kernel's word that is also a file in this directory, so that
                             mount(8) made the spec a path; or NULL */
        struct stat spec;
} Look;

static void look_clear(Look *look)
{
        if (look->proc >= 0)
                close(look->proc);
        free(look->path);
        g_string_free(look->mounts, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

/* If a word names a file in the working directory, mount(8) turns it into a path. */
static void look_at_spec(Look *look)
{
        const char *spec = look->call->spec;

        if (*spec != '/' || stat(spec, &look->spec) < 0)
                return;
        for (guint i = 0; command_kernel_words[i] && !look->word; i++) {
                char *path = realpath(command_kernel_words[i], NULL);

                if (path && strcmp(path, spec) == 0)
                        look->word = command_kernel_words[i];
                free(path);
        }
}

static void look(void *data)
{
        Look *look = data;

        look->dir_error = stat(look->call->dir, &look->dir) < 0 ? errno : 0;
        look->path = realpath(look->call->dir, NULL);
        look->path_error = look->path ? 0 : errno;
        mounted_read(look->proc, look->mounts);
        look_at_spec(look);
}

/* A remount, as a step. */
typedef struct Remount {
        const char *path;
        unsigned long flags;
        int error; /* errno, or 0 */
} Remount;

static void do_remount(void *data)
{
        Remount *remount = data;

        if (mount(NULL, remount->path, NULL, remount->flags, NULL) < 0)
                remount->error = errno;
}

/*
 * Changes the flags of the tree at the directory. Flags in mount(8)'s list override those that are
 * in force. Flags that are not in the list stay: a list need not be complete.
 */
static int remount(const Call *call, const Namespace *namespace, const Look *found,
                   const Options *asked)
{
        g_autofree char *shown = g_strescape(found->path ? found->path : call->dir, NULL);
        g_autoptr(Options) options = options_new();
        g_autofree char *flags = NULL;
        g_auto(Mounted) mounted = { 0 };
        g_autoptr(GError) error = NULL;
        Remount step = { .path = found->path };
        const char *fixed;

        if (!found->path)
                return fail(EXIT_MOUNT, "'%s' cannot be remounted: %s", shown,
                            g_strerror(found->path_error));
        if (mounted_find(found->mounts->str, found->path, &mounted) < 0)
                return fail(EXIT_MOUNT,
                            "'%s' cannot be remounted, for no bpfmetafs is mounted there; mount it "
                            "without 'remount'",
                            shown);

        /* mountinfo has no words for suid and dev: it leaves out nosuid and nodev. */
        flags = g_strdup_printf("suid,dev,%s", mounted.flags);
        options_parse(options, flags, true, NULL);
        options_parse(options, mounted.shared, true, NULL);

        if (asked->given & (OPTIONS_UID | OPTIONS_GID | OPTIONS_MODE) && found->dir_error)
                return fail(EXIT_MOUNT,
                            "'%s' cannot be remounted, for its owner and mode cannot be read: %s",
                            shown, g_strerror(found->dir_error));
        fixed = find_fixed(asked, options->allow_other, &found->dir);
        if (fixed)
                return fail(EXIT_MOUNT,
                            "the option '%s' cannot be changed while '%s' is mounted; unmount it "
                            "and mount it again",
                            fixed, shown);

        options_parse(options, call->list->str, true, NULL);
        if (call->verbose)
                printf("mount.bpfmetafs: setting ro,%s on '%s'\n", options->mount_options->str,
                       shown);
        if (call->fake)
                return EXIT_OK;
        step.flags = options_remount_flags(options);
        if (!namespace_call(namespace, do_remount, &step, &error))
                return fail(EXIT_SYSTEM, "%s", error->message);
        if (step.error)
                return fail(step.error == EPERM ? EXIT_USAGE : EXIT_MOUNT,
                            "'%s' cannot be remounted: %s%s", shown, g_strerror(step.error),
                            step.error == EPERM ? "; only root can do that" : "");
        return EXIT_OK;
}

/*
 * The source for the daemon. A directory, a socket and the like can't be meant as an object file. A
 * regular file can: then it is not clear what was meant, and the result is NULL after a message.
 */
static const char *find_source(const Look *found)
{
        const char *spec = found->call->spec;
        g_autofree char *shown = g_strescape(spec, NULL);

        if (!found->word)
                return spec;
        if (!S_ISREG(found->spec.st_mode))
                return found->word;
        fail(EXIT_USAGE,
             "the source '%s' may mean the kernel or that file, for mount(8) makes a path of the "
             "word '%s' where a file has that name; mount from another directory: there '%s' means "
             "the kernel, and '%s' the file",
             shown, found->word, found->word, shown);
        return NULL;
}

/* Makes sure that an operand is not taken for an option: a path that begins with '-' gets "./" in
 * front. */
static char *operand(const char *word)
{
        return g_strconcat(*word == '-' ? "./" : "", word, NULL);
}

/* The daemon's arguments, ended by NULL. */
static GPtrArray *daemon_arguments(const Call *call, const char *source)
{
        GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *list = options_without_rw(call->list->str);

        g_ptr_array_add(arguments, g_strdup("bpfmetafs"));
        g_ptr_array_add(arguments, operand(source));
        g_ptr_array_add(arguments, operand(call->dir));
        if (call->sloppy)
                g_ptr_array_add(arguments, g_strdup("-s"));
        if (call->namespace) {
                g_ptr_array_add(arguments, g_strdup("-N"));
                g_ptr_array_add(arguments, g_strdup(call->namespace));
        }
        if (*list) {
                g_ptr_array_add(arguments, g_strdup("-o"));
                g_ptr_array_add(arguments, g_steal_pointer(&list));
        }
        g_ptr_array_add(arguments, NULL);
        return arguments;
}

static void print_arguments(const GPtrArray *arguments)
{
        fputs("mount.bpfmetafs: running " DAEMON_PATH, stdout);
        for (guint i = 1; arguments->pdata[i]; i++) {
                g_autofree char *quoted = g_shell_quote(arguments->pdata[i]);

                printf(" %s", quoted);
        }
        putchar('\n');
}

static int run_daemon(const GPtrArray *arguments)
{
        fflush(stdout);
        execv(DAEMON_PATH, (char **)arguments->pdata);
        return fail(EXIT_SYSTEM, "%s cannot be started: %s; install bpfmetafs again", DAEMON_PATH,
                    g_strerror(errno));
}

static int mount_tree(const Call *call, const Look *found)
{
        g_autofree char *fault =
                command_mountpoint_fault(call->dir, found->dir_error, found->dir.st_mode);
        g_autofree char *already = NULL;
        g_autoptr(GPtrArray) arguments = NULL;
        const char *source;

        if (fault)
                return fail(EXIT_MOUNT, "%s", fault);
        source = find_source(found);
        if (!source)
                return EXIT_USAGE;
        if (found->path)
                already = mounted_fault(found->mounts->str, found->path, source);
        if (already)
                return fail(EXIT_MOUNT, "%s", already);
        arguments = daemon_arguments(call, source);
        if (call->verbose)
                print_arguments(arguments);
        return call->fake ? EXIT_OK : run_daemon(arguments);
}

static int run(const Call *call)
{
        g_autoptr(Options) options = options_new();
        g_autoptr(Namespace) namespace = NULL;
        g_autoptr(GError) error = NULL;
        g_auto(Look) found = { .call = call, .mounts = g_string_new(NULL) };

        /* Its mountinfo is read in the other namespace, and tells of that one. */
        found.proc = mounted_open_proc();
        if (!options_parse(options, call->list->str, call->sloppy, &error))
                return fail(EXIT_USAGE, "%s", error->message);
        if (call->namespace)
        namespace = namespace_open(call->namespace, &error);
        if (error || !namespace_call(namespace, look, &found, &error))
                return fail(EXIT_SYSTEM, "%s", error->message);
        return options->remount ? remount(call, namespace, &found, options)
                                : mount_tree(call, &found);
}

int main(int argc, char **argv)
{
        int r = command_start();
        g_auto(Call) call = { .list = g_string_new(NULL) };
        int code = parse(&call, argc, argv);

        if (r < 0)
                return fail(EXIT_SYSTEM, "/dev/null cannot be opened: %s", g_strerror(-r));
        if (code != EXIT_OK)
                return code;
        if (call.help)
                return print_help();
        if (call.version) {
                puts("mount.bpfmetafs " BPFMETAFS_VERSION);
                return EXIT_OK;
        }
        if (call.type && strcmp(call.type, "bpfmetafs") != 0 &&
            strcmp(call.type, "fuse.bpfmetafs") != 0) {
                g_autofree char *shown = g_strescape(call.type, NULL);

                return fail(EXIT_USAGE, "the filesystem type '%s' is not known here; use bpfmetafs",
                            shown);
        }
        return run(&call);
}
