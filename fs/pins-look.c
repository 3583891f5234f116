/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bpffs mounts of this namespace, kept up to date by what the kernel tells: poll(2) on
 * mountinfo for mounts, inotify for the rest.
 *
 * The same filesystem may be mounted at several paths, whole or in part. It is looked at once, from
 * the topmost directory that can be reached, and each mount is a view of that tree.
 */

#include "pins-look.h"
#include "mounts.h"
#include "pins-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A mount of a bpffs. */
typedef struct View {
        PinTree *tree;     /* NULL: it can't be reached */
        char *path;        /* where it is mounted */
        char *inside;      /* the directory of the tree that is seen there: "", "a/b" */
        bool hidden;       /* another mount lies over it */
        bool remote;       /* the path leads through a filesystem that may not answer */
        GPtrArray *covers; /* char *: what of it is below other mounts, as paths in it */
} View;

struct PinsLook {
        PinWatches watches;
        int mountinfo;
        int error;           /* an errno: mountinfo can't be read */
        bool mounts_changed; /* it has to be read again */
        bool more_mounts;    /* than PINS_MAX_MOUNTS */
        GPtrArray *trees;    /* PinTree */
        GPtrArray *views;    /* View */
};

static void view_free(gpointer data)
{
        View *view = data;

        g_ptr_array_unref(view->covers);
        g_free(view->inside);
        g_free(view->path);
        g_free(view);
}

PinsLook *pins_look_new(void)
{
        PinsLook *look = g_new0(PinsLook, 1);

        look->watches.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        look->watches.dirs = g_hash_table_new(NULL, NULL);
        look->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        look->error = look->mountinfo < 0 ? errno : 0;
        look->mounts_changed = true;
        look->trees = g_ptr_array_new_with_free_func((GDestroyNotify)pin_tree_free);
        look->views = g_ptr_array_new_with_free_func(view_free);
        return look;
}

void pins_look_free(PinsLook *look)
{
        g_ptr_array_unref(look->views);
        g_ptr_array_unref(look->trees);
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

/* Mounts */

/* Whoever walks there may wait for a server or another process: for ourselves, if it is our own
 * mount. */
static bool may_not_answer(const char *type)
{
        static const char *const types[] = { "9p",     "afs", "autofs", "ceph", "cifs",
                                             "lustre", "nfs", "nfs4",   "smb3" };

        if (g_str_has_prefix(type, "fuse"))
                return true;
        for (guint i = 0; i < G_N_ELEMENTS(types); i++)
                if (strcmp(type, types[i]) == 0)
                        return true;
        return false;
}

/* The root may be on a server: a host whose root does not answer has other sorrows. */
static bool is_remote(const Mounts *mounts, const Mount *mount)
{
        for (int i = 0; i < 64; i++) {
                mount = mounts_by_id(mounts, mount->parent);
                if (!mount || strcmp(mount->path, "/") == 0)
                        return false;
                if (may_not_answer(mount->type))
                        return true;
        }
        return true;
}

static View *view_new(const Mounts *mounts, const Mount *mount)
{
        View *view = g_new0(View, 1);

        view->path = g_strdup(mount->path);
        view->remote = is_remote(mounts, mount);
        view->hidden = !mounts_is_reached(mounts, mount);
        view->covers = g_ptr_array_new_with_free_func(g_free);
        for (guint i = 0; i < mounts->all->len; i++) {
                const Mount *other = mounts_get(mounts, i);
                const char *below = mounts_below(other->path, mount->path);

                if (other->parent == mount->id && below && *below)
                        g_ptr_array_add(view->covers, g_strdup(below));
        }
        return view;
}

static bool is_usable(const View *view)
{
        return !view->hidden && !view->remote;
}

/* Takes the tree out of @old, or makes it. */
static PinTree *find_tree(PinsLook *look, GPtrArray *old, const Mount *mount)
{
        GPtrArray *lists[] = { look->trees, old };

        for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
                for (guint j = 0; j < lists[i]->len; j++) {
                        PinTree *tree = lists[i]->pdata[j];

                        if (tree->dev != mount->dev || strcmp(tree->root, mount->root) != 0)
                                continue;
                        if (lists[i] == old)
                                g_ptr_array_add(look->trees, g_ptr_array_steal_index(old, j));
                        return tree;
                }
        g_ptr_array_add(look->trees, pin_tree_new(&look->watches, mount->dev, mount->root));
        return look->trees->pdata[look->trees->len - 1];
}

/* The mount, among those that can be used, that shows most of what is at the root of @mount; NULL
 * if there is none. */
static const Mount *topmost(GPtrArray *mounts, GPtrArray *views, const Mount *mount)
{
        const Mount *top = NULL;

        for (guint i = 0; i < mounts->len; i++) {
                const Mount *other = mounts->pdata[i];

                if (is_usable(views->pdata[i]) && other->dev == mount->dev &&
                    mounts_below(mount->root, other->root) &&
                    (!top || mounts_below(top->root, other->root)))
                        top = other;
        }
        return top;
}

static void take_mounts(PinsLook *look, const Mounts *mounts)
{
        g_autoptr(GPtrArray) old = look->trees;
        g_autoptr(GPtrArray) found = g_ptr_array_new();

        look->trees = g_ptr_array_new_with_free_func((GDestroyNotify)pin_tree_free);
        g_ptr_array_set_size(look->views, 0);
        look->more_mounts = false;
        for (guint i = 0; i < mounts->all->len; i++) {
                const Mount *mount = mounts_get(mounts, i);

                /* Of a directory that was removed nothing is left. */
                if (strcmp(mount->type, "bpf") != 0 || g_str_has_suffix(mount->root, "//deleted"))
                        continue;
                if (found->len == PINS_MAX_MOUNTS) {
                        look->more_mounts = true;
                        break;
                }
                g_ptr_array_add(found, (gpointer)mount);
                g_ptr_array_add(look->views, view_new(mounts, mount));
        }
        for (guint i = 0; i < found->len; i++) {
                const Mount *mount = found->pdata[i];
                const Mount *top = topmost(found, look->views, mount);
                View *view = look->views->pdata[i];

                if (!top)
                        continue;
                view->tree = find_tree(look, old, top);
                view->inside = g_strdup(mounts_below(mount->root, top->root));
        }
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
                take_mounts(look, mounts);
}

/* Events */

static void forget_all(PinsLook *look)
{
        for (guint i = 0; i < look->trees->len; i++)
                ((PinTree *)look->trees->pdata[i])->stale = true;
}

static void take_event(PinsLook *look, const struct inotify_event *event)
{
        PinDir *dir = g_hash_table_lookup(look->watches.dirs, GINT_TO_POINTER(event->wd));

        if (event->mask & IN_Q_OVERFLOW)
                forget_all(look);
        if (!dir)
                return;
        /* Mountinfo tells the new path of a directory that is mounted elsewhere, and poll(2) says
         * nothing of it. */
        if (event->mask & (IN_ISDIR | IN_MOVE_SELF | IN_DELETE_SELF | IN_UNMOUNT))
                look->mounts_changed = true;
        if (event->mask & IN_IGNORED) {
                g_hash_table_remove(look->watches.dirs, GINT_TO_POINTER(event->wd));
                dir->watch = -1;
        }
        /* The directories in it are told of by their own. */
        if (!*dir->path && (event->mask & (IN_IGNORED | IN_UNMOUNT)))
                dir->tree->stale = true;
        if (event->len > 0)
                pin_dir_change(dir, event->name);
}

/* How often the queue is read in one update: more than fits into it at once, which is 16384 events
 * (fs.inotify.max_queued_events). */
#define MAX_READS 256

/* True if there were any. */
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
        for (guint i = 0; i < look->views->len; i++) {
                const View *view = look->views->pdata[i];

                if (view->tree == tree && is_usable(view) && !*view->inside) {
                        pin_tree_update(tree, view->path);
                        break;
                }
        }
        /* Another mount has come between: it is told of by then. */
        if (tree->error == ESTALE)
                look->mounts_changed = true;
}

/* Takes up what has happened, and looks at what that has touched. True if that was anything. */
static bool update(PinsLook *look)
{
        bool any = take_events(look);

        if (mounts_have_changed(look) || look->mounts_changed) {
                read_mounts(look);
                any = true;
        }
        for (guint i = 0; i < look->trees->len; i++) {
                PinTree *tree = look->trees->pdata[i];

                /* What was beyond the limits may have room now. */
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

/* What happens while we look is left to the next round; most often that is but the end of watches
 * of our own. */
#define MAX_ROUNDS 3

void pins_look_update(PinsLook *look)
{
        for (int i = 0; i < MAX_ROUNDS && update(look); i++)
                ;
}

/* The list */

typedef struct List {
        GByteArray *out;
        gsize start;
        gsize room; /* in bytes */
        bool cut;
} List;

static void add_record(List *list, PinKind kind, uint32_t id, bool hidden, const char *text)
{
        PinRecord record = { kind, id, hidden, strlen(text) };

        if (list->cut ||
            list->out->len - list->start + sizeof(record) + record.length > list->room) {
                list->cut = true;
                return;
        }
        g_byte_array_append(list->out, (const void *)&record, sizeof(record));
        g_byte_array_append(list->out, (const void *)text, record.length);
}

static void add_note(List *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_note(List *list, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        add_record(list, PIN_NOTE, 0, false, text);
}

/* True if another mount lies over @path, which is relative to the view. */
static bool is_hidden(const View *view, const char *path)
{
        for (guint i = 0; i < view->covers->len; i++)
                if (mounts_below(path, view->covers->pdata[i]))
                        return true;
        return view->hidden;
}

/* What can't be read: the first path, and how many there are. */
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

/* @path is that of the directory, with a slash behind it, of which the first @length bytes are the
 * view's. */
static void list_dir(const View *view, const PinDir *dir, GString *path, gsize length,
                     Unread *unread, List *list)
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
                        add_record(list, pin->kind, pin->id, is_hidden(view, path->str + length),
                                   path->str);
        }
}

static void list_view(const View *view, Unread *unread, List *list)
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

static void list_unreached(const View *view, List *list)
{
        if (view->remote)
                add_note(list, "not looked at, the way there may not answer: %s", view->path);
        else
                add_note(list, "not looked at, hidden by another mount: %s", view->path);
}

static void list_error(const View *view, int error, List *list)
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
        List list = { .out = out, .start = out->len, .room = PINS_MAX_LIST - last_note };
        Unread unread = { 0 };
        bool more = false;

        if (look->error != 0)
                add_note(&list, "cannot be looked at: mountinfo: %s", g_strerror(look->error));
        for (guint i = 0; i < look->trees->len; i++)
                more |= ((PinTree *)look->trees->pdata[i])->more;
        for (guint i = 0; i < look->trees->len; i++)
                if (((PinTree *)look->trees->pdata[i])->unwatched) {
                        add_record(&list, PIN_UNWATCHED, 0, false, "");
                        break;
                }
        if (more)
                add_note(&list,
                         "not all are looked at: more than %u pins or %u directories, or more "
                         "than %u deep",
                         PINS_MAX, PINS_MAX_DIRECTORIES, PINS_MAX_DEPTH);
        if (look->more_mounts)
                add_note(&list, "not all are looked at: more than %u mounts", PINS_MAX_MOUNTS);
        for (guint i = 0; i < look->views->len; i++) {
                const View *view = look->views->pdata[i];

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
                list.room += last_note;
                add_note(&list, "not all are shown: the paths are too long");
        }
}
