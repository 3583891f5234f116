/* SPDX-License-Identifier: GPL-2.0-or-later */

/* File names: escape, shorten, and tell apart. */

#include "names.h"

#include <string.h>

/* What has no name. */
#define ANON "anon"

/* '~' and the digits of the hash. */
#define HASH_CHARS (1 + 16)
/* '~' and a number of 64 bits. */
#define SUFFIX_CHARS (1 + 20)

/* The results for a name, made once for all entries that want it. */
typedef struct Known {
        char *escaped;
        char *hash; /* of escaped; NULL until it is needed */
} Known;

struct Names {
        NamesReserved reserved;
        GHashTable *known; /* long name as the author wrote it -> Known */
        Known *last;       /* of a shorter name; NULL: none yet */
        GHashTable *given; /* name -> guint64: the number to try next behind a '~' */
};

static void known_free(gpointer data)
{
        Known *known = data;

        g_free(known->escaped);
        g_free(known->hash);
        g_free(known);
}

Names *names_new(NamesReserved reserved)
{
        Names *names = g_new0(Names, 1);

        names->reserved = reserved;
        names->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
        names->given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        return names;
}

void names_free(Names *names)
{
        if (!names)
                return;
        g_hash_table_unref(names->known);
        if (names->last)
                known_free(names->last);
        g_hash_table_unref(names->given);
        g_free(names);
}

bool names_is_id(const char *name)
{
        return *name && strspn(name, "0123456789") == strlen(name);
}

/* Not by g_ascii_string_to_unsigned(): at its first call in a process it can mistake an errno that
 * GLib has left behind for an error of the number. */
uint64_t names_number(const char *name)
{
        return names_is_id(name) ? g_ascii_strtoull(name, NULL, 10) : UINT64_MAX;
}

static bool is_dots(const char *name)
{
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_reserved(const Names *names, const char *name)
{
        return names->reserved && names->reserved(name);
}

static bool is_usable(const Names *names, const char *name)
{
        return name && *name && !is_dots(name) && !is_reserved(names, name);
}

static char *escape(const char *name)
{
        GString *out = g_string_new(NULL);
        bool dots = is_dots(name);

        for (const char *p = name; *p;) {
                gunichar c = g_utf8_get_char_validated(p, -1);
                bool valid = c < (gunichar)-2;
                size_t len = valid ? (size_t)g_unichar_to_utf8(c, NULL) : 1;

                /* As in values, bytes that do not print could be an escape sequence for a
                 * terminal. */
                if (valid && g_unichar_isprint(c) && c != '/' && c != '%' && !dots) {
                        g_string_append_len(out, p, len);
                } else {
                        for (size_t i = 0; i < len; i++)
                                g_string_append_printf(out, "%%%02X", (guint8)p[i]);
                }
                p += len;
        }
        return g_string_free(out, FALSE);
}

/* The first @room bytes of an escaped name, or fewer, so that no character and no %XX is torn. */
static size_t cut(const char *name, size_t room)
{
        size_t len = 0;

        while (name[len]) {
                size_t step =
                        name[len] == '%' ? 3 : (size_t)(g_utf8_next_char(name + len) - name) - len;

                if (len + step > room)
                        break;
                len += step;
        }
        return len;
}

/* An escaped name and a suffix, shortened to the length of a file name. */
static char *fit(Known *known, const char *suffix)
{
        size_t suffix_len = strlen(suffix);

        if (strlen(known->escaped) + suffix_len <= NAMES_MAX)
                return g_strconcat(known->escaped, suffix, NULL);
        if (!known->hash)
                known->hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, known->escaped, -1);
        return g_strdup_printf("%.*s~%.16s%s",
                               (int)cut(known->escaped, NAMES_MAX - HASH_CHARS - suffix_len),
                               known->escaped, known->hash, suffix);
}

char *names_of_text(const char *text, NamesReserved reserved)
{
        g_autofree char *escaped = escape(*text ? text : ANON);
        Known known = { .escaped = escaped };
        g_autofree char *name = fit(&known, "");

        g_free(known.hash);
        if (*text && (strcmp(name, ANON) == 0 || (reserved && reserved(name))))
                return g_strdup_printf("%%%02X%s", (guint8)*name, name + 1);
        return g_steal_pointer(&name);
}

char *names_join(const char *outer, const char *inner)
{
        g_autofree char *joined = g_strconcat(outer, ".", inner, NULL);
        Known known = { .escaped = joined };
        char *name = fit(&known, "");

        g_free(known.hash);
        return name;
}

/* Shorter names are worked out again: to remember them would take more than that. */
char *names_alone(const char *name)
{
        Known known = { .escaped = escape(name) };
        char *fitting = fit(&known, "");

        g_free(known.escaped);
        g_free(known.hash);
        return fitting;
}

/* Shorter names are worked out again each time: to remember them would cost more. */
#define WORTH_KNOWING 128

/* The results for @name; borrowed from @names until the next call. */
static Known *know(Names *names, const char *name)
{
        bool worth = strlen(name) >= WORTH_KNOWING;
        Known *known = worth ? g_hash_table_lookup(names->known, name) : NULL;

        if (known)
                return known;
        known = g_new0(Known, 1);
        known->escaped = escape(name);
        if (worth) {
                g_hash_table_insert(names->known, g_strdup(name), known);
        } else {
                if (names->last)
                        known_free(names->last);
                names->last = known;
        }
        return known;
}

static bool is_free(const Names *names, const char *name)
{
        return !is_reserved(names, name) && !g_hash_table_contains(names->given, name);
}

static void give(Names *names, const char *name, guint64 next)
{
        guint64 *value = g_new(guint64, 1);

        *value = next;
        g_hash_table_insert(names->given, g_strdup(name), value);
}

char *names_give(Names *names, const char *preferred, const char *full)
{
        const char *wish = is_usable(names, preferred) ? preferred : *full ? full : ANON;
        Known *known = know(names, wish);
        g_autofree char *name = fit(known, "");
        const guint64 *tried;
        guint64 n;

        if (is_free(names, name)) {
                give(names, name, 2);
                return g_steal_pointer(&name);
        }

        /* The number only grows, so however many entries want a name, each is tried once. */
        tried = g_hash_table_lookup(names->given, name);
        n = tried ? *tried : 2;
        for (;; n++) {
                char suffix[SUFFIX_CHARS + 1];
                g_autofree char *candidate = NULL;

                g_snprintf(suffix, sizeof(suffix), "~%" G_GUINT64_FORMAT, n);
                candidate = fit(known, suffix);
                if (is_free(names, candidate)) {
                        give(names, name, n + 1);
                        give(names, candidate, 2);
                        return g_steal_pointer(&candidate);
                }
        }
}
