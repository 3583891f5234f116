/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bpffs mounts of this namespace. The kernel tells what has changed: poll(2) on mountinfo for
 * mounts, inotify for the rest.
 */

#include "pins-look.h"

#include "pins-views.h"
#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct PinsLook {
        PinWatches watches;
        int mountinfo;
        int error;           /* an errno: mountinfo can't be read */
        bool mounts_changed; /* it has to be read again */
        Views views;
};

PinsLook *pins_look_new(void)
{
        PinsLook *look = g_new0(PinsLook, 1);

        look->watches.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        look->watches.dirs = g_hash_table_new(NULL, NULL);
        look->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        look->error = look->mountinfo < 0 ? errno : 0;
        look->mounts_changed = true;
        views_init(&look->views);
        return look;
}

void pins_look_free(PinsLook *look)
{
        views_clear(&look->views);
        g_hash_table_unref(look->watches.dirs);
        if (look->watches.fd >= 0)
                close(look->watches.fd);
        if (look->mountinfo >= 0)
                close(look->mountinfo);
        g_free(look);
}

void pins_look_leave(PinsLook *look)
{
        if (look->mountinfo >= 0)
                close(look->mountinfo);
        look->mountinfo = -1;
}

int pins_look_fd(const PinsLook *look)
{
        return look->watches.fd;
}

void pins_look_fds(const PinsLook *look, int fds[PINS_LOOK_FDS])
{
        fds[0] = look->watches.fd;
        fds[1] = look->mountinfo;
}

static void read_mounts(PinsLook *look)
{
        g_autoptr(Mounts) mounts = NULL;
        int r;

        if (look->mountinfo < 0)
                return;
        r = mounts_read(look->mountinfo, &mounts);
        look->error = -r;
        look->mounts_changed = r < 0;
        if (r == 0)
                views_take(&look->views, mounts, &look->watches);
}

/* Events */

static void forget_all(PinsLook *look)
{
        for (guint i = 0; i < look->views.trees->len; i++)
                ((PinTree *)look->views.trees->pdata[i])->stale = true;
}

static void take_event(PinsLook *look, const struct inotify_event *event)
{
        PinDir *dir = g_hash_table_lookup(look->watches.dirs, GINT_TO_POINTER(event->wd));

        if (event->mask & IN_Q_OVERFLOW)
                forget_all(look);
        if (!dir)
                return;
        /* If a directory that is also mounted elsewhere gets a new path, mountinfo has it, but
         * poll(2) does not tell. */
        if (event->mask & (IN_ISDIR | IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT))
                look->mounts_changed = true;
        if (event->mask & IN_IGNORED) {
                g_hash_table_remove(look->watches.dirs, GINT_TO_POINTER(event->wd));
                dir->watch = -1;
        }
        /* The directories in it have watches of their own. */
        if (!*dir->path && (event->mask & (IN_IGNORED | IN_UNMOUNT)))
                dir->tree->stale = true;
        if (event->len > 0)
                pin_dir_change(dir, event->name);
}

/* How often the queue is read in one update: this is more than a full queue, which has 16384 events
 * (fs.inotify.max_queued_events). */
#define MAX_READS 256

/* True if there were any events. */
static bool take_events(PinsLook *look)
{
        _Alignas(struct inotify_event) char events[32768];
        bool any = false;
        ssize_t n;

        for (int i = 0; i < MAX_READS && look->watches.fd >= 0; i++) {
                n = read(look->watches.fd, events, sizeof(events));
                if (n <= 0)
                        break;
                any = true;
                for (ssize_t at = 0; at < n;) {
                        const struct inotify_event *event = (const void *)(events + at);

                        take_event(look, event);
                        at += sizeof(*event) + event->len;
                }
        }
        return any;
}

static bool mounts_have_changed(const PinsLook *look)
{
        struct pollfd poll_fd = { .fd = look->mountinfo, .events = POLLPRI };

        return look->mountinfo >= 0 && poll(&poll_fd, 1, 0) > 0;
}

static void update_tree(PinsLook *look, PinTree *tree)
{
        for (guint i = 0; i < look->views.all->len; i++) {
                const View *view = look->views.all->pdata[i];

                if (view->tree == tree && view_is_usable(view) && !*view->inside) {
                        pin_tree_update(tree, view->path);
                        break;
                }
        }
        /* Another mount has come between, and mountinfo has it by now. */
        if (tree->error == ESTALE)
                look->mounts_changed = true;
}

/* Takes up all events, and looks again at everything that they concern. True if there were any. */
static bool update(PinsLook *look)
{
        bool any = take_events(look);

        if (mounts_have_changed(look) || look->mounts_changed) {
                read_mounts(look);
                any = true;
        }
        for (guint i = 0; i < look->views.trees->len; i++) {
                PinTree *tree = look->views.trees->pdata[i];

                /* There may be room now for pins that were beyond the limits. */
                if (tree->unwatched || (any && tree->more))
                        tree->stale = true;
                if (!tree->stale && !tree->changed)
                        continue;
                update_tree(look, tree);
                if (chdir("/") < 0)
                        tree->error = errno;
        }
        return any;
}

/* Events that come while we look are for the next round. Most often they only tell that watches of
 * our own have ended. */
#define MAX_ROUNDS 3

void pins_look_update(PinsLook *look)
{
        for (int i = 0; i < MAX_ROUNDS && update(look); i++)
                ;
}

/* The list */

static void add_record(Records *list, PinKind kind, uint32_t id, bool hidden, const char *text)
{
        PinRecord record = { kind, id, hidden, strlen(text) };

        records_add(list, &record, sizeof(record), text, record.length);
}

static void add_note(Records *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(Records *list, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        add_record(list, PIN_NOTE, 0, false, text);
}

/* Paths that can't be read: the first of them, and their number. */
typedef struct Unread {
        char *path;
        int error;
        guint n;
} Unread;

static void add_unread(Unread *unread, const char *path, int error)
{
        if (unread->n++ > 0)
                return;
        unread->path = g_strdup(path);
        unread->error = error;
}

/* @path is the path of the directory with a slash behind it. Its first @length bytes are the view's
 * path. */
static void list_dir(const View *view, const PinDir *dir, GString *path, gsize length,
                     Unread *unread, Records *list)
{
        const gsize own = path->len;
        GHashTableIter iter;
        gpointer name, value;

        if (dir->error != 0)
                add_unread(unread, path->str, dir->error);
        g_hash_table_iter_init(&iter, dir->pins);
        while (g_hash_table_iter_next(&iter, &name, &value)) {
                const Pin *pin = value;

                g_string_truncate(path, own);
                g_string_append(path, name);
                if (pin->error != 0)
                        add_unread(unread, path->str, pin->error);
                else
                        add_record(list, pin->kind, pin->id, view_hides(view, path->str + length),
                                   path->str);
        }
}

static void list_view(const View *view, Unread *unread, Records *list)
{
        g_autoptr(GString) path = g_string_new(view->path);
        GHashTableIter iter;
        gpointer value;
        gsize length;

        if (!g_str_has_suffix(path->str, "/"))
                g_string_append_c(path, '/');
        length = path->len;
        g_hash_table_iter_init(&iter, view->tree->dirs);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                const PinDir *dir = value;
                const char *below = dir->path;

                if (*view->inside)
                        below = mounts_below(dir->path, view->inside);
                if (!below)
                        continue;
                g_string_truncate(path, length);
                g_string_append(path, below);
                if (*below)
                        g_string_append_c(path, '/');
                list_dir(view, dir, path, length, unread, list);
        }
}

static void list_unreached(const View *view, Records *list)
{
        if (view->remote)
                add_note(list, "not looked at, the way there may not answer: %s", view->path);
        else
                add_note(list, "not looked at, hidden by another mount: %s", view->path);
}

static void list_error(const View *view, int error, Records *list)
{
        if (error == ENOSYS)
                add_note(list,
                         "not looked at, it would change times of access before Linux 5.12: %s",
                         view->path);
        else
                add_note(list, "cannot be looked at: %s: %s", view->path, g_strerror(error));
}

void pins_look_list(const PinsLook *look, GByteArray *out)
{
        const gsize last_note = 256;
        Records list = { out, out->len + PINS_MAX_LIST - last_note };
        Unread unread = { 0 };
        bool more = false;

        if (look->error != 0)
                add_note(&list, "cannot be looked at: mountinfo: %s", g_strerror(look->error));
        for (guint i = 0; i < look->views.trees->len; i++)
                more |= ((PinTree *)look->views.trees->pdata[i])->more;
        for (guint i = 0; i < look->views.trees->len; i++)
                if (((PinTree *)look->views.trees->pdata[i])->unwatched) {
                        add_record(&list, PIN_UNWATCHED, 0, false, "");
                        break;
                }
        if (more)
                add_note(&list,
                         "not all are looked at: more than %u pins or %u directories, or more "
                         "than %u deep",
                         PINS_MAX, PINS_MAX_DIRECTORIES, PINS_MAX_DEPTH);
        if (look->views.more)
                add_note(&list, "not all are looked at: more than %u mounts", PINS_MAX_MOUNTS);
        for (guint i = 0; i < look->views.all->len; i++) {
                const View *view = look->views.all->pdata[i];

                if (!view->tree)
                        list_unreached(view, &list);
                else if (view->tree->error != 0)
                        list_error(view, view->tree->error, &list);
                else
                        list_view(view, &unread, &list);
        }
        if (unread.n > 0)
                add_note(&list, "not readable: %s: %s%s", unread.path, g_strerror(unread.error),
                         unread.n > 1 ? ", and others" : "");
        g_free(unread.path);
        if (list.cut) {
                list.cut = false;
                list.end += last_note;
                add_note(&list, "not all are shown: the paths are too long");
        }
}
