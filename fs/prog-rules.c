/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "prog-rules.h"

#include "text.h"

#include <errno.h>
#include <string.h>

/* One look at a program for rules. Answers are kept until its end. */
typedef struct Asked {
        Prog *prog;
        char **lines[RULES_N_KEYS]; /* owned; NULL: not asked yet */
        uint32_t process;           /* whose lines these are, of the keys of a process */
        bool has_loader;            /* it has been asked for */
        Loader *loader;             /* owned; NULL: not known */
        GPtrArray *holders;         /* of Info; owned; NULL: not asked yet */
        bool asks_nobody;           /* observers are not asked */
        bool unknown;               /* an observer would have been */
} Asked;

static void asked_clear(Asked *asked)
{
        for (int i = 0; i < RULES_N_KEYS; i++)
                g_strfreev(asked->lines[i]);
        loader_unref(asked->loader);
        if (asked->holders)
                g_ptr_array_unref(asked->holders);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

/* Lines in parentheses, from observers, are about things that can't be known. */
static char **split(const char *text, bool observed)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        GPtrArray *out = g_ptr_array_new();

        for (char **line = lines; *line; line++)
                if (**line && !(observed && **line == '('))
                        g_ptr_array_add(out, g_strdup(*line));
        g_ptr_array_add(out, NULL);
        return (char **)g_ptr_array_free(out, FALSE);
}

/* The text of @key; "" if there is none. */
static const char *find(const Info *info, const char *key)
{
        const char *text = info_get(info, key);

        return text ? text : "";
}

static char **ask_fixed(Object *object, const char *key)
{
        const Info *info;

        return split(object_fixed_info(object, &info) == 0 ? find(info, key) : "", false);
}

static char **ask_observer(Object *object, const char *name)
{
        const Observers *observers = catalog_observers(object->catalog);
        g_autoptr(GString) text = g_string_new(NULL);

        for (const ObservedKey *key = object->kind->observed; key->name; key++)
                if (strcmp(key->name, name) == 0 && key->is_there(observers))
                        key->look(observers, object, text);
        return split(text->str, true);
}

/* The files of info/ with the answers. */
static char **lines(void *data, RulesKey key)
{
        static const char *const files[RULES_FIRST_OF_PROCESS] = {
                [RULES_NAME] = "name",      [RULES_TYPE] = "type",
                [RULES_TAG] = "tag",        [RULES_UID] = "uid",
                [RULES_SOURCE] = "sources", [RULES_ATTACHED] = "attached",
                [RULES_PINNED] = "pinned",
        };
        Asked *asked = data;

        if (key >= RULES_N_FIXED && asked->asks_nobody) {
                asked->unknown = true;
                return NULL;
        }
        if (!asked->lines[key])
                asked->lines[key] = key < RULES_N_FIXED
                                            ? ask_fixed(&asked->prog->object, files[key])
                                            : ask_observer(&asked->prog->object, files[key]);
        return asked->lines[key];
}

static GPtrArray *ask_holders(const Object *object)
{
        GPtrArray *holders = g_ptr_array_new_with_free_func((GDestroyNotify)info_free);
        const Observers *observers = catalog_observers(object->catalog);
        g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(uint32_t));

        if (!observers_have_holders(observers))
                return holders;
        observers_update_holders(observers);
        observers_append_holders(observers, HOLDER_PROG, object->id, pids);
        for (guint i = 0; i < pids->len; i++) {
                Info *info = observers_holder_info(observers, g_array_index(pids, uint32_t, i));

                if (info)
                        g_ptr_array_add(holders, info);
        }
        return holders;
}

/* The loader comes first, for its facts are kept. All processes are looked at only if it does not
 * match. */
static const Info *process_info_of(Asked *asked, uint32_t index)
{
        const Object *object = &asked->prog->object;

        if (!asked->has_loader)
                asked->loader = observers_loader(catalog_observers(object->catalog), object->id);
        asked->has_loader = true;
        if (asked->loader && index-- == 0)
                return loader_info(asked->loader);
        if (asked->asks_nobody)
                return NULL;
        if (!asked->holders)
                asked->holders = ask_holders(object);
        return index < asked->holders->len ? asked->holders->pdata[index] : NULL;
}

static char **process(void *data, uint32_t index, uint32_t key)
{
        static const char *const files[RULES_N_OF_PROCESS] = { "comm", "unit", "cgroup",
                                                               "container" };
        Asked *asked = data;
        char ***at = &asked->lines[RULES_FIRST_OF_PROCESS + key];
        const Info *info = process_info_of(asked, index);
        bool unit = key == RULES_UNIT - RULES_FIRST_OF_PROCESS;
        g_autofree char *text = NULL;

        if (!info)
                return NULL;
        if (index != asked->process)
                for (int i = RULES_FIRST_OF_PROCESS; i < RULES_N_KEYS; i++)
                        g_clear_pointer(&asked->lines[i], g_strfreev);
        asked->process = index;
        if (*at)
                return *at;
        text = g_strconcat(find(info, files[key]), unit ? find(info, "user_unit") : "", NULL);
        *at = split(text, false);
        return *at;
}

static RulesFacts facts_of(Asked *asked)
{
        return (RulesFacts){ .lines = lines, .process = process, .data = asked };
}

static const Rules *rules_of(const Prog *prog)
{
        return catalog_observers(prog->object.catalog)->rules;
}

/* Finds the gifts that the program may get at all. 0 or -errno. */
static int find_candidates(Prog *prog, const RulesFacts *facts)
{
        const Info *info;
        int r;

        if (prog->candidates)
                return 0;
        /* Once it is there, it has all keys. */
        r = object_fixed_info(&prog->object, &info);
        if (r < 0)
                return r;
        prog->candidates = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        rules_candidates(rules_of(prog), facts, prog->candidates);
        return 0;
}

/* Appends the gifts for names that are not @taken, and takes these names. */
static void choose(Prog *prog, const RulesFacts *facts, bool *taken, GPtrArray *out)
{
        const Rules *rules = rules_of(prog);

        for (guint i = 0; i < prog->candidates->len; i++) {
                uint32_t index = g_array_index(prog->candidates, uint32_t, i);
                const RulesGift *gift = rules_gift(rules, index);

                if (taken[gift->name] || !rules_holds(rules, index, facts))
                        continue;
                taken[gift->name] = true;
                g_ptr_array_add(out, (gpointer)gift);
        }
}

static int find_gift(Prog *prog, const char *name, Asked *asked, const RulesGift **out)
{
        const Rules *rules = rules_of(prog);
        RulesFacts facts = facts_of(asked);
        uint32_t number;
        int r;

        if (!rules || !prog->examined || !rules_find_name(rules, name, &number))
                return -ENOENT;
        r = find_candidates(prog, &facts);
        for (guint i = 0; r == 0 && i < prog->candidates->len; i++) {
                uint32_t index = g_array_index(prog->candidates, uint32_t, i);

                *out = rules_gift(rules, index);
                asked->unknown = false;
                if ((*out)->name == number && rules_holds(rules, index, &facts))
                        return asked->unknown ? -ENOENT : 0;
        }
        return r < 0 ? r : -ENOENT;
}

int prog_rules_find(Prog *prog, const char *name, const RulesGift **out)
{
        g_auto(Asked) asked = { .prog = prog };

        return find_gift(prog, name, &asked, out);
}

int prog_rules_find_known(Prog *prog, const char *name, Loader *loader, const RulesGift **out)
{
        g_auto(Asked) asked = {
                .prog = prog,
                .has_loader = true,
                .loader = loader ? loader_ref(loader) : NULL,
                .asks_nobody = true,
        };

        return find_gift(prog, name, &asked, out);
}

static int compare(gconstpointer a, gconstpointer b)
{
        const RulesGift *left = *(const RulesGift *const *)a;
        const RulesGift *right = *(const RulesGift *const *)b;

        return left->name < right->name ? -1 : 1;
}

static bool candidates_may_change(const Prog *prog)
{
        for (guint i = 0; i < prog->candidates->len; i++)
                if (rules_may_change(rules_of(prog), g_array_index(prog->candidates, uint32_t, i)))
                        return true;
        return false;
}

int prog_rules_list(Prog *prog, GPtrArray *out, bool *changes)
{
        const Rules *rules = rules_of(prog);
        g_auto(Asked) asked = { .prog = prog };
        RulesFacts facts = facts_of(&asked);
        g_autofree bool *taken = NULL;
        uint32_t number;
        int r;

        if (changes)
                *changes = rules && !prog->examined;
        if (!rules || !prog->examined)
                return 0;
        r = find_candidates(prog, &facts);
        if (r < 0 || prog->candidates->len == 0)
                return r;
        if (changes)
                *changes = candidates_may_change(prog);
        taken = g_new0(bool, rules_n_names(rules));
        for (uint32_t i = 0; i < prog->n_entries; i++)
                if (rules_find_name(rules, prog->entries[i].name, &number))
                        taken[number] = true;
        choose(prog, &facts, taken, out);
        g_ptr_array_sort(out, compare);
        return 0;
}

void prog_rules_append(const Observers *observers, Object *object, GString *out)
{
        g_autoptr(GPtrArray) gifts = g_ptr_array_new();
        Prog *prog = prog_of(object);
        int r = prog_update(prog, rules_reserved(observers->rules));

        if (r == 0)
                r = prog_rules_list(prog, gifts, NULL);
        for (guint i = 0; r == 0 && i < gifts->len; i++) {
                const RulesGift *gift = gifts->pdata[i];

                text_append(out, rules_name(observers->rules, gift->name));
                g_string_append_c(out, '\t');
                text_append(out, gift->group);
                g_string_append_printf(out, "\t%s:%u\n", gift->file, gift->line);
        }
}
