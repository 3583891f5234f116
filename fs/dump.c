/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The elements of the array. */

#include "dump.h"

#include "cpu-time.h"
#include "json.h"
#include "value-dump.h"

#include <errno.h>
#include <string.h>

/* The room that the last element and the end need. */
#define END_BYTES 256u

typedef struct Dump {
        Json json;
        ValueDumper values;
        const MapShape *shape;
        const struct btf *btf; /* NULL: nothing is formatted */
        size_t limit;
        uint32_t shown;
        bool full; /* the next entry has no room */
} Dump;

static bool put_type(Dump *dump, uint32_t type, const uint8_t *bytes, size_t size)
{
        ValueSpace space = {
                .btf = dump->btf,
                .bytes = bytes,
                .size = size,
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
        };

        return value_dump(&dump->values, &dump->json, &space, type, dump->limit);
}

/* Calls @put for the values of all CPUs. */
static bool put_values(Dump *dump, const uint8_t *values,
                       bool (*put)(Dump *dump, const uint8_t *value))
{
        bool good = true;

        if (dump->shape->n_cpus == 0) {
                json_name(&dump->json, "value");
                return put(dump, values);
        }
        json_name(&dump->json, "values");
        json_begin_array(&dump->json);
        for (uint32_t cpu = 0; good && cpu < dump->shape->n_cpus; cpu++) {
                json_begin_object(&dump->json);
                json_name(&dump->json, "cpu");
                json_uint(&dump->json, cpu);
                json_name(&dump->json, "value");
                good = put(dump, values + (size_t)cpu * dump->shape->stride);
                json_end_object(&dump->json);
        }
        json_end_array(&dump->json);
        return good;
}

static bool put_bytes(Dump *dump, const uint8_t *value)
{
        /* Seven characters a byte. */
        if (dump->json.out->len + 7 * (size_t)dump->shape->value_size > dump->limit)
                return false;
        json_bytes(&dump->json, value, dump->shape->value_size);
        return true;
}

static bool put_formatted(Dump *dump, const uint8_t *value)
{
        return put_type(dump, dump->shape->value_type, value, dump->shape->value_size);
}

static void put_id(Dump *dump, const char *name, const uint8_t *value)
{
        uint32_t id;

        memcpy(&id, value, sizeof(id));
        json_name(&dump->json, name);
        json_uint(&dump->json, id);
}

static bool put_entry(Dump *dump, const uint8_t *key, const uint8_t *values)
{
        const MapShape *shape = dump->shape;
        bool good;

        json_begin_object(&dump->json);
        if (key) {
                json_name(&dump->json, "key");
                json_bytes(&dump->json, key, shape->key_size);
        }
        good = put_values(dump, values, put_bytes);
        if (good && shape->holds == MAP_HOLDS_MAPS)
                put_id(dump, "inner_map_id", values);
        if (good && dump->btf) {
                json_name(&dump->json, "formatted");
                json_begin_object(&dump->json);
                if (key && shape->key_type) {
                        json_name(&dump->json, "key");
                        good = put_type(dump, shape->key_type, key, shape->key_size);
                }
                good = good && put_values(dump, values, put_formatted);
                json_end_object(&dump->json);
        }
        json_end_object(&dump->json);
        return good && dump->json.out->len <= dump->limit;
}

static bool add_entry(const uint8_t *key, const uint8_t *values, void *data)
{
        Dump *dump = data;
        size_t whole = dump->json.out->len;
        bool follows = dump->json.follows;

        json_line(&dump->json);
        if (put_entry(dump, key, values)) {
                dump->shown++;
                return true;
        }
        /* An entry is never left half done. */
        g_string_truncate(dump->json.out, whole);
        dump->json.follows = follows;
        dump->full = true;
        return false;
}

static void put_error(Dump *dump, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void put_error(Dump *dump, const char *format, ...)
{
        g_autofree char *text = NULL;
        va_list args;

        va_start(args, format);
        text = g_strdup_vprintf(format, args);
        va_end(args);
        json_line(&dump->json);
        json_begin_object(&dump->json);
        json_name(&dump->json, "error");
        json_string(&dump->json, text, strlen(text));
        json_end_object(&dump->json);
}

static int put_entries(Dump *dump, Source *source, uint32_t id)
{
        const SourceWalk walk = {
                .func = add_entry,
                .data = dump,
                .end = cpu_time_end(DUMP_MAX_MS),
        };
        const MapShape *shape = dump->shape;
        int r;

        if (shape->btf_id && shape->value_type &&
            source->ops->map_btf(source, shape->btf_id, &dump->btf) < 0)
                dump->btf = NULL;
        r = source->ops->walk(source, id, shape, &walk);
        if (r == -ENOENT)
                return r;
        if (r == -ETIME || dump->full)
                put_error(dump, "only %u entries are shown, for there are too many", dump->shown);
        else if (r < 0)
                put_error(dump, "%u entries are shown, then reading failed: %s", dump->shown,
                          g_strerror(-r));
        return 0;
}

int dump_map(Source *source, uint32_t id, const MapShape *shape, size_t max, GBytes **out,
             uint32_t *shown)
{
        GString *text = g_string_new(NULL);
        Dump dump = { .json = json_new(text), .shape = shape };
        size_t length;
        int r = 0;

        max = MIN(max, DUMP_MAX_BYTES);
        dump.limit = max > END_BYTES ? max - END_BYTES : 0;
        json_begin_array(&dump.json);
        if (shape->closed)
                put_error(&dump, "not read: %s", shape->closed);
        else
                r = put_entries(&dump, source, id);
        if (dump.json.follows)
                json_line(&dump.json);
        json_end_array(&dump.json);
        value_dumper_clear(&dump.values);
        g_string_append_c(text, '\n');
        *shown = dump.shown;
        length = text->len;
        /* It is kept for a while, and has room for twice as much. */
        *out = g_bytes_new_take(g_realloc(g_string_free(text, FALSE), length), length);
        if (r < 0)
                g_clear_pointer(out, g_bytes_unref);
        return r;
}
