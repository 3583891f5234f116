/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "child.h"

#include "parent.h"
#include "sandbox.h"
#include "title.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t child_fork(int *pidfd)
{
        struct sigaction reap = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };
        pid_t pid;

        /* If it is killed, its parent need not wait for it. */
        sigaction(SIGCHLD, &reap, NULL);
        pid = fork();
        if (pid < 0)
                return -errno;
        /* From Linux 5.3 on. */
        if (pid > 0)
                *pidfd = syscall(__NR_pidfd_open, pid, 0);
        return pid;
}

static void let_go_of_output(void)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (null < 0 || dup2(null, fd) < 0)
                        close(fd);
}

void child_begin(const ChildLook *look, const int *fds, size_t n)
{
        g_autofree int *kept = g_new(int, n + 3);

        parent_watch();
        title_set(look->arguments, look->name);
        if (!look->keeps_output)
                let_go_of_output();
        memcpy(kept, fds, n * sizeof(*fds));
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                kept[n + fd] = fd;
        sandbox_close_all_but(kept, n + 3);
}

void child_bury(int pidfd, int patience)
{
        struct pollfd ended = { .fd = pidfd, .events = POLLIN };

        /* If a process ends after its parent, init waits for it. */
        if (pidfd < 0)
                return;
        poll(&ended, 1, patience);
        close(pidfd);
}
