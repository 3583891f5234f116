/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The broker, and the thread that takes what it hands over: with real mounts, real event rings and
 * real ends. The sources are included for what is not said aloud. Each thing is tried in a process
 * and a mount namespace of its own, so that everything ends with it.
 */

#include "broker.c"
#include "receiver.c"
#include "feed.h"
#include "filter.h"
#include "handover.h"
#include "own-process.h"
#include "process-look.h"
#include "records.h"
#include "title.h"
#include "watch.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MOUNTPOINT "/mnt/tree"

static void make_mountpoint(void)
{
        g_assert_cmpint(mkdir(MOUNTPOINT, 0755), ==, 0);
}

static void in_process(void (*func)(void))
{
        own_process("/mnt", make_mountpoint, func);
}

/* Mounts a tree that nobody serves. Returns the descriptor of /dev/fuse. */
static int mount_tree(void)
{
        int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
        g_autofree char *options = g_strdup_printf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(mount("test", MOUNTPOINT, "fuse.bpfmetafs", 0, options), ==, 0);
        return fd;
}

/* How many things are mounted on the mount point. */
static guint n_mounted(void)
{
        g_autofree char *text = NULL;
        guint n = 0;

        g_assert_true(g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL));
        for (const char *at = text; (at = strstr(at, " " MOUNTPOINT " ")); at++)
                n++;
        return n;
}

static Broker *new_broker(int device, int news)
{
        BrokerWork to_do = {
                .mountpoint = MOUNTPOINT, .device = device, .news = news, .keeps_output = true
        };
        g_autoptr(GError) error = NULL;
        Broker *broker = NULL;

        broker_new(&broker, &to_do, &error);
        g_assert_no_error(error);
        return broker;
}

/* The one child of this process. */
static pid_t pid_of_broker(void)
{
        g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", getpid());
        g_autofree char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpint(atoi(text), >, 0);
        return atoi(text);
}

/* Whoever waits for its end by a pidfd may go on a moment before its id is free. As long as it has
 * another thread, as a sanitizer starts one, its files are open. */
static bool is_gone(pid_t pid)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid), *text = NULL;
        g_auto(GStrv) words = NULL;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return true;
        /* The state is the third word, and the number of threads the 20th: proc_pid_stat(5). */
        words = g_strsplit(strrchr(text, ')') + 2, " ", -1);
        return strchr("ZX", words[0][0]) && atoi(words[17]) <= 1;
}

static void wait_until_gone(pid_t pid)
{
        for (int i = 0; i < 2000 && !is_gone(pid); i++)
                g_usleep(5000);
        g_assert_true(is_gone(pid));
}

static void unmounts(void)
{
        Broker *broker = new_broker(mount_tree(), -1);
        pid_t pid = pid_of_broker();

        g_assert_cmpuint(n_mounted(), ==, 1);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 0);
        /* It has been done: whatever is there by now is not ours. */
        g_assert_cmpint(mount("none", MOUNTPOINT, "tmpfs", 0, NULL), ==, 0);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 1);
        broker_free(broker);
        g_assert_true(is_gone(pid));
        g_assert_cmpuint(n_mounted(), ==, 1);
}

static void test_unmounts(void)
{
        in_process(unmounts);
}

/* The mount point is below a directory that only another user may search, though root may. */
static void unmounts_anywhere(void)
{
        Broker *broker;

        g_assert_cmpint(chown("/mnt", 1, 1), ==, 0);
        g_assert_cmpint(chmod("/mnt", 0700), ==, 0);
        broker = new_broker(mount_tree(), -1);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 0);
        broker_free(broker);
}

static void test_unmounts_anywhere(void)
{
        in_process(unmounts_anywhere);
}

/* Whoever frees it without a question has it unmounted, too. */
static void unmounts_at_the_end(void)
{
        Broker *broker = new_broker(mount_tree(), -1);
        pid_t pid = pid_of_broker();

        broker_free(broker);
        g_assert_cmpuint(n_mounted(), ==, 0);
        g_assert_true(is_gone(pid));
}

static void test_unmounts_at_the_end(void)
{
        in_process(unmounts_at_the_end);
}

/* Somebody else was faster, and has mounted something else, whose number may be the same. */
static void spares_others(void)
{
        int device = mount_tree(), other;
        Broker *broker = new_broker(device, -1);

        g_assert_cmpint(umount2(MOUNTPOINT, MNT_DETACH), ==, 0);
        other = mount_tree();
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 1);
        broker_free(broker);
        g_assert_cmpuint(n_mounted(), ==, 1);
        close(other);

        /* Over it. */
        g_assert_cmpint(umount2(MOUNTPOINT, MNT_DETACH), ==, 0);
        broker = new_broker(mount_tree(), -1);
        g_assert_cmpint(mount("none", MOUNTPOINT, "tmpfs", 0, NULL), ==, 0);
        g_assert_cmpint(broker_unmount(broker), ==, -EBUSY);
        g_assert_cmpuint(n_mounted(), ==, 2);
        broker_free(broker);
        g_assert_cmpuint(n_mounted(), ==, 2);
}

static void test_spares_others(void)
{
        in_process(spares_others);
}

/* The serving process is killed: its tree goes, and so does the broker. */
static void outlives_nobody(void)
{
        int fds[2], status;
        pid_t server, broker;

        /* If it is orphaned, it is ours to bury. */
        g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
        g_assert_cmpint(pipe(fds), ==, 0);
        server = fork();
        if (server == 0) {
                new_broker(mount_tree(), -1);
                broker = pid_of_broker();
                if (write(fds[1], &broker, sizeof(broker)) != sizeof(broker))
                        _exit(1);
                for (;;)
                        pause();
        }
        g_assert_cmpint(read(fds[0], &broker, sizeof(broker)), ==, sizeof(broker));
        g_assert_cmpuint(n_mounted(), ==, 1);
        g_assert_cmpint(kill(server, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(server, &status, 0), ==, server);
        /* If it was faster than the end of its parent, that needed no burial. */
        if (waitpid(broker, &status, 0) == broker)
                g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        g_assert_cmpint(kill(broker, 0), <, 0);
        g_assert_cmpuint(n_mounted(), ==, 0);
}

static void test_outlives_nobody(void)
{
        in_process(outlives_nobody);
}

/* A terminal or a manager of services signals all processes: the broker waits for the other. */
static void ignores_signals(void)
{
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1 };
        Broker *broker = new_broker(mount_tree(), -1);
        pid_t pid = pid_of_broker();

        for (guint i = 0; i < G_N_ELEMENTS(signals); i++)
                g_assert_cmpint(kill(pid, signals[i]), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 1);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 0);
        broker_free(broker);
}

static void test_ignores_signals(void)
{
        in_process(ignores_signals);
}

static void is_missed(void)
{
        Broker *broker = new_broker(mount_tree(), -1);
        pid_t pid = pid_of_broker();

        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        wait_until_gone(pid);
        g_assert_cmpint(broker_unmount(broker), ==, -EPIPE);
        g_assert_cmpuint(n_mounted(), ==, 1);
        broker_free(broker);
}

static void test_is_missed(void)
{
        in_process(is_missed);
}

/* It does not answer: the question ends in time, and its late answer is not taken for the next
 * one's.
 */
static void is_not_waited_for(void)
{
        Broker *broker = new_broker(mount_tree(), -1);
        pid_t pid = pid_of_broker();
        int64_t start = g_get_monotonic_time(), took;

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(broker_unmount(broker), ==, -ETIMEDOUT);
        took = (g_get_monotonic_time() - start) / G_TIME_SPAN_MILLISECOND;
        g_assert_cmpint(took, >=, patience[QUESTION_UNMOUNT] - 10);
        g_assert_cmpint(took, <, 3 * patience[QUESTION_UNMOUNT]);
        /* More questions than the socket holds. */
        for (int i = 0; i < 10000; i++) {
                Question question = { .number = ++broker->n, .kind = N_QUESTIONS };

                if (send(broker->questions, &question, sizeof(question), MSG_DONTWAIT) < 0)
                        break;
        }
        g_assert_cmpint(broker_unmount(broker), ==, -ETIMEDOUT);
        g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
        g_assert_cmpint(hear(broker, 1, 10000), ==, 0);
        g_assert_cmpuint(n_mounted(), ==, 0);
        broker_free(broker);
        g_assert_true(is_gone(pid));
}

static void test_is_not_waited_for(void)
{
        in_process(is_not_waited_for);
}

/* Whoever has control of the serving process asks anything. */
static void answers_no_nonsense(void)
{
        uint32_t words[64] = { 0 };

        for (guint size = 0; size < sizeof(words); size += size < 24 ? 1 : 50) {
                Broker *broker = new_broker(mount_tree(), -1);
                pid_t pid = pid_of_broker();

                words[0] = 77;
                words[1] = size % 2 ? N_QUESTIONS : UINT32_MAX;
                g_assert_cmpint(send(broker->questions, words, size, 0), ==, size);
                if (size == sizeof(Question) || size > sizeof(Question))
                        g_assert_cmpint(hear(broker, 77, 10000), ==, -EINVAL);
                else
                        g_assert_cmpint(hear(broker, 77, 10000), ==, -EPIPE);
                broker_free(broker);
                wait_until_gone(pid);
                g_assert_cmpuint(n_mounted(), ==, 0);
        }
}

static void test_answers_no_nonsense(void)
{
        in_process(answers_no_nonsense);
}

static void has_a_name(void)
{
        /* As getopt(3) leaves them, in memory that ends as main()'s does. */
        char memory[] = "/usr/sbin/bpfmetafs\0-f\0bpf\0/mnt/tree\0after";
        char *words[] = { memory, memory + 23, memory + 27, memory + 20, NULL };
        BrokerWork to_do = {
                .mountpoint = MOUNTPOINT, .device = mount_tree(), .news = -1, .keeps_output = true
        };
        g_autofree char *path = NULL, *text = NULL;
        Broker *broker;
        pid_t pid;

        title_set(words, "bpfmeta-broker");
        g_assert_cmpstr(memory, ==, "bpfmeta-broker");
        g_assert_cmpstr(memory + 36, ==, " after");

        g_assert_cmpint(broker_new(&broker, &to_do, NULL), ==, 0);
        pid = pid_of_broker();
        path = g_strdup_printf("/proc/%d/comm", pid);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "bpfmeta-broker\n");
        broker_free(broker);
}

static void test_has_a_name(void)
{
        in_process(has_a_name);
}

/* The mount is the caller's if there is no broker. */
static void cannot_start(void)
{
        BrokerWork to_do = { .mountpoint = MOUNTPOINT "/no/such", .device = -1, .news = -1 };
        g_autoptr(GError) error = NULL;
        Broker *broker = NULL;
        int status;

        g_assert_cmpint(broker_new(&broker, &to_do, &error), ==, -ENOENT);
        g_assert_null(broker);
        g_assert_nonnull(strstr(error->message, "No such file"));
        g_assert_cmpint(waitpid(-1, &status, 0), ==, -1);
        g_assert_cmpint(errno, ==, ECHILD);
}

static void test_cannot_start(void)
{
        in_process(cannot_start);
}

/* Pins */

/* A bpffs with a map that is pinned as "map", and a broker that looks there. */
static Broker *new_pins_broker(PinsLook **look)
{
        BrokerWork to_do = { .device = -1, .news = -1, .keeps_output = true };
        Broker *broker = NULL;
        int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pinned", 4, 4, 1, NULL);

        while (umount2("/sys/fs/bpf", MNT_DETACH) == 0)
                ;
        g_assert_cmpint(mkdir("/mnt/bpf", 0755), ==, 0);
        g_assert_cmpint(mount("none", "/mnt/bpf", "bpf", 0, NULL), ==, 0);
        g_assert_cmpint(map, >=, 0);
        g_assert_cmpint(bpf_obj_pin(map, "/mnt/bpf/map"), ==, 0);
        g_assert_cmpint(bpf_obj_pin(map, "/mnt/bpf/also"), ==, 0);
        close(map);
        *look = to_do.pins = pins_look_new();
        g_assert_cmpint(broker_new(&broker, &to_do, NULL), ==, 0);
        return broker;
}

/* Appends the list of pins. The broker of a busy machine may be late at first. */
static void list_pins(Broker *broker, GByteArray *out)
{
        int r;

        for (int i = 0; (r = broker_list_pins(broker, out)) == -ETIMEDOUT && i < 50; i++)
                g_usleep(100000);
        g_assert_cmpint(r, ==, 0);
}

/* True if the list that the broker gives has a record with the path. */
static bool has_pin(Broker *broker, const char *path)
{
        g_autoptr(GByteArray) list = g_byte_array_new();
        PinRecord record;

        list_pins(broker, list);
        for (gsize at = 0; at < list->len; at += sizeof(record) + record.length) {
                g_assert_cmpuint(list->len - at, >=, sizeof(record));
                memcpy(&record, list->data + at, sizeof(record));
                g_assert_cmpuint(record.length, <=, list->len - at - sizeof(record));
                g_assert_cmpuint(record.kind, ==, PIN_MAP);
                if (record.length == strlen(path) &&
                    memcmp(list->data + at + sizeof(record), path, record.length) == 0)
                        return true;
        }
        return false;
}

static void lists_pins(void)
{
        g_autoptr(PinsLook) look = NULL;
        Broker *broker = new_pins_broker(&look);

        g_assert_true(has_pin(broker, "/mnt/bpf/map") && has_pin(broker, "/mnt/bpf/also"));
        g_assert_cmpint(rename("/mnt/bpf/also", "/mnt/bpf/moved"), ==, 0);
        g_assert_true(has_pin(broker, "/mnt/bpf/moved") && !has_pin(broker, "/mnt/bpf/also"));
        g_assert_cmpint(unlink("/mnt/bpf/moved"), ==, 0);
        g_assert_true(has_pin(broker, "/mnt/bpf/map") && !has_pin(broker, "/mnt/bpf/moved"));
        /* It keeps no mount busy, and nothing is left of it. */
        g_assert_cmpint(umount2("/mnt/bpf", 0), ==, 0);
        g_assert_false(has_pin(broker, "/mnt/bpf/map"));
        broker_free(broker);
}

/* Without mount_setattr(2), nothing is looked at. */
static bool can_look(void)
{
        if (syscall(442, -1, "", 0, NULL, 0) == 0 || errno != ENOSYS)
                return true;
        g_test_skip("this kernel can't look without changing times of access");
        return false;
}

static void test_lists_pins(void)
{
        if (can_look())
                in_process(lists_pins);
}

/* As long a list as there can be comes whole. */
static void lists_many_pins(void)
{
        g_autoptr(PinsLook) look = NULL;
        Broker *broker = new_pins_broker(&look);
        g_autoptr(GByteArray) list = g_byte_array_new();
        g_autofree char *directory = g_strdup("/mnt/bpf");
        int map = bpf_obj_get("/mnt/bpf/map"), n = 0;

        /* Paths that are nearly as long as paths can be. */
        for (int i = 0; i < 17; i++) {
                g_autofree char *name = g_strnfill(200, 'a' + i);
                g_autofree char *parent = directory;

                directory = g_build_filename(parent, name, NULL);
                g_assert_cmpint(mkdir(directory, 0755), ==, 0);
        }
        while (list->len < PINS_MAX_LIST - 1024 && n < 2000) {
                g_autofree char *path = g_strdup_printf("%s/%d", directory, n++);

                g_assert_cmpint(bpf_obj_pin(map, path), ==, 0);
                if (n % 400 > 0)
                        continue;
                g_byte_array_set_size(list, 0);
                list_pins(broker, list);
        }
        g_assert_cmpuint(list->len, >, PINS_MAX_LIST - 8192);
        g_assert_cmpuint(list->len, <=, PINS_MAX_LIST);
        g_assert_nonnull(memmem(list->data, list->len, "not all are shown", 17));
        broker_free(broker);
}

static void test_lists_many_pins(void)
{
        if (can_look())
                in_process(lists_many_pins);
}

/* Nobody waits long for a list, and a late one is not taken for the next. */
static void lists_too_late(void)
{
        g_autoptr(PinsLook) look = NULL;
        Broker *broker = new_pins_broker(&look);
        g_autoptr(GByteArray) list = g_byte_array_new();
        pid_t pid = pid_of_broker();
        int64_t start = g_get_monotonic_time(), took;

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(broker_list_pins(broker, list), ==, -ETIMEDOUT);
        took = (g_get_monotonic_time() - start) / G_TIME_SPAN_MILLISECOND;
        g_assert_cmpint(took, >=, patience[QUESTION_PINS] - 10);
        g_assert_cmpint(took, <, 3 * patience[QUESTION_PINS]);
        g_assert_cmpuint(list->len, ==, 0);
        g_assert_cmpint(rename("/mnt/bpf/also", "/mnt/bpf/moved"), ==, 0);
        g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
        g_assert_true(has_pin(broker, "/mnt/bpf/moved"));

        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        wait_until_gone(pid);
        g_assert_cmpint(broker_list_pins(broker, list), ==, -EPIPE);
        g_assert_cmpuint(list->len, ==, 0);
        broker_free(broker);
}

static void test_lists_too_late(void)
{
        if (can_look())
                in_process(lists_too_late);
}

/* A broker that is not to look has no place for a list. */
static void lists_nothing(void)
{
        Broker *broker = new_broker(mount_tree(), -1);
        g_autoptr(GByteArray) list = g_byte_array_new();

        g_assert_cmpint(broker_list_pins(broker, list), ==, -EINVAL);
        g_assert_cmpint(broker_list_netns(broker, list), ==, -EINVAL);
        g_assert_cmpint(broker_begin_holders(broker, 0), ==, 0);
        g_assert_cmpint(broker_hear_holders(broker, 10000, list, &(gint64){ 0 }), ==, -EINVAL);
        g_assert_cmpuint(list->len, ==, 0);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        broker_free(broker);
}

/* Holders */

static bool has_process(const GByteArray *list, uint32_t pid)
{
        RecordsRest rest = { list->data, list->len };
        HolderRecord record;

        while (records_next(&rest, &record, sizeof(record), &record.length))
                if (record.kind == HOLDER_PROCESS && record.id == pid)
                        return true;
        return false;
}

static void lists_holders(void)
{
        int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "held", 4, 4, 1, NULL);
        g_autoptr(GByteArray) list = g_byte_array_new();
        g_autoptr(PinsLook) look = NULL;
        Broker *broker = new_pins_broker(&look);
        gint64 start = g_get_monotonic_time(), ended;
        pid_t pid = pid_of_broker();
        int r;

        g_assert_cmpint(map, >=, 0);
        /* However busy the machine is, a look comes to the end of the first process. */
        g_assert_cmpint(broker_begin_holders(broker, getpid()), ==, 0);
        /* Another list takes nothing away from this one. */
        g_assert_true(has_pin(broker, "/mnt/bpf/map"));
        g_assert_cmpint(broker_hear_holders(broker, 10000, list, &ended), ==, 0);
        g_assert_true(has_process(list, getpid()));
        g_assert_cmpint(ended, >=, start);
        g_assert_cmpint(ended, <=, g_get_monotonic_time());

        /* Whoever does not wait gets the list when it is there. */
        g_byte_array_set_size(list, 0);
        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(broker_begin_holders(broker, 0), ==, 0);
        g_assert_cmpint(broker_hear_holders(broker, 0, list, &ended), ==, -ETIMEDOUT);
        g_assert_cmpint(broker_hear_holders(broker, 100, list, &ended), ==, -ETIMEDOUT);
        g_assert_cmpuint(list->len, ==, 0);
        g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
        /* A late one is not taken for the next. */
        close(map);
        g_assert_cmpint(broker_begin_holders(broker, getpid()), ==, 0);
        while ((r = broker_hear_holders(broker, 0, list, &ended)) == -ETIMEDOUT)
                g_usleep(1000);
        g_assert_cmpint(r, ==, 0);
        g_assert_false(has_process(list, getpid()));

        /* Only the processes from one on. */
        map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "held", 4, 4, 1, NULL);
        for (int i = 0; i < 2; i++) {
                g_byte_array_set_size(list, 0);
                g_assert_cmpint(broker_begin_holders(broker, getpid() + i), ==, 0);
                g_assert_cmpint(broker_hear_holders(broker, 10000, list, &ended), ==, 0);
                g_assert_true(has_process(list, getpid()) == (i == 0));
        }
        close(map);

        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        wait_until_gone(pid);
        g_assert_cmpint(broker_begin_holders(broker, 0), ==, -EPIPE);
        broker_free(broker);
}

static void test_lists_holders(void)
{
        if (can_look())
                in_process(lists_holders);
}

/* Nobody who asks anything else waits for a look at all processes. */
static void answers_meanwhile(void)
{
        Question pins = { .kind = QUESTION_PINS };
        g_autoptr(GByteArray) list = g_byte_array_new();
        g_autoptr(PinsLook) look = NULL;
        Broker *broker = new_pins_broker(&look);
        pid_t pid = pid_of_broker();
        gint64 ended;

        /* Both questions are there when it begins. */
        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(broker_begin_holders(broker, 0), ==, 0);
        g_assert_cmpint(send_question(broker, &pins), ==, 0);
        g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
        g_assert_cmpint(hear(broker, pins.number, 10000), >, 0);
        g_assert_cmpuint(broker->holders.number, ==, 0);
        g_assert_cmpint(broker_hear_holders(broker, 10000, list, &ended), ==, 0);
        broker_free(broker);
}

static void test_answers_meanwhile(void)
{
        if (can_look())
                in_process(answers_meanwhile);
}

/* Network namespaces */

/* A namespace with the name "blue" in place of all others. */
static void make_namespace(void)
{
        int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

        mkdir("/run/netns", 0755);
        g_assert_cmpint(mount("none", "/run/netns", "tmpfs", 0, NULL), ==, 0);
        g_assert_true(g_file_set_contents("/run/netns/blue", "", -1, NULL));
        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        g_assert_cmpint(mount("/proc/self/ns/net", "/run/netns/blue", NULL, MS_BIND, NULL), ==, 0);
        g_assert_cmpint(setns(home, CLONE_NEWNET), ==, 0);
        close(home);
}

static void lists_namespaces(void)
{
        BrokerWork to_do = { .device = -1, .news = -1, .keeps_output = true, .netns = true };
        g_autoptr(GByteArray) list = g_byte_array_new();
        Broker *broker = NULL;
        NetnsRecord record;

        make_namespace();
        g_assert_cmpint(broker_new(&broker, &to_do, NULL), ==, 0);
        for (int i = 0; i < 3; i++) {
                g_byte_array_set_size(list, 0);
                g_assert_cmpint(broker_list_netns(broker, list), ==, 0);
                g_assert_cmpuint(list->len, ==, sizeof(record) + strlen("blue"));
                memcpy(&record, list->data, sizeof(record));
                g_assert_cmpuint(record.kind, ==, NETNS_SPACE);
                g_assert_cmpmem(list->data + sizeof(record), record.length, "blue", 4);
        }
        /* It keeps no name busy. */
        g_assert_cmpint(umount2("/run/netns/blue", 0), ==, 0);
        g_byte_array_set_size(list, 0);
        g_assert_cmpint(broker_list_netns(broker, list), ==, 0);
        memcpy(&record, list->data, sizeof(record));
        g_assert_cmpuint(record.kind, ==, NETNS_NOTE);
        broker_free(broker);
}

static void test_lists_namespaces(void)
{
        in_process(lists_namespaces);
}

static void test_lists_nothing(void)
{
        in_process(lists_nothing);
}

/* Processes */

/* Asks for @pid, and waits for the answer, which has to come. */
static int look_at(Broker *broker, pid_t pid, ProcessSeen *seen, GByteArray *text)
{
        uint32_t asked, number;

        g_byte_array_set_size(text, 0);
        g_assert_cmpint(broker_ask_process(broker, pid, &asked), ==, 0);
        g_assert_cmpint(broker_hear_process(broker, 10000, &number, text), ==, 0);
        g_assert_cmpuint(number, ==, asked);
        return text->len > 0 ? process_read(text->data, text->len, seen) : -ESRCH;
}

static uint64_t boot_time(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static Broker *new_process_broker(void)
{
        Watch *watch;
        int news;

        /* It goes with this process. */
        g_assert_cmpint(watch_new(&watch, &news, NULL), ==, 0);
        return new_broker(mount_tree(), news);
}

static void looks_at_processes(void)
{
        g_autoptr(GByteArray) text = g_byte_array_new(), list = g_byte_array_new();
        Broker *broker = new_process_broker();
        g_autofree char *comm = NULL, *cgroup = NULL;
        ProcessSeen seen;
        uint64_t before;
        uint32_t number;
        pid_t pid;

        g_assert_true(process_look_can());
        /* Here are no two clocks: the starts are not behind, and certainly not by days. */
        g_assert_cmpint(process_look_behind(0), ==, 0);
        g_assert_cmpint(process_look_behind(86400000000000), ==, 0);
        g_assert_cmpint(process_look_behind(-86400000000000), ==, 0);
        prctl(PR_SET_NAME, "a) b\n(", 0, 0, 0);
        g_assert_true(g_file_get_contents("/proc/self/comm", &comm, NULL, NULL));
        g_assert_true(g_file_get_contents("/proc/self/cgroup", &cgroup, NULL, NULL));
        g_assert_cmpint(look_at(broker, getpid(), &seen, text), ==, 0);
        g_assert_cmpstr(seen.comm, ==, comm);
        g_assert_cmpstr(seen.cgroup, ==, cgroup);
        g_assert_true(process_was_there(&seen, boot_time(), 0));
        g_assert_cmpuint(seen.start, <, boot_time());
        g_assert_cmpuint(seen.older, <, boot_time());

        before = boot_time();
        pid = fork();
        if (pid == 0) {
                for (;;)
                        pause();
        }
        g_assert_cmpint(look_at(broker, pid, &seen, text), ==, 0);
        g_assert_cmpuint(seen.until, >, before);
        g_assert_false(process_was_there(&seen, before, 0));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        g_assert_cmpint(look_at(broker, pid, &seen, text), ==, -ESRCH);
        g_assert_cmpint(look_at(broker, 0, &seen, text), ==, -ESRCH);
        g_assert_cmpint(look_at(broker, -1, &seen, text), ==, -ESRCH);

        /* Another question in between loses no answer. */
        for (int i = 0; i < 8; i++)
                g_assert_cmpint(broker_ask_process(broker, getpid(), &number), ==, 0);
        g_assert_cmpint(broker_list_pins(broker, list), ==, -EINVAL);
        for (uint32_t i = number - 7; i <= number; i++) {
                uint32_t heard;

                g_byte_array_set_size(text, 0);
                g_assert_cmpint(broker_hear_process(broker, 0, &heard, text), ==, 0);
                g_assert_cmpuint(heard, ==, i);
                g_assert_cmpint(process_read(text->data, text->len, &seen), ==, 0);
        }
        g_assert_cmpint(broker_hear_process(broker, 0, &number, text), ==, -ETIMEDOUT);
        /* One that is never heard is in nobody's way. */
        g_assert_cmpint(broker_ask_process(broker, getpid(), &number), ==, 0);
        g_assert_cmpint(broker_unmount(broker), ==, 0);
        broker_free(broker);
}

static void test_looks_at_processes(void)
{
        in_process(looks_at_processes);
}

static void looks_too_late(void)
{
        g_autoptr(GByteArray) text = g_byte_array_new();
        Broker *broker = new_process_broker();
        pid_t pid = pid_of_broker();
        uint32_t number, heard;
        int r = 0;

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(broker_ask_process(broker, getpid(), &number), ==, 0);
        g_assert_cmpint(broker_hear_process(broker, 50, &heard, text), ==, -ETIMEDOUT);
        g_assert_cmpint(kill(pid, SIGCONT), ==, 0);
        g_assert_cmpint(broker_hear_process(broker, 10000, &heard, text), ==, 0);
        g_assert_cmpuint(heard, ==, number);

        /* Questions do not wait for room. */
        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        for (int i = 0; i < 100000 && r == 0; i++)
                r = broker_ask_process(broker, getpid(), &number);
        g_assert_cmpint(r, ==, -ETIMEDOUT);
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        wait_until_gone(pid);
        g_assert_cmpint(broker_ask_process(broker, getpid(), &number), ==, -EPIPE);
        g_assert_cmpint(broker_hear_process(broker, 0, &number, text), ==, -EPIPE);
        broker_free(broker);
}

static void test_looks_too_late(void)
{
        in_process(looks_too_late);
}

/* Event rings */

static void ignore(const WatchEvent *event, void *data)
{
}

/* Until events come from new rings, or no more. Returns watch_take()'s. */
static int wait_for_change(Watch *watch)
{
        int r = 1, wait;

        while (r > 0) {
                watch_wait(watch, 10000);
                r = watch_take(watch, ignore, NULL, &wait);
        }
        return r;
}

static GHashTable *mapped_rings(void)
{
        GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;

        g_assert_true(g_file_get_contents("/proc/self/maps", &text, NULL, NULL));
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++)
                if (strstr(*line, "[perf_event]"))
                        g_hash_table_add(found, g_strdup(*line));
        return found;
}

typedef struct Served {
        Watch *watch;
        Broker *broker;
        Receiver *receiver;
        int uevent;
} Served;

/* All that serves, but shut in only if @shut. */
static void serve(Served *served, bool shut)
{
        g_autoptr(GError) error = NULL;
        int device = mount_tree(), news;

        served->uevent = open("/sys/devices/system/cpu/cpu0/uevent", O_WRONLY | O_CLOEXEC);
        watch_new(&served->watch, &news, &error);
        g_assert_no_error(error);
        served->broker = new_broker(device, news);
        close(news);
        receiver_new(&served->receiver, served->watch, broker_take_rings(served->broker), &error);
        g_assert_no_error(error);
        if (shut)
                sandbox_enter(SANDBOX_KERNEL, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(watch_take(served->watch, ignore, NULL, NULL), ==, 0);
        g_assert_cmpint(watch_take(served->watch, ignore, NULL, NULL), >=, 0);
}

static void stop(Served *served)
{
        receiver_free(served->receiver);
        broker_free(served->broker);
        watch_free(served->watch);
}

static void come_online(const Served *served)
{
        g_assert_cmpint(write(served->uevent, "online", 6), ==, 6);
}

/* A CPU comes online: rings are opened, handed over and mapped anew by a process that is shut in.
 */
static void hands_over(void)
{
        Served served;

        serve(&served, true);
        for (int i = 0; i < 20; i++) {
                come_online(&served);
                g_assert_cmpint(wait_for_change(served.watch), ==, 0);
        }
        g_assert_cmpint(watch_take(served.watch, ignore, NULL, NULL), >=, 0);
        stop(&served);
}

static void test_hands_over(void)
{
        in_process(hands_over);
}

/* There are never more rings than before, and no descriptors. */
static void keeps_nothing(void)
{
        g_autoptr(GHashTable) before = NULL, after = NULL;
        GHashTableIter iter;
        gpointer line;
        Served served;
        int n_before, n_after;

        serve(&served, false);
        before = mapped_rings();
        g_assert_cmpuint(g_hash_table_size(before), >, 0);
        n_before = dup(0);
        close(n_before);
        for (int i = 0; i < 10; i++) {
                come_online(&served);
                g_assert_cmpint(wait_for_change(served.watch), ==, 0);
        }
        n_after = dup(0);
        g_assert_cmpint(n_after, ==, n_before);
        /* What has come since may wait to be taken. */
        watch_take(served.watch, ignore, NULL, NULL);
        after = mapped_rings();
        g_assert_cmpuint(g_hash_table_size(after), ==, g_hash_table_size(before));
        g_hash_table_iter_init(&iter, after);
        while (g_hash_table_iter_next(&iter, &line, NULL))
                g_assert_true(strstr(line, "rw-s") || strstr(line, "r--s"));
        stop(&served);
}

static void test_keeps_nothing(void)
{
        in_process(keeps_nothing);
}

/* Without the broker no CPU that comes online would be noticed: there are no more events. */
static void is_missed_by_events(void)
{
        Served served;
        pid_t pid;

        serve(&served, false);
        pid = pid_of_broker();
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(wait_for_change(served.watch), ==, -EPIPE);
        g_assert_cmpint(broker_unmount(served.broker), ==, -EPIPE);
        stop(&served);
}

static void test_is_missed_by_events(void)
{
        in_process(is_missed_by_events);
}

typedef struct Hole {
        Watch *watch;
        int map;
        int socket;
        int result;
} Hole;

static bool cannot_map(int fd)
{
        return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED;
}

/* Whoever serves shares memory with the thread that may map, and so may make it do anything. */
static void *look_for_hole(void *data)
{
        Hole *hole = data;
        Receiver receiver = { .watch = hole->watch, .socket = hole->socket, .stop = -1 };
        bool shut = shut_in(&receiver) == 0;

        for (int fd = 0; fd < 1000; fd++)
                shut &= cannot_map(fd);
        shut &= bpf_map_get_fd_by_id(1) < 0 && errno == ENOSYS;
        shut &= open("/proc/self/mem", O_RDWR) < 0 && dup(hole->socket) < 0;
        shut &= syscall(__NR_pidfd_open, getpid(), 0) < 0 && errno == ENOSYS;
        shut &= syscall(438 /* pidfd_getfd */, 0, 0, 0) < 0 && errno == ENOSYS;
        shut &= unshare(CLONE_FILES) < 0 && errno == ENOSYS;
        shut &= syscall(__NR_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0) < 0 && errno == ENOSYS;
        hole->result = shut;
        return NULL;
}

static void has_no_hole(void)
{
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
        Hole hole = { 0 };
        pthread_t thread;
        int news, pair[2];

        hole.map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hole", 4, 1 << 20, 1, &opts);
        g_assert_cmpint(hole.map, >=, 0);
        g_assert_false(cannot_map(hole.map));
        g_assert_cmpint(watch_new(&hole.watch, &news, NULL), ==, 0);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
        hole.socket = pair[0];
        g_assert_cmpint(pthread_create(&thread, NULL, look_for_hole, &hole), ==, 0);
        pthread_join(thread, NULL);
        g_assert_true(hole.result);
        /* Its table was its own. */
        g_assert_cmpint(fcntl(hole.map, F_GETFD), >=, 0);
        watch_free(hole.watch);
}

static void test_has_no_hole(void)
{
        if (SANITIZED)
                g_test_skip("the sanitizers may do some of it");
        else
                in_process(has_no_hole);
}

/* What comes over the socket and what is made of it. */
static void test_handover(void)
{
        int pair[2], bell, ring, fds[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
        g_assert_cmpint(pipe(fds), ==, 0);

        g_assert_cmpint(handover_send(pair[0], fds[0], fds[1]), ==, 0);
        g_assert_cmpint(handover_end(pair[0], 0), ==, 0);
        g_assert_cmpint(handover_end(pair[0], -ENOSPC), ==, 0);
        g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, 1);
        g_assert_cmpint(write(ring, "x", 1), ==, 1);
        g_assert_cmpint(fcntl(bell, F_GETFD), ==, FD_CLOEXEC);
        g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, 0);
        g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, -ENOSPC);

        /* Only one comes, or nothing that is expected. */
        g_assert_cmpint(send(pair[0], "xx", 2, 0), ==, 2);
        g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, -EPIPE);
        close(pair[0]);
        g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, -EPIPE);
        g_assert_cmpint(handover_send(pair[1], fds[0], fds[1]), ==, -EPIPE);
}

/* The table of descriptors is full. */
static void is_full(void)
{
        struct rlimit limit = { 10, 10 };
        int pair[2], bell, ring, free_fd;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
        g_assert_cmpint(handover_send(pair[0], 0, 1), ==, 0);
        g_assert_cmpint(handover_send(pair[0], 0, 1), ==, 0);
        free_fd = dup(0);
        close(free_fd);
        limit.rlim_cur = limit.rlim_max = free_fd + 1;
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
        for (int i = 0; i < 2; i++) {
                g_assert_cmpint(handover_receive(pair[1], &bell, &ring), ==, -EMFILE);
                g_assert_cmpint(dup(0), ==, free_fd);
                close(free_fd);
        }
}

static void test_is_full(void)
{
        in_process(is_full);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/broker/unmounts", test_unmounts);
        g_test_add_func("/broker/unmounts-anywhere", test_unmounts_anywhere);
        g_test_add_func("/broker/unmounts-at-the-end", test_unmounts_at_the_end);
        g_test_add_func("/broker/spares-others", test_spares_others);
        g_test_add_func("/broker/outlives-nobody", test_outlives_nobody);
        g_test_add_func("/broker/ignores-signals", test_ignores_signals);
        g_test_add_func("/broker/is-missed", test_is_missed);
        g_test_add_func("/broker/is-not-waited-for", test_is_not_waited_for);
        g_test_add_func("/broker/answers-no-nonsense", test_answers_no_nonsense);
        g_test_add_func("/broker/has-a-name", test_has_a_name);
        g_test_add_func("/broker/cannot-start", test_cannot_start);
        g_test_add_func("/broker/lists-pins", test_lists_pins);
        g_test_add_func("/broker/lists-many-pins", test_lists_many_pins);
        g_test_add_func("/broker/lists-holders", test_lists_holders);
        g_test_add_func("/broker/answers-meanwhile", test_answers_meanwhile);
        g_test_add_func("/broker/lists-namespaces", test_lists_namespaces);
        g_test_add_func("/broker/looks-at-processes", test_looks_at_processes);
        g_test_add_func("/broker/looks-too-late", test_looks_too_late);
        g_test_add_func("/broker/lists-too-late", test_lists_too_late);
        g_test_add_func("/broker/lists-nothing", test_lists_nothing);
        g_test_add_func("/broker/hands-over", test_hands_over);
        g_test_add_func("/broker/keeps-nothing", test_keeps_nothing);
        g_test_add_func("/broker/is-missed-by-events", test_is_missed_by_events);
        g_test_add_func("/broker/has-no-hole", test_has_no_hole);
        g_test_add_func("/broker/handover", test_handover);
        g_test_add_func("/broker/is-full", test_is_full);
        return g_test_run();
}
