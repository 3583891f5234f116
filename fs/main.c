/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon: command line, mount, sandbox, loop. One way up, one way down. */

#include "catalog.h"
#include "kernel.h"
#include "ops.h"
#include "options.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
} Arguments;

/* How the process that was started learns that the tree answers. */
typedef struct Ready {
        bool foreground;
        int fd; /* the pipe's end to which the exit status is written */
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
               "SOURCE is bpf (or none, kernel, bpfmetafs) for the running kernel, or else the path\n"
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
                            ? "'%s' is a mount point whose daemon is gone: run umount '%s' first"
                            : "mount point '%s': %s",
                    path, errno == ENOTCONN ? path : g_strerror(errno));
                return false;
        }
        if (!S_ISDIR(attr.st_mode)) {
                say("mount point '%s' is not a directory", path);
                return false;
        }
        if (access("/dev/fuse", F_OK) < 0) {
                say("there is no /dev/fuse: load the kernel's fuse module (modprobe fuse)");
                return false;
        }
        return true;
}

/* From here on nobody reads what is printed. */
static void tree_answers(void *data)
{
        Ready *ready = data;
        int null;
        char status = EXIT_OK;

        if (ready->foreground)
                return;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null >= 0) {
                for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                        dup2(null, fd);
                close(null);
        }
        if (write(ready->fd, &status, 1) != 1)
                syslog(LOG_WARNING, "the process that mounted has gone");
        close(ready->fd);
}

static int open_source(const char *spec, Source **out)
{
        g_autoptr(GError) error = NULL;

        if (!is_kernel(spec)) {
                say("'%s' is not a source: only the running kernel is (bpf)", spec);
                return EXIT_USAGE;
        }
        if (kernel_source_new(out, &error) < 0) {
                say("%s", error->message);
                return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM) ? EXIT_USAGE
                                                                                : EXIT_SYSTEM;
        }
        return EXIT_OK;
}

/* Mounts, serves and unmounts. Returns the exit status. */
static int serve(const Arguments *arguments, Source *source, Ready *ready)
{
        const Options *options = arguments->options;
        g_autoptr(Catalog) catalog = catalog_new(source, options->memory, false);
        TreeLook look = { options->has_uid, options->uid, options->gid, options->mode };
        g_autoptr(Tree) tree = tree_new(catalog, &look);
        OpsMount mount = {
                .program = "bpfmetafs",
                .source = arguments->source,
                .mountpoint = arguments->mountpoint,
                .options = options->mount_options->str,
                .allow_other = options->allow_other,
                .debug = arguments->debug,
        };
        g_autoptr(GError) error = NULL;
        g_autoptr(Ops) ops = ops_mount(&mount, tree, tree_answers, ready, &error);
        int r;

        if (!ops) {
                say("%s", error->message);
                return EXIT_MOUNT;
        }
        r = ops_serve(ops);
        if (r < 0)
                syslog(LOG_ERR, "serving %s ended: %s", arguments->mountpoint, g_strerror(-r));
        return r < 0 ? EXIT_SYSTEM : EXIT_OK;
}

static int run(const Arguments *arguments, Ready *ready)
{
        Source *source;
        int status;

        if (!check_mountpoint(arguments->mountpoint))
                return EXIT_MOUNT;
        status = open_source(arguments->source, &source);
        if (status != EXIT_OK)
                return status;
        openlog("bpfmetafs", LOG_PID | LOG_NDELAY | (ready->foreground ? LOG_PERROR : 0),
                LOG_DAEMON);
        status = serve(arguments, source, ready);
        source->ops->free(source);
        return status;
}

/* The daemon does all the work from the start, so that what it says reaches the terminal. The parent
 * waits for its word, or for its end. */
static int run_in_background(const Arguments *arguments)
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
                Ready ready = { .fd = fds[1] };

                close(fds[0]);
                setsid();
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
        Arguments arguments = { .options = options };
        Ready ready = { .foreground = true, .fd = -1 };
        int status = parse_arguments(argc, argv, &arguments);

        if (status >= 0)
                return status;
        return arguments.foreground ? run(&arguments, &ready) : run_in_background(&arguments);
}
