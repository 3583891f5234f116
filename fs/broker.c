/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The broker. The upper half of this file is the new process, the lower half is the serving
 * process's side of it. To add a question: its number, its answer's function and its patience, each
 * in its table.
 */

#include "broker.h"

#include "feed.h"
#include "handover.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME "bpfmeta-broker"

typedef enum QuestionKind {
        QUESTION_UNMOUNT,
        QUESTION_PINS,
        N_QUESTIONS,
} QuestionKind;

/* Answers come in the order of the questions. Its number tells an answer that nobody waits for any
 * more. */
typedef struct Question {
        uint32_t number; /* from 1 on */
        uint32_t kind;   /* QuestionKind */
} Question;

typedef struct Answer {
        uint32_t number; /* of the question; 0: the broker is ready, or could not be */
        int32_t result;  /* 0 or what was asked for, or -errno */
} Answer;

/* How long to wait for the answer, in milliseconds. */
#define START_PATIENCE 10000
#define END_PATIENCE 1000
static const int patience[N_QUESTIONS] = {
        [QUESTION_UNMOUNT] = 5000,
        [QUESTION_PINS] = 300,
};

/* The process */

typedef struct Process {
        const BrokerWork *work;
        int questions; /* socket; its end is the serving process's end */
        int rings;     /* socket; -1: none */
        int device;    /* -1: nothing more is to be unmounted */
        dev_t mounted; /* of the mounted tree */
        void *room;    /* for a list, see Broker; NULL: nobody asks for one */
} Process;

/* Which filesystem is at the mount point. The kernel answers by itself: a tree that is not served
 * yet, or any more, keeps nobody waiting (AT_STATX_DONT_SYNC; Linux 4.20). */
static int find_mounted(const Process *process, dev_t *out)
{
        struct statx attr;

        if (statx(AT_FDCWD, process->work->mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                  STATX_TYPE, &attr) < 0)
                return -errno;
        *out = makedev(attr.stx_dev_major, attr.stx_dev_minor);
        return 0;
}

/* A number of a filesystem is given to another once it has gone. So the device, which tells whether
 * it has, is asked first. And it is closed before anything that may take long: while it is open,
 * whoever reads the tree of a process that has been killed waits. */
static int unmount(Process *process)
{
        struct pollfd device = { .fd = process->device };
        dev_t mounted;
        int r;

        if (process->device < 0)
                return 0;
        r = poll(&device, 1, 0);
        close(process->device);
        process->device = -1;
        if (r > 0)
                return 0;
        r = find_mounted(process, &mounted);
        if (r < 0)
                return r;
        if (mounted != process->mounted)
                return -EBUSY;
        return umount2(process->work->mountpoint, MNT_DETACH) < 0 ? -errno : 0;
}

/* How many bytes the list has. */
static int list_pins(Process *process)
{
        g_autoptr(GByteArray) list = g_byte_array_new();

        if (!process->room)
                return -EINVAL;
        pins_look_update(process->work->pins);
        pins_look_list(process->work->pins, list);
        if (list->len > 0)
                memcpy(process->room, list->data, list->len);
        return list->len;
}

static int (*const answers[N_QUESTIONS])(Process *process) = {
        [QUESTION_UNMOUNT] = unmount,
        [QUESTION_PINS] = list_pins,
};

static int say(int socket, uint32_t number, int result)
{
        Answer answer = { .number = number, .result = result };

        return send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* False if there will be no more questions. */
static bool answer(Process *process)
{
        Question question;
        ssize_t n = read(process->questions, &question, sizeof(question));

        if (n < 0)
                return errno == EINTR;
        if (n != sizeof(question))
                return false;
        return say(process->questions, question.number,
                   question.kind < N_QUESTIONS ? answers[question.kind](process) : -EINVAL) == 0;
}

static int send_cpu(int bell, int ring, void *data)
{
        const Process *process = data;

        return handover_send(process->rings, bell, ring);
}

static void work(Process *process)
{
        struct pollfd fds[] = {
                { .fd = process->questions, .events = POLLIN },
                { .fd = process->work->news, .events = POLLIN },
        };

        for (;;) {
                if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
                        continue;
                if (fds[0].revents && !answer(process))
                        break;
                if (fds[1].revents) {
                        feed_heard(process->work->news);
                        handover_end(process->rings, feed_open(send_cpu, process));
                }
        }
        unmount(process);
}

/* What ps(1) and pidof(8) show. */
static void take_name(char **arguments)
{
        char *start = arguments ? arguments[0] : NULL;
        size_t room = 0;

        prctl(PR_SET_NAME, NAME, 0, 0, 0);
        /* The arguments lie one behind the other, but getopt(3) has changed the order of what
         * points to them. */
        for (char **at = arguments; at && *at; at++) {
                start = MIN(start, *at);
                room += strlen(*at) + 1;
        }
        if (room < 2)
                return;
        /* If the last byte is not 0, the kernel takes them for one string (get_mm_proctitle(),
         * fs/proc/base.c). */
        memset(start, 0, room - 1);
        memcpy(start, NAME, MIN(sizeof(NAME) - 1, room - 2));
        start[room - 1] = ' ';
}

static void let_go_of_output(void)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (null < 0 || dup2(null, fd) < 0)
                        close(fd);
}

static int prepare(Process *process)
{
        const BrokerWork *work_to_do = process->work;
        int fds[7 + PINS_LOOK_FDS] = { STDIN_FILENO,       STDOUT_FILENO,  STDERR_FILENO,
                                       process->questions, process->rings, process->device,
                                       work_to_do->news };
        sigset_t all;
        int r;

        /* What ends the serving process ends this one as well, but not before: a terminal and a
         * manager of services signal both. */
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        take_name(work_to_do->arguments);
        if (!work_to_do->keeps_output)
                let_go_of_output();
        if (work_to_do->pins)
                pins_look_fds(work_to_do->pins, fds + 7);
        sandbox_close_all_but(fds, G_N_ELEMENTS(fds));
        r = work_to_do->mountpoint ? find_mounted(process, &process->mounted) : 0;
        if (r < 0)
                return r;
        return sandbox_enter(work_to_do->news >= 0 ? SANDBOX_EVENTS_BROKER
                             : work_to_do->pins    ? SANDBOX_PINS_BROKER
                                                   : SANDBOX_BROKER,
                             NULL, NULL);
}

static void run(Process *process)
{
        int r = prepare(process);

        /* That nobody hears it shows when questions are read. */
        say(process->questions, 0, r);
        if (r == 0)
                work(process);
        _exit(0);
}

/* The serving process's side */

struct Broker {
        int questions; /* socket */
        int rings;     /* socket; -1: none, or it was taken */
        int pidfd;     /* polls readable when the process has ended; -1: before Linux 5.3 */
        uint32_t n;    /* questions that were asked */
        void *room;    /* PINS_MAX_LIST bytes that the broker writes: what is longer than an answer.
                          NULL: nobody asks for that */
};

/* Waits for the answer with @number. */
static int hear(const Broker *broker, uint32_t number, int wait)
{
        struct pollfd fd = { .fd = broker->questions, .events = POLLIN };
        int64_t end = g_get_monotonic_time() + wait * G_TIME_SPAN_MILLISECOND;
        Answer answer = { 0 };

        for (;;) {
                int64_t left = MAX(end - g_get_monotonic_time(), 0) / G_TIME_SPAN_MILLISECOND;
                int r = poll(&fd, 1, left);

                if (r == 0)
                        return -ETIMEDOUT;
                if (r < 0)
                        continue;
                if (read(fd.fd, &answer, sizeof(answer)) != sizeof(answer))
                        return -EPIPE;
                if (answer.number == number)
                        return answer.result;
        }
}

static int ask(Broker *broker, QuestionKind kind)
{
        Question question = { .number = ++broker->n, .kind = kind };

        if (send(broker->questions, &question, sizeof(question), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
        return hear(broker, question.number, patience[kind]);
}

int broker_unmount(Broker *broker)
{
        return ask(broker, QUESTION_UNMOUNT);
}

int broker_list_pins(void *data, GByteArray *out)
{
        Broker *broker = data;
        int length = ask(broker, QUESTION_PINS);

        if (length < 0)
                return length;
        if (length > (int)PINS_MAX_LIST)
                return -EPROTO;
        /* Nothing is written before the next question. */
        g_byte_array_append(out, broker->room, length);
        return 0;
}

int broker_take_rings(Broker *broker)
{
        int rings = broker->rings;

        broker->rings = -1;
        return rings;
}

/* Shared memory needs no call that moves what is in it, and no descriptor. What is not used of it
 * takes none. */
static int make_room(Broker *broker)
{
        void *room = mmap(NULL, PINS_MAX_LIST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0);

        if (room == MAP_FAILED)
                return -errno;
        broker->room = room;
        return 0;
}

static int start_process(Broker *broker, const BrokerWork *work_to_do)
{
        int questions[2] = { -1, -1 }, rings[2] = { -1, -1 };
        struct sigaction reap = { .sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT };
        Process process = { .work = work_to_do, .device = work_to_do->device };
        pid_t pid;
        int r = 0;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, questions) < 0 ||
            (work_to_do->news >= 0 &&
             socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rings) < 0))
                r = -errno;
        if (r == 0 && work_to_do->pins)
                r = make_room(broker);
        process.room = broker->room;
        broker->questions = questions[0];
        broker->rings = rings[0];
        process.questions = questions[1];
        process.rings = rings[1];
        /* If it is killed, nobody has to wait for it. */
        sigaction(SIGCHLD, &reap, NULL);
        pid = r == 0 ? fork() : -1;
        if (pid < 0)
                r = r < 0 ? r : -errno;
        if (pid > 0)
                broker->pidfd = syscall(__NR_pidfd_open, pid, 0);
        if (pid == 0) {
                close(broker->questions);
                if (broker->rings >= 0)
                        close(broker->rings);
                run(&process);
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

        *broker = (Broker){ .questions = -1, .rings = -1, .pidfd = -1 };
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
        struct pollfd ended;

        if (!broker)
                return;
        ended = (struct pollfd){ .fd = broker->pidfd, .events = POLLIN };
        if (broker->rings >= 0)
                close(broker->rings);
        if (broker->questions >= 0)
                close(broker->questions);
        /* A process that ends after its parent is another's to bury. */
        if (broker->pidfd >= 0) {
                poll(&ended, 1, END_PATIENCE);
                close(broker->pidfd);
        }
        if (broker->room)
                munmap(broker->room, PINS_MAX_LIST);
        g_free(broker);
}
