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

/* A name that an entry has. */
typedef struct Given {
        char *name;
        uint64_t next; /* the number to try next behind a '~' */
} Given;

/* In most directories there are fewer names: to compare them takes less than to make a table. */
#define FEW 8

struct Names {
        NamesReserved reserved;
        GHashTable *known; /* long name as the author wrote it -> Known; NULL until there is one */
        Given few[FEW];    /* the first names that were given */
        guint n_few;
        GHashTable *more; /* name -> Given: all others; NULL until there are some */
};

static void known_clear(Known *known)
{
        g_free(known->escaped);
        g_free(known->hash);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Known, known_clear)

static void known_free(gpointer known)
{
        known_clear(known);
        g_free(known);
}

static void given_free(gpointer data)
{
        Given *given = data;

        g_free(given->name);
        g_free(given);
}

Names *names_new(NamesReserved reserved)
{
        Names *names = g_new0(Names, 1);

        names->reserved = reserved;
        return names;
}

void names_free(Names *names)
{
        if (!names)
                return;
        for (guint i = 0; i < names->n_few; i++)
                g_free(names->few[i].name);
        g_clear_pointer(&names->known, g_hash_table_unref);
        g_clear_pointer(&names->more, g_hash_table_unref);
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

/* True if nothing of it has to be escaped. */
static bool is_plain(const char *name)
{
        const char *p = name;

        while (*p >= ' ' && *p < 0x7f && *p != '/' && *p != '%')
                p++;
        return !*p && !is_dots(name);
}

static char *escape(const char *name)
{
        bool dots = is_dots(name);
        GString *out;

        if (is_plain(name))
                return g_strdup(name);
        out = g_string_new(NULL);
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
        g_auto(Known) known = { .escaped = escape(*text ? text : ANON) };
        g_autofree char *name = fit(&known, "");

        if (*text && (strcmp(name, ANON) == 0 || (reserved && reserved(name))))
                return g_strdup_printf("%%%02X%s", (guint8)*name, name + 1);
        return g_steal_pointer(&name);
}

char *names_join(const char *outer, const char *inner)
{
        g_auto(Known) known = { .escaped = g_strconcat(outer, ".", inner, NULL) };

        return fit(&known, "");
}

char *names_alone(const char *name)
{
        g_auto(Known) known = { .escaped = escape(name) };

        return fit(&known, "");
}

/* Shorter names are worked out again each time: to remember them would cost more. */
#define WORTH_KNOWING 128

/* The results for @name: in *@once, or borrowed from @names. */
static Known *know(Names *names, const char *name, Known *once)
{
        Known *known;

        if (strlen(name) < WORTH_KNOWING) {
                once->escaped = escape(name);
                return once;
        }
        if (!names->known)
                names->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
        known = g_hash_table_lookup(names->known, name);
        if (!known) {
                known = g_new0(Known, 1);
                known->escaped = escape(name);
                g_hash_table_insert(names->known, g_strdup(name), known);
        }
        return known;
}

/* NULL: no entry has that name. */
static Given *find_given(Names *names, const char *name)
{
        for (guint i = 0; i < names->n_few; i++)
                if (strcmp(names->few[i].name, name) == 0)
                        return &names->few[i];
        return names->more ? g_hash_table_lookup(names->more, name) : NULL;
}

static bool is_free(Names *names, const char *name)
{
        return !is_reserved(names, name) && !find_given(names, name);
}

/* Notes that no other entry may have that name. */
static Given *give(Names *names, const char *name)
{
        const Given one = { g_strdup(name), 2 };
        Given *given;

        if (names->n_few < FEW) {
                given = &names->few[names->n_few++];
                *given = one;
                return given;
        }
        if (!names->more)
                names->more = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, given_free);
        given = g_new(Given, 1);
        *given = one;
        g_hash_table_insert(names->more, given->name, given);
        return given;
}

char *names_give(Names *names, const char *preferred, const char *full)
{
        const char *wish = is_usable(names, preferred) ? preferred : *full ? full : ANON;
        g_auto(Known) once = { NULL };
        Known *known = know(names, wish, &once);
        g_autofree char *name = fit(known, "");
        Given *given = find_given(names, name);

        if (!given) {
                given = give(names, name);
                if (!is_reserved(names, name))
                        return g_steal_pointer(&name);
        }

        /* The number only grows, so however many entries want a name, each is tried once. */
        for (;;) {
                char suffix[SUFFIX_CHARS + 1];
                g_autofree char *candidate = NULL;

                g_snprintf(suffix, sizeof(suffix), "~%" G_GUINT64_FORMAT, given->next++);
                candidate = fit(known, suffix);
                if (is_free(names, candidate)) {
                        give(names, candidate);
                        return g_steal_pointer(&candidate);
                }
        }
}
