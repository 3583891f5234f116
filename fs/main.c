/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The daemon: mount, sandbox, loop. One way up, one way down. */

#include "arguments.h"
#include "boottime.h"
#include "broker.h"
#include "catalog.h"
#include "command.h"
#include "follow.h"
#include "layout.h"
#include "load-log.h"
#include "logger.h"
#include "namespace.h"
#include "observers.h"
#include "opening.h"
#include "process-look.h"
#include "receiver.h"
#include "sandbox.h"
#include "session.h"
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

/* Tells the process that was started that the tree answers. */
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

/* From here on nobody reads printed messages. */
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

/* Sets *@watch to events, or to NULL: then every access asks the kernel. *@news tells of CPUs that
 * come online; -1: nothing does. False: it can't go on without events, and has said so. */
static bool open_watch(const Arguments *arguments, Watch **watch, int *news)
{
        g_autoptr(GError) error = NULL;

        *watch = NULL;
        *news = -1;
        if (arguments->options->noevents || !command_means_kernel(arguments->source) ||
            watch_new(watch, news, &error) == 0)
                return true;
        *news = -1;
        if (arguments->options->log)
                say("the option 'log' needs load and unload events: %s", error->message);
        else
                syslog(LOG_NOTICE, "without load and unload events, access is slower: %s",
                       error->message);
        return !arguments->options->log;
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

/* libselinux asks in the same way. Without SELinux the kernel knows no such option, and mount(8)
 * drops them. */
static bool has_selinux(void)
{
        struct statfs attr;

        return statfs("/sys/fs/selinux", &attr) == 0 && attr.f_type == SELINUX_MAGIC;
}

/* The processes, threads and observers beside the main thread. */
typedef struct Helpers {
        Catalog *catalog; /* borrowed */
        Logger *logger;
        LoadLog *log;
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

static Loaders *new_loaders(Broker *broker)
{
        static const LoadersOps ops = { broker_ask_process, broker_hear_process };
        BootTime boot;

        boottime_init(&boot);
        return loaders_new(process_look_can() ? &ops : NULL, broker, boot.offset,
                           process_look_behind(boot.offset));
}

static bool put_line(void *logger, int priority, const char *line)
{
        return logger_put(logger, priority, line);
}

/* The log of loads, if there is a process that writes it. */
static LoadLog *new_log(const Helpers *helpers, Tree *tree)
{
        static const LogOutOps ops = { put_line };
        BootTime boot;
        LoadLog *log;

        if (!helpers->logger)
                return NULL;
        boottime_init(&boot);
        log = load_log_new(helpers->catalog, layout_metadata_reserved(), boot.offset, &ops,
                           helpers->logger);
        tree_set_log(tree, log);
        return log;
}

/* Starts all helpers, and shuts this thread in. On failure, a sentence in @error, and some helpers
 * may have been started. */
static int prepare(const Arguments *arguments, Tree *tree, Watch *watch, int news, Session *session,
                   Helpers *helpers, GError **error)
{
        BrokerWork work = {
                .mountpoint = arguments->namespace ? NULL : arguments->mountpoint,
                .device = arguments->namespace ? -1 : session_fd(session),
                .news = news,
                .keeps_output = arguments->foreground,
                .arguments = arguments->words,
        };
        static const HoldersOps holders = { broker_begin_holders, broker_hear_holders };
        LoggerWork logging = {
                .name = "bpfmetafs",
                .device = session_fd(session),
                .keeps_output = arguments->foreground,
                .arguments = arguments->words,
        };
        SandboxRole role = SANDBOX_OBJECT;
        int r = 0;

        if (arguments->options->log)
                r = logger_new(&helpers->logger, &logging, error);
        if (r < 0)
                return r;
        if (command_means_kernel(arguments->source)) {
                role = arguments->options->contents ? SANDBOX_CONTENTS : SANDBOX_KERNEL;
                /* The broker inherits the descriptors with which it looks. */
                work.pins = helpers->pins_look = pins_look_new();
                work.netns = arguments->options->netns;
        }
        r = broker_new(&helpers->broker, &work, error);
        /* The broker has its own copies, and a process may have few descriptors. */
        if (news >= 0)
                close(news);
        if (work.pins)
                pins_look_leave(work.pins);
        if (r < 0)
                return r;
        if (work.pins) {
                helpers->observers.pins =
                        pins_new(pins_look_fd(work.pins), broker_list_pins, helpers->broker);
                helpers->observers.holders = holders_new(&holders, helpers->broker);
        }
        if (work.netns)
                attachments_set_netns(helpers->observers.attachments,
                                      netns_new(broker_list_netns, helpers->broker));
        if (watch) {
                helpers->observers.loaders = new_loaders(helpers->broker);
                helpers->log = new_log(helpers, tree);
                helpers->follow = follow_new(watch, tree, session, error);
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
static int finish(Helpers *helpers, Tree *tree, Session *session)
{
        int r = 0;

        follow_free(helpers->follow);
        receiver_free(helpers->receiver);
        if (!session_unmount_inside(session) && helpers->broker && session_is_mounted(session))
                r = broker_unmount(helpers->broker);
        broker_free(helpers->broker);
        /* Where descriptors can't be closed in numbers, the broker had the logger's socket, too. */
        tree_set_log(tree, NULL);
        g_clear_pointer(&helpers->log, load_log_free);
        logger_free(helpers->logger);
        g_clear_pointer(&helpers->observers.loaders, loaders_free);
        g_clear_pointer(&helpers->observers.pins, pins_free);
        g_clear_pointer(&helpers->observers.holders, holders_free);
        g_clear_pointer(&helpers->pins_look, pins_look_free);
        return r;
}

/* Shuts itself in, and serves until it is told to end. */
static int serve_inside(const Arguments *arguments, Tree *tree, Watch *watch, int news,
                        Session *session, Helpers *helpers)
{
        g_autoptr(GError) error = NULL;
        int r = prepare(arguments, tree, watch, news, session, helpers, &error), unmounted;

        if (r < 0) {
                say("%s", error->message);
        } else {
                /* Not before: while an automounter waits for this mount, the kernel lets only its
                 * process group near the mount point, and an umount from another group would wait
                 * for ever. The broker stays in that group. */
                if (!arguments->foreground)
                        setsid();
                r = session_serve(session);
                if (r < 0)
                        syslog(LOG_ERR, "serving %s ended: %s", arguments->mountpoint,
                               g_strerror(-r));
        }
        unmounted = finish(helpers, tree, session);
        if (unmounted < 0)
                syslog(LOG_ERR, "cannot unmount %s: %s", arguments->mountpoint,
                       unmounted == -EPIPE   ? "the process bpfmeta-broker has ended"
                       : unmounted == -EBUSY ? "something else is mounted there"
                                             : g_strerror(-unmounted));
        return r < 0 || unmounted < 0 ? EXIT_SYSTEM : EXIT_OK;
}

/* Mounts, serves and unmounts. Returns the exit status. */
static int serve(const Arguments *arguments, const Namespace *namespace, Source *source,
                 const Rules *rules, Watch *watch, int news, Ready *ready)
{
        const Options *options = arguments->options;
        g_autoptr(Attachments) attachments =
                command_means_kernel(arguments->source) ? attachments_new() : NULL;
        Helpers helpers = { .observers = { .attachments = attachments,
                                           .rules = rules,
                                           .contents = source->contents } };
        g_autoptr(Catalog) catalog = catalog_new(source, options->memory, watch != NULL);
        TreeLook look = { options->has_uid, options->uid, options->gid, options->mode };
        g_autoptr(Tree) tree = tree_new(catalog, watch, &look);
        SessionMount how = {
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
        g_autoptr(Session) session = session_mount(&how, tree, tree_answers, ready, &error);

        helpers.catalog = catalog;
        catalog_set_observers(catalog, &helpers.observers);
        if (!session) {
                say("%s", error->message);
                return EXIT_MOUNT;
        }
        if (!set_nosymfollow(arguments))
                return EXIT_MOUNT;
        /* The directory in which the daemon was started must not stay busy. */
        if (chdir("/") < 0)
                syslog(LOG_WARNING, "cannot change to /: %s", g_strerror(errno));
        return serve_inside(arguments, tree, watch, news, session, &helpers);
}

/* Prints what a loader would refuse on the terminal of the mount, and into the log. In the
 * foreground the two are one. */
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
        g_autoptr(Rules) rules = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(Watch) watch = NULL;
        Source *source = NULL;
        int status, news;

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
        status = opening_options(arguments, &error);
        if (status == EXIT_OK)
                status = opening_rules(arguments, &rules, &error);
        if (status == EXIT_OK)
                status = opening_source(arguments, namespace, &source, &error);
        if (status == EXIT_OK)
                status = opening_fuse(&error);
        if (status != EXIT_OK) {
                say("%s", error->message);
                if (source)
                        source->ops->free(source);
                return status;
        }
        openlog("bpfmetafs", LOG_PID | LOG_NDELAY | (ready->foreground ? LOG_PERROR : 0),
                LOG_DAEMON);
        tell_problems(arguments, source);
        status = open_watch(arguments, &watch, &news)
                         ? serve(arguments, namespace, source, rules, watch, news, ready)
                         : EXIT_SYSTEM;
        source->ops->free(source);
        return status;
}

/* The daemon does all the work from the start, so that its messages reach the terminal. The parent
 * waits for its word, or for its end. */
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
