/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_UNIT_H
#define BPFMETAFS_UNIT_H

/*
 * The systemd unit and the container of a cgroup, from its name.
 *
 * Pure: text comes in, names come out. The name of a cgroup is its maker's choice: what looks like
 * a unit or an id has the right form, and nothing proves it. All functions are linear in the length
 * of the text.
 */

#include <glib.h>

/* The longest name of a unit (UNIT_NAME_MAX of systemd), and the length of a container's id. */
#define UNIT_MAX_NAME 255u
#define UNIT_CONTAINER_ID 64u

/*
 * The unit of the system's manager, such as "sshd.service": the first part behind the slices of the
 * absolute path @cgroup that is a unit (cg_path_get_unit(), systemd's src/basic/cgroup-util.c).
 * NULL if there is none. systemctl(1) takes it in this form: without the underscore that systemd
 * puts before names that cgroups reserve, and with escapes such as \x2d, which are part of the
 * name. Its characters are letters, digits and any of ":-_.\@", so it needs no escaping. Owned by
 * the caller, and so in all of the following.
 */
char *unit_of_cgroup(const char *cgroup);

/* The unit of the user's own manager, if @cgroup is below that manager (user@1000.service and the
 * slices in it; cg_path_get_user_unit()). NULL if there is none. */
char *unit_of_user(const char *cgroup);

/*
 * The id of the innermost container: UNIT_CONTAINER_ID lower-case hexadecimal digits. The forms of
 * Docker, containerd, CRI-O and Podman are understood, with and without systemd, also below
 * Kubernetes' pods: ".../ID", and "RUNTIME-ID" with or without ".scope", and ":RUNTIME:ID". NULL if
 * there is none. The processes that watch a container (conmon) count as being in none.
 */
char *unit_container(const char *cgroup);

/* The facts in /proc/PID/cgroup (cgroups(7)). */
typedef struct ProcessUnit {
        char *cgroup; /* the path: NULL if there is none. Hostile text */
        char *unit;   /* NULL if there is none, and so are the next */
        char *user_unit;
        char *container;
} ProcessUnit;

/*
 * Reads the text of /proc/PID/cgroup. On hosts with several hierarchies, cgroup and units are those
 * of version 2; if that has none, those of systemd's own hierarchy of version 1. A container's id
 * is taken from any of them. " (deleted)" behind a path is left out.
 */
ProcessUnit unit_of_process(const char *text);
void process_unit_clear(ProcessUnit *unit);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessUnit, process_unit_clear)

#endif
