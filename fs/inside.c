/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "inside.h"

#include "parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct Inside {
        int fd;     /* /dev/fuse, or -1 when it has been taken */
        int socket; /* to the other process */
};

/* Requests of the daemon to the other process. If the daemon ends, that is a request to UNMOUNT as
 * well. */
enum {
        UNMOUNT = 'u',
        END = 'e', /* it is unmounted already */
};

/* A longer sentence is cut. */
#define MAX_SENTENCE 1024

/* One step in the namespace. */
typedef struct Step {
        const InsideMount *how;
        const char *data; /* for mount(2) */
        int flags;        /* of umount2(2) */
        int error;        /* errno of the step, or 0 */
} Step;

static void do_mount(void *data)
{
        Step *step = data;
        const InsideMount *how = step->how;

        if (mount(how->source, how->mountpoint, how->type, how->flags, step->data) < 0)
                step->error = errno;
}

static void do_unmount(void *data)
{
        Step *step = data;

        if (umount2(step->how->mountpoint, step->flags) < 0)
                step->error = errno;
}

/* Keeps nothing open that should end with the daemon, such as a terminal or a pipe with a
 * reader. */
static void stand_alone(void)
{
        int null = open("/dev/null", O_RDWR);

        parent_watch();
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                dup2(null, fd);
        if (null > STDERR_FILENO)
                close(null);
        if (chdir("/") < 0)
                _exit(EXIT_FAILURE);
}

/* The request that ends this process. */
static char next_word(int socket, int *flags)
{
        struct pollfd fd = { .fd = socket, .events = POLLIN };
        char word;

        *flags = MNT_DETACH;
        if (parent_poll(&fd, 1, true) && read(socket, &word, 1) == 1)
                return word;
        /* By force: nobody answers any more, and who waits for an answer is let go. */
        *flags |= MNT_FORCE;
        return UNMOUNT;
}

/* The other process: mounts, says how that went (a sentence, or an empty one), and unmounts. */
static G_NORETURN void mount_and_wait(const Namespace *namespace, Step *step, int fd, int socket)
{
        g_autoptr(GError) error = NULL;
        g_autofree char *shown = g_strescape(step->how->mountpoint, NULL);

        stand_alone();
        if (namespace_call(namespace, do_mount, step, &error) && step->error)
                g_set_error(&error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                            "cannot mount on '%s' in the other mount namespace: %s", shown,
                            g_strerror(step->error));
        /* When the daemon is gone, nothing may keep its requests alive. */
        close(fd);
        if (error) {
                send(socket, error->message, MIN(strlen(error->message), MAX_SENTENCE), 0);
                _exit(EXIT_FAILURE);
        }
        /* If nobody reads it, that shows when the next word is read. */
        send(socket, "", 1, MSG_NOSIGNAL);
        if (next_word(socket, &step->flags) == END)
                _exit(EXIT_SUCCESS);
        namespace_call(namespace, do_unmount, step, NULL);
        _exit(EXIT_SUCCESS);
}

/* The first sentence of the other process. */
static bool has_mounted(int socket, GError **error)
{
        char sentence[MAX_SENTENCE + 1] = "";
        ssize_t length = TEMP_FAILURE_RETRY(read(socket, sentence, MAX_SENTENCE));

        if (length == 1 && !*sentence)
                return true;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s",
                    length > 0 ? sentence : "the process that mounts ended");
        return false;
}

Inside *inside_mount(const Namespace *namespace, const InsideMount *how, GError **error)
{
        g_autoptr(Inside) inside = g_new(Inside, 1);
        g_autofree char *data = NULL;
        int sockets[2] = { -1, -1 };
        Step step = { .how = how };
        pid_t child = -1;

        inside->socket = -1;
        inside->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        step.data = data =
                g_strdup_printf("fd=%d,rootmode=%o,user_id=%u,group_id=%u,%s", inside->fd, S_IFDIR,
                                (unsigned int)getuid(), (unsigned int)getgid(), how->data);
        if (inside->fd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0)
                child = fork();
        if (child == 0) {
                close(sockets[0]);
                mount_and_wait(namespace, &step, inside->fd, sockets[1]);
        }
        if (child < 0)
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                            "cannot start to mount: %s", g_strerror(errno));
        if (sockets[1] >= 0)
                close(sockets[1]);
        inside->socket = sockets[0];
        return child > 0 && has_mounted(inside->socket, error) ? g_steal_pointer(&inside) : NULL;
}

int inside_take_fd(Inside *inside)
{
        int fd = inside->fd;

        inside->fd = -1;
        return fd;
}

void inside_unmount(Inside *inside, int fd)
{
        struct pollfd device = { .fd = fd };
        bool gone = poll(&device, 1, 0) == 1 && (device.revents & POLLERR);
        char word = gone ? END : UNMOUNT;

        /* The other end is closed when it is done. */
        if (write(inside->socket, &word, 1) == 1)
                TEMP_FAILURE_RETRY(read(inside->socket, &word, 1));
}

void inside_free(Inside *inside)
{
        if (!inside)
                return;
        if (inside->fd >= 0)
                close(inside->fd);
        if (inside->socket >= 0)
                close(inside->socket);
        g_free(inside);
}
