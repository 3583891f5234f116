/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The serving process's side of the broker. */

#include "broker.h"

#include "child.h"
#include "loaders.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long to wait for the answer, in milliseconds. */
#define START_PATIENCE 10000
#define END_PATIENCE 1000
static const int patience[N_QUESTIONS] = {
        [QUESTION_UNMOUNT] = 5000,
        [QUESTION_PINS] = 300,
        [QUESTION_NETNS] = 300,
        [QUESTION_PROCESS] = LOADERS_PATIENCE,
};

struct Broker {
        int questions;   /* socket */
        int rings;       /* socket; -1: none, or it was taken */
        int pidfd;       /* polls readable when the process has ended; -1: before Linux 5.3 */
        uint32_t n;      /* questions that were asked */
        GQueue heard;    /* GBytes: answers about processes that nobody has taken yet */
        uint32_t looked; /* the number of the last question for holders; 0: none */
        Answer holders;  /* the last answer to such a question; number 0: none */
        uint8_t *room; /* BROKER_ROOM bytes that the broker writes: lists, which are longer than an
                          answer. NULL: nobody asks for one */
};

/* Reads the next answer, which has to come before @end (g_get_monotonic_time()). An answer about a
 * process or holders is put aside. 0, -ETIMEDOUT or -EPIPE. */
static int read_answer(Broker *broker, int64_t end, Answer *out)
{
        struct pollfd fd = { .fd = broker->questions, .events = POLLIN };
        uint8_t text[BROKER_MAX_ANSWER];
        ssize_t n;
        int r;

        do {
                int64_t left = end - g_get_monotonic_time();

                /* Below 0 it would wait without an end. */
                r = poll(&fd, 1, MAX(left, 0) / G_TIME_SPAN_MILLISECOND);
        } while (r < 0);
        if (r == 0)
                return -ETIMEDOUT;
        n = read(fd.fd, text, sizeof(text));
        if (n < (ssize_t)sizeof(*out))
                return -EPIPE;
        memcpy(out, text, sizeof(*out));
        if (out->kind == QUESTION_PROCESS)
                g_queue_push_tail(&broker->heard, g_bytes_new(text, n));
        if (out->kind == QUESTION_HOLDERS)
                broker->holders = *out;
        return 0;
}

static int64_t end_of(int wait)
{
        return g_get_monotonic_time() + wait * G_TIME_SPAN_MILLISECOND;
}

/* Waits for the answer with @number. */
static int hear(Broker *broker, uint32_t number, int wait)
{
        int64_t end = end_of(wait);
        Answer answer;
        int r;

        do
                r = read_answer(broker, end, &answer);
        while (r == 0 && answer.number != number);
        return r < 0 ? r : answer.result;
}

static int send_question(Broker *broker, Question *question)
{
        question->number = ++broker->n;
        if (send(broker->questions, question, sizeof(*question), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
        return 0;
}

static int ask(Broker *broker, QuestionKind kind)
{
        Question question = { .kind = kind };
        int r = send_question(broker, &question);

        return r < 0 ? r : hear(broker, question.number, patience[kind]);
}

int broker_unmount(Broker *broker)
{
        return ask(broker, QUESTION_UNMOUNT);
}

int broker_ask_process(void *data, uint32_t pid, uint32_t *number)
{
        Broker *broker = data;
        Question question = { .kind = QUESTION_PROCESS, .pid = pid };
        int r = send_question(broker, &question);

        *number = question.number;
        return r;
}

int broker_hear_process(void *data, int wait, uint32_t *number, GByteArray *out)
{
        Broker *broker = data;
        int64_t end = end_of(MIN(wait, patience[QUESTION_PROCESS]));
        g_autoptr(GBytes) bytes = NULL;
        const uint8_t *text;
        Answer answer;
        gsize size;

        while (g_queue_is_empty(&broker->heard)) {
                int r = read_answer(broker, end, &answer);

                if (r < 0)
                        return r;
        }
        bytes = g_queue_pop_head(&broker->heard);
        text = g_bytes_get_data(bytes, &size);
        memcpy(&answer, text, sizeof(answer));
        *number = answer.number;
        if (answer.result == 0)
                g_byte_array_append(out, text + sizeof(answer), size - sizeof(answer));
        return 0;
}

/* Takes a list of at most @most bytes, of the length that was answered. Nothing is written there
 * before the next question. */
static int take_list(const uint8_t *room, int length, size_t most, GByteArray *out)
{
        if (length < 0)
                return length;
        if ((size_t)length > most)
                return -EPROTO;
        g_byte_array_append(out, room, length);
        return 0;
}

static int ask_for_list(Broker *broker, QuestionKind kind, GByteArray *out)
{
        return take_list(broker->room, ask(broker, kind), BROKER_MAX_LIST, out);
}

int broker_list_pins(void *broker, GByteArray *out)
{
        return ask_for_list(broker, QUESTION_PINS, out);
}

int broker_list_netns(void *broker, GByteArray *out)
{
        return ask_for_list(broker, QUESTION_NETNS, out);
}

int broker_begin_holders(void *data, uint32_t from)
{
        Broker *broker = data;
        Question question = { .kind = QUESTION_HOLDERS, .pid = from };
        int r = send_question(broker, &question);

        broker->looked = question.number;
        return r;
}

int broker_hear_holders(void *data, int wait, GByteArray *out, gint64 *ended)
{
        Broker *broker = data;
        int64_t end = end_of(wait);
        Answer answer;
        int length;

        while (broker->holders.number != broker->looked) {
                int r = read_answer(broker, end, &answer);

                if (r < 0)
                        return r;
        }
        *ended = broker->holders.time;
        length = broker->holders.result;
        return length < 0
                       ? length
                       : take_list(broker->room + BROKER_MAX_LIST, length, HOLDERS_MAX_LIST, out);
}

int broker_take_rings(Broker *broker)
{
        int rings = broker->rings;

        broker->rings = -1;
        return rings;
}

/* Shared memory needs no call that moves its contents, and no descriptor. Pages that are not used
 * take no memory. */
static int make_room(Broker *broker)
{
        void *room =
                mmap(NULL, BROKER_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (room == MAP_FAILED)
                return -errno;
        broker->room = room;
        return 0;
}

static int start_process(Broker *broker, const BrokerWork *work_to_do)
{
        int questions[2] = { -1, -1 }, rings[2] = { -1, -1 };
        BrokerEnds process = { .questions = -1, .rings = -1 };
        pid_t pid = -1;
        int r = 0;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, questions) < 0 ||
            (work_to_do->news >= 0 &&
             socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rings) < 0))
                r = -errno;
        if (r == 0 && (work_to_do->pins || work_to_do->netns))
                r = make_room(broker);
        process.room = broker->room;
        broker->questions = questions[0];
        broker->rings = rings[0];
        process.questions = questions[1];
        process.rings = rings[1];
        if (r == 0)
                r = pid = child_fork(&broker->pidfd);
        if (pid == 0) {
                close(broker->questions);
                if (broker->rings >= 0)
                        close(broker->rings);
                broker_process_run(work_to_do, &process);
        }
        if (process.questions >= 0)
                close(process.questions);
        if (process.rings >= 0)
                close(process.rings);
        return r < 0 ? r : hear(broker, 0, START_PATIENCE);
}

int broker_new(Broker **out, const BrokerWork *work_to_do, GError **error)
{
        g_autoptr(Broker) broker = g_new(Broker, 1);
        int r;

        *broker = (Broker){ .questions = -1, .rings = -1, .pidfd = -1, .heard = G_QUEUE_INIT };
        r = start_process(broker, work_to_do);
        if (r < 0) {
                g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-r),
                            "cannot start the process that unmounts: %s", g_strerror(-r));
                return r;
        }
        *out = g_steal_pointer(&broker);
        return 0;
}

void broker_free(Broker *broker)
{
        if (!broker)
                return;
        if (broker->rings >= 0)
                close(broker->rings);
        if (broker->questions >= 0)
                close(broker->questions);
        child_bury(broker->pidfd, END_PATIENCE);
        g_queue_clear_full(&broker->heard, (GDestroyNotify)g_bytes_unref);
        if (broker->room)
                munmap(broker->room, BROKER_ROOM);
        g_free(broker);
}
