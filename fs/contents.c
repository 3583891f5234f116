/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The last reads of maps. */

#include "contents.h"

#include "variables.h"

/* How many bytes of a long text are made at a time: each part costs a pass over the whole value. */
#define TEXT_PART (4u << 20)

/* The map that was read, and when. */
typedef struct Origin {
        uint32_t map; /* 0: nothing was read */
        bool final;   /* the map could not change any more when it was read */
        uint64_t request;
} Origin;

struct Contents {
        Source *source;
        uint64_t request; /* the number of the request that is being served */

        Origin value_origin;
        SourceValue value;

        Origin entry_origin;
        GBytes *entry_key;
        uint8_t *entry;
        int entry_error; /* -errno of reading it */

        Origin text_origin;
        GString *text;
        ValueRef text_ref;
        uint64_t text_start;
        uint64_t text_size; /* of the whole */

        Origin members_origin;
        GArray *members; /* of Decoded; NULL: none */
        ValueRef members_ref;
};

Contents *contents_new(Source *source)
{
        Contents *contents = g_new0(Contents, 1);

        contents->source = source;
        contents->text = g_string_new(NULL);
        return contents;
}

void contents_free(Contents *contents)
{
        source_value_clear(&contents->value);
        g_clear_pointer(&contents->entry_key, g_bytes_unref);
        g_free(contents->entry);
        g_string_free(contents->text, TRUE);
        g_clear_pointer(&contents->members, g_array_unref);
        g_free(contents);
}

void contents_begin(Contents *contents)
{
        contents->request++;
}

uint64_t contents_request(const Contents *contents)
{
        return contents->request;
}

void contents_invalidate(Contents *contents, uint32_t map)
{
        Origin *origins[] = { &contents->value_origin, &contents->text_origin,
                              &contents->members_origin, &contents->entry_origin };

        for (guint i = 0; i < G_N_ELEMENTS(origins); i++)
                if (origins[i]->map == map)
                        origins[i]->map = 0;
}

static void set_origin(const Contents *contents, Origin *origin, uint32_t map, bool final)
{
        *origin = (Origin){ .map = map, .final = final, .request = contents->request };
}

/* True if the contents are as good as a new read would be. */
static bool is_current(const Contents *contents, const Origin *origin, uint32_t map, bool immutable)
{
        if (origin->map != map)
                return false;
        return origin->final || (!immutable && origin->request == contents->request);
}

int contents_value(Contents *contents, uint32_t map, bool immutable, const SourceValue **out)
{
        Source *source = contents->source;
        int r = 0;

        *out = &contents->value;
        if (is_current(contents, &contents->value_origin, map, immutable))
                return 0;
        source_value_clear(&contents->value);
        contents->value_origin.map = 0;
        r = source->ops->map_value(source, map, &contents->value);
        if (r == 0)
                set_origin(contents, &contents->value_origin, map, immutable);
        return r;
}

static bool same_ref(const ValueRef *a, const ValueRef *b)
{
        return a->bit_offset == b->bit_offset && a->type == b->type && a->bit_size == b->bit_size &&
               a->bit_end == b->bit_end;
}

/* True if the last part that was made contains the wanted one. */
static bool has_text(const Contents *contents, uint32_t map, const ValueRef *ref, uint64_t offset,
                     size_t count)
{
        uint64_t end = contents->text_start + contents->text->len;

        return contents->text_origin.map == map && contents->text_origin.final &&
               same_ref(&contents->text_ref, ref) && offset >= contents->text_start &&
               (end == contents->text_size || offset + count <= end);
}

int contents_text(Contents *contents, uint32_t map, bool immutable, const ValueRef *ref,
                  uint64_t offset, size_t count, GString *out, uint64_t *size)
{
        const SourceValue *value;
        ValueSpace space;
        int r;

        if (!has_text(contents, map, ref, offset, count)) {
                r = contents_value(contents, map, immutable, &value);
                if (r < 0)
                        return r;
                space = variables_space(value);
                if (count == 0) {
                        *size = value_text(&space, ref, 0, 0, NULL);
                        return 0;
                }
                g_string_truncate(contents->text, 0);
                contents->text_size =
                        value_text(&space, ref, offset, MAX(count, TEXT_PART), contents->text);
                set_origin(contents, &contents->text_origin, map, immutable);
                contents->text_ref = *ref;
                contents->text_start = offset;
        }
        *size = contents->text_size;
        offset -= contents->text_start;
        if (count > 0 && offset < contents->text->len)
                g_string_append_len(out, contents->text->str + offset,
                                    MIN(count, contents->text->len - offset));
        return 0;
}

static int read_entry(Contents *contents, uint32_t map, const MapShape *shape, GBytes *key)
{
        g_free(contents->entry);
        contents->entry = g_try_malloc(map_shape_entry_size(shape));
        if (!contents->entry)
                return -ENOMEM;
        return contents->source->ops->entry(contents->source, map, shape,
                                            g_bytes_get_data(key, NULL), contents->entry);
}

int contents_entry(Contents *contents, uint32_t map, const MapShape *shape, GBytes *key,
                   ValueSpace *space)
{
        bool there = is_current(contents, &contents->entry_origin, map, false) &&
                     g_bytes_equal(contents->entry_key, key);

        if (!there) {
                contents->entry_error = read_entry(contents, map, shape, key);
                g_clear_pointer(&contents->entry_key, g_bytes_unref);
                contents->entry_key = g_bytes_ref(key);
                set_origin(contents, &contents->entry_origin, map, false);
        }
        if (contents->entry_error < 0)
                return contents->entry_error;
        *space = (ValueSpace){
                .bytes = contents->entry,
                .size = map_shape_entry_size(shape),
                .big_endian = G_BYTE_ORDER == G_BIG_ENDIAN,
        };
        if (shape->btf_id && shape->value_type &&
            contents->source->ops->map_btf(contents->source, shape->btf_id, &space->btf) < 0)
                space->btf = NULL;
        return 0;
}

const GArray *contents_members(Contents *contents, uint32_t map, const ValueSpace *space,
                               const ValueRef *ref)
{
        /* Names and places come from the BTF alone, which a map keeps for its life. */
        if (contents->members && contents->members_origin.map == map &&
            same_ref(&contents->members_ref, ref))
                return contents->members;
        g_clear_pointer(&contents->members, g_array_unref);
        contents->members = decoded_members(space, ref);
        contents->members_ref = *ref;
        set_origin(contents, &contents->members_origin, map, true);
        return contents->members;
}
