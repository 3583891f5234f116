/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A library to be preloaded into the daemon, to try whether the soak sees what is wrong with it:
 * the environment variable BROKEN says what shall be. Everything else is as it was.
 */

#include <dlfcn.h>
#include <errno.h>
#include <linux/fuse.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct fuse_req;
struct fuse_entry_param;

int fuse_reply_buf(struct fuse_req *req, const char *buf, size_t size);
int fuse_reply_entry(struct fuse_req *req, const struct fuse_entry_param *entry);
int fuse_reply_err(struct fuse_req *req, int error);
int fuse_reply_readlink(struct fuse_req *req, const char *link);

/* True every nth time, if that is what shall be wrong. */
static bool is_turn(const char *fault, unsigned int n)
{
        static unsigned int turns;
        const char *broken = getenv("BROKEN");

        return broken && strcmp(broken, fault) == 0 && ++turns % n == 0;
}

/* What serves the call otherwise. */
#define next(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int close(int fd)
{
        return is_turn("descriptors", 20) ? 0 : next(close)(fd);
}

int fuse_reply_buf(struct fuse_req *req, const char *buf, size_t size)
{
        static const char value[] = "soak_", report[] = "[\n{";
        char *changed;

        if (is_turn("memory", 1)) {
                changed = malloc(65536);
                memset(changed, 1, 65536);
        }
        if (size >= sizeof(report) && memcmp(buf, report, sizeof(report) - 1) == 0 &&
            is_turn("values", 3))
                size -= 2;
        if (size < sizeof(value) || memcmp(buf, value, sizeof(value) - 1) != 0 ||
            !is_turn("values", 5))
                return next(fuse_reply_buf)(req, buf, size);
        changed = malloc(size);
        memcpy(changed, buf, size);
        changed[sizeof(value) - 1] = '?';
        return next(fuse_reply_buf)(req, changed, size);
}

int fuse_reply_entry(struct fuse_req *req, const struct fuse_entry_param *entry)
{
        if (!is_turn("entries", 20))
                return next(fuse_reply_entry)(req, entry);
        fuse_reply_err(req, ENOENT);
        return -ENOENT;
}

/* In by/, another program than the one that was looked for. */
int fuse_reply_readlink(struct fuse_req *req, const char *link)
{
        static const char to_program[] = "../../../";
        static char other[PATH_MAX];
        char given[PATH_MAX];

        if (strncmp(link, to_program, sizeof(to_program) - 1) != 0)
                return next(fuse_reply_readlink)(req, link);
        strcpy(given, *other && is_turn("values", 3) ? other : link);
        strcpy(other, link);
        return next(fuse_reply_readlink)(req, given);
}

/* A notification is what answers no request. */
ssize_t writev(int fd, const struct iovec *parts, int n)
{
        const struct fuse_out_header *header = parts->iov_base;

        if (parts->iov_len == sizeof(*header) && header->unique == 0 && is_turn("unloads", 1))
                return header->len;
        return next(writev)(fd, parts, n);
}

__attribute__((destructor)) static void at_the_end(void)
{
        if (is_turn("status", 1))
                _exit(3);
}
