/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Loaders by program. Many programs have the same loader, and share its facts. */

#include "loaders.h"

#include "process.h"

#include <errno.h>
#include <string.h>

/* The facts that are shared. */
typedef struct Known {
        guint refs;
        GHashTable *table; /* Loaders.known, a reference */
        uint32_t pid;
        Info *info;
} Known;

/* It may live longer than the Loaders. */
struct Loader {
        guint refs;
        GHashTable *table; /* Loaders.known, a reference */
        uint32_t pid;
        uint64_t time;     /* CLOCK_BOOTTIME of this process, nanoseconds */
        uint32_t question; /* the question for which it waits; 0: nobody has been asked */
        bool settled;
        Known *known; /* NULL: only the pid is known, and nobody has been asked */
};

struct Loaders {
        const LoadersOps *ops;
        void *data;
        int64_t offset;
        int64_t behind;
        GHashTable *loaders; /* program -> Loader, owned */
        GHashTable *known;   /* pid -> Known, its last facts; borrowed */
        GPtrArray *waiting;  /* of Loader, references: those that may not be settled */
        guint n_asked;       /* questions without an answer */
        gint64 heard;        /* g_get_monotonic_time() of the last answer, or of a question when
                                none was waited for */
        GByteArray *text;    /* of an answer */
};

Loaders *loaders_new(const LoadersOps *ops, void *data, int64_t offset, int64_t behind)
{
        Loaders *loaders = g_new0(Loaders, 1);

        loaders->ops = ops;
        loaders->data = data;
        loaders->offset = offset;
        loaders->behind = behind;
        loaders->loaders = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)loader_unref);
        loaders->known = g_hash_table_new(NULL, NULL);
        loaders->waiting = g_ptr_array_new();
        loaders->text = g_byte_array_new();
        return loaders;
}

static void unref_waiting(gpointer loader, gpointer data)
{
        loader_unref(loader);
}

void loaders_free(Loaders *loaders)
{
        g_hash_table_unref(loaders->loaders);
        g_hash_table_unref(loaders->known);
        g_ptr_array_foreach(loaders->waiting, unref_waiting, NULL);
        g_ptr_array_unref(loaders->waiting);
        g_byte_array_unref(loaders->text);
        g_free(loaders);
}

/* Facts of a process */

static void known_unref(Known *known)
{
        if (!known || --known->refs > 0)
                return;
        if (g_hash_table_lookup(known->table, GUINT_TO_POINTER(known->pid)) == known)
                g_hash_table_remove(known->table, GUINT_TO_POINTER(known->pid));
        g_hash_table_unref(known->table);
        info_free(known->info);
        g_free(known);
}

/* Takes @info. */
static void set_known(Loader *loader, Info *info)
{
        Known *known = g_hash_table_lookup(loader->table, GUINT_TO_POINTER(loader->pid));

        if (known && info_equal(known->info, info)) {
                info_free(info);
                known->refs++;
        } else {
                known = g_new(Known, 1);
                *known = (Known){ 1, g_hash_table_ref(loader->table), loader->pid, info };
                g_hash_table_insert(loader->table, GUINT_TO_POINTER(loader->pid), known);
        }
        known_unref(loader->known);
        loader->known = known;
}

/* Loaders */

Loader *loader_ref(Loader *loader)
{
        loader->refs++;
        return loader;
}

void loader_unref(Loader *loader)
{
        if (!loader || --loader->refs > 0)
                return;
        known_unref(loader->known);
        g_hash_table_unref(loader->table);
        g_free(loader);
}

bool loader_is_settled(const Loader *loader)
{
        return loader->settled;
}

const Info *loader_info(Loader *loader)
{
        if (!loader->known)
                set_known(loader, process_info(loader->pid, NULL));
        return loader->known->info;
}

static Loader *find(const Loaders *loaders, uint32_t prog)
{
        return g_hash_table_lookup(loaders->loaders, GUINT_TO_POINTER(prog));
}

bool loaders_has(const Loaders *loaders, uint32_t prog)
{
        return find(loaders, prog) != NULL;
}

Loader *loaders_get(const Loaders *loaders, uint32_t prog)
{
        Loader *loader = find(loaders, prog);

        return loader ? loader_ref(loader) : NULL;
}

/* Events */

void loaders_came(Loaders *loaders, uint32_t prog, uint32_t pid, uint64_t time)
{
        Loader *loader;

        /* It is in another pid namespace. */
        if (pid == 0 || pid > INT32_MAX)
                return;
        loader = g_new0(Loader, 1);
        loader->refs = 2;
        loader->table = g_hash_table_ref(loaders->known);
        loader->pid = pid;
        loader->time = time + loaders->offset;
        g_hash_table_replace(loaders->loaders, GUINT_TO_POINTER(prog), loader);
        g_ptr_array_add(loaders->waiting, loader);
}

void loaders_went(Loaders *loaders, uint32_t prog)
{
        g_hash_table_remove(loaders->loaders, GUINT_TO_POINTER(prog));
}

void loaders_compare(Loaders *loaders, bool (*is_there)(uint32_t prog, void *data), void *data)
{
        GHashTableIter iter;
        gpointer prog;

        g_hash_table_iter_init(&iter, loaders->loaders);
        while (g_hash_table_iter_next(&iter, &prog, NULL))
                if (!is_there(GPOINTER_TO_UINT(prog), data))
                        g_hash_table_iter_remove(&iter);
}

/* Questions and answers */

/* Calls @func for each loader that waits, and keeps those for which it returns true. Nobody wants
 * to know one to which there is no other reference: its program has gone. */
static void for_waiting(Loaders *loaders, bool (*func)(Loader *loader, void *data), void *data)
{
        guint n = 0;

        for (guint i = 0; i < loaders->waiting->len; i++) {
                Loader *loader = loaders->waiting->pdata[i];

                if (loader->refs > 1 && !loader->settled && func(loader, data))
                        loaders->waiting->pdata[n++] = loader;
                else
                        loader_unref(loader);
        }
        g_ptr_array_set_size(loaders->waiting, n);
}

typedef struct Answer {
        uint32_t number;
        int64_t behind;
        bool is_seen;
        ProcessSeen seen;
} Answer;

/* The process that was seen may be another one, which has got the pid of the loader. */
static bool settle(Loader *loader, void *data)
{
        const Answer *answer = data;

        if (loader->question != answer->number)
                return true;
        if (answer->is_seen && process_was_there(&answer->seen, loader->time, answer->behind))
                set_known(loader, process_info(loader->pid, &answer->seen));
        loader->settled = true;
        return false;
}

static bool give_up(Loader *loader, void *data)
{
        loader->settled = true;
        return false;
}

/* There will be no more answers. */
static void give_all_up(Loaders *loaders)
{
        for_waiting(loaders, give_up, NULL);
        loaders->n_asked = 0;
}

/* Takes an answer, if one comes within @wait milliseconds. */
static bool hear(Loaders *loaders, int wait)
{
        Answer answer = { .behind = loaders->behind };
        int r;

        g_byte_array_set_size(loaders->text, 0);
        r = loaders->ops->hear(loaders->data, wait, &answer.number, loaders->text);
        if (r < 0) {
                if (r != -ETIMEDOUT)
                        give_all_up(loaders);
                return false;
        }
        loaders->n_asked--;
        loaders->heard = g_get_monotonic_time();
        answer.is_seen = process_read(loaders->text->data, loaders->text->len, &answer.seen) == 0;
        for_waiting(loaders, settle, &answer);
        return true;
}

/* A question for all programs of one process. */
typedef struct Asking {
        Loaders *loaders;
        guint n;
        uint32_t pids[LOADERS_MAX_ASKED];
        uint32_t numbers[LOADERS_MAX_ASKED];
        int error;
} Asking;

/* An answer tells the process at the time of the look. So a question is good only for programs that
 * were loaded before it. */
static bool ask(Loader *loader, void *data)
{
        Asking *asking = data;
        Loaders *loaders = asking->loaders;
        guint i = 0;

        if (loader->question != 0)
                return true;
        while (i < asking->n && asking->pids[i] != loader->pid)
                i++;
        if (i == asking->n) {
                if (asking->error < 0 || loaders->n_asked == LOADERS_MAX_ASKED)
                        return true;
                asking->error = loaders->ops->ask(loaders->data, loader->pid, &asking->numbers[i]);
                if (asking->error < 0)
                        return true;
                asking->pids[asking->n++] = loader->pid;
                if (loaders->n_asked++ == 0)
                        loaders->heard = g_get_monotonic_time();
        }
        loader->question = asking->numbers[i];
        return true;
}

static void ask_all(Loaders *loaders)
{
        Asking asking = { .loaders = loaders };

        if (!loaders->ops)
                give_all_up(loaders);
        for_waiting(loaders, ask, &asking);
        if (asking.error < 0 && asking.error != -ETIMEDOUT)
                give_all_up(loaders);
}

/* For how many milliseconds we still wait for answers. */
static int patience(const Loaders *loaders)
{
        gint64 left = loaders->heard + LOADERS_PATIENCE * G_TIME_SPAN_MILLISECOND -
                      g_get_monotonic_time();

        return loaders->n_asked > 0 && left > 0 ? left / G_TIME_SPAN_MILLISECOND + 1 : 0;
}

bool loaders_follow(Loaders *loaders)
{
        while (loaders->n_asked > 0 && hear(loaders, 0))
                ;
        if (loaders->waiting->len > 0)
                ask_all(loaders);
        return patience(loaders) > 0;
}

static gint64 end_of_patience(void)
{
        return g_get_monotonic_time() + LOADERS_PATIENCE * G_TIME_SPAN_MILLISECOND;
}

void loaders_wait(Loaders *loaders, Loader *loader)
{
        gint64 end = end_of_patience();

        while (!loader->settled && loaders_follow(loaders) && !loader->settled &&
               g_get_monotonic_time() < end)
                hear(loaders, patience(loaders));
}

void loaders_foreach(Loaders *loaders, LoadersFunc func, void *data)
{
        gint64 end = end_of_patience();
        GHashTableIter iter;
        gpointer prog, loader;

        while (loaders->waiting->len > 0 && loaders_follow(loaders) && loaders->waiting->len > 0 &&
               g_get_monotonic_time() < end)
                hear(loaders, patience(loaders));
        g_hash_table_iter_init(&iter, loaders->loaders);
        while (g_hash_table_iter_next(&iter, &prog, &loader))
                func(GPOINTER_TO_UINT(prog), loader_info(loader), data);
}
