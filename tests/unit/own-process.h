/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TESTS_OWN_PROCESS_H
#define BPFMETAFS_TESTS_OWN_PROCESS_H

/*
 * A process and a mount namespace for what is tried: whatever that leaves ends with them.
 */

#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if SANITIZED
/* ThreadSanitizer starts a thread, and would end a child of the process that has it. */
const char *__tsan_default_options(void);

const char *__tsan_default_options(void)
{
        return "die_after_fork=0:atexit_sleep_ms=0";
}
#endif

/* Calls @prepare and @func there, where @hidden is an empty directory. */
static void own_process(const char *hidden, void (*prepare)(void), void (*func)(void))
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
                g_assert_cmpint(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
                g_assert_cmpint(mount("none", hidden, "tmpfs", 0, NULL), ==, 0);
                prepare();
                func();
                _exit(0);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
