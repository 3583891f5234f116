/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "broker-process.h"

#include "child.h"
#include "feed.h"
#include "handover.h"
#include "holders-look.h"
#include "netns-look.h"
#include "parent.h"
#include "process-look.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAME "bpfmeta-broker"

typedef struct Process {
        const BrokerWork *work;
        int questions;     /* socket; its end is the serving process's end */
        int rings;         /* socket; -1: none */
        int device;        /* -1: nothing more is to be unmounted */
        dev_t mounted;     /* of the mounted tree */
        uint8_t *room;     /* for lists, see BrokerEnds; NULL: nobody asks for one */
        NetnsLook *netns;  /* NULL: nobody asks for it */
        HoldersKept *kept; /* by looks at processes */
        HoldersLook *look; /* that is under way; NULL: none */
        Question looked;   /* the question that it answers */
        GByteArray *text;  /* to be sent behind the answer */
} Process;

/* The number of the filesystem at the mount point. The kernel answers by itself, so a tree that is
 * not served yet, or not any more, does not make us wait (AT_STATX_DONT_SYNC; Linux 4.20). */
static int find_mounted(const Process *process, dev_t *out)
{
        struct statx attr;

        if (statx(AT_FDCWD, process->work->mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                  STATX_TYPE, &attr) < 0)
                return -errno;
        *out = makedev(attr.stx_dev_major, attr.stx_dev_minor);
        return 0;
}

/* Once a filesystem has gone, another may get its number. So the device is asked first: it tells
 * whether the filesystem has gone. It is closed before anything that may take long: while it is
 * open, readers of a tree whose process was killed wait. @flags: of umount2(2). */
static int unmount(Process *process, int flags)
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
        return umount2(process->work->mountpoint, flags) < 0 ? -errno : 0;
}

static int unmount_served(Process *process, const Question *question)
{
        return unmount(process, MNT_DETACH);
}

/* Copies @list to @room, in the shared memory. Returns its number of bytes. */
static int give_list(uint8_t *room, const GByteArray *list)
{
        if (list->len > 0)
                memcpy(room, list->data, list->len);
        return list->len;
}

static int list_pins(Process *process, const Question *question)
{
        g_autoptr(GByteArray) list = g_byte_array_new();

        if (!process->work->pins)
                return -EINVAL;
        pins_look_update(process->work->pins);
        pins_look_list(process->work->pins, list);
        return give_list(process->room, list);
}

static int list_netns(Process *process, const Question *question)
{
        g_autoptr(GByteArray) list = g_byte_array_new();

        if (!process->netns)
                return -EINVAL;
        netns_look_list(process->netns, list);
        return give_list(process->room, list);
}

/* The answer comes later. For an earlier question nobody waits any more. */
static int begin_look(Process *process, const Question *question)
{
        int r;

        if (!process->room)
                return -EINVAL;
        g_clear_pointer(&process->look, holders_look_free);
        r = holders_look_new(question->pid, process->kept, &process->look);
        process->looked = *question;
        return r < 0 ? r : -EINPROGRESS;
}

static int look_at_process(Process *process, const Question *question)
{
        return process->work->news < 0 ? -EINVAL : process_look(question->pid, process->text);
}

static int (*const answers[N_QUESTIONS])(Process *process, const Question *question) = {
        [QUESTION_UNMOUNT] = unmount_served,  [QUESTION_PINS] = list_pins,
        [QUESTION_NETNS] = list_netns,        [QUESTION_HOLDERS] = begin_look,
        [QUESTION_PROCESS] = look_at_process,
};

static int say(Process *process, const Question *question, int result)
{
        const Answer answer = {
                .number = question->number,
                .kind = question->kind,
                .result = result,
                .time = g_get_monotonic_time(),
        };

        g_byte_array_prepend(process->text, (const guint8 *)&answer, sizeof(answer));
        return send(process->questions, process->text->data, process->text->len, MSG_NOSIGNAL) < 0
                       ? -errno
                       : 0;
}

/* False if there will be no more questions. */
static bool answer(Process *process)
{
        Question question;
        ssize_t n = read(process->questions, &question, sizeof(question));
        int r;

        if (n < 0)
                return errno == EINTR;
        if (n != sizeof(question))
                return false;
        g_byte_array_set_size(process->text, 0);
        r = question.kind < N_QUESTIONS ? answers[question.kind](process, &question) : -EINVAL;
        return r == -EINPROGRESS || say(process, &question, r) == 0;
}

/* Goes on with the look, and answers when it ends. False if nobody can be answered. */
static bool go_on(Process *process)
{
        int r;

        if (holders_look_step(process->look))
                return true;
        r = give_list(process->room + BROKER_MAX_LIST, holders_look_list(process->look));
        g_byte_array_set_size(process->text, 0);
        r = say(process, &process->looked, r);
        g_clear_pointer(&process->look, holders_look_free);
        return r == 0;
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

        while (parent_poll(fds, G_N_ELEMENTS(fds), !process->look)) {
                if (fds[0].revents && !answer(process))
                        break;
                if (fds[1].revents) {
                        feed_heard(process->work->news);
                        handover_end(process->rings, feed_open(send_cpu, process));
                }
                if (process->look && !go_on(process))
                        break;
        }
        /* By force: nobody answers any more, and who waits for an answer is let go. */
        unmount(process, MNT_DETACH | MNT_FORCE);
}

static int prepare(Process *process)
{
        const BrokerWork *work_to_do = process->work;
        const ChildLook look = { NAME, work_to_do->arguments, work_to_do->keeps_output };
        int fds[4 + PINS_LOOK_FDS] = { process->questions, process->rings, process->device,
                                       work_to_do->news };
        int r;

        if (work_to_do->pins)
                pins_look_fds(work_to_do->pins, fds + 4);
        child_begin(&look, fds, G_N_ELEMENTS(fds));
        r = work_to_do->mountpoint ? find_mounted(process, &process->mounted) : 0;
        if (r < 0)
                return r;
        if (work_to_do->netns)
                process->netns = netns_look_new();
        return sandbox_enter(work_to_do->netns       ? SANDBOX_NETNS_BROKER
                             : work_to_do->news >= 0 ? SANDBOX_EVENTS_BROKER
                             : work_to_do->pins      ? SANDBOX_PINS_BROKER
                                                     : SANDBOX_BROKER,
                             NULL, NULL);
}

void broker_process_run(const BrokerWork *work_to_do, const BrokerEnds *ends)
{
        const Question none = { 0 };
        Process process = {
                .work = work_to_do,
                .questions = ends->questions,
                .rings = ends->rings,
                .device = work_to_do->device,
                .room = ends->room,
                .kept = holders_kept_new(),
                .text = g_byte_array_new(),
        };
        int r = prepare(&process);

        /* If nobody reads it, that shows when the next question is read. */
        say(&process, &none, r);
        if (r == 0)
                work(&process);
        _exit(0);
}
