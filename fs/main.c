/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon: mount, sandbox, loop. One way up, one way down. */

#include "arguments.h"
#include "broker.h"
#include "catalog.h"
#include "command.h"
#include "follow.h"
#include "kernel.h"
#include "namespace.h"
#include "object.h"
#include "observers.h"
#include "ops.h"
#include "receiver.h"
#include "sandbox.h"
#include "tree.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

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

/* What is looked at where it is mounted, by system calls alone. */
typedef struct Look {
        const char *mountpoint;
        struct stat attr;   /* of it */
        int error;          /* the errno of asking for that, or 0 */
        const char *object; /* NULL for the kernel */
        int fd;             /* of the object, or -1 */
        int object_error;
} Look;

static void look(void *data)
{
        Look *look = data;

        look->error = stat(look->mountpoint, &look->attr) < 0 ? errno : 0;
        if (!look->object)
                return;
        look->fd = open(look->object, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        look->object_error = look->fd < 0 ? errno : 0;
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

static int read_object(const Look *look, Source **out)
{
        g_autoptr(GError) error = NULL;
        struct stat attr;

        if (look->fd < 0)
                say("'%s' is neither bpf, for the running kernel, nor an object file: %s",
                    look->object, g_strerror(look->object_error));
        else if (fstat(look->fd, &attr) == 0 && !S_ISREG(attr.st_mode))
                say("'%s' is not a regular file: a source is bpf or an object file", look->object);
        else if (object_source_new(look->fd, look->object, out, &error) < 0)
                say("%s", error->message);
        else
                return EXIT_OK;
        return EXIT_MOUNT;
}

static int ask_kernel(Source **out)
{
        g_autoptr(GError) error = NULL;

        if (kernel_source_new(out, &error) == 0)
                return EXIT_OK;
        say("%s", error->message);
        return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_PERM) ? EXIT_USAGE : EXIT_SYSTEM;
}

/* What is to be mounted, and whether it can be mounted there. */
static int open_source(const Arguments *arguments, const Namespace *namespace, Source **out)
{
        Look found = { .mountpoint = arguments->mountpoint, .fd = -1 };
        g_autoptr(GError) error = NULL;
        g_autofree char *fault = NULL;
        int status = EXIT_MOUNT;

        if (!command_means_kernel(arguments->source))
                found.object = arguments->source;
        if (!namespace_call(namespace, look, &found, &error)) {
                say("%s", error->message);
                return EXIT_SYSTEM;
        }
        fault = command_mountpoint_fault(found.mountpoint, found.error, found.attr.st_mode);
        if (fault)
                say("%s", fault);
        else
                status = found.object ? read_object(&found, out) : ask_kernel(out);
        if (found.fd >= 0)
                close(found.fd);
        return status;
}

/* Events, or NULL: then every access asks the kernel. *@news tells of CPUs that come online; -1:
 * nothing does. */
static Watch *open_watch(const Arguments *arguments, int *news)
{
        g_autoptr(GError) error = NULL;
        Watch *watch;

        *news = -1;
        if (arguments->options->noevents || !command_means_kernel(arguments->source))
                return NULL;
        if (watch_new(&watch, news, &error) == 0)
                return watch;
        *news = -1;
        syslog(LOG_NOTICE, "without load and unload events, access is slower: %s", error->message);
        return NULL;
}

/* libfuse 3.10 has no word for it. In another namespace it is not libfuse that mounts. */
static bool set_nosymfollow(const Arguments *arguments)
{
        const Options *options = arguments->options;

        if (!(options->flags & MS_NOSYMFOLLOW) || arguments->namespace ||
            mount(NULL, arguments->mountpoint, NULL, options_remount_flags(options), NULL) == 0)
                return true;
        say("nosymfollow cannot be set: %s", g_strerror(errno));
        return false;
}

/* As libselinux tells. Without SELinux the kernel knows no option of its, and mount(8) drops them.
 */
static bool has_selinux(void)
{
        struct statfs attr;

        return statfs("/sys/fs/selinux", &attr) == 0 && attr.f_type == SELINUX_MAGIC;
}

/* What serves beside the main thread. */
typedef struct Helpers {
        Broker *broker;
        Receiver *receiver;
        Follow *follow;
        PinsLook *pins_look;
        Observers observers;
} Helpers;

/* The directory that the serving process lists for an observer; NULL: none. */
static const char *listed_directory(const Observers *observers)
{
        return observers->attachments ? attachments_cgroup_mount(observers->attachments) : NULL;
}

/* Starts what serving needs, and shuts this thread in. On failure, a sentence in @error, and some
 * of it may be there. */
static int prepare(const Arguments *arguments, Tree *tree, Watch *watch, int news, Ops *ops,
                   Helpers *helpers, GError **error)
{
        BrokerWork work = {
                .mountpoint = arguments->namespace ? NULL : arguments->mountpoint,
                .device = arguments->namespace ? -1 : ops_fd(ops),
                .news = news,
                .keeps_output = arguments->foreground,
                .arguments = arguments->words,
        };
        SandboxRole role = SANDBOX_OBJECT;
        int r;

        if (command_means_kernel(arguments->source)) {
                role = SANDBOX_KERNEL;
                /* The broker that looks has its descriptors from here. */
                work.pins = helpers->pins_look = pins_look_new();
        }
        r = broker_new(&helpers->broker, &work, error);
        /* The broker has its own, and a process may have few descriptors. */
        if (news >= 0)
                close(news);
        if (work.pins)
                pins_look_leave(work.pins);
        if (r < 0)
                return r;
        if (work.pins)
                helpers->observers.pins =
                        pins_new(pins_look_fd(work.pins), broker_list_pins, helpers->broker);
        if (watch) {
                helpers->follow = follow_new(watch, tree, ops, error);
                if (!helpers->follow)
                        return -EMFILE;
                r = receiver_new(&helpers->receiver, watch, broker_take_rings(helpers->broker),
                                 error);
        }
        if (r == 0)
                r = sandbox_enter(role, listed_directory(&helpers->observers), error);
        if (r == 0 && watch)
                r = follow_start(helpers->follow, error);
        return r;
}

/* Ends everything, and unmounts if that has not been done. */
static int finish(Helpers *helpers, Ops *ops)
{
        int r = 0;

        follow_free(helpers->follow);
        receiver_free(helpers->receiver);
        if (!ops_unmount_inside(ops) && helpers->broker && ops_is_mounted(ops))
                r = broker_unmount(helpers->broker);
        broker_free(helpers->broker);
        g_clear_pointer(&helpers->observers.pins, pins_free);
        g_clear_pointer(&helpers->pins_look, pins_look_free);
        return r;
}

/* Shuts itself in, and serves until it is told to end. */
static int serve_inside(const Arguments *arguments, Tree *tree, Watch *watch, int news, Ops *ops,
                        Helpers *helpers)
{
        g_autoptr(GError) error = NULL;
        int r = prepare(arguments, tree, watch, news, ops, helpers, &error), unmounted;

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
        unmounted = finish(helpers, ops);
        if (unmounted < 0)
                syslog(LOG_ERR, "cannot unmount %s: %s", arguments->mountpoint,
                       unmounted == -EPIPE   ? "the process bpfmeta-broker has ended"
                       : unmounted == -EBUSY ? "something else is mounted there"
                                             : g_strerror(-unmounted));
        return r < 0 || unmounted < 0 ? EXIT_SYSTEM : EXIT_OK;
}

/* Mounts, serves and unmounts. Returns the exit status. */
static int serve(const Arguments *arguments, const Namespace *namespace, Source *source,
                 Ready *ready)
{
        const Options *options = arguments->options;
        int news;
        g_autoptr(Watch) watch = open_watch(arguments, &news);
        g_autoptr(Attachments) attachments =
                command_means_kernel(arguments->source) ? attachments_new() : NULL;
        Helpers helpers = { .observers.attachments = attachments };
        g_autoptr(Catalog) catalog = catalog_new(source, options->memory, watch != NULL);
        TreeLook look = { options->has_uid, options->uid, options->gid, options->mode };
        g_autoptr(Tree) tree = tree_new(catalog, watch, &look);
        OpsMount how = {
                .program = "bpfmetafs",
                .source = arguments->source,
                .mountpoint = arguments->mountpoint,
                .namespace = namespace,
                .options = options->mount_options->str,
                .flags = options->flags,
                .labels = has_selinux() ? options->labels : NULL,
                .allow_other = options->allow_other,
                .debug = arguments->debug,
        };
        g_autoptr(GError) error = NULL;
        g_autoptr(Ops) ops = ops_mount(&how, tree, tree_answers, ready, &error);

        catalog_set_observers(catalog, &helpers.observers);
        if (!ops) {
                say("%s", error->message);
                return EXIT_MOUNT;
        }
        if (!set_nosymfollow(arguments))
                return EXIT_MOUNT;
        /* The directory in which it was started shall not be busy for it. */
        if (chdir("/") < 0)
                syslog(LOG_WARNING, "cannot change to /: %s", g_strerror(errno));
        return serve_inside(arguments, tree, watch, news, ops, &helpers);
}

/* Says what a loader would refuse to whoever mounts, and to the log. In the foreground that is one.
 */
static void tell_problems(const Arguments *arguments, const Source *source)
{
        for (guint i = 0; source->problems && i < source->problems->len; i++) {
                const char *problem = source->problems->pdata[i];

                if (!arguments->foreground)
                        say("'%s': %s", arguments->source, problem);
                syslog(LOG_WARNING, "'%s': %s", arguments->source, problem);
        }
}

static int run(Arguments *arguments, Ready *ready)
{
        g_autofree char *mountpoint = g_canonicalize_filename(arguments->mountpoint, NULL);
        g_autofree char *object = NULL;
        g_autoptr(Namespace) namespace = NULL;
        g_autoptr(GError) error = NULL;
        Source *source;
        int status;

        arguments->mountpoint = mountpoint;
        if (arguments->namespace) {
                namespace = namespace_open(arguments->namespace, &error);
                if (!namespace) {
                        say("%s", error->message);
                        return EXIT_SYSTEM;
                }
                /* The working directory there is another. */
                if (!command_means_kernel(arguments->source))
                        arguments->source = object =
                                g_canonicalize_filename(arguments->source, NULL);
        }
        status = open_source(arguments, namespace, &source);
        if (status != EXIT_OK)
                return status;
        if (!check_fuse()) {
                source->ops->free(source);
                return EXIT_MOUNT;
        }
        openlog("bpfmetafs", LOG_PID | LOG_NDELAY | (ready->foreground ? LOG_PERROR : 0),
                LOG_DAEMON);
        tell_problems(arguments, source);
        status = serve(arguments, namespace, source, ready);
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
        int r = command_start();
        g_autoptr(Options) options = options_new();
        Arguments arguments = { .options = options, .words = argv };
        Ready ready = { .foreground = true, .fd = -1, .null = -1 };
        int status = arguments_parse(&arguments, argc, argv);

        if (status >= 0)
                return status;
        if (r < 0) {
                say("/dev/null cannot be opened: %s", g_strerror(-r));
                return EXIT_SYSTEM;
        }
        sandbox_close_inherited();
        return arguments.foreground ? run(&arguments, &ready) : run_in_background(&arguments);
}
