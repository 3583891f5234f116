/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "opening.h"

#include "command.h"
#include "kernel.h"
#include "layout.h"
#include "mounted.h"
#include "object.h"
#include "rules-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Puts a sentence into @error; returns @status. */
G_GNUC_PRINTF(3, 4)
static int fail(GError **error, int status, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        if (error)
                *error = g_error_new_valist(G_FILE_ERROR, G_FILE_ERROR_FAILED, format, args);
        va_end(args);
        return status;
}

/* Facts that are looked up where the tree is to be mounted, by system calls alone. */
typedef struct Look {
        const char *mountpoint;
        int proc;           /* the caller's /proc/self, or -1 */
        struct stat attr;   /* of the mount point */
        int error;          /* the errno of stat(2), or 0 */
        char *path;         /* of the mount point, without links; NULL if it is not known */
        GString *mounts;    /* mountinfo */
        const char *object; /* NULL for the kernel */
        int fd;             /* of the object, or -1 */
        int object_error;
} Look;

static void look_clear(Look *look)
{
        if (look->proc >= 0)
                close(look->proc);
        if (look->fd >= 0)
                close(look->fd);
        free(look->path);
        g_string_free(look->mounts, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

static void look(void *data)
{
        Look *look = data;

        look->error = stat(look->mountpoint, &look->attr) < 0 ? errno : 0;
        look->path = realpath(look->mountpoint, NULL);
        mounted_read(look->proc, look->mounts);
        if (!look->object)
                return;
        look->fd = open(look->object, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        look->object_error = look->fd < 0 ? errno : 0;
}

static int read_object(const Look *look, Source **out, GError **error)
{
        struct stat attr;

        if (look->fd < 0)
                return fail(error, EXIT_MOUNT,
                            "'%s' is neither bpf, for the running kernel, nor an object file: %s",
                            look->object, g_strerror(look->object_error));
        if (fstat(look->fd, &attr) == 0 && !S_ISREG(attr.st_mode))
                return fail(error, EXIT_MOUNT,
                            "'%s' is not a regular file: a source is bpf or an object file",
                            look->object);
        return object_source_new(look->fd, look->object, out, error) < 0 ? EXIT_MOUNT : EXIT_OK;
}

static int ask_kernel(bool contents, Source **out, GError **error)
{
        g_autoptr(GError) fault = NULL;
        bool forbidden;

        if (kernel_source_new(contents, out, &fault) == 0)
                return EXIT_OK;
        forbidden = g_error_matches(fault, G_FILE_ERROR, G_FILE_ERROR_PERM);
        g_propagate_error(error, g_steal_pointer(&fault));
        return forbidden ? EXIT_USAGE : EXIT_SYSTEM;
}

int opening_source(const Arguments *arguments, const Namespace *namespace, Source **out,
                   GError **error)
{
        g_auto(Look) found = { .mountpoint = arguments->mountpoint,
                               .proc = mounted_open_proc(),
                               .mounts = g_string_new(NULL),
                               .fd = -1 };
        g_autofree char *fault = NULL;

        if (!command_means_kernel(arguments->source))
                found.object = arguments->source;
        if (!namespace_call(namespace, look, &found, error))
                return EXIT_SYSTEM;
        fault = command_mountpoint_fault(found.mountpoint, found.error, found.attr.st_mode);
        if (!fault && found.path)
                fault = mounted_fault(found.mounts->str, found.path, arguments->source);
        if (fault)
                return fail(error, EXIT_MOUNT, "%s", fault);
        return found.object ? read_object(&found, out, error)
                            : ask_kernel(arguments->options->contents, out, error);
}

int opening_options(const Arguments *arguments, GError **error)
{
        const Options *options = arguments->options;

        if (options->log && !command_means_kernel(arguments->source))
                return fail(error, EXIT_USAGE,
                            "the option 'log' is for the programs of the kernel, not for those of "
                            "an object file, which nobody loads");
        if (options->log && options->noevents)
                return fail(error, EXIT_USAGE,
                            "the option 'log' needs load and unload events: leave out 'noevents' "
                            "or 'log'");
        return EXIT_OK;
}

int opening_rules(const Arguments *arguments, Rules **out, GError **error)
{
        const char *path = arguments->options->rules;

        *out = NULL;
        if (!path)
                return EXIT_OK;
        if (!command_means_kernel(arguments->source))
                return fail(error, EXIT_USAGE,
                            "the option 'rules' is for the programs of the kernel, not for those "
                            "of an object file");
        *out = rules_load(path, layout_metadata_reserved(), error);
        return *out ? EXIT_OK : EXIT_MOUNT;
}

int opening_fuse(GError **error)
{
        if (access("/dev/fuse", F_OK) < 0)
                return fail(error, EXIT_MOUNT,
                            "there is no /dev/fuse: load the kernel's fuse module (modprobe fuse)");
        if (access("/dev/fuse", R_OK | W_OK) < 0)
                return fail(error, EXIT_MOUNT, "/dev/fuse may not be opened by this user: %s",
                            g_strerror(errno));
        return EXIT_OK;
}
