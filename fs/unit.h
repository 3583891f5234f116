/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_UNIT_H
#define BPFMETAFS_UNIT_H

/*
 * What the name of a cgroup says of who is in it: the systemd unit and the container.
 *
 * Pure: text comes in, names come out. A cgroup says what whoever made it wanted: units and ids
 * have the form of such, and nothing proves them. All functions are linear in the length of the
 * text.
 */

#include <glib.h>

/* The longest name of a unit (UNIT_NAME_MAX of systemd), and the length of a container's id. */
#define UNIT_MAX_NAME 255u
#define UNIT_CONTAINER_ID 64u

/*
 * The unit of the system's manager, such as "sshd.service": the first part of @cgroup, an absolute
 * path, that is a unit behind the slices (cg_path_get_unit(), systemd's src/basic/cgroup-util.c).
 * NULL if there is none. It has the form in which systemctl(1) takes it: the underscore that
 * systemd puts before names that cgroups reserve is gone, escapes such as \x2d are part of the
 * name. Its characters are letters, digits and any of ":-_.\@", so it needs no escaping. Owned by
 * the caller, and so in all of the following.
 */
char *unit_of_cgroup(const char *cgroup);

/* The unit of the user's own manager, if @cgroup is below that: in user@1000.service, behind the
 * slices there (cg_path_get_user_unit()). NULL if there is none. */
char *unit_of_user(const char *cgroup);

/*
 * The id of the innermost container: UNIT_CONTAINER_ID lower-case hexadecimal digits. Understood is
 * what Docker, containerd, CRI-O and Podman make under their own names or systemd's, also below
 * Kubernetes' pods: ".../ID", and "RUNTIME-ID" with or without ".scope", and ":RUNTIME:ID". NULL if
 * there is none; the processes that watch a container (conmon) are in none.
 */
char *unit_container(const char *cgroup);

/* All that /proc/PID/cgroup says (cgroups(7)). */
typedef struct ProcessUnit {
        char *cgroup; /* the path: NULL if there is none. Hostile text */
        char *unit;   /* NULL if there is none, and so are the next */
        char *user_unit;
        char *container;
} ProcessUnit;

/*
 * Reads the text of /proc/PID/cgroup. Of hosts with several hierarchies, cgroup and units are those
 * of version 2; where that says nothing, of systemd's own of version 1. A container's id is taken
 * from any of them. " (deleted)" behind a path is left out.
 */
ProcessUnit unit_of_process(const char *text);
void process_unit_clear(ProcessUnit *unit);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessUnit, process_unit_clear)

#endif
