/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "notes.h"

#include "metadata.h"
#include "text.h"

#include <string.h>

static void note_clear(gpointer data)
{
        Note *note = data;

        g_free(note->name);
        g_free(note->value);
}

/* Says what is wrong with the name; NULL if nothing is. Older kernels take no dots in a variable's
 * name, and no author would look for a name that C can't spell. */
static const char *fault_of_name(const char *name)
{
        if (!*name)
                return "is empty";
        if (strlen(name) > NOTES_MAX_NAME)
                return "is longer than " G_STRINGIFY(NOTES_MAX_NAME) " bytes";
        for (const char *c = name; *c; c++)
                if (!g_ascii_isalnum(*c) && *c != '_')
                        return "has other characters than letters, digits and '_'";
        if (strcmp(name, "info") == 0 || strcmp(name, "maps") == 0)
                return "is the filesystem's own";
        return NULL;
}

/* bpftool prints a value as it is: it must not contain control sequences of a terminal. */
static const char *fault_of_value(const char *value)
{
        if (!*value)
                return "is empty";
        if (!g_utf8_validate(value, -1, NULL))
                return "is not UTF-8";
        for (const char *c = value; *c; c = g_utf8_next_char(c))
                if (!g_unichar_isprint(g_utf8_get_char(c)) && *c != '\n' && *c != '\t')
                        return "has characters that do not print";
        return NULL;
}

static bool has(const GArray *notes, const char *name)
{
        for (guint i = 0; i < notes->len; i++)
                if (strcmp(g_array_index(notes, Note, i).name, name) == 0)
                        return true;
        return false;
}

static bool fail(GError **error, const char *what, const char *text, const char *fault)
{
        g_autofree char *shown = text_escape(text);

        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s '%s' %s", what, shown,
                    fault);
        return false;
}

static bool parse(GArray *notes, const char *word, GError **error)
{
        const char *equals = strchr(word, '=');
        g_autofree char *name = equals ? g_strndup(word, equals - word) : NULL;
        const char *fault;
        Note note;

        if (!equals)
                return fail(error, "the note", word, "is not NAME=VALUE");
        fault = fault_of_name(name);
        if (!fault && has(notes, name))
                fault = "is given twice";
        if (fault)
                return fail(error, "the name", name, fault);
        fault = fault_of_value(equals + 1);
        if (fault)
                return fail(error, "the value of", name, fault);
        note = (Note){ g_steal_pointer(&name), g_strdup(equals + 1) };
        g_array_append_val(notes, note);
        return true;
}

GArray *notes_parse(char **words, GError **error)
{
        g_autoptr(GArray) notes = g_array_new(FALSE, FALSE, sizeof(Note));
        size_t size = 0;

        g_array_set_clear_func(notes, note_clear);
        for (; *words; words++) {
                if (!parse(notes, *words, error))
                        return NULL;
                size += strlen(g_array_index(notes, Note, notes->len - 1).value) + 1;
        }
        if (notes->len <= NOTES_MAX && size <= NOTES_MAX_VALUES)
                return g_steal_pointer(&notes);
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "a call takes %d notes with %d bytes in all", NOTES_MAX, NOTES_MAX_VALUES);
        return NULL;
}

/* A VAR for each note; their ids are in @variables. If an id is an error, libbpf refuses the types
 * that refer to it. */
static bool add_variables(struct btf *btf, const GArray *notes, int *variables)
{
        int letter = btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
        int index = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);

        for (guint i = 0; i < notes->len; i++) {
                const Note *note = &g_array_index(notes, Note, i);
                g_autofree char *name = g_strconcat(METADATA_VARIABLE_PREFIX, note->name, NULL);
                int array = btf__add_array(btf, index, letter, strlen(note->value) + 1);

                variables[i] = btf__add_var(btf, name, BTF_VAR_GLOBAL_ALLOCATED, array);
                if (variables[i] < 0)
                        return false;
        }
        return true;
}

struct btf *notes_btf(const GArray *notes, uint32_t *section)
{
        struct btf *btf = btf__new_empty();
        g_autofree int *variables = g_new0(int, notes->len);
        g_autoptr(GString) bytes = notes_bytes(notes);
        uint32_t offset = 0;
        int id = -1;

        if (btf && add_variables(btf, notes, variables))
                id = btf__add_datasec(btf, ".rodata", bytes->len);
        for (guint i = 0; i < notes->len && id > 0; i++) {
                uint32_t size = strlen(g_array_index(notes, Note, i).value) + 1;

                if (btf__add_datasec_var_info(btf, variables[i], offset, size) < 0)
                        id = -1;
                offset += size;
        }
        if (id < 0) {
                btf__free(btf);
                return NULL;
        }
        *section = id;
        return btf;
}

GString *notes_bytes(const GArray *notes)
{
        GString *bytes = g_string_new(NULL);

        for (guint i = 0; i < notes->len; i++) {
                const char *value = g_array_index(notes, Note, i).value;

                g_string_append_len(bytes, value, strlen(value) + 1);
        }
        return bytes;
}
