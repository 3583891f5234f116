/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Reads rules, and tells which of them match.
 *
 * GKeyFile tells no lines, merges groups of one name, and drops the first of two keys of one name.
 * So it gets one line at a time: then a name that is there twice is a fault, and each fault has its
 * line.
 */

#include "rules.h"

#include "patterns.h"
#include "sink.h"
#include "text.h"

#include <string.h>

#define MATCH_PREFIX "match-"

static const char *const keys[RULES_N_KEYS] = {
        [RULES_NAME] = "name",     [RULES_TYPE] = "type",           [RULES_TAG] = "tag",
        [RULES_UID] = "uid",       [RULES_SOURCE] = "source",       [RULES_ATTACHED] = "attached",
        [RULES_PINNED] = "pinned", [RULES_COMM] = "comm",           [RULES_UNIT] = "unit",
        [RULES_CGROUP] = "cgroup", [RULES_CONTAINER] = "container",
};

typedef struct Rule {
        char *group;
        Patterns *keys[RULES_N_KEYS]; /* NULL: any text matches */
        bool changes;                 /* it has a key that may change */
} Rule;

struct Rules {
        NamesReserved reserved;
        GPtrArray *files;    /* names of files */
        GPtrArray *rules;    /* of Rule */
        GArray *gifts;       /* of RulesGift */
        GPtrArray *names;    /* by number */
        GHashTable *by_name; /* name -> its number */
};

static void rule_free(gpointer data)
{
        Rule *rule = data;

        for (int i = 0; i < RULES_N_KEYS; i++)
                patterns_free(rule->keys[i]);
        g_free(rule->group);
        g_free(rule);
}

static void gift_clear(gpointer data)
{
        RulesGift *gift = data;

        g_free(gift->text);
}

Rules *rules_new(NamesReserved reserved)
{
        Rules *rules = g_new0(Rules, 1);

        rules->reserved = reserved;
        rules->files = g_ptr_array_new_with_free_func(g_free);
        rules->rules = g_ptr_array_new_with_free_func(rule_free);
        rules->gifts = g_array_new(FALSE, FALSE, sizeof(RulesGift));
        g_array_set_clear_func(rules->gifts, gift_clear);
        rules->names = g_ptr_array_new_with_free_func(g_free);
        rules->by_name = g_hash_table_new(g_str_hash, g_str_equal);
        return rules;
}

void rules_free(Rules *rules)
{
        if (!rules)
                return;
        g_ptr_array_unref(rules->files);
        g_ptr_array_unref(rules->rules);
        g_array_unref(rules->gifts);
        g_hash_table_unref(rules->by_name);
        g_ptr_array_unref(rules->names);
        g_free(rules);
}

/* Reading */

/* The file that is being read. */
typedef struct Reader {
        Rules *rules;
        const char *file; /* for messages */
        uint32_t line;
        Rule *rule; /* NULL: before the first group */
        uint32_t rule_line;
        bool matches;       /* the rule has a key that chooses programs, */
        bool gives;         /* and one that gives a value */
        GHashTable *groups; /* of this file: name -> line */
        GHashTable *said;   /* the keys of this rule so far: name -> line */
        GError **error;
} Reader;

G_GNUC_PRINTF(3, 4)
static bool fail_at(const Reader *reader, uint32_t line, const char *format, ...)
{
        g_autofree char *sentence = NULL;
        va_list args;

        va_start(args, format);
        sentence = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error(reader->error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "%s:%u: %s",
                    reader->file, line, sentence);
        return false;
}

#define fail(reader, ...) fail_at(reader, (reader)->line, __VA_ARGS__)

/* Notes that @name is in this line. False if it was there before. */
static bool say_once(const Reader *reader, GHashTable *table, const char *what, const char *name)
{
        gpointer before = g_hash_table_lookup(table, name);
        g_autofree char *shown = text_escape(name);

        if (before)
                return fail(reader, "%s '%s' is there already, in line %u", what, shown,
                            GPOINTER_TO_UINT(before));
        g_hash_table_insert(table, g_strdup(name), GUINT_TO_POINTER(reader->line));
        return true;
}

/* A rule without a key match- is more often a mistake than a rule for all programs. */
static bool end_rule(const Reader *reader)
{
        g_autofree char *shown = reader->rule ? text_escape(reader->rule->group) : NULL;

        if (!reader->rule || (reader->gives && reader->matches))
                return true;
        if (reader->matches)
                return fail_at(reader, reader->rule_line, "the rule '%s' gives no name", shown);
        return fail_at(reader, reader->rule_line,
                       "the rule '%s' does not say for which programs it is: write '" MATCH_PREFIX
                       "type = *' for all",
                       shown);
}

static bool begin_rule(Reader *reader, const char *group)
{
        if (!end_rule(reader) || !say_once(reader, reader->groups, "the rule", group))
                return false;
        if (reader->rules->rules->len == RULES_MAX)
                return fail(reader, "there are more than %u rules", RULES_MAX);
        reader->rule = g_new0(Rule, 1);
        reader->rule->group = g_strdup(group);
        reader->rule_line = reader->line;
        reader->matches = reader->gives = false;
        g_hash_table_remove_all(reader->said);
        g_ptr_array_add(reader->rules->rules, reader->rule);
        return true;
}

static bool find_key(const char *name, RulesKey *key)
{
        for (int i = 0; i < RULES_N_KEYS; i++) {
                if (strcmp(keys[i], name) == 0) {
                        *key = i;
                        return true;
                }
        }
        return false;
}

static bool add_patterns(Reader *reader, const char *name, char **words)
{
        RulesKey key;

        if (!find_key(name, &key)) {
                g_autofree char *shown = text_escape(name);
                g_autofree char *known = NULL;
                const char *list[RULES_N_KEYS + 1] = { NULL };

                memcpy(list, keys, sizeof(keys));
                known = g_strjoinv(", ", (char **)list);
                return fail(reader, "'" MATCH_PREFIX "%s' is not known: it can be one of %s", shown,
                            known);
        }
        reader->rule->keys[key] = patterns_new(words);
        reader->matches = true;
        reader->rule->changes = reader->rule->changes || key >= RULES_N_FIXED;
        return true;
}

/* Says why @name can't be the name of a file; NULL if it can. */
static const char *fault_of_name(const Reader *reader, const char *name)
{
        g_autoptr(Names) names = names_new(reader->rules->reserved);
        g_autofree char *given = names_give(names, name, name);

        if (reader->rules->reserved && reader->rules->reserved(name))
                return "is the filesystem's own";
        return strcmp(given, name) == 0 ? NULL : "cannot be the name of a file";
}

/* The text of a file with that value; NULL if it has characters that do not print. */
static char *text_of(const char *value)
{
        GString *text = g_string_new(NULL);
        Sink sink = { .out = text, .end = UINT64_MAX };

        for (const char *c = value; *c; c = g_utf8_next_char(c)) {
                if (!g_unichar_isprint(g_utf8_get_char(c)) && *c != '\n' && *c != '\t') {
                        g_string_free(text, TRUE);
                        return NULL;
                }
        }
        sink_put_escaped(&sink, (const uint8_t *)value, strlen(value), "\t\n");
        g_string_append_c(text, '\n');
        return g_string_free(text, FALSE);
}

static bool add_gift(Reader *reader, const char *name, const char *value)
{
        Rules *rules = reader->rules;
        g_autofree char *shown = text_escape(name);
        const char *fault = fault_of_name(reader, name);
        RulesGift gift = { .rule = rules->rules->len - 1, .group = reader->rule->group };

        if (fault)
                return fail(reader, "'%s' %s", shown, fault);
        if (!*value)
                return fail(reader, "'%s' has no value", shown);
        if (!rules_find_name(rules, name, &gift.name)) {
                char *copy = g_strdup(name);

                gift.name = rules->names->len;
                g_ptr_array_add(rules->names, copy);
                g_hash_table_insert(rules->by_name, copy, GUINT_TO_POINTER(gift.name));
        }
        if (rules->names->len > RULES_MAX_NAMES)
                return fail(reader, "there are more than %u names", RULES_MAX_NAMES);
        if (rules->gifts->len == RULES_MAX_GIFTS)
                return fail(reader, "the rules give more than %u values", RULES_MAX_GIFTS);
        gift.text = text_of(value);
        if (!gift.text)
                return fail(reader, "the value of '%s' has characters that do not print", shown);
        gift.file = rules->files->pdata[rules->files->len - 1];
        gift.line = reader->line;
        g_array_append_val(rules->gifts, gift);
        reader->gives = true;
        return true;
}

static bool add_key(Reader *reader, GKeyFile *file, const char *group, const char *key)
{
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) words = NULL;
        g_autofree char *value = NULL;
        g_autofree char *shown = text_escape(key);

        if (!reader->rule)
                return fail(reader, "'%s' is in no rule: a rule begins with its name in brackets",
                            shown);
        if (!say_once(reader, reader->said, "the key", key))
                return false;
        if (g_str_has_prefix(key, MATCH_PREFIX))
                words = g_key_file_get_string_list(file, group, key, NULL, &error);
        else
                value = g_key_file_get_string(file, group, key, &error);
        if (error)
                return fail(reader,
                            "the value of '%s' has a backslash that means nothing: write \\\\ "
                            "for one",
                            shown);
        return words ? add_patterns(reader, key + strlen(MATCH_PREFIX), words)
                     : add_gift(reader, key, value);
}

/* The group of GKeyFile into which each line is put. It is not the first one: there a key Encoding
 * has a meaning. */
#define FIRST_GROUP "[first]\n"
#define LINE_GROUP "line"

/* A line that is neither empty nor a comment. */
static bool read_line(Reader *reader, const char *line)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_auto(GStrv) found = NULL;
        bool header = *line == '[';
        g_autofree char *text =
                g_strconcat(header ? "" : FIRST_GROUP "[" LINE_GROUP "]\n", line, "\n", NULL);

        if (g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_KEEP_TRANSLATIONS, NULL))
                found = header ? g_key_file_get_groups(file, NULL)
                               : g_key_file_get_keys(file, LINE_GROUP, NULL, NULL);
        if (!found || !found[0])
                return fail(reader, "this is neither a rule's name in brackets, nor a key, = and a "
                                    "value, nor a comment that begins with #");
        return header ? begin_rule(reader, found[0]) : add_key(reader, file, LINE_GROUP, found[0]);
}

static bool read_text(Reader *reader, const char *text)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
                char *stripped = g_strstrip(*line);

                reader->line++;
                if (*stripped && *stripped != '#' && !read_line(reader, stripped))
                        return false;
        }
        return end_rule(reader);
}

/* The number of the line that has the byte @at. */
static uint32_t line_of(const char *text, const char *at)
{
        uint32_t line = 1;

        for (; text < at; text++)
                line += *text == '\n';
        return line;
}

bool rules_add(Rules *rules, const char *file, const char *text, size_t size, GError **error)
{
        g_autofree char *shown = text_escape(file);
        g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(GHashTable) said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        Reader reader = { rules, shown, .groups = groups, .said = said, .error = error };
        g_autofree char *copy = NULL;
        const char *end;

        if (size > RULES_MAX_TEXT)
                return fail_at(&reader, 1, "the file has more than %u bytes", RULES_MAX_TEXT);
        /* A NUL is no UTF-8 here. */
        if (!g_utf8_validate(text, size, &end))
                return fail_at(&reader, line_of(text, end), "this is not UTF-8");
        copy = g_strndup(text, size);
        g_ptr_array_add(rules->files, g_strdup(shown));
        return read_text(&reader, copy);
}

/* Rules and values */

NamesReserved rules_reserved(const Rules *rules)
{
        return rules->reserved;
}

uint32_t rules_n_names(const Rules *rules)
{
        return rules->names->len;
}

const char *rules_name(const Rules *rules, uint32_t number)
{
        return rules->names->pdata[number];
}

bool rules_find_name(const Rules *rules, const char *name, uint32_t *number)
{
        gpointer value;

        if (!g_hash_table_lookup_extended(rules->by_name, name, NULL, &value))
                return false;
        *number = GPOINTER_TO_UINT(value);
        return true;
}

const RulesGift *rules_gift(const Rules *rules, uint32_t index)
{
        return &g_array_index(rules->gifts, RulesGift, index);
}

/* Matching */

static bool matches_keys(const Rule *rule, RulesKey first, RulesKey end, const RulesFacts *facts)
{
        for (RulesKey key = first; key < end; key++) {
                char **lines = rule->keys[key] ? facts->lines(facts->data, key) : NULL;

                if (lines && !patterns_match_any(rule->keys[key], lines))
                        return false;
        }
        return true;
}

/* A program that has nothing is like one that is not known. */
static bool matches_process(const Rule *rule, const RulesFacts *facts, uint32_t index)
{
        static char *const nothing[] = { NULL };

        for (uint32_t i = 0; i < RULES_N_OF_PROCESS; i++) {
                const Patterns *patterns = rule->keys[RULES_FIRST_OF_PROCESS + i];
                char **lines = patterns ? facts->process(facts->data, index, i) : NULL;

                if (patterns && !patterns_match_any(patterns, lines ? lines : nothing))
                        return false;
        }
        return true;
}

static bool matches_processes(const Rule *rule, const RulesFacts *facts)
{
        uint32_t index = 0;

        do {
                if (matches_process(rule, facts, index))
                        return true;
                index++;
        } while (facts->process(facts->data, index, 0));
        return false;
}

void rules_candidates(const Rules *rules, const RulesFacts *facts, GArray *out)
{
        g_autofree bool *settled = g_new0(bool, rules->names->len + 1);
        uint32_t known = UINT32_MAX; /* the last rule for which the answer is known */
        bool matches = false;

        for (uint32_t i = 0; i < rules->gifts->len; i++) {
                const RulesGift *gift = rules_gift(rules, i);
                const Rule *rule = rules->rules->pdata[gift->rule];

                if (settled[gift->name])
                        continue;
                if (gift->rule != known)
                        matches = matches_keys(rule, 0, RULES_N_FIXED, facts);
                known = gift->rule;
                if (!matches)
                        continue;
                settled[gift->name] = !rule->changes;
                g_array_append_val(out, i);
        }
}

bool rules_may_change(const Rules *rules, uint32_t gift)
{
        const Rule *rule = rules->rules->pdata[rules_gift(rules, gift)->rule];

        return rule->changes;
}

bool rules_holds(const Rules *rules, uint32_t gift, const RulesFacts *facts)
{
        const Rule *rule = rules->rules->pdata[rules_gift(rules, gift)->rule];

        return !rule->changes ||
               (matches_keys(rule, RULES_N_FIXED, RULES_FIRST_OF_PROCESS, facts) &&
                matches_processes(rule, facts));
}
