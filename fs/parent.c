/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "parent.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Nobody sends it for another reason. */
#define ENDED SIGRTMAX

static pid_t parent;
static volatile sig_atomic_t has_ended;
static sigset_t while_waiting; /* the signal mask */

/* The kernel sends it in the name of the process that ends. */
static void on_signal(int number, siginfo_t *info, void *context)
{
        if (info->si_pid == parent)
                has_ended = true;
}

void parent_watch(void)
{
        struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        while_waiting = all;
        sigdelset(&while_waiting, ENDED);
        parent = getppid();
        sigaction(ENDED, &action, NULL);
        prctl(PR_SET_PDEATHSIG, ENDED);
}

bool parent_poll(struct pollfd *fds, nfds_t n, bool wait)
{
        static const struct timespec at_once = { 0 };

        while (!has_ended) {
                int r = ppoll(fds, n, wait ? NULL : &at_once, &while_waiting);

                if (r > 0 || (r == 0 && !wait))
                        return true;
        }
        return false;
}
