/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The keys of an info directory as JSON. */

#include "info-json.h"

#include "json-text.h"

#include <string.h>

typedef enum Form {
        FORM_VALUE,   /* a number or a truth value, if it looks like one; else a string */
        FORM_STRING,  /* a string, also if it looks like a number */
        FORM_STRINGS, /* a string a line */
        FORM_NUMBERS,
} Form;

/* The keys of another form than FORM_VALUE. */
static const struct {
        const char *key;
        Form form;
} forms[] = {
        { "btf_ids", FORM_NUMBERS },   { "cgroup", FORM_STRING },      { "comm", FORM_STRING },
        { "container", FORM_STRING },  { "devname", FORM_STRING },     { "file", FORM_STRING },
        { "func", FORM_STRING },       { "functions", FORM_STRINGS },  { "map_ids", FORM_NUMBERS },
        { "name", FORM_STRING },       { "path", FORM_STRING },        { "sources", FORM_STRINGS },
        { "tag", FORM_STRING },        { "target_name", FORM_STRING }, { "tp_name", FORM_STRING },
        { "tracepoint", FORM_STRING }, { "unit", FORM_STRING },        { "user_unit", FORM_STRING },
};

/* Lists for each function of a link: the key of info, and bpftool's key in "funcs". */
typedef struct PerFunction {
        const char *key;
        const char *member;
} PerFunction;

static const PerFunction per_function[] = {
        { "addrs", "addr" },
        { "offsets", "offset" },
        { "ref_ctr_offsets", "ref_ctr_offset" },
        { "cookies", "cookie" },
};

/* Appends the next number of @text, and moves @text past it. False if there are no more. */
static bool next_number(const char **text, const char **number, size_t *length)
{
        *text += strspn(*text, " ");
        *number = *text;
        *length = strspn(*text, "-0123456789");
        *text += *length;
        return *length > 0;
}

static void put_numbers(Json *json, const char *text)
{
        const char *number;
        size_t length;

        json_begin_array(json);
        while (next_number(&text, &number, &length))
                json_raw(json, number, length);
        json_end_array(json);
}

/* strcmp() is called only where the first characters are the same. */
static bool is_key(const char *key, const char *name)
{
        return key[0] == name[0] && strcmp(key, name) == 0;
}

static Form form_of(const char *key)
{
        for (guint i = 0; i < G_N_ELEMENTS(forms); i++)
                if (is_key(key, forms[i].key))
                        return forms[i].form;
        return FORM_VALUE;
}

static void put(Json *json, const char *key, const char *member, const char *text)
{
        Form form = form_of(key);
        size_t length = strcspn(text, "\n");

        json_name(json, member);
        if (form == FORM_STRINGS)
                json_lines(json, text);
        else if (form == FORM_NUMBERS)
                put_numbers(json, text);
        else if (form == FORM_VALUE && json_is_literal(text, length))
                json_raw(json, text, length);
        else
                json_text(json, text, length);
}

static const PerFunction *find_per_function(const char *key)
{
        for (guint i = 0; i < G_N_ELEMENTS(per_function); i++)
                if (is_key(key, per_function[i].key))
                        return &per_function[i];
        return NULL;
}

/* An object for each function that has a number in one of the lists. */
static void put_functions(Json *json, const Info *info)
{
        const char *texts[G_N_ELEMENTS(per_function)] = { NULL };
        bool any = false, more = true;

        for (uint32_t i = 0; i < info_n(info); i++) {
                const PerFunction *found = find_per_function(info_key(info, i));

                if (found)
                        texts[found - per_function] = info_text(info, i);
                any = any || found;
        }
        if (!any)
                return;
        json_name(json, "funcs");
        json_begin_array(json);
        while (more) {
                more = false;
                for (guint i = 0; i < G_N_ELEMENTS(per_function); i++) {
                        const char *number;
                        size_t length;

                        if (!texts[i] || !next_number(&texts[i], &number, &length))
                                continue;
                        if (!more)
                                json_begin_object(json);
                        json_name(json, per_function[i].member);
                        json_raw(json, number, length);
                        more = true;
                }
                if (more)
                        json_end_object(json);
        }
        json_end_array(json);
}

/* The length of the subdirectory's name in @key; 0: the key is in none. */
static size_t sub_length(const char *key)
{
        const char *slash = strchr(key, '/');

        return slash ? slash - key : 0;
}

void info_json(Json *json, const Info *info)
{
        for (uint32_t i = 0; i < info_n(info); i++) {
                const char *key = info_key(info, i);
                size_t sub = sub_length(key);
                g_autofree char *name = NULL;

                if (find_per_function(key))
                        continue;
                if (sub == 0) {
                        put(json, key, key, info_text(info, i));
                        continue;
                }
                /* The keys of a subdirectory follow each other. */
                name = g_strndup(key, sub);
                json_name(json, name);
                json_begin_object(json);
                for (; i < info_n(info) && sub_length(info_key(info, i)) == sub &&
                       strncmp(info_key(info, i), name, sub) == 0;
                     i++)
                        put(json, info_key(info, i) + sub + 1, info_key(info, i) + sub + 1,
                            info_text(info, i));
                i--;
                json_end_object(json);
        }
        put_functions(json, info);
}
