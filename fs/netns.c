/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The list of network namespaces, read. */

#include "netns.h"

#include "netns-list.h"
#include "records.h"
#include "text.h"

#include <string.h>

struct Netns {
        NetnsAsk ask;
        void *data;
        int error;         /* of the last question: a negative errno */
        gint64 time;       /* of the last question */
        GPtrArray *spaces; /* NetSpace */
        GArray *progs;     /* NetSpaceProg */
        GString *notes;    /* lines */
};

static void space_free(gpointer data)
{
        NetSpace *space = data;

        g_free(space->name);
        g_hash_table_unref(space->interfaces);
        g_free(space);
}

Netns *netns_new(NetnsAsk ask, void *data)
{
        Netns *netns = g_new0(Netns, 1);

        netns->ask = ask;
        netns->data = data;
        netns->spaces = g_ptr_array_new_with_free_func(space_free);
        netns->progs = g_array_new(FALSE, FALSE, sizeof(NetSpaceProg));
        netns->notes = g_string_new(NULL);
        return netns;
}

void netns_free(Netns *netns)
{
        if (!netns)
                return;
        g_ptr_array_unref(netns->spaces);
        g_array_unref(netns->progs);
        g_string_free(netns->notes, TRUE);
        g_free(netns);
}

static NetSpace *space_new(const char *bytes, gsize length, uint64_t ino)
{
        NetSpace *space = g_new0(NetSpace, 1);

        space->name = g_strndup(bytes, length);
        space->ino = ino;
        space->interfaces = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        return space;
}

/* @space is that of the last record of a namespace, or NULL. */
static void take(Netns *netns, const NetnsRecord *record, const char *bytes, NetSpace *space)
{
        NetSpaceProg prog = { .space = space };

        switch (record->kind) {
        case NETNS_SPACE:
                g_ptr_array_add(netns->spaces, space_new(bytes, record->length, record->number));
                break;
        case NETNS_INTERFACE:
                if (space)
                        g_hash_table_insert(space->interfaces,
                                            GUINT_TO_POINTER((guint)record->number),
                                            g_strndup(bytes, record->length));
                break;
        case NETNS_PROG:
                if (!space || record->length != sizeof(prog.prog))
                        break;
                memcpy(&prog.prog, bytes, sizeof(prog.prog));
                g_array_append_val(netns->progs, prog);
                break;
        case NETNS_NOTE:
                g_string_append_c(netns->notes, '(');
                text_append_bytes(netns->notes, bytes, record->length);
                g_string_append(netns->notes, ")\n");
                break;
        }
}

static void read_list(Netns *netns, const GByteArray *list)
{
        RecordsRest rest = { list->data, list->len };
        const guint8 *bytes;
        NetnsRecord record;

        while ((bytes = records_next(&rest, &record, sizeof(record), &record.length))) {
                guint n = netns->spaces->len;

                take(netns, &record, (const char *)bytes,
                     n > 0 ? netns->spaces->pdata[n - 1] : NULL);
        }
}

void netns_scan(Netns *netns, gint64 now)
{
        g_autoptr(GByteArray) list = NULL;

        if (netns->error != 0 && now - netns->time < NETNS_RETRY)
                return;
        g_array_set_size(netns->progs, 0);
        g_ptr_array_set_size(netns->spaces, 0);
        g_string_truncate(netns->notes, 0);
        list = g_byte_array_new();
        netns->time = now;
        netns->error = netns->ask(netns->data, list);
        if (netns->error == 0)
                read_list(netns, list);
        else
                g_string_append_printf(netns->notes,
                                       "(network namespaces cannot be looked at: %s)\n",
                                       g_strerror(-netns->error));
}

guint netns_n_progs(const Netns *netns)
{
        return netns->progs->len;
}

const NetSpaceProg *netns_prog(const Netns *netns, guint index)
{
        return &g_array_index(netns->progs, NetSpaceProg, index);
}

const NetSpace *netns_space(const Netns *netns, uint64_t ino)
{
        for (guint i = 0; i < netns->spaces->len; i++) {
                const NetSpace *space = netns->spaces->pdata[i];

                if (space->ino == ino)
                        return space;
        }
        return NULL;
}

void netns_append_notes(const Netns *netns, GString *out)
{
        g_string_append_len(out, netns->notes->str, netns->notes->len);
}
