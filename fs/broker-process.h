/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_BROKER_PROCESS_H
#define BPFMETAFS_BROKER_PROCESS_H

/*
 * The broker's process, and the questions that it is asked.
 *
 * A part of broker.c, which forks it. To add a question: its number here, its answer's function in
 * the table of broker-process.c, and its patience in that of broker.c.
 */

#include "holders-list.h"
#include "netns-list.h"
#include "pins-look.h"
#include "process.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct BrokerWork {
        const char *mountpoint; /* absolute; NULL: somebody else unmounts */
        int device;             /* of /dev/fuse: it tells whether it is still mounted; else -1 */
        int news;               /* feed_listen()'s, or -1: no rings are to be opened */
        bool netns;             /* it looks into network namespaces */
        PinsLook *pins;         /* borrowed; NULL: nobody looks at pins and processes */
        bool keeps_output;      /* it may write to standard error; else it lets go of 0, 1 and 2 */
        char **arguments; /* main()'s argv: ps(1) shows the broker's name in its place; NULL: it is
                             left alone */
} BrokerWork;

typedef enum QuestionKind {
        QUESTION_UNMOUNT,
        QUESTION_PINS,
        QUESTION_NETNS,
        QUESTION_HOLDERS,
        QUESTION_PROCESS,
        N_QUESTIONS,
} QuestionKind;

/* Answers come in the order of the questions, but that to QUESTION_HOLDERS comes when the look has
 * ended: other questions are answered meanwhile. The number shows whether anybody still waits for
 * an answer. */
typedef struct Question {
        uint32_t number; /* from 1 on */
        uint32_t kind;   /* QuestionKind */
        uint32_t pid; /* for QUESTION_PROCESS: the process; for QUESTION_HOLDERS: the first one */
} Question;

typedef struct Answer {
        uint32_t number; /* of the question; 0: the broker is ready, or could not be */
        uint32_t kind;   /* of the question */
        int32_t result;  /* 0 or the number that was asked for, or -errno */
        uint32_t unused;
        int64_t time; /* g_get_monotonic_time() of the answer */
} Answer;
/* Behind the answer to QUESTION_PROCESS there is a ProcessText. */
#define BROKER_MAX_ANSWER (sizeof(Answer) + PROCESS_MAX_TEXT)

/* Lists are longer than an answer. That of holders has a place of its own, behind the place of all
 * others: it stays there until the next look ends. */
#define BROKER_MAX_LIST MAX(PINS_MAX_LIST, NETNS_MAX_LIST)
#define BROKER_ROOM (BROKER_MAX_LIST + HOLDERS_MAX_LIST)

/* Its ends of what the two processes share. */
typedef struct BrokerEnds {
        int questions; /* socket; its end is the serving process's end */
        int rings;     /* socket; -1: none */
        uint8_t *room; /* BROKER_ROOM bytes for lists; NULL: nobody asks for one */
} BrokerEnds;

/* Gives up rights, answers question 0 when that is done, then works until the serving process has
 * ended. Does not return. */
void broker_process_run(const BrokerWork *work_to_do, const BrokerEnds *ends) G_GNUC_NORETURN;

#endif
