/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * mount.bpfmetafs: what mount(8) runs for the type bpfmetafs.
 *
 * It keeps mount(8)'s contract for helpers (its arguments, its exit codes, -f, -N, remount), finds
 * what is wrong with the request before anything is started, and then becomes the daemon, which
 * returns when the tree answers. It needs no rights of its own: what a user may mount is decided by
 * the daemon and the kernel.
 */

#include "command.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glib.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How the helper was called. What points somewhere is borrowed from the command line. */
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
        GString *list; /* owned: the lists that followed -o, as one */
} Call;

static void call_clear(Call *call)
{
        g_string_free(call->list, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Call, call_clear)

/* What mountinfo says of a mounted tree. */
typedef struct Mounted {
        char *flags;  /* words of the mount: "rw,nosuid" */
        char *shared; /* words of the filesystem behind it: "rw,user_id=0,allow_other" */
} Mounted;

static void mounted_clear(Mounted *mounted)
{
        g_free(mounted->flags);
        g_free(mounted->shared);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mounted, mounted_clear)

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
        "Mount the tree of the loaded BPF programs (SPEC bpf), or of those in an object\n"
        "file (SPEC its path), at the directory DIR.\n"
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
        "\n"
        "Mount options, besides those of mount(8):\n";

/* The operands are the last words of @argv then. */
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
        return EXIT_OK;
}

static int print_help(void)
{
        g_autofree char *options = options_help();

        printf("%s%s", usage, options);
        return EXIT_OK;
}

/* @namespace is a path, or a process's id. Single-threaded, as setns(2) wants it. */
static int enter_namespace(const char *namespace)
{
        bool is_pid = *namespace && strspn(namespace, "0123456789") == strlen(namespace);
        g_autofree char *path =
                is_pid ? g_strdup_printf("/proc/%s/ns/mnt", namespace) : g_strdup(namespace);
        g_autofree char *shown = g_strescape(path, NULL);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return fail(EXIT_SYSTEM, "the mount namespace '%s' cannot be opened: %s", shown,
                            g_strerror(errno));
        r = setns(fd, CLONE_NEWNS);
        if (r < 0)
                r = -errno;
        close(fd);
        if (r < 0)
                return fail(EXIT_SYSTEM, "the mount namespace '%s' cannot be entered: %s", shown,
                            g_strerror(-r));
        return EXIT_OK;
}

static int check_mount_point(const char *dir)
{
        g_autofree char *shown = g_strescape(dir, NULL);
        struct stat st;

        if (stat(dir, &st) == 0) {
                if (!S_ISDIR(st.st_mode))
                        return fail(EXIT_MOUNT, "the mount point '%s' is not a directory", shown);
                return EXIT_OK;
        }
        if (errno == ENOENT)
                return fail(EXIT_MOUNT, "the mount point '%s' does not exist; create it with mkdir",
                            shown);
        if (errno == ENOTCONN)
                return fail(EXIT_MOUNT,
                            "at the mount point '%s' is a filesystem whose daemon has ended; "
                            "unmount that first, with umount",
                            shown);
        return fail(EXIT_MOUNT, "the mount point '%s' cannot be used: %s", shown,
                    g_strerror(errno));
}

/*
 * Looks for a tree of ours at the absolute path @dir, on top of what else may be mounted there.
 * -ENOENT: there is none. proc_pid_mountinfo(5): "ID PARENT DEV ROOT DIR FLAGS [TAG]... - TYPE
 * SOURCE SHARED", with blanks in the fields as octal escapes.
 */
static int find_mounted(const char *dir, Mounted *out)
{
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
                return -EIO;
        lines = g_strsplit(text, "\n", -1);
        for (guint i = g_strv_length(lines); i-- > 0;) {
                g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
                guint n_words = g_strv_length(words);
                g_autofree char *at = n_words > 6 ? g_strcompress(words[4]) : NULL;
                guint dash = 6;

                if (g_strcmp0(at, dir) != 0)
                        continue;
                while (dash < n_words && strcmp(words[dash], "-") != 0)
                        dash++;
                if (dash + 3 >= n_words || strcmp(words[dash + 1], "fuse.bpfmetafs") != 0)
                        return -ENOENT;
                out->flags = g_strdup(words[5]);
                out->shared = g_strdup(words[dash + 3]);
                return 0;
        }
        return -ENOENT;
}

/*
 * The first option in @asked that a remount would have to change and can't; NULL if there is none.
 * The root shows what uid=, gid= and mode= were; of memory= and noevents nothing can be seen.
 */
static const char *find_fixed(const Options *asked, bool allow_other, const struct stat *root)
{
        mode_t mode = asked->mode | (asked->mode & 0444) >> 2; /* of directories */

        if (asked->given & OPTIONS_MEMORY)
                return "memory";
        if (asked->given & OPTIONS_NOEVENTS)
                return "noevents";
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

/*
 * Changes the flags of the tree at @dir. What stands in mount(8)'s list counts over what is in
 * force, and what is not in the list stays: a list need not be complete.
 */
static int remount(const Call *call, const Options *asked)
{
        g_autofree char *path = realpath(call->dir, NULL);
        g_autofree char *shown = g_strescape(path ? path : call->dir, NULL);
        g_autoptr(Options) options = options_new();
        g_autofree char *flags = NULL;
        g_auto(Mounted) mounted = { 0 };
        struct stat root = { 0 };
        const char *fixed;

        if (!path)
                return fail(EXIT_MOUNT, "'%s' cannot be remounted: %s", shown, g_strerror(errno));
        if (find_mounted(path, &mounted) < 0)
                return fail(EXIT_MOUNT,
                            "'%s' cannot be remounted, for no bpfmetafs is mounted there; mount it "
                            "without 'remount'",
                            shown);

        /* mountinfo lists suid and dev by not saying nosuid and nodev. */
        flags = g_strdup_printf("suid,dev,%s", mounted.flags);
        options_parse(options, flags, true, NULL);
        options_parse(options, mounted.shared, true, NULL);

        if (asked->given & (OPTIONS_UID | OPTIONS_GID | OPTIONS_MODE) && stat(path, &root) < 0)
                return fail(EXIT_MOUNT,
                            "'%s' cannot be remounted, for its owner and mode cannot be read: %s",
                            shown, g_strerror(errno));
        fixed = find_fixed(asked, options->allow_other, &root);
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
        if (mount(NULL, path, NULL, options_remount_flags(options), NULL) < 0)
                return fail(errno == EPERM ? EXIT_USAGE : EXIT_MOUNT,
                            "'%s' cannot be remounted: %s%s", shown, g_strerror(errno),
                            errno == EPERM ? "; only root can do that" : "");
        return EXIT_OK;
}

/* An operand that can't be mistaken for an option: a path that begins with '-' gets "./" before it.
 */
static char *operand(const char *word)
{
        return g_strconcat(*word == '-' ? "./" : "", word, NULL);
}

/* The daemon's arguments, ended by NULL. */
static GPtrArray *daemon_arguments(const Call *call)
{
        GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_add(arguments, g_strdup("bpfmetafs"));
        g_ptr_array_add(arguments, operand(call->spec));
        g_ptr_array_add(arguments, operand(call->dir));
        if (call->sloppy)
                g_ptr_array_add(arguments, g_strdup("-s"));
        if (call->list->len > 0) {
                g_ptr_array_add(arguments, g_strdup("-o"));
                g_ptr_array_add(arguments, g_strdup(call->list->str));
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

static int fail_daemon(int error)
{
        return fail(EXIT_SYSTEM, "%s cannot be started: %s; install bpfmetafs again", DAEMON_PATH,
                    g_strerror(error));
}

/* Becomes the daemon: open as @daemon, or, if that is negative, at its path. */
static int run_daemon(int daemon, const GPtrArray *arguments)
{
        char **argv = (char **)arguments->pdata;

        fflush(stdout);
        if (daemon >= 0)
                fexecve(daemon, argv, environ);
        else
                execv(DAEMON_PATH, argv);
        return fail_daemon(errno);
}

static int mount_tree(const Call *call)
{
        g_autoptr(Options) options = options_new();
        g_autoptr(GPtrArray) arguments = daemon_arguments(call);
        g_autoptr(GError) error = NULL;
        int daemon = -1;
        int code;

        if (!options_parse(options, call->list->str, call->sloppy, &error))
                return fail(EXIT_USAGE, "%s", error->message);
        if (call->namespace) {
                /* In the other namespace the path may mean another program. */
                daemon = open(DAEMON_PATH, O_PATH | O_CLOEXEC);
                if (daemon < 0)
                        return fail_daemon(errno);
                code = enter_namespace(call->namespace);
                if (code != EXIT_OK)
                        return code;
        }
        if (options->remount)
                return remount(call, options);
        code = check_mount_point(call->dir);
        if (code != EXIT_OK)
                return code;
        if (call->verbose)
                print_arguments(arguments);
        if (call->fake)
                return EXIT_OK;
        return run_daemon(daemon, arguments);
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
        return mount_tree(&call);
}
