/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon: command line, mount, sandbox, loop. One way up, one way down. */

#include "broker.h"
#include "catalog.h"
#include "follow.h"
#include "kernel.h"
#include "object.h"
#include "ops.h"
#include "options.h"
#include "receiver.h"
#include "sandbox.h"
#include "tree.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

/* mount(8), EXIT STATUS */
enum {
        EXIT_OK = 0,
        EXIT_USAGE = 1,
        EXIT_SYSTEM = 2,
        EXIT_MOUNT = 32,
};

typedef struct Arguments {
        const char *source;
        const char *mountpoint;
        Options *options;
        bool foreground;
        bool debug;
        char **words; /* argv */
} Arguments;

/* How the process that was started learns that the tree answers. */
typedef struct Ready {
        bool foreground;
        int fd;   /* the pipe's end to which the exit status is written */
        int null; /* /dev/null, for once it may not be opened any more */
} Ready;

G_GNUC_PRINTF(1, 2) static void say(const char *format, ...)
{
        va_list args;

        fputs("bpfmetafs: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
}

/* Command line */

static void print_help(void)
{
        g_autofree char *options = options_help();

        printf("Usage: bpfmetafs SOURCE MOUNTPOINT [-o OPTIONS] [-s] [-f] [-d]\n"
               "\n"
               "Shows the BPF programs of SOURCE, their metadata and their maps as files.\n"
               "SOURCE is bpf (or none, kernel, bpfmetafs) for the running kernel, or else the "
               "path\n"
               "of a BPF object file.\n"
               "\n"
               "  -o OPTIONS  mount options, separated by commas\n"
               "  -s          tolerate unknown mount options\n"
               "  -f          stay in the foreground\n"
               "  -d          the same, and print every request\n"
               "  -h          print this and exit\n"
               "  -V          print the version and exit\n"
               "\n"
               "Mount options:\n%s",
               options);
}

/* Returns -1 to go on, or the exit status. */
static int parse_arguments(int argc, char **argv, Arguments *arguments)
{
        g_autoptr(GPtrArray) lists = g_ptr_array_new();
        bool sloppy = false;
        int option;

        while ((option = getopt(argc, argv, "o:sfdhV")) != -1) {
                switch (option) {
                case 'o':
                        g_ptr_array_add(lists, optarg);
                        break;
                case 's':
                        sloppy = true;
                        break;
                case 'd':
                        arguments->debug = true;
                        arguments->foreground = true;
                        break;
                case 'f':
                        arguments->foreground = true;
                        break;
                case 'h':
                        print_help();
                        return EXIT_OK;
                case 'V':
                        puts("bpfmetafs " BPFMETAFS_VERSION);
                        return EXIT_OK;
                default:
                        say("try 'bpfmetafs -h'");
                        return EXIT_USAGE;
                }
        }
        if (argc - optind != 2) {
                say("a source and a mount point are needed, and nothing else: try 'bpfmetafs -h'");
                return EXIT_USAGE;
        }
        arguments->source = argv[optind];
        arguments->mountpoint = argv[optind + 1];
        for (guint i = 0; i < lists->len; i++) {
                g_autoptr(GError) error = NULL;

                if (!options_parse(arguments->options, lists->pdata[i], sloppy, &error)) {
                        say("%s", error->message);
                        return EXIT_USAGE;
                }
        }
        return -1;
}

static bool is_kernel(const char *source)
{
        static const char *const names[] = { "bpf", "none", "kernel", "bpfmetafs", NULL };

        return g_strv_contains(names, source);
}

/* What can be said about a failure before libfuse tries. */
static bool check_mountpoint(const char *path)
{
        struct stat attr;

        if (stat(path, &attr) < 0) {
                say(errno == ENOTCONN
                            ? "'%s' is a mount point whose daemon is gone: run umount -f '%s' first"
                            : "mount point '%s': %s",
                    path, errno == ENOTCONN ? path : g_strerror(errno));
                return false;
        }
        if (!S_ISDIR(attr.st_mode)) {
                say("mount point '%s' is not a directory", path);
                return false;
        }
        return true;
}

static bool check_fuse(void)
{
        if (access("/dev/fuse", F_OK) < 0) {
                say("there is no /dev/fuse: load the kernel's fuse module (modprobe fuse)");
                return false;
        }
        if (access("/dev/fuse", R_OK | W_OK) < 0) {
                say("/dev/fuse may not be opened by this user: %s", g_strerror(errno));
                return false;
        }
        return true;
}

/* From here on nobody reads what is printed. */
static void tree_answers(void *data)
{
        Ready *ready = data;
        char status = EXIT_OK;

        if (ready->foreground)
                return;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                dup2(ready->null, fd);
        close(ready->null);
        if (write(ready->fd, &status, 1) != 1)
                syslog(LOG_WARNING, "the process that mounted has gone");
        close(ready->fd);
}

static int open_object(const char *path, Source **out)
{
        g_autoptr(GError) error = NULL;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat attr;
        int r;

        if (fd < 0) {
                say("'%s' is neither bpf, for the running kernel, nor an object file: %s", path,
                    g_strerror(errno));
                return EXIT_MOUNT;
        }
        if (fstat(fd, &attr) == 0 && !S_ISREG(attr.st_mode)) {
                say("'%s' is not a regular file: a source is bpf or an object file", path);
                r = -EINVAL;
        } else {
                r = object_source_new(fd, path, out, &error);
                if (r < 0)
                        say("%s", error->message);
        }
        close(fd);
        return r < 0 ? EXIT_MOUNT : EXIT_OK;
}

static int open_source(const char *spec, Source **out)
{
        g_autoptr(GError) error = NULL;

        if (!is_kernel(spec))
                return open_object(spec, out);
        if (kernel_source_new(out, &error) < 0) {
                say("%s", error->message);
                return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM) ? EXIT_USAGE
                                                                               : EXIT_SYSTEM;
        }
        return EXIT_OK;
}

/* Events, or NULL: then every access asks the kernel. *@news tells of CPUs that come online; -1:
 * nothing does. */
static Watch *open_watch(const Arguments *arguments, int *news)
{
        g_autoptr(GError) error = NULL;
        Watch *watch;

        *news = -1;
        if (arguments->options->noevents || !is_kernel(arguments->source))
                return NULL;
        if (watch_new(&watch, news, &error) == 0)
                return watch;
        *news = -1;
        syslog(LOG_NOTICE, "without load and unload events, access is slower: %s", error->message);
        return NULL;
}

/* libfuse 3.10 has no word for it. */
static bool set_nosymfollow(const Arguments *arguments)
{
        const Options *options = arguments->options;

        if (!(options->flags & MS_NOSYMFOLLOW) ||
            mount(NULL, arguments->mountpoint, NULL, options_remount_flags(options), NULL) == 0)
                return true;
        say("nosymfollow cannot be set: %s", g_strerror(errno));
        return false;
}

/* What serves beside the main thread. */
typedef struct Helpers {
        Broker *broker;
        Receiver *receiver;
        Follow *follow;
} Helpers;

/* Starts what serving needs, and shuts this thread in. On failure, a sentence in @error, and some
 * of it may be there. */
static int prepare(const Arguments *arguments, Tree *tree, Watch *watch, int news, Ops *ops,
                   Helpers *helpers, GError **error)
{
        BrokerWork work = {
                .mountpoint = arguments->mountpoint,
                .device = ops_fd(ops),
                .news = news,
                .keeps_output = arguments->foreground,
                .arguments = arguments->words,
        };
        int r = broker_new(&helpers->broker, &work, error);

        if (r < 0)
                return r;
        if (watch) {
                helpers->follow = follow_new(watch, tree, ops, error);
                if (!helpers->follow)
                        return -EMFILE;
                r = receiver_new(&helpers->receiver, watch, broker_take_rings(helpers->broker),
                                 error);
        }
        if (r == 0)
                r = sandbox_enter(is_kernel(arguments->source) ? SANDBOX_KERNEL : SANDBOX_OBJECT,
                                  error);
        if (r == 0 && watch)
                r = follow_start(helpers->follow, error);
        return r;
}

/* Ends everything, and unmounts if that has not been done. */
static int finish(Helpers *helpers, const Ops *ops)
{
        int r = 0;

        follow_free(helpers->follow);
        receiver_free(helpers->receiver);
        if (helpers->broker && ops_is_mounted(ops))
                r = broker_unmount(helpers->broker);
        broker_free(helpers->broker);
        return r;
}

/* Shuts itself in, and serves until it is told to end. */
static int serve_inside(const Arguments *arguments, Tree *tree, Watch *watch, int news, Ops *ops)
{
        Helpers helpers = { 0 };
        g_autoptr(GError) error = NULL;
        int r = prepare(arguments, tree, watch, news, ops, &helpers, &error), unmounted;

        if (news >= 0)
                close(news);
        if (r < 0) {
                say("%s", error->message);
        } else {
                /* Not before: while an automounter waits for this mount, the kernel lets only its
                 * process group near the mount point, and anybody else who unmounted there would
                 * wait for ever. The broker stays in that group. */
                if (!arguments->foreground)
                        setsid();
                r = ops_serve(ops);
                if (r < 0)
                        syslog(LOG_ERR, "serving %s ended: %s", arguments->mountpoint,
                               g_strerror(-r));
        }
        unmounted = finish(&helpers, ops);
        if (unmounted < 0)
                syslog(LOG_ERR, "cannot unmount %s: %s", arguments->mountpoint,
                       unmounted == -EPIPE   ? "the process bpfmeta-broker has ended"
                       : unmounted == -EBUSY ? "something else is mounted there"
                                             : g_strerror(-unmounted));
        return r < 0 || unmounted < 0 ? EXIT_SYSTEM : EXIT_OK;
}

/* Mounts, serves and unmounts. Returns the exit status. */
static int serve(const Arguments *arguments, Source *source, Ready *ready)
{
        const Options *options = arguments->options;
        int news;
        g_autoptr(Watch) watch = open_watch(arguments, &news);
        g_autoptr(Catalog) catalog = catalog_new(source, options->memory, watch);
        TreeLook look = { options->has_uid, options->uid, options->gid, options->mode };
        g_autoptr(Tree) tree = tree_new(catalog, &look);
        OpsMount how = {
                .program = "bpfmetafs",
                .source = arguments->source,
                .mountpoint = arguments->mountpoint,
                .options = options->mount_options->str,
                .allow_other = options->allow_other,
                .debug = arguments->debug,
        };
        g_autoptr(GError) error = NULL;
        g_autoptr(Ops) ops = ops_mount(&how, tree, tree_answers, ready, &error);

        if (!ops) {
                say("%s", error->message);
                return EXIT_MOUNT;
        }
        if (!set_nosymfollow(arguments))
                return EXIT_MOUNT;
        /* The directory in which it was started shall not be busy for it. */
        if (chdir("/") < 0)
                syslog(LOG_WARNING, "cannot change to /: %s", g_strerror(errno));
        return serve_inside(arguments, tree, watch, news, ops);
}

static int run(Arguments *arguments, Ready *ready)
{
        g_autofree char *absolute = NULL;
        Source *source;
        int status;

        if (!check_mountpoint(arguments->mountpoint))
                return EXIT_MOUNT;
        absolute = g_canonicalize_filename(arguments->mountpoint, NULL);
        arguments->mountpoint = absolute;
        status = open_source(arguments->source, &source);
        if (status != EXIT_OK)
                return status;
        if (!check_fuse()) {
                source->ops->free(source);
                return EXIT_MOUNT;
        }
        openlog("bpfmetafs", LOG_PID | LOG_NDELAY | (ready->foreground ? LOG_PERROR : 0),
                LOG_DAEMON);
        status = serve(arguments, source, ready);
        source->ops->free(source);
        return status;
}

/* The daemon does all the work from the start, so that what it says reaches the terminal. The
 * parent waits for its word, or for its end. */
static int run_in_background(Arguments *arguments)
{
        int fds[2], status;
        char word;
        pid_t child;

        if (pipe2(fds, O_CLOEXEC) < 0) {
                say("cannot make a pipe: %s", g_strerror(errno));
                return EXIT_SYSTEM;
        }
        child = fork();
        if (child < 0) {
                say("cannot start a process: %s", g_strerror(errno));
                return EXIT_SYSTEM;
        }
        if (child == 0) {
                Ready ready = { .fd = fds[1], .null = open("/dev/null", O_RDWR | O_CLOEXEC) };

                close(fds[0]);
                status = run(arguments, &ready);
                options_free(arguments->options);
                exit(status);
        }
        close(fds[1]);
        if (TEMP_FAILURE_RETRY(read(fds[0], &word, 1)) == 1)
                return word;
        if (waitpid(child, &status, 0) == child && WIFEXITED(status))
                return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_MOUNT;
        say("the daemon ended before it could serve");
        return EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
        g_autoptr(Options) options = options_new();
        Arguments arguments = { .options = options, .words = argv };
        Ready ready = { .foreground = true, .fd = -1, .null = -1 };
        int status = parse_arguments(argc, argv, &arguments);

        if (status >= 0)
                return status;
        if (options->remount) {
                say("a mounted tree is changed by mount -o remount, not by the daemon");
                return EXIT_USAGE;
        }
        sandbox_close_inherited();
        return arguments.foreground ? run(&arguments, &ready) : run_in_background(&arguments);
}
