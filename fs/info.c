/* SPDX-License-Identifier: GPL-2.0-or-later */

/* An info directory as one block: the table of keys, then the texts. */

#include "info.h"

#include <string.h>

typedef struct Item {
        const char *key;
        uint32_t text; /* offset from the start of the block */
} Item;

struct Info {
        uint32_t n;
        Item items[];
};

struct InfoBuilder {
        GArray *items; /* text: offset into texts */
        GString *texts;
};

InfoBuilder *info_builder_new(void)
{
        InfoBuilder *builder = g_new(InfoBuilder, 1);

        builder->items = g_array_new(FALSE, FALSE, sizeof(Item));
        builder->texts = g_string_new(NULL);
        return builder;
}

void info_builder_add(InfoBuilder *builder, const char *key, const char *format, ...)
{
        Item item = { .key = key, .text = builder->texts->len };
        va_list args;

        g_array_append_val(builder->items, item);
        va_start(args, format);
        g_string_append_vprintf(builder->texts, format, args);
        va_end(args);
        g_string_append_len(builder->texts, "\n", 2);
}

Info *info_builder_end(InfoBuilder *builder)
{
        size_t table = sizeof(Info) + builder->items->len * sizeof(Item);
        Info *info = g_malloc(table + builder->texts->len);

        info->n = builder->items->len;
        for (uint32_t i = 0; i < info->n; i++) {
                info->items[i] = g_array_index(builder->items, Item, i);
                info->items[i].text += table;
        }
        if (builder->texts->len > 0)
                memcpy((char *)info + table, builder->texts->str, builder->texts->len);
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
        for (uint32_t i = 0; i < info->n; i++)
                if (strcmp(info->items[i].key, key) == 0)
                        return true;
        return false;
}

const char *info_key(const Info *info, uint32_t index)
{
        return info->items[index].key;
}

const char *info_text(const Info *info, uint32_t index)
{
        return (const char *)info + info->items[index].text;
}
