/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A process by the texts of its files in /proc. */

#include "process.h"

#include "text.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

/* The field of stat that is the start, counted from the one behind the name: 22 in proc(5). */
#define START_FIELD 20

/* The next of the texts, and moves on. NULL: there is none. */
static const char *next_text(const char **at, const char *end)
{
        const char *text = *at;
        const char *stop = memchr(text, '\0', end - text);

        *at = stop ? stop + 1 : end;
        return stop ? text : NULL;
}

/* The name may contain blanks and parentheses, and is the only field that does. */
static bool read_start(const char *stat, uint64_t *ticks)
{
        const char *at = strrchr(stat, ')');

        for (int i = 0; at && i < START_FIELD; i++)
                at = strchr(at + 1, ' ');
        return at && g_ascii_isdigit(at[1]) && (*ticks = g_ascii_strtoull(at + 1, NULL, 10)) > 0;
}

/* The time for which the process has run and waited for a CPU: it is at least that old. */
static uint64_t read_lived(const char *schedstat)
{
        char *end;
        uint64_t run = g_ascii_strtoull(schedstat, &end, 10);
        uint64_t lived = run + g_ascii_strtoull(end, NULL, 10);

        /* The scheduler has another clock, which may be faster by a few millionths. */
        return lived - lived / 1024;
}

int process_read(const uint8_t *bytes, size_t size, ProcessSeen *out)
{
        const char *at = (const char *)bytes + sizeof(ProcessText);
        const char *end = (const char *)bytes + size;
        const char *schedstat, *stat;
        uint64_t ticks, lived;
        ProcessText text;

        if (size < sizeof(text))
                return -EPROTO;
        memcpy(&text, bytes, sizeof(text));
        schedstat = next_text(&at, end);
        stat = next_text(&at, end);
        out->comm = next_text(&at, end);
        out->cgroup = next_text(&at, end);
        if (!out->cgroup || text.tick == 0 || !read_start(stat, &ticks) ||
            ticks > (UINT64_MAX - text.tick) / text.tick)
                return -EPROTO;
        out->start = ticks * text.tick;
        out->until = out->start + text.tick;
        lived = read_lived(schedstat);
        out->older = lived < text.seen ? text.seen - lived : text.seen;
        return 0;
}

int process_read_names(const uint8_t *bytes, size_t size, ProcessSeen *out)
{
        const char *at = (const char *)bytes;
        const char *end = at + size;

        *out = (ProcessSeen){ .until = UINT64_MAX, .older = UINT64_MAX };
        out->comm = next_text(&at, end);
        out->cgroup = next_text(&at, end);
        return out->cgroup ? 0 : -EPROTO;
}

bool process_was_there(const ProcessSeen *seen, uint64_t time, int64_t behind)
{
        return time >= seen->until + behind || time >= seen->older;
}

static void add_text(InfoBuilder *builder, const char *key, const char *text, size_t length)
{
        g_autoptr(GString) line = g_string_new(NULL);

        text_append_bytes(line, text, length);
        info_builder_add(builder, key, "%s", line->str);
}

static void add_if_there(InfoBuilder *builder, const char *key, const char *text)
{
        if (text)
                add_text(builder, key, text, strlen(text));
}

/* If a path were cut, it would be another cgroup's. */
static char *whole_lines(const char *text)
{
        const char *end = strrchr(text, '\n');

        return g_strndup(text, end ? end - text : 0);
}

Info *process_info(uint32_t pid, const ProcessSeen *seen)
{
        InfoBuilder *builder = info_builder_new();

        info_builder_add(builder, "pid", "%u", pid);
        if (seen) {
                g_autofree char *cgroup = whole_lines(seen->cgroup);
                g_auto(ProcessUnit) unit = unit_of_process(cgroup);
                size_t length = strlen(seen->comm);

                /* The kernel ends it with a newline; the name itself may have others. */
                if (length > 0 && seen->comm[length - 1] == '\n')
                        length--;
                add_text(builder, "comm", seen->comm, length);
                add_if_there(builder, "cgroup", unit.cgroup);
                add_if_there(builder, "unit", unit.unit);
                add_if_there(builder, "user_unit", unit.user_unit);
                add_if_there(builder, "container", unit.container);
        }
        return info_builder_end(builder);
}
