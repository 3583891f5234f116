/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Keys, values and programs for those who look. */

#include "by.h"

#include <errno.h>
#include <string.h>

static guint own_of(const By *by, const ByKey *key)
{
        guint i = 0;

        while (i < BY_N_OWN && by->own[i] != key)
                i++;
        return i;
}

static BySet set_of(const By *by, const ByKey *key)
{
        guint own = key ? own_of(by, key) : BY_N_OWN;

        return own < BY_N_OWN ? by_own_keys[own].set : BY_METADATA;
}

void by_look(By *by, ByKey *key)
{
        BySet set = set_of(by, key);

        if (by_is_observed(set))
                by_observe(by, own_of(by, key));
        else
                by_ask_all(by, set, NULL, NULL);
}

/* Single ones */

/* True if the program is there, and has the value now or had it when it was asked lately. */
static bool still_has(By *by, ByValue *value, uint32_t id)
{
        ByProg *prog = by_get(by, id);
        BySet set = set_of(by, by_value_key(value));

        if (!prog)
                return false;
        if (!by_is_observed(set) && !by_is_current(by, prog, set, g_get_monotonic_time()))
                by_ask(by, prog, set);
        return by_value_has(value, id);
}

uint32_t by_next_prog(By *by, ByValue *value, uint32_t after)
{
        while ((after = by_value_next(value, after)) != 0)
                if (still_has(by, value, after))
                        return after;
        return 0;
}

ByValue *by_next_value(By *by, ByKey *key, uint32_t after)
{
        ByValue *found;

        while ((found = by_key_next(key, after))) {
                g_autoptr(ByValue) value = by_value_ref(found);

                if (by_next_prog(by, value, 0) != 0)
                        return g_steal_pointer(&value);
                after = by_value_number(value);
        }
        return NULL;
}

static bool key_has_value(By *by, ByKey *key)
{
        g_autoptr(ByValue) value = by_next_value(by, key, 0);

        return value != NULL;
}

ByKey *by_next_key(By *by, uint32_t after)
{
        ByKey *found;

        for (guint i = 0; i < BY_N_OWN; i++)
                if (by->own[i] && by_key_number(by->own[i]) > after)
                        return by_key_ref(by->own[i]);
        while ((found = by_table_next(by->table, after))) {
                g_autoptr(ByKey) key = by_key_ref(found);

                if (key_has_value(by, key))
                        return g_steal_pointer(&key);
                after = by_key_number(key);
        }
        return NULL;
}

static ByKey *find_key_now(By *by, const char *name)
{
        ByKey *found = by_table_find(by->table, name);
        g_autoptr(ByKey) key = found ? by_key_ref(found) : NULL;

        return key && key_has_value(by, key) ? g_steal_pointer(&key) : NULL;
}

ByKey *by_find_key(By *by, const char *name)
{
        ByKey *key;

        for (guint i = 0; i < BY_N_OWN; i++)
                if (by->own[i] && strcmp(by_own_keys[i].name, name) == 0)
                        return by_key_ref(by->own[i]);
        key = find_key_now(by, name);
        if (key)
                return key;
        by_ask_all(by, BY_METADATA, name, NULL);
        return find_key_now(by, name);
}

static ByValue *find_value_now(By *by, ByKey *key, const char *name)
{
        ByValue *found = by_key_find(key, name);
        g_autoptr(ByValue) value = found ? by_value_ref(found) : NULL;

        return value && by_next_prog(by, value, 0) != 0 ? g_steal_pointer(&value) : NULL;
}

ByValue *by_find_value(By *by, ByKey *key, const char *name)
{
        BySet set = set_of(by, key);
        ByValue *value;

        if (by_is_observed(set)) {
                by_look(by, key);
                return find_value_now(by, key, name);
        }
        value = find_value_now(by, key, name);
        if (value)
                return value;
        by_ask_all(by, set, by_key_name(key), name);
        return find_value_now(by, key, name);
}

int by_check(By *by, ByValue *value, uint32_t id)
{
        BySet set = set_of(by, by_value_key(value));
        ByProg *prog;

        if (by_is_observed(set))
                by_look(by, by_value_key(value));
        prog = by_get(by, id);
        if (prog && !by_is_observed(set) && prog->asked_at[set] != INT64_MAX)
                by_ask(by, prog, set);
        return by_value_has(value, id) ? 0 : -ENOENT;
}

bool by_key_stays(const By *by, const ByKey *key)
{
        return own_of(by, key) < BY_N_OWN;
}

void by_append_untold(const By *by, const ByKey *key, GString *out)
{
        const ByLook *look = &by->looks[set_of(by, key)];
        guint n = look->partial + look->late;

        if (n > 0)
                g_string_append_printf(out, "(cannot be shown: all that %u %s)\n", n,
                                       n == 1 ? "program says" : "programs say");
        g_string_append_len(out, look->notes->str, look->notes->len);
}

/* What the kernel may remember */

/* True if the program will have the value as long as it is there, and we hear of its end. */
static bool stays(const By *by, const ByProg *prog, BySet set)
{
        const Object *object = &prog->prog->object;

        if (object->gone || !by->events || by_is_observed(set))
                return false;
        return set == BY_FACTS || !(prog->partial[set] || prog->metadata.changes ||
                                    prog->metadata.given || prog->prog->unsettled);
}

bool by_prog_stays(By *by, const ByValue *value, uint32_t id)
{
        ByProg *prog = by_known(by, id);
        bool result = prog && stays(by, prog, set_of(by, by_value_key(value)));

        if (result)
                prog->remembered = true;
        return result;
}

bool by_value_stays(By *by, const ByValue *value)
{
        uint32_t id = 0;

        if (by_is_observed(set_of(by, by_value_key(value))))
                return false;
        while ((id = by_value_next(value, id)) != 0)
                if (by_prog_stays(by, value, id))
                        return true;
        return false;
}

gint64 by_value_until(const By *by, const ByValue *value)
{
        BySet set = set_of(by, by_value_key(value));

        return by->events && by_is_observed(set) && by->looks[set].at != 0
                       ? by->looks[set].at + (BY_LAG_MS - BY_TICKS_MS) * G_TIME_SPAN_MILLISECOND
                       : 0;
}

gint64 by_prog_until(By *by, const ByValue *value, uint32_t id)
{
        gint64 until = by_value_until(by, value);
        ByProg *prog = until != 0 ? by_known(by, id) : NULL;

        if (prog)
                prog->remembered = true;
        return prog ? until : 0;
}

static void forget(By *by, const ByValue *value, uint32_t id)
{
        Forgotten forgotten = {
                .kind = &prog_kind,
                .id = id,
                .by_key = by_key_number(by_value_key(value)),
                .by_value = by_value_number(value),
                .name = id == 0 ? g_strdup(by_value_name(value)) : NULL,
        };

        catalog_forget(by->catalog, &forgotten);
}

/* The object still is somebody's who has found that it is gone: so the program is dropped later.
 */
static void went(gpointer data, const ObjectKind *kind, uint32_t id)
{
        By *by = data;
        ByProg *prog = kind == &prog_kind ? by_known(by, id) : NULL;
        g_autoptr(GPtrArray) values = NULL;
        guint n = 0;

        if (!prog || !prog->remembered)
                return;
        values = g_ptr_array_new_with_free_func((GDestroyNotify)by_value_unref);
        for (guint i = 0; i < BY_N_SETS; i++)
                n += prog->holder.n[i];
        for (guint i = 0; i < n; i++)
                if (by_value_is_used(prog->holder.values[i]))
                        g_ptr_array_add(values, by_value_ref(prog->holder.values[i]));
        by_holder_clear(&prog->holder);
        for (guint i = 0; i < values->len; i++) {
                forget(by, values->pdata[i], id);
                if (!by_value_stays(by, values->pdata[i]))
                        forget(by, values->pdata[i], 0);
        }
}

/* The whole */

static gpointer by_new(Catalog *catalog)
{
        By *by = g_new0(By, 1);

        by->catalog = catalog;
        by->table = by_table_new();
        by->progs = g_hash_table_new(NULL, NULL);
        for (guint i = 0; i < BY_N_OWN; i++)
                if (!by_own_keys[i].is_there || by_own_keys[i].is_there(catalog_observers(catalog)))
                        by->own[i] = by_table_key(by->table, by_own_keys[i].name);
        for (guint i = 0; i < BY_N_SETS; i++)
                by->looks[i].notes = g_string_new(NULL);
        return by;
}

static void by_free(gpointer data)
{
        By *by = data;
        g_autoptr(GList) progs = g_hash_table_get_values(by->progs);

        for (GList *at = progs; at; at = at->next)
                by_drop(by, at->data);
        for (guint i = 0; i < BY_N_OWN; i++)
                by_key_unref(by->own[i]);
        for (guint i = 0; i < BY_N_SETS; i++)
                g_string_free(by->looks[i].notes, TRUE);
        g_hash_table_unref(by->progs);
        by_table_free(by->table);
        g_free(by);
}

static const KeptOps kept = { by_new, went, by_free };

By *by_of(Catalog *catalog, NamesReserved reserved)
{
        By *by = catalog_kept(catalog, &kept);

        by->reserved = reserved;
        /* Without events nothing that was known from them is known any more. */
        if (by->events != catalog_has_events(catalog))
                for (guint i = 0; i < BY_N_SETS; i++)
                        by->looks[i].at = 0;
        by->events = catalog_has_events(catalog);
        return by;
}
