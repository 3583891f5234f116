/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "arguments.h"

#include "command.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
        "Usage: bpfmetafs [OPTION]... SOURCE MOUNTPOINT\n"
        "Show BPF programs, their metadata and their maps as files.\n"
        "\n"
        "SOURCE is bpf for the running kernel, or else the path of a BPF object file.\n"
        "\n"
        "  -d, --debug         stay in the foreground and print every request\n"
        "  -f, --foreground    stay in the foreground\n"
        "  -h, --help          show this help and exit\n"
        "  -N, --namespace=NS  mount in this mount namespace: a file, or a process's id\n"
        "  -o, --options=LIST  mount options, separated by commas\n"
        "  -s, --sloppy        ignore mount options that are not known\n"
        "  -V, --version       show the version and exit\n"
        "Mount options, besides those of mount(8):\n";

static const struct option words[] = {
        { "debug", no_argument, NULL, 'd' },         { "foreground", no_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },          { "namespace", required_argument, NULL, 'N' },
        { "options", required_argument, NULL, 'o' }, { "sloppy", no_argument, NULL, 's' },
        { "version", no_argument, NULL, 'V' },       { 0 },
};

static int fail(const char *sentence)
{
        fprintf(stderr, "bpfmetafs: %s\n", sentence);
        return EXIT_USAGE;
}

static int print_help(void)
{
        g_autofree char *options = options_help();

        printf("%s%s", usage, options);
        return EXIT_OK;
}

static int parse_options(Options *options, const GPtrArray *lists, bool sloppy)
{
        g_autoptr(GError) error = NULL;

        for (guint i = 0; i < lists->len; i++)
                if (!options_parse(options, lists->pdata[i], sloppy, &error))
                        return fail(error->message);
        if (options->remount)
                return fail("a mounted tree is changed by mount -o remount, not by the daemon");
        return -1;
}

int arguments_parse(Arguments *arguments, int argc, char **argv)
{
        g_autoptr(GPtrArray) lists = g_ptr_array_new();
        g_autofree char *refused = NULL;
        bool sloppy = false;
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":dfhN:o:sV", words, NULL)) != -1) {
                switch (option) {
                case 'd':
                        arguments->debug = true;
                        arguments->foreground = true;
                        break;
                case 'f':
                        arguments->foreground = true;
                        break;
                case 'h':
                        return print_help();
                case 'N':
                        arguments->namespace = optarg;
                        break;
                case 'o':
                        g_ptr_array_add(lists, optarg);
                        break;
                case 's':
                        sloppy = true;
                        break;
                case 'V':
                        puts("bpfmetafs " BPFMETAFS_VERSION);
                        return EXIT_OK;
                default:
                        refused = command_refused("bpfmetafs", option, optopt, argv[optind - 1]);
                        return fail(refused);
                }
        }
        if (argc - optind != 2)
                return fail("a source and a mount point are needed, and nothing else; "
                            "bpfmetafs --help tells more");
        arguments->source = argv[optind];
        arguments->mountpoint = argv[optind + 1];
        return parse_options(arguments->options, lists, sloppy);
}
