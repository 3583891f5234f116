/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBSERVERS_H
#define BPFMETAFS_OBSERVERS_H

/*
 * The observers that there are: each answers one question from outside of BPF objects.
 */

#include "attachments.h"
#include "holders.h"
#include "loaders.h"
#include "pins.h"
#include "rules.h"
#include "source.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Borrowed. NULL: there is no such observer, and its keys of info/ are not there. */
typedef struct Observers {
        Attachments *attachments;
        Pins *pins;
        Holders *holders;
        const Rules *rules; /* the administrator's rules */
        Loaders *loaders;
        bool contents; /* contents of maps are shown */
} Observers;

/* @text is borrowed until the function returns. */
typedef void (*ObservedFunc)(uint32_t prog_id, const char *text, void *data);

bool observers_have_attachments(const Observers *observers);
/* Tells of a map of type struct_ops, see attachments_add_map(). */
void observers_add_map(const Observers *observers, uint32_t id);
/* Appends the places where the program is attached now, as attachments_append() does. */
void observers_append_attachments(const Observers *observers, uint32_t id, GString *out);
/* Tells the type of a program, as attachments_tell_type(). */
void observers_tell_type(const Observers *observers, uint32_t prog_id, uint32_t type);
/* The lines of attachments_foreach_line() now, and its notes. */
void observers_foreach_attachment(const Observers *observers, gint64 max_age,
                                  AttachmentLineFunc func, void *data);
void observers_append_attachment_notes(const Observers *observers, GString *out);
/* Appends the ids of the links that run the program (uint32_t), ascending. */
void observers_append_links(const Observers *observers, uint32_t id, GArray *ids);
/* The keys of a link, see attachments_link_info(). 0 or -errno. */
int observers_link_info(const Observers *observers, uint32_t id, Info **out);

/* Calls @func for each place that each program is attached to: the attach type, a blank and the
 * target. Lines in parentheses about what can't be looked at are appended to @notes. */
void observers_foreach_place(const Observers *observers, ObservedFunc func, void *data,
                             GString *notes);

bool observers_have_contents(const Observers *observers);

bool observers_have_pins(const Observers *observers);
/* Appends the paths at which the object is pinned now, as pins_append() does. */
void observers_append_pins(const Observers *observers, PinKind kind, uint32_t id, GString *out);
/* The same for each path at which each program is pinned. */
void observers_foreach_pin(const Observers *observers, ObservedFunc func, void *data,
                           GString *notes);
/* The same in two steps, for questions about many objects: the list is brought up to date once. */
void observers_update_pins(const Observers *observers);
void observers_append_known_pins(const Observers *observers, PinKind kind, uint32_t id,
                                 GString *out);
/* Appends a line in parentheses for each thing that can't be looked at. */
void observers_append_pin_notes(const Observers *observers, GString *out);

bool observers_have_holders(const Observers *observers);
/* Brings the holders up to date, see holders_update(). The next functions answer for that
 * moment. */
void observers_update_holders(const Observers *observers);
/* See holders_until(). */
gint64 observers_holders_until(const Observers *observers);
/* True if that was done in the last @max_age microseconds, and succeeded. */
bool observers_know_holders(const Observers *observers, gint64 max_age);
void observers_append_holders(const Observers *observers, HolderKind kind, uint32_t id,
                              GArray *pids);
bool observers_is_holder(const Observers *observers, HolderKind kind, uint32_t id, uint32_t pid);
/* See holders_process(). */
Info *observers_holder_info(const Observers *observers, uint32_t pid);
void observers_append_holder_notes(const Observers *observers, GString *out);

bool observers_have_processes(const Observers *observers);
/* The same for the name, or each unit, of each program's loader and of each process that holds it:
 * those that the rules' keys comm and unit are matched with. */
void observers_foreach_comm(const Observers *observers, ObservedFunc func, void *data,
                            GString *notes);
void observers_foreach_unit(const Observers *observers, ObservedFunc func, void *data,
                            GString *notes);

bool observers_have_rules(const Observers *observers);

/* Events: see loaders.h. @source lists programs. */
void observers_prog_came(const Observers *observers, uint32_t id, uint32_t pid, uint64_t time);
void observers_prog_went(const Observers *observers, uint32_t id);
void observers_compare_progs(const Observers *observers, Source *source);
/* See loaders_follow(). */
bool observers_follow(const Observers *observers);

bool observers_know_loader(const Observers *observers, uint32_t id);
/* The loader of the program, after waiting for its facts: see loaders_wait(). The caller gets a
 * reference. NULL: it is not known. */
Loader *observers_loader(const Observers *observers, uint32_t id);
/* The same without waiting: what is known of it now. */
Loader *observers_known_loader(const Observers *observers, uint32_t id);

#endif
