/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names of cgroups, part by part. */

#include "unit.h"

#include <stdbool.h>
#include <string.h>

/* A part of a path; its length is 0 behind the path's end. */
typedef struct Part {
        const char *name;
        size_t length;
} Part;

static Part part_at(const char *path)
{
        path += strspn(path, "/");
        return (Part){ path, strcspn(path, "/") };
}

static Part next_part(Part part)
{
        return part_at(part.name + part.length);
}

static bool is(Part part, const char *text)
{
        return strlen(text) == part.length && memcmp(part.name, text, part.length) == 0;
}

/* Takes @end away from the end of @part. False if it does not end so; then nothing is done. */
static bool cut(Part *part, const char *end)
{
        size_t length = strlen(end);

        if (part->length < length || memcmp(part->name + part->length - length, end, length) != 0)
                return false;
        part->length -= length;
        return true;
}

/* Units */

static bool is_unit_char(char c)
{
        return g_ascii_isalnum(c) || (c != '\0' && strchr(":-_.\\", c));
}

static bool has_type(Part part)
{
        static const char *const types[] = { ".service", ".scope", ".slice",    ".socket",
                                             ".mount",   ".swap",  ".target",   ".device",
                                             ".timer",   ".path",  ".automount" };

        for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
                if (cut(&part, types[i]))
                        return part.length > 0;
        return false;
}

/* The part without the underscore of cg_escape(). */
static Part unescaped(Part part)
{
        return part.length > 0 && *part.name == '_' ? (Part){ part.name + 1, part.length - 1 }
                                                    : part;
}

/* unit_name_is_valid() of systemd's src/basic/unit-name.c, for plain names and instances: one with
 * nothing between '@' and the last dot is a template, and is never started. */
static bool is_unit(Part part)
{
        const char *at = memchr(part.name, '@', part.length);
        const char *dot = memrchr(part.name, '.', part.length);

        if (part.length > UNIT_MAX_NAME || !has_type(part))
                return false;
        for (size_t i = 0; i < part.length; i++)
                if (!is_unit_char(part.name[i]) && part.name[i] != '@')
                        return false;
        return !at || (at > part.name && at + 1 != dot && at < dot);
}

static bool is_slice(Part part)
{
        part = unescaped(part);
        return is_unit(part) && !memchr(part.name, '@', part.length) && cut(&part, ".slice");
}

/* The first part that is no slice. In a cgroup namespace, a path may begin above its root. */
static Part skip_slices(Part part)
{
        while (is_slice(part) || is(part, ".."))
                part = next_part(part);
        return part;
}

/* There are no more slices behind the first part that is none. */
static char *unit_name(Part part)
{
        Part prefix;

        part = unescaped(part);
        prefix = part;
        return is_unit(part) && !cut(&prefix, ".slice") ? g_strndup(part.name, part.length) : NULL;
}

char *unit_of_cgroup(const char *cgroup)
{
        return unit_name(skip_slices(part_at(cgroup)));
}

/* user@1000.service */
static bool is_user_manager(Part part)
{
        static const char begin[] = "user@";
        const size_t length = strlen(begin);

        if (!cut(&part, ".service") || part.length <= length ||
            memcmp(part.name, begin, length) != 0)
                return false;
        for (size_t i = length; i < part.length; i++)
                if (!g_ascii_isdigit(part.name[i]))
                        return false;
        return true;
}

char *unit_of_user(const char *cgroup)
{
        Part part = skip_slices(part_at(cgroup));

        if (!is_user_manager(part))
                return NULL;
        part = next_part(part);
        while (is_slice(part))
                part = next_part(part);
        return unit_name(part);
}

/* Containers */

static bool is_runtime(Part part)
{
        static const char *const runtimes[] = { "docker", "containerd", "cri-containerd",
                                                "crio",   "nerdctl",    "libpod",
                                                "runc",   "crun",       "libpod-payload" };

        for (size_t i = 0; i < G_N_ELEMENTS(runtimes); i++)
                if (is(part, runtimes[i]))
                        return true;
        return false;
}

/* The id in the part; NULL if there is none. */
static const char *container_id(Part part)
{
        bool scope = cut(&part, ".scope");
        const char *id, *colon;

        if (part.length < UNIT_CONTAINER_ID)
                return NULL;
        id = part.name + part.length - UNIT_CONTAINER_ID;
        for (size_t i = 0; i < UNIT_CONTAINER_ID; i++)
                if (!g_ascii_isxdigit(id[i]) || g_ascii_isupper(id[i]))
                        return NULL;
        part.length -= UNIT_CONTAINER_ID;
        if (part.length == 0)
                return scope ? NULL : id;
        if (!cut(&part, "-") && !cut(&part, ":"))
                return NULL;
        /* containerd's systemd notation SLICE:RUNTIME:ID, where it is taken for a name. */
        colon = memrchr(part.name, ':', part.length);
        if (colon)
                part = (Part){ colon + 1, part.name + part.length - colon - 1 };
        return is_runtime(part) ? id : NULL;
}

char *unit_container(const char *cgroup)
{
        const char *found = NULL;

        for (Part part = part_at(cgroup); part.length > 0; part = next_part(part)) {
                const char *id = container_id(part);

                if (id)
                        found = id;
        }
        return found ? g_strndup(found, UNIT_CONTAINER_ID) : NULL;
}

/* Processes */

/* The hierarchy that a line of /proc/PID/cgroup is about. */
typedef enum Hierarchy {
        VERSION_2,
        SYSTEMD, /* systemd's own of version 1 */
        OTHER,
        NONE, /* it is no such line */
} Hierarchy;

/* Splits "NUMBER:CONTROLLERS:PATH". */
static Hierarchy split_line(char *line, char **path)
{
        char *controllers = strchr(line, ':');

        *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!*path)
                return NONE;
        *controllers++ = '\0';
        *(*path)++ = '\0';
        if (**path != '/')
                return NONE;
        if (g_str_has_suffix(*path, " (deleted)"))
                (*path)[strlen(*path) - strlen(" (deleted)")] = '\0';
        if (strcmp(line, "0") == 0 && !*controllers)
                return VERSION_2;
        return strcmp(controllers, "name=systemd") == 0 ? SYSTEMD : OTHER;
}

static bool says_something(const char *path)
{
        return path && strcmp(path, "/") != 0;
}

/* @paths has one of each hierarchy or NULL, the better ones first. */
static void take_paths(ProcessUnit *unit, const char *const paths[])
{
        const char *cgroup = NULL;

        for (Hierarchy i = VERSION_2; i < NONE; i++)
                if (!cgroup || (!says_something(cgroup) && says_something(paths[i])))
                        cgroup = paths[i];
        unit->cgroup = g_strdup(cgroup);
        for (Hierarchy i = VERSION_2; i <= SYSTEMD; i++) {
                if (paths[i] && !unit->container)
                        unit->container = unit_container(paths[i]);
                if (!paths[i] || unit->unit)
                        continue;
                unit->unit = unit_of_cgroup(paths[i]);
                unit->user_unit = unit_of_user(paths[i]);
        }
}

ProcessUnit unit_of_process(const char *text)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autofree char *other = NULL; /* the container by any other hierarchy */
        const char *paths[NONE] = { NULL };
        ProcessUnit unit = { NULL };

        for (char **line = lines; *line; line++) {
                char *path;
                Hierarchy hierarchy = split_line(*line, &path);

                if (hierarchy == NONE)
                        continue;
                if (!says_something(paths[hierarchy]))
                        paths[hierarchy] = path;
                if (!other && hierarchy == OTHER)
                        other = unit_container(path);
        }
        take_paths(&unit, paths);
        if (!unit.container)
                unit.container = g_steal_pointer(&other);
        return unit;
}

void process_unit_clear(ProcessUnit *unit)
{
        g_clear_pointer(&unit->cgroup, g_free);
        g_clear_pointer(&unit->unit, g_free);
        g_clear_pointer(&unit->user_unit, g_free);
        g_clear_pointer(&unit->container, g_free);
}
