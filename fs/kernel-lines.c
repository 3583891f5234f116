/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The line and function records of loaded programs.
 *
 * The kernel has checked two things only: offsets of names are inside the BTF's strings, and
 * records are in the order of the code (check_btf_line() of kernel/bpf/verifier.c). Nothing here
 * depends on either.
 */

#include "kernel-lines.h"
#include "lines.h"
#include "source.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct KernelLines {
        const struct btf *btf; /* borrowed; NULL if it is too large */
        const struct bpf_func_info *funcs;
        const struct bpf_line_info *lines;
        void *owned_funcs; /* NULL: they are borrowed */
        void *owned_lines;
        uint32_t n_funcs;
        uint32_t n_lines;
        bool more_funcs; /* than were asked for */
        bool more_lines;
};

/* Most BTF is smaller: one system call is enough. */
#define BTF_GUESS 8192

/* Parses the BTF that @fd is open on. It does the same as libbpf's btf__load_from_kernel_by_id(),
 * but with a limit, and with half as many system calls. */
static int parse(int fd, struct btf **out)
{
        uint8_t guess[BTF_GUESS];
        g_autofree uint8_t *large = NULL;
        struct bpf_btf_info info = { .btf = (uintptr_t)guess, .btf_size = sizeof(guess) };
        uint32_t len = sizeof(info);

        if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
                return -errno;
        if (info.btf_size > SOURCE_MAX_BTF)
                return -E2BIG;
        if (info.btf_size > sizeof(guess)) {
                large = g_malloc(info.btf_size);
                info = (struct bpf_btf_info){ .btf = (uintptr_t)large, .btf_size = info.btf_size };
                len = sizeof(info);
                if (bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
                        return -errno;
        }
        *out = btf__new(large ? large : guess, info.btf_size);
        return *out ? 0 : -errno;
}

int parsed_btf_load(ParsedBtf *btf, uint32_t id)
{
        int fd, r;

        if (btf->btf && btf->id == id)
                return 0;
        parsed_btf_clear(btf);
        fd = bpf_btf_get_fd_by_id(id);
        if (fd < 0)
                return -errno;
        r = parse(fd, &btf->btf);
        close(fd);
        btf->id = id;
        return r;
}

void parsed_btf_clear(ParsedBtf *btf)
{
        g_clear_pointer(&btf->btf, btf__free);
}

void kernel_records_want(KernelRecords *records, struct bpf_prog_info *info)
{
        info->nr_func_info = G_N_ELEMENTS(records->funcs);
        info->func_info_rec_size = sizeof(records->funcs[0]);
        info->func_info = (uintptr_t)records->funcs;
        info->nr_line_info = G_N_ELEMENTS(records->lines);
        info->line_info_rec_size = sizeof(records->lines[0]);
        info->line_info = (uintptr_t)records->lines;
}

static bool has_all(const KernelRecords *records, const struct bpf_prog_info *info)
{
        return info->nr_func_info <= G_N_ELEMENTS(records->funcs) &&
               info->nr_line_info <= G_N_ELEMENTS(records->lines);
}

static void borrow_records(KernelLines *lines, const KernelRecords *records,
                           const struct bpf_prog_info *info)
{
        lines->funcs = records->funcs;
        lines->lines = records->lines;
        lines->n_funcs = info->nr_func_info;
        lines->n_lines = info->nr_line_info;
}

static int read_records(KernelLines *lines, int fd, const struct bpf_prog_info *known)
{
        struct bpf_prog_info info = {
                .nr_func_info = MIN(known->nr_func_info, LINES_MAX_FUNCTIONS),
                .func_info_rec_size = sizeof(struct bpf_func_info),
                .nr_line_info = MIN(known->nr_line_info, KERNEL_MAX_LINES),
                .line_info_rec_size = sizeof(struct bpf_line_info),
        };
        uint32_t len = sizeof(info);

        lines->n_funcs = info.nr_func_info;
        lines->n_lines = info.nr_line_info;
        lines->more_funcs = known->nr_func_info > info.nr_func_info;
        lines->more_lines = known->nr_line_info > info.nr_line_info;
        lines->funcs = lines->owned_funcs = g_new0(struct bpf_func_info, lines->n_funcs);
        lines->lines = lines->owned_lines = g_new0(struct bpf_line_info, lines->n_lines);
        info.func_info = (uintptr_t)lines->funcs;
        info.line_info = (uintptr_t)lines->lines;
        return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? -errno : 0;
}

KernelLines *kernel_lines_new(ParsedBtf *btf, int fd, const struct bpf_prog_info *info,
                              const KernelRecords *records)
{
        g_autoptr(KernelLines) lines = NULL;
        int r;

        if (info->btf_id == 0 || (info->nr_func_info == 0 && info->nr_line_info == 0))
                return NULL;
        lines = g_new0(KernelLines, 1);
        r = parsed_btf_load(btf, info->btf_id);
        if (r == 0 && records && has_all(records, info))
                borrow_records(lines, records, info);
        else if (r == 0)
                r = read_records(lines, fd, info);
        if (r < 0 && r != -E2BIG)
                return NULL;
        lines->btf = btf->btf;
        return g_steal_pointer(&lines);
}

void kernel_lines_free(KernelLines *lines)
{
        g_free(lines->owned_funcs);
        g_free(lines->owned_lines);
        g_free(lines);
}

/* The name of a function, of up to 2 MiB; NULL if it has none. */
static const char *function_name(const KernelLines *lines, uint32_t index)
{
        const struct btf_type *type = btf__type_by_id(lines->btf, lines->funcs[index].type_id);

        return type && btf_is_func(type) ? btf__name_by_offset(lines->btf, type->name_off) : NULL;
}

const char *kernel_lines_name(const KernelLines *lines, const char *name)
{
        const char *full = lines->btf && lines->n_funcs > 0 ? function_name(lines, 0) : NULL;

        return full && g_str_has_prefix(full, name) ? full : NULL;
}

/* The record of the first instruction of the function @index; NULL if it has none.
 * Functions are asked for in the order of the code, and *@next goes forward with them. */
static const struct bpf_line_info *first_line(const KernelLines *lines, uint32_t index,
                                              uint32_t *next)
{
        const struct bpf_line_info *line;
        uint32_t start = lines->funcs[index].insn_off;
        uint32_t end = index + 1 < lines->n_funcs ? lines->funcs[index + 1].insn_off : UINT32_MAX;

        while (*next < lines->n_lines && lines->lines[*next].insn_off < start)
                (*next)++;
        line = &lines->lines[*next];
        return *next < lines->n_lines && line->insn_off < end ? line : NULL;
}

static const char too_large[] = "(cannot be shown: the BTF is too large)";

void kernel_lines_add_keys(const KernelLines *lines, InfoBuilder *builder)
{
        g_autoptr(Lines) found = lines_new();
        uint32_t next = 0;

        if (!lines->btf) {
                info_builder_add(builder, "sources", "%s", too_large);
                info_builder_add(builder, "functions", "%s", too_large);
                return;
        }
        for (uint32_t i = 0; i < lines->n_lines; i++)
                lines_add_source(found, lines->btf, lines->lines[i].file_name_off);
        for (uint32_t i = 0; i < lines->n_funcs; i++) {
                const struct bpf_line_info *line = first_line(lines, i, &next);

                lines_add_function(found, function_name(lines, i), lines->btf,
                                   line ? line->file_name_off : 0,
                                   line ? BPF_LINE_INFO_LINE_NUM(line->line_col) : 0);
        }
        if (lines->more_funcs)
                lines_cut_functions(found);
        if (lines->more_lines)
                lines_cut_sources(found);
        lines_add_keys(found, builder);
}
