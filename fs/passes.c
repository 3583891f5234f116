/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Passes by number, and the last dump and count. */

#include "passes.h"

#include "cpu-time.h"
#include "dump.h"

#include <errno.h>
#include <string.h>

/* A result that is for everybody, and its time. */
typedef struct Recent {
        uint32_t map; /* 0: nothing */
        int64_t time;
        uint32_t n;
} Recent;

/* A map of which a pass lacked keys. */
typedef struct Lacking {
        uint32_t map;
        int64_t used; /* the pass, or an entry of the map */
} Lacking;

struct Passes {
        Source *source;
        bool (*take)(void *data, size_t bytes);
        void (*give_back)(void *data, size_t bytes);
        void *data;
        GPtrArray *kept; /* of Pass, the one used last at the end */
        GArray *lacking; /* of Lacking, each map once */
        uint32_t last_number;
        Recent dumped;
        GBytes *dump;
        Recent counted;
        bool counted_more;
};

static void pass_free(gpointer data)
{
        Pass *pass = data;

        g_byte_array_unref(pass->keys);
        g_free(pass->hashes);
        g_free(pass);
}

Passes *passes_new(Source *source, bool (*take)(void *data, size_t bytes),
                   void (*give_back)(void *data, size_t bytes), void *data)
{
        Passes *passes = g_new0(Passes, 1);

        passes->source = source;
        passes->take = take;
        passes->give_back = give_back;
        passes->data = data;
        passes->kept = g_ptr_array_new_with_free_func(pass_free);
        passes->lacking = g_array_new(FALSE, FALSE, sizeof(Lacking));
        return passes;
}

void passes_free(Passes *passes)
{
        g_ptr_array_unref(passes->kept);
        g_array_unref(passes->lacking);
        g_clear_pointer(&passes->dump, g_bytes_unref);
        g_free(passes);
}

static void remove_pass(Passes *passes, guint index)
{
        const Pass *pass = passes->kept->pdata[index];

        passes->give_back(passes->data, pass->charged);
        g_ptr_array_remove_index(passes->kept, index);
}

/* The one that is least needed: whoever reads another one would not come to its end. */
static void remove_one(Passes *passes)
{
        guint i = 0;

        while (i < passes->kept->len && !((const Pass *)passes->kept->pdata[i])->ended)
                i++;
        remove_pass(passes, i < passes->kept->len ? i : 0);
}

static bool is_due(const Pass *pass, int64_t now)
{
        int64_t kept = pass->ended ? PASSES_ENDED_MS : PASSES_READ_MS;

        return now - pass->used > kept * G_TIME_SPAN_MILLISECOND;
}

static bool is_recent(const Recent *recent, uint32_t map, int64_t ms)
{
        return recent->map == map &&
               g_get_monotonic_time() - recent->time <= ms * G_TIME_SPAN_MILLISECOND;
}

/* Passes that lack keys */

static Lacking *find_lacking(const Passes *passes, uint32_t map)
{
        for (guint i = 0; i < passes->lacking->len; i++) {
                Lacking *lacking = &g_array_index(passes->lacking, Lacking, i);

                if (lacking->map == map)
                        return lacking;
        }
        return NULL;
}

static void forget_lacking(Passes *passes, uint32_t map)
{
        const Lacking *lacking = find_lacking(passes, map);

        if (lacking)
                g_array_remove_index(passes->lacking, lacking - (Lacking *)passes->lacking->data);
}

/* What was said of the map before is not true any more. */
static void take_lacking(Passes *passes, const Pass *pass)
{
        const Lacking lacking = { pass->map, pass->used };

        forget_lacking(passes, pass->map);
        if (!pass->more)
                return;
        if (passes->lacking->len == PASSES_MAX_LACKING)
                g_array_remove_index(passes->lacking, 0);
        g_array_append_val(passes->lacking, lacking);
}

/* It was used now, and is the last one. */
static void use_pass(Passes *passes, guint index)
{
        Pass *pass = g_ptr_array_steal_index(passes->kept, index);

        pass->used = g_get_monotonic_time();
        g_ptr_array_add(passes->kept, pass);
}

/* The pass of the map that was used last, of those whose end was not read, was used now. */
static void use_unread(Passes *passes, uint32_t map)
{
        for (guint i = passes->kept->len; i > 0; i--) {
                const Pass *pass = passes->kept->pdata[i - 1];

                if (pass->map == map && !pass->ended) {
                        use_pass(passes, i - 1);
                        return;
                }
        }
}

void passes_use(Passes *passes, uint32_t map)
{
        Lacking *lacking = find_lacking(passes, map);

        if (lacking)
                lacking->used = g_get_monotonic_time();
        use_unread(passes, map);
}

bool passes_lack(Passes *passes, uint32_t map)
{
        const Lacking *lacking = find_lacking(passes, map);

        if (lacking &&
            g_get_monotonic_time() - lacking->used > PASSES_READ_MS * G_TIME_SPAN_MILLISECOND) {
                forget_lacking(passes, map);
                return false;
        }
        passes_use(passes, map);
        return lacking != NULL;
}

static void drop_dump(Passes *passes)
{
        passes->dumped.map = 0;
        g_clear_pointer(&passes->dump, g_bytes_unref);
}

void passes_sweep(Passes *passes)
{
        int64_t now;

        if (passes->kept->len == 0 && !passes->dump)
                return;
        now = g_get_monotonic_time();
        for (guint i = passes->kept->len; i > 0; i--)
                if (is_due(passes->kept->pdata[i - 1], now))
                        remove_pass(passes, i - 1);
        if (passes->dump && !is_recent(&passes->dumped, passes->dumped.map, PASSES_DUMP_MS))
                drop_dump(passes);
}

void passes_drop(Passes *passes, uint32_t map)
{
        for (guint i = passes->kept->len; i > 0; i--)
                if (((const Pass *)passes->kept->pdata[i - 1])->map == map)
                        remove_pass(passes, i - 1);
        if (passes->dumped.map == map)
                drop_dump(passes);
        if (passes->counted.map == map)
                passes->counted.map = 0;
}

/* Memory is taken in steps. */
#define STEP (64u << 10)

typedef struct Collect {
        Passes *passes;
        Pass *pass;
} Collect;

/* Makes room for one more key. Other passes are dropped for it. */
static bool make_room_for_key(Passes *passes, Pass *pass)
{
        if (pass->keys->len + pass->key_size <= pass->charged)
                return true;
        for (;;) {
                if (passes->take(passes->data, STEP)) {
                        pass->charged += STEP;
                        return true;
                }
                if (passes->kept->len == 0)
                        return false;
                remove_one(passes);
        }
}

static bool collect_key(const uint8_t *key, const uint8_t *values, void *data)
{
        Collect *collect = data;
        Pass *pass = collect->pass;

        if (pass->n == PASSES_MAX_KEYS || !make_room_for_key(collect->passes, pass)) {
                pass->more = true;
                return false;
        }
        if (pass->key_size)
                g_byte_array_append(pass->keys, key, pass->key_size);
        pass->n++;
        return true;
}

static SourceWalk walk_with(bool (*func)(const uint8_t *key, const uint8_t *values, void *data),
                            void *data)
{
        return (SourceWalk){
                .func = func,
                .data = data,
                .end = cpu_time_end(PASSES_MAX_MS),
        };
}

/* The kernel need not be asked for keys that are always there. */
static void collect_numbers(Collect *collect, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (!collect_key((const uint8_t *)&i, NULL, collect))
                        break;
}

/* A number that no pass has which is kept: a listing must not go on in the pass of another. */
static uint32_t take_number(Passes *passes)
{
        bool taken[PASSES_MAX_NUMBER + 1] = { false };

        if (passes->kept->len == PASSES_MAX_NUMBER)
                remove_one(passes);
        for (guint i = 0; i < passes->kept->len; i++)
                taken[((const Pass *)passes->kept->pdata[i])->number] = true;
        do
                passes->last_number = passes->last_number % PASSES_MAX_NUMBER + 1;
        while (taken[passes->last_number]);
        return passes->last_number;
}

int passes_begin(Passes *passes, uint32_t map, const MapShape *shape, Pass **out)
{
        Pass *pass = g_new0(Pass, 1);
        Collect collect = { passes, pass };
        SourceWalk walk = walk_with(collect_key, &collect);
        int r = 0;

        pass->map = map;
        pass->key_size = shape->key_size;
        pass->keys = g_byte_array_new();
        if (shape->full)
                collect_numbers(&collect, shape->max_entries);
        else
                r = passes->source->ops->walk(passes->source, map, shape, &walk);
        if (r == -ETIME) {
                pass->more = true;
                r = 0;
        }
        if (r < 0) {
                passes->give_back(passes->data, pass->charged);
                pass_free(pass);
                return r;
        }
        pass->number = take_number(passes);
        pass->used = g_get_monotonic_time();
        g_ptr_array_add(passes->kept, pass);
        take_lacking(passes, pass);
        *out = pass;
        return 0;
}

Pass *passes_find(Passes *passes, uint32_t map, uint32_t number)
{
        for (guint i = passes->kept->len; i > 0; i--) {
                Pass *pass = passes->kept->pdata[i - 1];

                if (pass->map != map || pass->number != number)
                        continue;
                use_pass(passes, i - 1);
                if (pass->more)
                        take_lacking(passes, pass);
                return pass;
        }
        return NULL;
}

const uint8_t *pass_key(const Pass *pass, uint32_t index)
{
        return pass->keys->data + (size_t)index * pass->key_size;
}

/* A search for the key of a name. */
typedef struct Search {
        const char *name;
        PassesName *name_of;
        const void *data;
        uint32_t key_size;
        GBytes *found; /* NULL: not yet */
} Search;

static bool try_key(Search *search, const uint8_t *key)
{
        g_autofree char *name = search->name_of(key, search->data);

        if (strcmp(name, search->name) == 0)
                search->found = g_bytes_new(key, search->key_size);
        return search->found;
}

/* Whoever looks up one name of a listing looks up many, and to make a name takes far longer than to
 * compare two numbers. Without memory for them, all names are made again. */
static void make_hashes(Passes *passes, const Search *search, Pass *pass)
{
        size_t size = pass->n * sizeof(*pass->hashes);

        if (pass->hashes || !passes->take(passes->data, size))
                return;
        pass->charged += size;
        pass->hashes = g_new(uint32_t, pass->n);
        for (uint32_t i = 0; i < pass->n; i++) {
                g_autofree char *name = search->name_of(pass_key(pass, i), search->data);

                pass->hashes[i] = g_str_hash(name);
        }
}

static void search_pass(Passes *passes, Search *search, Pass *pass)
{
        uint32_t hash = g_str_hash(search->name);

        make_hashes(passes, search, pass);
        for (uint32_t i = 0; i < pass->n; i++)
                if ((!pass->hashes || pass->hashes[i] == hash) &&
                    try_key(search, pass_key(pass, i)))
                        return;
}

static bool search_entry(const uint8_t *key, const uint8_t *values, void *data)
{
        return !try_key(data, key);
}

int passes_search(Passes *passes, uint32_t map, const MapShape *shape, const char *name,
                  PassesName *name_of, const void *data, GBytes **out)
{
        Search search = { name, name_of, data, .key_size = shape->key_size };
        SourceWalk walk = walk_with(search_entry, &search);
        int r = 0;

        for (guint i = passes->kept->len; i > 0 && !search.found; i--) {
                Pass *pass = passes->kept->pdata[i - 1];

                if (pass->map == map)
                        search_pass(passes, &search, pass);
        }
        if (!search.found)
                r = passes->source->ops->walk(passes->source, map, shape, &walk);
        *out = search.found;
        if (*out)
                return 0;
        return r == 0 || r == -ETIME ? -ENOENT : r;
}

void passes_make_room(Passes *passes, size_t bytes)
{
        while (passes->kept->len > 0) {
                if (passes->take(passes->data, bytes)) {
                        passes->give_back(passes->data, bytes);
                        return;
                }
                remove_one(passes);
        }
}

int passes_dump(Passes *passes, uint32_t map, const MapShape *shape, size_t max, GBytes **out,
                uint32_t *shown)
{
        int r = 0;

        if (!passes->dump || !is_recent(&passes->dumped, map, PASSES_DUMP_MS)) {
                drop_dump(passes);
                r = dump_map(passes->source, map, shape, max, &passes->dump, &passes->dumped.n);
                if (r < 0)
                        return r;
                passes->dumped.map = map;
                passes->dumped.time = g_get_monotonic_time();
        }
        *out = g_bytes_ref(passes->dump);
        *shown = passes->dumped.n;
        return 0;
}

static bool count_entry(const uint8_t *key, const uint8_t *values, void *data)
{
        Passes *passes = data;

        if (passes->counted.n == PASSES_MAX_KEYS) {
                passes->counted_more = true;
                return false;
        }
        passes->counted.n++;
        return true;
}

int passes_count(Passes *passes, uint32_t map, const MapShape *shape, uint32_t *n, bool *more)
{
        int r;

        if (!is_recent(&passes->counted, map, PASSES_COUNT_MS)) {
                SourceWalk walk = walk_with(count_entry, passes);

                passes->counted = (Recent){ 0 };
                passes->counted_more = false;
                r = passes->source->ops->walk(passes->source, map, shape, &walk);
                if (r == -ETIME)
                        passes->counted_more = true;
                else if (r < 0)
                        return r;
                passes->counted.map = map;
                passes->counted.time = g_get_monotonic_time();
        }
        *n = passes->counted.n;
        *more = passes->counted_more;
        return 0;
}
