/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An info directory as one block: the keys, the offsets of the texts, the texts. */

#include "info.h"

#include <stdio.h>
#include <string.h>

struct Info {
        uint32_t n;
        const char *keys[]; /* n of them; then n offsets, uint32_t, and the texts */
};

typedef struct Item {
        const char *key;
        uint32_t offset; /* where its text starts */
} Item;

struct InfoBuilder {
        GArray *items;
        GString *texts;
};

/* Most directories have fewer keys, and fewer bytes of texts. */
#define KEYS_GUESS 24
#define TEXTS_GUESS 512

static const uint32_t *offsets(const Info *info)
{
        return (const uint32_t *)&info->keys[info->n];
}

InfoBuilder *info_builder_new(void)
{
        InfoBuilder *builder = g_new(InfoBuilder, 1);

        builder->items = g_array_sized_new(FALSE, FALSE, sizeof(Item), KEYS_GUESS);
        builder->texts = g_string_sized_new(TEXTS_GUESS);
        return builder;
}

/* Writes into the room that is there: most texts fit in. */
G_GNUC_PRINTF(2, 0) static void append(GString *out, const char *format, va_list args)
{
        gsize room = out->allocated_len - out->len;
        va_list again;
        int n;

        va_copy(again, args);
        n = vsnprintf(out->str + out->len, room, format, args);
        if (n >= 0 && (gsize)n < room) {
                out->len += n;
        } else {
                g_string_truncate(out, out->len);
                g_string_append_vprintf(out, format, again);
        }
        va_end(again);
}

void info_builder_add(InfoBuilder *builder, const char *key, const char *format, ...)
{
        const Item item = { key, builder->texts->len };
        va_list args;

        g_array_append_val(builder->items, item);
        va_start(args, format);
        append(builder->texts, format, args);
        va_end(args);
        g_string_append_len(builder->texts, "\n", 2);
}

Info *info_builder_end(InfoBuilder *builder)
{
        uint32_t n = builder->items->len;
        size_t keys = n * sizeof(char *), table = n * sizeof(uint32_t);
        Info *info = g_malloc(sizeof(Info) + keys + table + builder->texts->len);
        uint32_t *starts = (uint32_t *)&info->keys[n];

        info->n = n;
        for (uint32_t i = 0; i < n; i++) {
                const Item *item = &g_array_index(builder->items, Item, i);

                info->keys[i] = item->key;
                starts[i] = item->offset;
        }
        memcpy(starts + n, builder->texts->str, builder->texts->len);
        g_array_free(builder->items, TRUE);
        g_string_free(builder->texts, TRUE);
        g_free(builder);
        return info;
}

void info_free(Info *info)
{
        g_free(info);
}

uint32_t info_n(const Info *info)
{
        return info->n;
}

bool info_has(const Info *info, const char *key)
{
        return info_get(info, key) != NULL;
}

const char *info_key(const Info *info, uint32_t index)
{
        return info->keys[index];
}

const char *info_text(const Info *info, uint32_t index)
{
        return (const char *)(offsets(info) + info->n) + offsets(info)[index];
}

bool info_equal(const Info *a, const Info *b)
{
        if (info_n(a) != info_n(b))
                return false;
        for (uint32_t i = 0; i < info_n(a); i++)
                if (strcmp(info_key(a, i), info_key(b, i)) != 0 ||
                    strcmp(info_text(a, i), info_text(b, i)) != 0)
                        return false;
        return true;
}

const char *info_get(const Info *info, const char *key)
{
        for (uint32_t i = 0; i < info->n; i++)
                if (strcmp(info->keys[i], key) == 0)
                        return info_text(info, i);
        return NULL;
}
