/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "session.h"

#include "inside.h"
#include "linger.h"
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

struct Session {
        struct fuse_session *fuse;
        Ops ops;
        sigset_t signals; /* the signal mask while we wait for a request */
        Linger linger;
        Inside *inside; /* the mount, if it is in another namespace */
        bool mounted;
        bool handles_signals;
};

/* Mounting */

G_GNUC_PRINTF(2, 0)
static void log_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
        vsyslog(level, format, args);
}

/* Appends a value to an option list: a backslash stands in front of each comma and backslash. */
static void append_escaped(GString *out, const char *value)
{
        for (; *value; value++) {
                if (*value == ',' || *value == '\\')
                        g_string_append_c(out, '\\');
                g_string_append_c(out, *value);
        }
}

static char *session_options(const SessionMount *mount)
{
        GString *options = g_string_new("ro,default_permissions,subtype=bpfmetafs,fsname=");

        append_escaped(options, mount->source);
        if (mount->allow_other)
                g_string_append(options, ",allow_other");
        if (*mount->options)
                g_string_append_printf(options, ",%s", mount->options);
        for (guint i = 0; mount->labels && i < mount->labels->len; i++) {
                g_string_append_c(options, ',');
                append_escaped(options, mount->labels->pdata[i]);
        }
        return g_string_free(options, FALSE);
}

/* Gives the kernel the options that libfuse gives it when it mounts. */
static bool mount_inside(Session *session, const SessionMount *mount, GError **error)
{
        g_autoptr(GString) data = g_string_new("default_permissions");
        InsideMount how = {
                .type = "fuse.bpfmetafs",
                .source = mount->source,
                .mountpoint = mount->mountpoint,
                .flags = MS_RDONLY | mount->flags,
        };

        if (mount->allow_other)
                g_string_append(data, ",allow_other");
        for (guint i = 0; mount->labels && i < mount->labels->len; i++)
                g_string_append_printf(data, ",%s", (const char *)mount->labels->pdata[i]);
        how.data = data->str;
        session->inside = inside_mount(mount->namespace, &how, error);
        return session->inside;
}

static bool mount_here(Session *session, const char *mountpoint, GError **error)
{
        errno = 0;
        if (fuse_session_mount(session->fuse, mountpoint) == 0)
                return true;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot mount on '%s'%s%s",
                    mountpoint, errno ? ": " : "", errno ? g_strerror(errno) : "");
        return false;
}

static bool mount_session(Session *session, const SessionMount *mount, GError **error)
{
        g_autofree char *options = session_options(mount), *mountpoint = NULL;
        const char *argv[] = { mount->program, "-o", options, mount->debug ? "-d" : NULL, NULL };
        struct fuse_args args = FUSE_ARGS_INIT(mount->debug ? 4 : 3, (char **)argv);
        int fd;

        session->fuse = fuse_session_new(&args, &ops_table, sizeof(ops_table), &session->ops);
        fuse_opt_free_args(&args);
        if (!session->fuse) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "libfuse does not take the mount options '%s'", options);
                return false;
        }
        if (fuse_set_signal_handlers(session->fuse) < 0) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot handle signals: %s",
                            g_strerror(errno));
                return false;
        }
        session->handles_signals = true;
        session->ops.session = session->fuse;
        if (mount->namespace) {
                if (!mount_inside(session, mount, error))
                        return false;
                /* libfuse takes the descriptor of the mounted filesystem for a mount point. */
                mountpoint = g_strdup_printf("/dev/fd/%d", inside_take_fd(session->inside));
        }
        if (!mount_here(session, mountpoint ? mountpoint : mount->mountpoint, error))
                return false;
        session->mounted = true;
        fd = fuse_session_fd(session->fuse);
        if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot set up /dev/fuse: %s",
                            g_strerror(errno));
                return false;
        }
        return true;
}

Session *session_mount(const SessionMount *mount, Tree *tree, SessionReadyFunc ready, void *data,
                       GError **error)
{
        g_autoptr(Session) session = g_new0(Session, 1);

        session->ops.tree = tree;
        session->ops.ready = ready;
        session->ops.data = data;
        fuse_set_log_func(log_libfuse);
        return mount_session(session, mount, error) ? g_steal_pointer(&session) : NULL;
}

/* Waits as fuse_session_receive_buf() does on a descriptor that blocks. -EINTR: it is time to end.
 * Signals come only while we wait. Otherwise libfuse would drop a request if a signal came after it
 * was read, and a signal that came just before we sleep would not wake us. */
static int next_request(Session *session, struct fuse_buf *buffer)
{
        int r = -EINTR;

        linger_begin(&session->linger);
        while (!fuse_session_exited(session->fuse)) {
                int ready = linger_poll(&session->linger, fuse_session_fd(session->fuse),
                                        &session->signals);

                if (ready < 0 && ready != -EINTR)
                        return ready;
                r = ready > 0 ? fuse_session_receive_buf(session->fuse, buffer) : -EINTR;
                if (r != -EINTR && r != -EAGAIN)
                        break;
        }
        linger_end(&session->linger);
        return r == -EAGAIN ? -EINTR : r;
}

int session_serve(Session *session)
{
        struct fuse_buf buffer = { .mem = NULL };
        sigset_t ends;
        int r = 0;

        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGINT);
        sigaddset(&ends, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &ends, &session->signals);
        while (!fuse_session_exited(session->fuse)) {
                r = next_request(session, &buffer);
                if (r > 0)
                        fuse_session_process_buf(session->fuse, &buffer);
                else if (r != -EINTR)
                        break;
        }
        free(buffer.mem);
        /* ECONNABORTED: it was unmounted by force while the kernel was giving us a request. */
        return r == -EINTR || r == -ECONNABORTED ? 0 : MIN(r, 0);
}

void session_serve_until(Session *session, int fd)
{
        struct pollfd fds[] = {
                { .fd = fd, .events = POLLIN },
                { .fd = fuse_session_fd(session->fuse), .events = POLLIN },
        };
        struct fuse_buf buffer = { .mem = NULL };

        /* While a session counts as ended libfuse drops the requests that it reads. A second signal
         * does not come: session_serve() has left them blocked. */
        fuse_session_reset(session->fuse);
        while (poll(fds, G_N_ELEMENTS(fds), -1) >= 0 || errno == EINTR) {
                if (fds[0].revents)
                        break;
                if (fds[1].revents && fuse_session_receive_buf(session->fuse, &buffer) > 0)
                        fuse_session_process_buf(session->fuse, &buffer);
                /* It has been unmounted: nothing blocks any more, and there is nothing more to
                 * read. */
                if (fds[1].revents & (POLLERR | POLLHUP))
                        fds[1].fd = -1;
                fds[0].revents = fds[1].revents = 0;
        }
        free(buffer.mem);
}

/* fuse_lowlevel_notify_delete() without its complaint: the kernel answers ENOTEMPTY when a file is
 * open below, and the entry has gone all the same (fuse_reverse_inval_entry(), fs/fuse/dir.c). */
static void notify_delete(Session *session, uint64_t parent, uint64_t child, const char *name)
{
        struct fuse_notify_delete_out out = {
                .parent = parent,
                .child = child,
                .namelen = strlen(name),
        };
        struct fuse_out_header header = {
                .len = sizeof(header) + sizeof(out) + out.namelen + 1,
                .error = FUSE_NOTIFY_DELETE,
        };
        struct iovec parts[] = {
                { &header, sizeof(header) },
                { &out, sizeof(out) },
                { (char *)name, out.namelen + 1 },
        };

        if (writev(fuse_session_fd(session->fuse), parts, G_N_ELEMENTS(parts)) < 0)
                return;
}

void session_forget_entry(Session *session, uint64_t parent, uint64_t child, const char *name)
{
        /* An error only means that the kernel has forgotten it by itself. */
        if (child)
                notify_delete(session, parent, child, name);
        else
                fuse_lowlevel_notify_inval_entry(session->fuse, parent, name, strlen(name));
}

int session_fd(const Session *session)
{
        return fuse_session_fd(session->fuse);
}

bool session_is_mounted(const Session *session)
{
        struct pollfd fd = { .fd = session_fd(session) };

        /* fuse_dev_poll(), fs/fuse/dev.c */
        return poll(&fd, 1, 0) == 0;
}

bool session_unmount_inside(Session *session)
{
        if (!session->inside)
                return false;
        if (session->mounted)
                inside_unmount(session->inside, session_fd(session));
        session->mounted = false;
        return true;
}

void session_free(Session *session)
{
        /* If somebody else has unmounted the tree, nothing is done. */
        if (!session_unmount_inside(session) && session->mounted)
                fuse_session_unmount(session->fuse);
        if (session->handles_signals)
                fuse_remove_signal_handlers(session->fuse);
        if (session->fuse)
                fuse_session_destroy(session->fuse);
        g_clear_pointer(&session->inside, inside_free);
        g_free(session);
}
