/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who has told what, and when. */

#include "by-ask.h"

#include "cpu-time.h"
#include "entries.h"
#include "place.h"

#include <errno.h>
#include <string.h>

const ByOwnKey by_own_keys[BY_N_OWN] = {
        { "type", BY_FACTS },
        { "name", BY_FACTS },
        { "tag", BY_FACTS },
        { "uid", BY_FACTS },
        { "attached", BY_ATTACHED, observers_have_attachments, observers_foreach_place },
        { "pinned", BY_PINNED, observers_have_pins, observers_foreach_pin },
        { "comm", BY_COMM, observers_have_processes, observers_foreach_comm },
        { "unit", BY_UNIT, observers_have_processes, observers_foreach_unit },
};

static bool is_own(const char *name)
{
        for (guint i = 0; i < BY_N_OWN; i++)
                if (strcmp(by_own_keys[i].name, name) == 0)
                        return true;
        return false;
}

static bool is_note(const char *name)
{
        return strcmp(name, ENTRY_CANNOT_BE_SHOWN) == 0;
}

/* Programs */

static void set_partial(By *by, ByProg *prog, BySet set, bool partial)
{
        by->looks[set].partial += partial - prog->partial[set];
        prog->partial[set] = partial;
}

/* Also removes it from the table of values. */
void by_drop(By *by, ByProg *prog)
{
        for (guint i = 0; i < BY_N_SETS; i++)
                set_partial(by, prog, i, false);
        by_holder_clear(&prog->holder);
        g_hash_table_remove(by->progs, GUINT_TO_POINTER(prog->holder.id));
        prog_unref(prog->prog);
        g_free(prog);
}

ByProg *by_known(By *by, uint32_t id)
{
        return g_hash_table_lookup(by->progs, GUINT_TO_POINTER(id));
}

/* NULL: it is not there, and not in the table any more. */
ByProg *by_get(By *by, uint32_t id)
{
        ByProg *prog = by_known(by, id);
        Prog *object;

        if (prog && object_check(&prog->prog->object) == 0)
                return prog;
        if (prog)
                by_drop(by, prog);
        if (prog_get(by->catalog, id, &object) < 0)
                return NULL;
        prog = g_new0(ByProg, 1);
        prog->holder.id = id;
        prog->named = UINT32_MAX;
        prog->prog = object;
        g_hash_table_insert(by->progs, GUINT_TO_POINTER(id), prog);
        return prog;
}

/* Values that a program tells, or several. */
typedef struct Telling {
        By *by;
        GPtrArray *values; /* ByValue, owned */
        bool whole;
} Telling;

static Telling telling(By *by)
{
        return (Telling){ by, g_ptr_array_new_with_free_func((GDestroyNotify)by_value_unref),
                          true };
}

/* The value that @text is of @key; NULL: there is no room for it. The caller gets a reference. */
static ByValue *value_of(By *by, ByKey *key, const char *text)
{
        g_autofree char *name = names_of_text(text, is_note);

        return by_table_bytes(by->table) < BY_MAX_BYTES ? by_key_value(key, name) : NULL;
}

static void tell(Telling *to, ByKey *key, const char *text)
{
        ByValue *value = value_of(to->by, key, text);

        if (value)
                g_ptr_array_add(to->values, value);
        else
                to->whole = false;
}

/* The program has told all of @set. */
static void told(Telling *from, ByProg *prog, BySet set)
{
        by_holder_set(&prog->holder, set, from->values);
        set_partial(from->by, prog, set, !from->whole);
        g_ptr_array_unref(from->values);
}

static const char *fact(const Info *info, const char *key)
{
        const char *text = info_get(info, key);

        return text ? text : "\n";
}

/* Not by the object: it would keep all that it knows. */
static int ask_facts(By *by, ByProg *prog)
{
        Source *source = catalog_source(by->catalog);
        Telling to;
        Info *info;
        int r = source->ops->prog_info(source, prog->holder.id, false, &info);

        if (r < 0)
                return r;
        to = telling(by);
        for (guint i = 0; i < BY_N_OWN; i++) {
                g_autofree char *text = NULL;

                if (by_own_keys[i].set != BY_FACTS)
                        continue;
                text = g_strdup(fact(info, by_own_keys[i].name));
                tell(&to, by->own[i], g_strchomp(text));
        }
        info_free(info);
        told(&to, prog, BY_FACTS);
        prog->asked_at[BY_FACTS] = INT64_MAX;
        return 0;
}

static void tell_metadata(const char *name, const char *text, void *data)
{
        Telling *to = data;
        g_autoptr(ByKey) key = by_table_key(to->by->table, name);

        tell(to, key, text);
}

static int ask_metadata(By *by, ByProg *prog)
{
        Prog *object = prog->prog;
        Telling to;
        int r = prog_update(object, by->reserved);

        if (r < 0)
                return r;
        if (prog->named == object->named && !prog->metadata.changes && !prog->partial[BY_METADATA])
                return 0;
        to = telling(by);
        to.whole = by_metadata_foreach(object, is_own, tell_metadata, &to, &prog->metadata) &&
                   to.whole;
        prog->named = object->named;
        told(&to, prog, BY_METADATA);
        return 0;
}

/* A program that could not be looked at may be now. 0 or -errno. */
static int look_again(By *by, ByProg *prog)
{
        Prog *object;
        int r;

        if (prog->prog->object.error == 0)
                return 0;
        r = prog_get(by->catalog, prog->holder.id, &object);
        if (r < 0)
                return r;
        prog_unref(prog->prog);
        prog->prog = object;
        return object->object.error;
}

/* @set is one for which each program is asked. False: it has gone. */
bool by_ask(By *by, ByProg *prog, BySet set)
{
        int r = look_again(by, prog);

        prog->asked_at[set] = g_get_monotonic_time();
        if (r == 0)
                r = set == BY_FACTS ? ask_facts(by, prog) : ask_metadata(by, prog);
        if (r == -ENOENT)
                by_drop(by, prog);
        else if (r < 0)
                set_partial(by, prog, set, true);
        return r != -ENOENT;
}

static bool is_recent(int64_t time, int64_t now, int lag_ms)
{
        return now - time < (int64_t)lag_ms * 1000;
}

static void look_for_maps(By *by, int64_t now)
{
        Source *source = catalog_source(by->catalog);
        uint32_t id = by->newest_map;

        while (source_next_map(source, id, &id) == 0) {
                by->newest_map = id;
                by->maps_came = now;
        }
}

/* True if what the program has told need not be asked again. */
bool by_is_current(const By *by, const ByProg *prog, BySet set, int64_t now)
{
        bool settled = !prog->partial[set];

        if (set == BY_METADATA && (prog->metadata.changes || prog->prog->unsettled ||
                                   is_recent(prog->prog->object.known_since, now, BY_BIND_LAG_MS) ||
                                   is_recent(by->maps_came, now, BY_BIND_LAG_MS)))
                settled = false;

        return is_recent(prog->asked_at[set], now, settled ? BY_BIND_LAG_MS : BY_LAG_MS);
}

/* Looks at all programs */

static GArray *list_ids(const By *by)
{
        GArray *ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        Source *source = catalog_source(by->catalog);
        uint32_t id = 0;

        while (source_next_prog(source, id, &id) == 0)
                g_array_append_val(ids, id);
        return ids;
}

/* Drops programs that nobody has asked for since they went. */
static void drop_gone(By *by)
{
        g_autoptr(GList) progs = g_hash_table_get_values(by->progs);

        for (GList *at = progs; at; at = at->next) {
                ByProg *prog = at->data;

                if (object_check(&prog->prog->object) < 0)
                        by_drop(by, prog);
        }
}

/* True if somebody has the key, or the value of it if that is not NULL. */
static bool has(const By *by, const char *key, const char *value)
{
        ByKey *found = by_table_find(by->table, key);

        return found && (!value || by_key_find(found, value));
}

/* The look is complete and recent: only programs are asked that have come since. */
static void look_at_new(By *by, BySet set, int64_t deadline)
{
        Source *source = catalog_source(by->catalog);
        ByLook *look = &by->looks[set];
        uint32_t id = look->newest;

        while (source_next_prog(source, id, &id) == 0) {
                ByProg *prog = by_get(by, id);

                look->newest = id;
                if (prog)
                        by_ask(by, prog, set);
                if (cpu_time_is_over(deadline)) {
                        look->at = 0;
                        return;
                }
        }
}

/* Asks all programs that were not asked lately, or until somebody has the key and value; @key may
 * be NULL. */
void by_ask_all(By *by, BySet set, const char *key, const char *value)
{
        ByLook *look = &by->looks[set];
        int64_t deadline = cpu_time_end(BY_TIME_MS);
        int64_t now = g_get_monotonic_time();
        g_autoptr(GArray) ids = NULL;
        guint first = 0;

        look_for_maps(by, now);
        if (look->at != 0 && is_recent(look->at, now, BY_LAG_MS)) {
                look_at_new(by, set, deadline);
                return;
        }
        look->at = 0;
        look->late = 0;
        drop_gone(by);
        ids = list_ids(by);
        while (first < ids->len && g_array_index(ids, uint32_t, first) < look->resume)
                first++;
        for (guint i = 0; i < ids->len; i++) {
                uint32_t id = g_array_index(ids, uint32_t, (first + i) % ids->len);
                ByProg *prog = by_get(by, id);

                if (!prog || by_is_current(by, prog, set, now))
                        continue;
                if (by_ask(by, prog, set) && key && has(by, key, value))
                        return;
                if (cpu_time_is_over(deadline)) {
                        look->resume = id + 1;
                        look->late = ids->len - i - 1;
                        return;
                }
        }
        look->resume = 0;
        look->newest = ids->len > 0 ? g_array_index(ids, uint32_t, ids->len - 1) : 0;
        look->at = now;
}

/* What an observer tells */

typedef struct Observed {
        By *by;
        ByKey *key;
        GHashTable *values; /* id -> GPtrArray of ByValue */
} Observed;

static void take_observed(uint32_t id, const char *text, void *data)
{
        Observed *observed = data;
        ByValue *value = value_of(observed->by, observed->key, text);
        GPtrArray *values = g_hash_table_lookup(observed->values, GUINT_TO_POINTER(id));

        if (!value)
                return;
        if (!values) {
                values = g_ptr_array_new_with_free_func((GDestroyNotify)by_value_unref);
                g_hash_table_insert(observed->values, GUINT_TO_POINTER(id), values);
        }
        g_ptr_array_add(values, value);
}

/* Only maps tell which operations of the kernel's are programs. */
static void look_at_operations(By *by)
{
        uint32_t after = 0;

        by_ask_all(by, BY_FACTS, NULL, NULL);
        if (has(by, "type", "struct_ops"))
                prog_look_at_maps(by->catalog, &after);
}

void by_observe(By *by, guint own)
{
        const ByOwnKey *key = &by_own_keys[own];
        ByLook *look = &by->looks[key->set];
        int64_t now = g_get_monotonic_time();
        g_autoptr(GHashTable) values = NULL;
        g_autoptr(GPtrArray) none = g_ptr_array_new();
        g_autoptr(GList) progs = NULL;
        Observed observed = { .by = by, .key = by->own[own] };
        GHashTableIter iter;
        gpointer id;

        if (look->at != 0 && is_recent(look->at, now, BY_LAG_MS))
                return;
        if (key->set == BY_ATTACHED)
                look_at_operations(by);
        drop_gone(by);
        values = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
        observed.values = values;
        g_string_truncate(look->notes, 0);
        key->foreach (catalog_observers(by->catalog), take_observed, &observed, look->notes);
        g_hash_table_iter_init(&iter, values);
        while (g_hash_table_iter_next(&iter, &id, NULL))
                by_get(by, GPOINTER_TO_UINT(id));
        progs = g_hash_table_get_values(by->progs);
        for (GList *at = progs; at; at = at->next) {
                ByProg *prog = at->data;
                GPtrArray *its = g_hash_table_lookup(values, GUINT_TO_POINTER(prog->holder.id));

                by_holder_set(&prog->holder, key->set, its ? its : none);
        }
        look->at = now;
}
