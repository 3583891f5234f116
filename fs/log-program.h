/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_LOG_PROGRAM_H
#define BPFMETAFS_LOG_PROGRAM_H

/*
 * A program in the log of loads: what is kept of it from its load to its unload, and its lines.
 */

#include "loaders.h"
#include "log-recent.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Room for a tag in hexadecimal digits. */
#define LOG_PROGRAM_TAG 17

/* What a line waits for. */
typedef struct LogWaiting {
        int64_t since;  /* g_get_monotonic_time() */
        Loader *loader; /* owned; NULL: not known */
        uint32_t looks; /* that were made: at facts, at its owner, and again at its owner */
        bool load;      /* its load has to be logged */
        bool named;
        bool gone;
        uint64_t gone_at; /* the kernel's CLOCK_BOOTTIME, in nanoseconds */
        char tag[LOG_PROGRAM_TAG];
} LogWaiting;

/* A program that is loaded, or of which a line waits. Texts are those of files of the tree, or
 * pairs of log-text.h. Many programs have the same, so all but the facts are GRefStrings. */
typedef struct LogProgram {
        guint refs;
        uint32_t id;
        bool seen;          /* its load was an event */
        bool looked;        /* at its facts and its owner, or nobody could */
        uint32_t pid;       /* of the process that has loaded it, as the event has it; or 0 */
        char *facts;        /* pairs; NULL: nobody could look, or has looked */
        char *process;      /* pairs: who loaded it; NULL: not known */
        char *comm;         /* text: the name of that process; NULL: not known */
        char *oncall;       /* text; NULL: none */
        uint64_t load_time; /* the kernel's CLOCK_BOOTTIME, in nanoseconds; 0: not known */
        uint64_t run_time_ns, run_cnt;
        uint64_t counted_at; /* the same clock, when these were */
        LogWaiting *waiting; /* owned; NULL: no line waits */
} LogProgram;

LogProgram *log_program_new(uint32_t id);
LogProgram *log_program_ref(LogProgram *program);
void log_program_unref(LogProgram *program);
void log_waiting_free(LogWaiting *waiting);

/* Takes @text, which may be NULL. */
void log_program_set_oncall(LogProgram *program, char *text);
/* Takes over what is known of who has loaded the program, which waits. @recent remembers it, or
 * knows more. */
void log_program_take_loader(LogProgram *program, LogRecent *recent);
/* Of the @n bytes at @bytes. */
void log_program_set_tag(LogProgram *program, const uint8_t *bytes, guint n);

/* Lines of a program that waits; owned by the caller. */
char *log_program_load_line(const LogProgram *program);
char *log_program_unload_line(const LogProgram *program);

#endif
