/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * bpfmeta-annotate: binds notes to a program that is loaded.
 *
 * It is a command of its own because it writes: the daemon never does. The kernel knows no way to
 * take a map away from a program again, so everything is checked before, and a doubt is a refusal.
 */

#include "command.h"
#include "notes.h"
#include "program.h"

#include <bpf/libbpf.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* bpfmeta-annotate(8), EXIT STATUS */
enum { STATUS_BOUND = 0, STATUS_TAKEN = 1, STATUS_FAILED = 2 };

static const char usage[] =
        "Usage: bpfmeta-annotate [OPTION]... PROGRAM NAME=VALUE...\n"
        "Bind metadata to a loaded program, as if its authors had compiled it in.\n"
        "\n"
        "PROGRAM is an id, or the path of a pin. What is bound stays until the program\n"
        "is unloaded: it can't be changed or taken back.\n"
        "\n"
        "  -f, --force    bind also what is there: a second oncall is called oncall~2\n"
        "  -h, --help     show this help and exit\n"
        "  -n, --dry-run  say what would be done, and do nothing\n"
        "  -V, --version  show the version and exit\n";

typedef struct Call {
        bool force;
        bool dry;
        const char *program;
        char **words; /* NAME=VALUE each, ended by NULL */
} Call;

static int fail(const char *sentence)
{
        fprintf(stderr, "bpfmeta-annotate: %s\n", sentence);
        return STATUS_FAILED;
}

/* Returns the exit status, or -1: go on. */
static int parse(Call *call, int argc, char **argv)
{
        static const struct option words[] = {
                { "dry-run", no_argument, NULL, 'n' },
                { "force", no_argument, NULL, 'f' },
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, 'V' },
                { 0 },
        };
        g_autofree char *refused = NULL;
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":fhnV", words, NULL)) != -1) {
                switch (option) {
                case 'f':
                        call->force = true;
                        break;
                case 'h':
                        fputs(usage, stdout);
                        return STATUS_BOUND;
                case 'n':
                        call->dry = true;
                        break;
                case 'V':
                        puts("bpfmeta-annotate " BPFMETAFS_VERSION);
                        return STATUS_BOUND;
                default:
                        refused = command_refused("bpfmeta-annotate", option, optopt,
                                                  argv[optind - 1]);
                        return fail(refused);
                }
        }
        if (argc - optind < 2)
                return fail("a program and at least one NAME=VALUE are needed; "
                            "bpfmeta-annotate --help tells more");
        call->program = argv[optind];
        call->words = argv + optind + 1;
        return -1;
}

/* The names under which the notes will be seen: strings of the caller's, in order. NULL: some would
 * have another name, or it is not known. */
static GPtrArray *seen_as(const Program *program, const GArray *notes, bool force, GError **error)
{
        g_autoptr(GPtrArray) seen = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(Names) names = program_names(program, force ? NULL : error);

        if (!names && !force)
                return NULL;
        for (guint i = 0; i < notes->len; i++) {
                const char *name = g_array_index(notes, Note, i).name;
                char *given = names ? names_give(names, name, name) : g_strdup(name);

                g_ptr_array_add(seen, given);
                if (strcmp(given, name) == 0 || force)
                        continue;
                g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "%s has %s already; --force binds another, which is seen as %s",
                            program->shown, name, given);
                return NULL;
        }
        return g_steal_pointer(&seen);
}

static bool bind_notes(const Program *program, const GArray *notes, GError **error)
{
        g_autoptr(GString) bytes = notes_bytes(notes);
        uint32_t section;
        struct btf *btf = notes_btf(notes, &section);
        int map = btf ? program_make_map(btf, section, bytes, error) : -1;
        bool bound = map >= 0 && program_bind(program, map, error);

        if (!btf)
                g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
                                    "there is no memory for the notes");
        if (map >= 0)
                close(map);
        btf__free(btf);
        return bound;
}

static void tell(const Call *call, const Program *program, const GPtrArray *seen)
{
        for (guint i = 0; i < seen->len; i++) {
                const char *name = seen->pdata[i];

                printf("%s %s %s%s until it is unloaded\n", program->shown,
                       call->dry ? "would have" : "has", name, strchr(call->words[i], '='));
        }
}

static int annotate(const Call *call)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(GArray) notes = notes_parse(call->words, &error);
        g_autoptr(GPtrArray) seen = NULL;
        g_auto(Program) program = { 0 };

        if (!notes || !program_find(call->program, &program, &error))
                return fail(error->message);
        seen = seen_as(&program, notes, call->force, &error);
        if (!seen) {
                fail(error->message);
                return error->domain == G_OPTION_ERROR ? STATUS_TAKEN : STATUS_FAILED;
        }
        if (!call->dry && !bind_notes(&program, notes, &error))
                return fail(error->message);
        tell(call, &program, seen);
        return STATUS_BOUND;
}

/* libbpf's own messages say less than the sentences here. */
static int be_silent(enum libbpf_print_level level, const char *format, va_list args)
{
        return 0;
}

int main(int argc, char **argv)
{
        Call call = { 0 };
        int r = command_start(), status = parse(&call, argc, argv);

        if (status >= 0)
                return status;
        if (r < 0)
                return fail("/dev/null cannot be opened");
        libbpf_set_print(be_silent);
        return annotate(&call);
}
