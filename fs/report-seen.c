/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Answers of observers as JSON. */

#include "report-seen.h"

#include "info-json.h"
#include "json-text.h"
#include "prog.h"

#include <string.h>

struct ReportSeen {
        const Observers *observers;
        GHashTable *attached;  /* program id -> GString, lines; NULL: not asked */
        GString *notes;        /* lines in parentheses that hold for all objects */
        GString *lines;        /* of the object that is being written */
        GArray *pids;          /* likewise; NULL: nobody has looked at processes of late */
        GHashTable *processes; /* pid -> its JSON, or NULL: it is not known */
        GHashTable *loaders;   /* Info -> LoaderText: programs of one loader share it */
};

/* The JSON of a loader that will not be known better: so it keeps its Info as long as it is
 * there. */
typedef struct LoaderText {
        Loader *loader; /* a reference */
        char *json;
} LoaderText;

static void free_loader_text(gpointer data)
{
        LoaderText *text = data;

        loader_unref(text->loader);
        g_free(text->json);
        g_free(text);
}

static void free_string(gpointer string)
{
        g_string_free(string, TRUE);
}

static void add_attachment(uint32_t prog_id, const char *line, void *data)
{
        ReportSeen *seen = data;
        GString *lines = g_hash_table_lookup(seen->attached, GUINT_TO_POINTER(prog_id));

        if (!lines) {
                lines = g_string_new(NULL);
                g_hash_table_insert(seen->attached, GUINT_TO_POINTER(prog_id), lines);
        }
        g_string_append_printf(lines, "%s\n", line);
}

ReportSeen *report_seen_new(Catalog *catalog, bool attached)
{
        ReportSeen *seen = g_new0(ReportSeen, 1);

        seen->observers = catalog_observers(catalog);
        seen->notes = g_string_new(NULL);
        seen->lines = g_string_new(NULL);
        if (attached && observers_have_attachments(seen->observers)) {
                seen->attached = g_hash_table_new_full(NULL, NULL, NULL, free_string);
                observers_foreach_attachment(seen->observers, REPORT_SEEN_AGE, add_attachment,
                                             seen);
                observers_append_attachment_notes(seen->observers, seen->notes);
        }
        seen->processes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        seen->loaders = g_hash_table_new_full(NULL, NULL, NULL, free_loader_text);
        if (observers_know_holders(seen->observers, REPORT_PIDS_AGE))
                seen->pids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        if (observers_have_pins(seen->observers)) {
                observers_update_pins(seen->observers);
                observers_append_pin_notes(seen->observers, seen->notes);
        }
        return seen;
}

void report_seen_free(ReportSeen *seen)
{
        g_clear_pointer(&seen->attached, g_hash_table_unref);
        g_string_free(seen->notes, TRUE);
        g_string_free(seen->lines, TRUE);
        if (seen->pids)
                g_array_unref(seen->pids);
        g_hash_table_unref(seen->processes);
        g_hash_table_unref(seen->loaders);
        g_free(seen);
}

static void put_attached(const ReportSeen *seen, uint32_t id, Json *json)
{
        const GString *lines = g_hash_table_lookup(seen->attached, GUINT_TO_POINTER(id));

        json_name(json, "attached");
        json_lines(json, lines ? lines->str : "");
}

/* Returns the beginning of the lines in parentheses, which are the last lines. */
static const char *put_pinned(const ReportSeen *seen, PinKind kind, uint32_t id, Json *json)
{
        const char *line;

        g_string_truncate(seen->lines, 0);
        observers_append_known_pins(seen->observers, kind, id, seen->lines);
        json_name(json, "pinned");
        json_begin_array(json);
        for (line = seen->lines->str; *line && *line != '('; line += strcspn(line, "\n") + 1)
                json_text(json, line, strcspn(line, "\n"));
        json_end_array(json);
        return line;
}

static char *to_json(const Info *info)
{
        Json json = json_new(g_string_new(NULL));

        json_begin_object(&json);
        info_json(&json, info);
        json_end_object(&json);
        return g_string_free(json.out, FALSE);
}

/* Most processes hold many programs. */
static const char *process_json(const ReportSeen *seen, uint32_t pid)
{
        gpointer text;

        if (!g_hash_table_lookup_extended(seen->processes, GUINT_TO_POINTER(pid), NULL, &text)) {
                g_autoptr(Info) info = observers_holder_info(seen->observers, pid);

                text = info ? to_json(info) : NULL;
                g_hash_table_insert(seen->processes, GUINT_TO_POINTER(pid), text);
        }
        return text;
}

/* The processes that hold it, in bpftool's form, with the other facts of each process. */
static void put_pids(const ReportSeen *seen, HolderKind kind, uint32_t id, Json *json)
{
        g_array_set_size(seen->pids, 0);
        observers_append_holders(seen->observers, kind, id, seen->pids);
        if (seen->pids->len == 0)
                return;
        json_name(json, "pids");
        json_begin_array(json);
        for (guint i = 0; i < seen->pids->len; i++) {
                const char *text = process_json(seen, g_array_index(seen->pids, uint32_t, i));

                if (text)
                        json_raw(json, text, strlen(text));
        }
        json_end_array(json);
}

/* While a report is made, rules may wait for answers about loaders. With an answer, what was known
 * of that loader before is freed, and its address may become that of another loader's facts. */
static void put_loader(const ReportSeen *seen, uint32_t id, Json *json)
{
        g_autoptr(Loader) loader = observers_known_loader(seen->observers, id);
        g_autofree char *once = NULL;
        LoaderText *text;
        const Info *info;

        if (!loader)
                return;
        json_name(json, "loader");
        info = loader_info(loader);
        if (!loader_is_settled(loader)) {
                once = to_json(info);
                json_raw(json, once, strlen(once));
                return;
        }
        text = g_hash_table_lookup(seen->loaders, info);
        if (!text) {
                text = g_new(LoaderText, 1);
                *text = (LoaderText){ loader_ref(loader), to_json(info) };
                g_hash_table_insert(seen->loaders, (gpointer)info, text);
        }
        json_raw(json, text->json, strlen(text->json));
}

void report_seen_put(const ReportSeen *seen, const ObjectKind *kind, uint32_t id, Json *json)
{
        const char *hidden = "";

        if (seen->pids)
                put_pids(seen, kind->holder, id, json);
        if (kind == &prog_kind)
                put_loader(seen, id, json);
        if (seen->attached)
                put_attached(seen, id, json);
        if (observers_have_pins(seen->observers))
                hidden = put_pinned(seen, kind->pin, id, json);
        if (*hidden || seen->notes->len > 0) {
                g_autofree char *all = g_strconcat(hidden, seen->notes->str, NULL);

                json_name(json, "unseen");
                json_lines(json, all);
        }
}

void report_seen_put_error(uint32_t id, int error, Json *json)
{
        g_autofree char *note = g_strdup_printf("(cannot be shown: %s)", g_strerror(-error));

        json_name(json, "id");
        json_uint(json, id);
        json_name(json, "unseen");
        json_begin_array(json);
        json_note(json, note);
        json_end_array(json);
}
