/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "pins-views.h"

#include <string.h>

static void view_free(gpointer data)
{
        View *view = data;

        g_ptr_array_unref(view->covers);
        g_free(view->inside);
        g_free(view->path);
        g_free(view);
}

void views_init(Views *views)
{
        views->trees = g_ptr_array_new_with_free_func((GDestroyNotify)pin_tree_free);
        views->all = g_ptr_array_new_with_free_func(view_free);
        views->more = false;
}

void views_clear(Views *views)
{
        g_ptr_array_unref(views->all);
        g_ptr_array_unref(views->trees);
}

/* A walk there may wait for a server or another process: for ourselves, if it is our own mount. */
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

/* The root itself may be on a server: if that does not answer, the host has greater problems. */
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

bool view_is_usable(const View *view)
{
        return !view->hidden && !view->remote;
}

/* Moves the tree out of @old, or makes it. */
static PinTree *find_tree(Views *views, GPtrArray *old, const Mount *mount, PinWatches *watches)
{
        GPtrArray *lists[] = { views->trees, old };

        for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
                for (guint j = 0; j < lists[i]->len; j++) {
                        PinTree *tree = lists[i]->pdata[j];

                        if (tree->dev != mount->dev || strcmp(tree->root, mount->root) != 0)
                                continue;
                        if (lists[i] == old)
                                g_ptr_array_add(views->trees, g_ptr_array_steal_index(old, j));
                        return tree;
                }
        g_ptr_array_add(views->trees, pin_tree_new(watches, mount->dev, mount->root));
        return views->trees->pdata[views->trees->len - 1];
}

/* The usable mount that shows the most of the filesystem around the root of @mount; NULL if there
 * is none. */
static const Mount *topmost(GPtrArray *mounts, GPtrArray *views, const Mount *mount)
{
        const Mount *top = NULL;

        for (guint i = 0; i < mounts->len; i++) {
                const Mount *other = mounts->pdata[i];

                if (view_is_usable(views->pdata[i]) && other->dev == mount->dev &&
                    mounts_below(mount->root, other->root) &&
                    (!top || mounts_below(top->root, other->root)))
                        top = other;
        }
        return top;
}

void views_take(Views *views, const Mounts *mounts, PinWatches *watches)
{
        g_autoptr(GPtrArray) old = views->trees;
        g_autoptr(GPtrArray) found = g_ptr_array_new();

        views->trees = g_ptr_array_new_with_free_func((GDestroyNotify)pin_tree_free);
        g_ptr_array_set_size(views->all, 0);
        views->more = false;
        for (guint i = 0; i < mounts->all->len; i++) {
                const Mount *mount = mounts_get(mounts, i);

                /* Of a directory that was removed nothing is left. */
                if (strcmp(mount->type, "bpf") != 0 || g_str_has_suffix(mount->root, "//deleted"))
                        continue;
                if (found->len == PINS_MAX_MOUNTS) {
                        views->more = true;
                        break;
                }
                g_ptr_array_add(found, (gpointer)mount);
                g_ptr_array_add(views->all, view_new(mounts, mount));
        }
        for (guint i = 0; i < found->len; i++) {
                const Mount *mount = found->pdata[i];
                const Mount *top = topmost(found, views->all, mount);
                View *view = views->all->pdata[i];

                if (!top)
                        continue;
                view->tree = find_tree(views, old, top, watches);
                view->inside = g_strdup(mounts_below(mount->root, top->root));
        }
}

bool view_hides(const View *view, const char *path)
{
        for (guint i = 0; i < view->covers->len; i++)
                if (mounts_below(path, view->covers->pdata[i]))
                        return true;
        return view->hidden;
}
