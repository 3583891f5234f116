/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Programs without a name, by process. */

#include "log-brief.h"

#include "log-text.h"

#include <string.h>

typedef struct Group {
        uint32_t pid;
        char *process;
        int64_t due;
        guint n;
        GString *ids;
        GString *tags;
} Group;

/* Groups are in the order in which they are due. */
struct LogBrief {
        GQueue groups; /* of Group, owned */
};

LogBrief *log_brief_new(void)
{
        LogBrief *brief = g_new0(LogBrief, 1);

        g_queue_init(&brief->groups);
        return brief;
}

static void group_free(gpointer data)
{
        Group *group = data;

        g_free(group->process);
        g_string_free(group->ids, TRUE);
        g_string_free(group->tags, TRUE);
        g_free(group);
}

void log_brief_free(LogBrief *brief)
{
        g_queue_clear_full(&brief->groups, group_free);
        g_free(brief);
}

static Group *find(LogBrief *brief, uint32_t pid)
{
        for (GList *at = brief->groups.head; at; at = at->next) {
                Group *group = at->data;

                if (group->pid == pid)
                        return group;
        }
        return NULL;
}

static Group *group_new(uint32_t pid, int64_t due)
{
        Group *group = g_new(Group, 1);

        *group = (Group){ pid, g_strdup(""), due, 0, g_string_new(NULL), g_string_new(NULL) };
        return group;
}

bool log_brief_add(LogBrief *brief, int64_t now, uint32_t pid, const char *process, uint32_t id,
                   const char *tag)
{
        Group *group = find(brief, pid);
        const char *comma;

        if (!group && brief->groups.length == LOG_BRIEF_PROCESSES)
                return false;
        if (!group) {
                group = group_new(pid, now + LOG_BRIEF_MS * G_TIME_SPAN_MILLISECOND);
                g_queue_push_tail(&brief->groups, group);
        }
        if (strlen(process) > strlen(group->process)) {
                g_free(group->process);
                group->process = g_strdup(process);
        }
        comma = group->n > 0 ? "," : "";
        if (group->n < LOG_BRIEF_IDS) {
                g_string_append_printf(group->ids, "%s%u", comma, id);
                g_string_append_printf(group->tags, "%s%s", comma, tag);
        } else if (group->n == LOG_BRIEF_IDS) {
                g_string_append(group->ids, ",...");
                g_string_append(group->tags, ",...");
        }
        group->n++;
        return true;
}

int64_t log_brief_due(const LogBrief *brief)
{
        const Group *first = g_queue_peek_head((GQueue *)&brief->groups);

        return first ? first->due : -1;
}

char *log_brief_end(LogBrief *brief, int64_t now, bool all, guint *n, uint32_t *pid)
{
        Group *group = g_queue_peek_head(&brief->groups);
        GString *line;

        if (!group || (!all && now < group->due))
                return NULL;
        g_queue_pop_head(&brief->groups);
        line = g_string_new(NULL);
        log_text_add(line, "event", "brief");
        log_text_add_number(line, "programs", group->n);
        log_text_add(line, "ids", group->ids->str);
        log_text_add(line, "tags", group->tags->str);
        if (*group->process)
                g_string_append_printf(line, " %s", group->process);
        *n = group->n;
        *pid = group->pid;
        group_free(group);
        return g_string_free(line, FALSE);
}
