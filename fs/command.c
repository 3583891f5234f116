/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const command_kernel_words[] = { "bpf", "none", "kernel", "bpfmetafs", NULL };

/* open() takes the lowest free number: this one, since those below it are open by now. */
static int open_standard_descriptors(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
                        return -errno;
        return 0;
}

static void reset_signals(void)
{
        sigset_t none;

        /* Only SIGKILL, SIGSTOP and the C library's own signals can't be set. */
        for (int number = 1; number < NSIG; number++)
                signal(number, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

int command_start(void)
{
        reset_signals();
        return open_standard_descriptors();
}

char *command_refused(const char *command, int refusal, int letter, const char *word)
{
        const char dashed[] = { '-', letter, '\0' };
        bool is_long = g_str_has_prefix(word, "--");
        /* It is not shown as it is, since a terminal reads the sentence. */
        g_autofree char *shown = g_strescape(is_long ? word : dashed, NULL);
        const char *wrong = "is not known";

        if (refusal == ':')
                wrong = "needs a value";
        else if (is_long && letter)
                wrong = "takes no value";
        return g_strdup_printf("the option '%s' %s; %s --help lists the options", shown, wrong,
                               command);
}

char *command_mountpoint_fault(const char *path, int error, mode_t mode)
{
        g_autofree char *shown = g_strescape(path, NULL);

        if (error == 0 && S_ISDIR(mode))
                return NULL;
        if (error == 0)
                return g_strdup_printf("the mount point '%s' is not a directory", shown);
        if (error == ENOENT)
                return g_strdup_printf("the mount point '%s' does not exist; create it with mkdir",
                                       shown);
        if (error == ENOTCONN)
                return g_strdup_printf("at the mount point '%s' is a filesystem whose daemon has "
                                       "ended; unmount that first, with umount",
                                       shown);
        return g_strdup_printf("the mount point '%s' cannot be used: %s", shown, g_strerror(error));
}

bool command_means_kernel(const char *source)
{
        return g_strv_contains(command_kernel_words, source);
}
