/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of network namespaces, as it comes and as it must not. */

#include "netns-list.h"
#include "netns.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

/* What the other half answers. */
typedef struct Answer {
        GByteArray *list;
        int error;
        guint asked;
} Answer;

static int ask(void *data, GByteArray *out)
{
        Answer *answer = data;

        answer->asked++;
        if (answer->error == 0)
                g_byte_array_append(out, answer->list->data, answer->list->len);
        return answer->error;
}

static void add(Answer *answer, NetnsKind kind, uint64_t number, const void *bytes, gsize length)
{
        const NetnsRecord record = { number, kind, length };

        g_byte_array_append(answer->list, (const void *)&record, sizeof(record));
        g_byte_array_append(answer->list, bytes, length);
}

static const NetdevProg xdp = {
        .how = NETDEV_XDP,
        .ifindex = 5,
        .prog_id = 131,
        .attach_type = BPF_XDP,
};

static void assert_notes(const Netns *netns, const char *expected)
{
        g_autoptr(GString) notes = g_string_new(NULL);

        netns_append_notes(netns, notes);
        g_assert_cmpstr(notes->str, ==, expected);
}

static void test_reads(void)
{
        Answer answer = { .list = g_byte_array_new() };
        g_autoptr(Netns) netns = netns_new(ask, &answer);
        const NetSpace *space;

        add(&answer, NETNS_SPACE, 1001, "blue", 4);
        add(&answer, NETNS_INTERFACE, 5, "eth0", 4);
        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp));
        add(&answer, NETNS_SPACE, 1002, "red", 3);
        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp));
        add(&answer, NETNS_NOTE, 0, "not \n all", 9);
        for (int i = 0; i < 2; i++) {
                netns_scan(netns, 1);
                g_assert_cmpuint(netns_n_progs(netns), ==, 2);
                space = netns_prog(netns, 0)->space;
                g_assert_cmpstr(space->name, ==, "blue");
                g_assert_true(space == netns_space(netns, 1001));
                g_assert_cmpstr(g_hash_table_lookup(space->interfaces, GUINT_TO_POINTER(5)), ==,
                                "eth0");
                g_assert_cmpuint(netns_prog(netns, 0)->prog.prog_id, ==, 131);
                space = netns_prog(netns, 1)->space;
                g_assert_cmpstr(space->name, ==, "red");
                g_assert_null(g_hash_table_lookup(space->interfaces, GUINT_TO_POINTER(5)));
                g_assert_null(netns_space(netns, 1003));
                assert_notes(netns, "(not \\x0a all)\n");
        }
        g_byte_array_unref(answer.list);
}

/* Nothing is taken from beyond the end, and nothing without a namespace. */
static void test_hostile(void)
{
        Answer answer = { .list = g_byte_array_new() };
        g_autoptr(Netns) netns = netns_new(ask, &answer);
        guint length;

        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp));
        add(&answer, NETNS_INTERFACE, 5, "eth0", 4);
        add(&answer, 4711, 0, "what", 4);
        add(&answer, NETNS_SPACE, 1001, "blue", 4);
        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp) - 1);
        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp));
        length = answer.list->len;
        netns_scan(netns, 1);
        g_assert_cmpuint(netns_n_progs(netns), ==, 1);
        /* Each beginning of it is a list, too. */
        while (length-- > 0) {
                g_byte_array_set_size(answer.list, length);
                netns_scan(netns, 1);
                g_assert_cmpuint(netns_n_progs(netns), ==, 0);
        }
        g_byte_array_unref(answer.list);
}

/* If nobody answers, nothing is known, and the question is not put again at once. */
static void test_no_answer(void)
{
        Answer answer = { .list = g_byte_array_new() };
        g_autoptr(Netns) netns = netns_new(ask, &answer);

        add(&answer, NETNS_SPACE, 1001, "blue", 4);
        add(&answer, NETNS_PROG, 0, &xdp, sizeof(xdp));
        netns_scan(netns, 1);
        answer.error = -ETIMEDOUT;
        for (int i = 0; i < 3; i++) {
                netns_scan(netns, 2);
                g_assert_cmpuint(netns_n_progs(netns), ==, 0);
                g_assert_null(netns_space(netns, 1001));
                assert_notes(netns,
                             "(network namespaces cannot be looked at: Connection timed out)\n");
        }
        g_assert_cmpuint(answer.asked, ==, 2);
        answer.error = 0;
        netns_scan(netns, 2 + NETNS_RETRY);
        g_assert_cmpuint(netns_n_progs(netns), ==, 1);
        assert_notes(netns, "");
        g_byte_array_unref(answer.list);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/netns/reads", test_reads);
        g_test_add_func("/netns/hostile", test_hostile);
        g_test_add_func("/netns/no-answer", test_no_answer);
        return g_test_run();
}
