/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Source files and functions as text. */

#include "lines.h"
#include "text.h"

#include <string.h>

/* One text that grows line by line up to its limits. */
typedef struct Text {
        GString *string;
        uint32_t n; /* lines */
        bool full;  /* ends in "..." */
} Text;

struct Lines {
        Text sources;
        Text functions;
        GHashTable *offsets; /* the names that have been added as sources */
        GHashTable *names;   /* the same as text, in the strings of the BTF */
        uint32_t last;       /* the offset that was added last: lines of a file follow each other */
};

Lines *lines_new(void)
{
        Lines *lines = g_new0(Lines, 1);

        lines->sources.string = g_string_new(NULL);
        lines->functions.string = g_string_new(NULL);
        lines->offsets = g_hash_table_new(NULL, NULL);
        lines->names = g_hash_table_new(g_str_hash, g_str_equal);
        return lines;
}

void lines_free(Lines *lines)
{
        g_string_free(lines->sources.string, TRUE);
        g_string_free(lines->functions.string, TRUE);
        g_hash_table_unref(lines->offsets);
        g_hash_table_unref(lines->names);
        g_free(lines);
}

/* @name, or "" if it is NULL or too long. */
static const char *usable(const char *name)
{
        return name && strnlen(name, LINES_MAX_NAME + 1) <= LINES_MAX_NAME ? name : "";
}

static void begin_line(Text *text)
{
        if (text->n++ > 0)
                g_string_append_c(text->string, '\n');
}

static void cut(Text *text)
{
        if (text->full)
                return;
        begin_line(text);
        g_string_append(text->string, "...");
        text->full = true;
}

/* Adds @line if there is room for it, and for "..." behind it. */
static void add_line(Text *text, const GString *line, uint32_t max)
{
        const size_t room = LINES_MAX_TEXT - strlen("\n\n...\n");

        if (text->n >= max || text->string->len + line->len > room) {
                cut(text);
                return;
        }
        begin_line(text);
        g_string_append_len(text->string, line->str, line->len);
}

void lines_add_source(Lines *lines, const struct btf *btf, uint32_t file)
{
        g_autoptr(GString) line = NULL;
        const char *name;

        if (lines->sources.full || (file == lines->last && file > 0) ||
            !g_hash_table_add(lines->offsets, GUINT_TO_POINTER(file)))
                return;
        lines->last = file;
        name = usable(btf__name_by_offset(btf, file));
        if (!*name || !g_hash_table_add(lines->names, (char *)name))
                return;
        line = g_string_new(NULL);
        text_append(line, name);
        add_line(&lines->sources, line, LINES_MAX_SOURCES);
}

void lines_add_function(Lines *lines, const char *name, const struct btf *btf, uint32_t file,
                        uint32_t line)
{
        g_autoptr(GString) text = g_string_new(NULL);
        const char *path = file == 0 ? "" : usable(btf__name_by_offset(btf, file));

        if (lines->functions.full)
                return;
        name = usable(name);
        if (*name)
                text_append(text, name);
        else
                g_string_append(text, "(anon)");
        if (*path) {
                g_string_append_c(text, ' ');
                text_append(text, path);
                g_string_append_printf(text, ":%u", line);
        }
        add_line(&lines->functions, text, LINES_MAX_FUNCTIONS);
}

void lines_cut_sources(Lines *lines)
{
        cut(&lines->sources);
}

void lines_cut_functions(Lines *lines)
{
        cut(&lines->functions);
}

void lines_add_keys(const Lines *lines, InfoBuilder *builder)
{
        if (lines->sources.n > 0)
                info_builder_add(builder, "sources", "%s", lines->sources.string->str);
        if (lines->functions.n > 0)
                info_builder_add(builder, "functions", "%s", lines->functions.string->str);
}
