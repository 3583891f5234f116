/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The functions of an object file. */

#include "object-code.h"
#include "object-problems.h"

#include <elf.h>
#include <linux/bpf.h>
#include <string.h>

typedef struct Scanner {
        ObjectCode *code;
        const ObjectElf *elf;
        const ObjectMaps *maps;
        GPtrArray *problems;
        GArray *relocations;
        const ObjectFunction *told; /* the last function of which a problem was told */
} Scanner;

/* Appends the symbol's function, if the symbol is one and all of it is in its section. */
static void add_function(ObjectCode *code, const ObjectElf *elf, uint32_t index)
{
        const ObjectSymbol *symbol = object_elf_symbol(elf, index);
        const ObjectSection *section = object_elf_section(elf, symbol->section);
        ObjectFunction function = {
                .at = { .section = symbol->section,
                        .insn = symbol->value / OBJECT_INSN_SIZE,
                        .order = index },
                .name = symbol->name,
                .n_insns = symbol->size / OBJECT_INSN_SIZE,
                .local = symbol->bind == STB_LOCAL,
        };

        if (symbol->type != STT_FUNC || !object_elf_is_code(section) ||
            symbol->value > section->size || symbol->size > section->size - symbol->value ||
            symbol->size == 0 || symbol->value % OBJECT_INSN_SIZE != 0 ||
            symbol->size % OBJECT_INSN_SIZE != 0)
                return;
        g_array_append_val(code->functions, function);
}

/* Collects the functions, by place. Functions do not overlap in a real object, unless they are two
 * names of the same code, and all of them together are no larger than the file. Functions that
 * break that rule are left out, so that the work is bounded by the file's size. */
static void read_functions(ObjectCode *code, const ObjectElf *elf)
{
        uint64_t room = elf->size / OBJECT_INSN_SIZE;
        const ObjectFunction *last = NULL;
        guint kept = 0;

        for (guint i = 0; i < elf->symbols->len; i++)
                add_function(code, elf, i);
        g_array_sort(code->functions, object_place_compare);
        for (guint i = 0; i < code->functions->len; i++) {
                ObjectFunction function = *object_code_function(code, i);
                bool behind = !last || last->at.section != function.at.section ||
                              last->at.insn + last->n_insns <= function.at.insn;
                bool same = !behind && last->at.insn == function.at.insn &&
                            last->n_insns == function.n_insns;

                if (!same && (!behind || function.n_insns > room))
                        continue;
                if (!same)
                        room -= function.n_insns;
                *object_code_function(code, kept) = function;
                last = object_code_function(code, kept);
                kept++;
        }
        g_array_set_size(code->functions, kept);
}

/* The programs: global functions outside of .text. The functions in .text are called by
 * programs. But if an object has a single function, libbpf before 1.5 takes it for a program
 * wherever it is. */
static void find_programs(ObjectCode *code, const ObjectElf *elf, GPtrArray *problems)
{
        bool only = code->functions->len == 1;

        for (uint32_t i = 0; i < code->functions->len; i++) {
                const ObjectFunction *function = object_code_function(code, i);
                const char *section = object_elf_section(elf, function->at.section)->name;

                if (strcmp(section, ".text") == 0 ? only : !function->local)
                        g_array_append_val(code->programs, i);
                else if (strcmp(section, ".text") != 0)
                        object_problems_add(problems,
                                            "libbpf refuses the program '%s' in section '%s': it "
                                            "is static",
                                            function->name, section);
        }
}

/* Adds a call of the function that the instruction belongs to, if there is one. */
static void add_call(ObjectCode *code, uint32_t section, int64_t insn)
{
        const ObjectFunction *function;
        uint32_t index;

        if (insn < 0 || insn >= UINT32_MAX)
                return;
        index = object_place_find(code->functions, section, insn + 1);
        if (index == 0)
                return;
        index--;
        function = object_code_function(code, index);
        if (function->at.section == section && insn - function->at.insn < function->n_insns)
                g_array_append_val(code->calls, index);
}

/* Adds the target of an instruction that loads an address. */
static void add_address(Scanner *scanner, const ObjectFunction *function,
                        const ObjectSymbol *symbol, int64_t target, int32_t immediate)
{
        const ObjectSection *section = object_elf_section(scanner->elf, symbol->section);
        uint32_t map = object_maps_of_symbol(scanner->maps, symbol, immediate);

        /* Callbacks are appended like functions that are called. */
        if (object_elf_is_code(section)) {
                add_call(scanner->code, symbol->section,
                         target + immediate / (int32_t)OBJECT_INSN_SIZE);
        } else if (map != 0) {
                g_array_append_val(scanner->code->refs, map);
        } else if (symbol->section != SHN_UNDEF && scanner->told != function) {
                scanner->told = function;
                object_problems_add(scanner->problems,
                                    "libbpf refuses the function '%s': it uses something in "
                                    "section '%s' that is in no map",
                                    function->name, section->name);
        }
}

/* Adds the target of one instruction. @symbol is that of its relocation; NULL if it has none. */
static void scan_insn(Scanner *scanner, const ObjectFunction *function, uint32_t insn,
                      const uint8_t *bytes, const ObjectSymbol *symbol)
{
        uint32_t section = function->at.section;
        bool big_endian = scanner->elf->big_endian;
        uint8_t source = big_endian ? bytes[1] & 0xf : bytes[1] >> 4;
        int64_t target = symbol ? symbol->value / OBJECT_INSN_SIZE % UINT32_MAX : insn;
        int32_t immediate;

        memcpy(&immediate, bytes + 4, sizeof(immediate));
        immediate = big_endian ? GINT32_FROM_BE(immediate) : GINT32_FROM_LE(immediate);
        if (bytes[0] == (BPF_JMP | BPF_CALL) && source == BPF_PSEUDO_CALL) {
                /* A call within its section needs no relocation. External functions are the
                 * kernel's. */
                if (!symbol || !symbol->external)
                        add_call(scanner->code, symbol ? symbol->section : section,
                                 target + immediate + 1);
        } else if (bytes[0] == (BPF_LD | BPF_IMM | BPF_DW) && symbol) {
                add_address(scanner, function, symbol, target, immediate);
        }
}

static void scan_function(Scanner *scanner, ObjectFunction *function)
{
        ObjectCode *code = scanner->code;
        const GArray *relocations = scanner->relocations;
        uint32_t section = function->at.section;
        const uint8_t *bytes = object_elf_section(scanner->elf, section)->bytes;
        guint next = object_place_find(relocations, section, function->at.insn);

        function->first_ref = code->refs->len;
        function->first_call = code->calls->len;
        for (uint32_t insn = function->at.insn; insn < function->at.insn + function->n_insns;
             insn++) {
                const ObjectSymbol *symbol = NULL;

                for (; next < relocations->len; next++) {
                        const ObjectRelocation *relocation =
                                &g_array_index(relocations, ObjectRelocation, next);

                        if (relocation->at.section != section || relocation->at.insn > insn)
                                break;
                        if (!symbol)
                                symbol = object_elf_symbol(scanner->elf, relocation->symbol);
                }
                scan_insn(scanner, function, insn, bytes + (size_t)insn * OBJECT_INSN_SIZE, symbol);
        }
        function->n_refs = code->refs->len - function->first_ref;
        function->n_calls = code->calls->len - function->first_call;
}

static void scan_functions(Scanner *scanner)
{
        const ObjectFunction *last = NULL;

        for (guint i = 0; i < scanner->code->functions->len; i++) {
                ObjectFunction *function = object_code_function(scanner->code, i);

                if (last && last->at.section == function->at.section &&
                    last->at.insn == function->at.insn) {
                        function->first_ref = last->first_ref;
                        function->n_refs = last->n_refs;
                        function->first_call = last->first_call;
                        function->n_calls = last->n_calls;
                } else {
                        scan_function(scanner, function);
                }
                last = function;
        }
}

ObjectCode *object_code_new(const ObjectElf *elf, const ObjectMaps *maps, GPtrArray *problems)
{
        ObjectCode *code = g_new0(ObjectCode, 1);
        g_autoptr(GArray) relocations = object_elf_relocations(elf);
        Scanner scanner = {
                .code = code,
                .elf = elf,
                .maps = maps,
                .problems = problems,
                .relocations = relocations,
        };

        code->functions = g_array_new(FALSE, FALSE, sizeof(ObjectFunction));
        code->programs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        code->refs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        code->calls = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        read_functions(code, elf);
        find_programs(code, elf, problems);
        scan_functions(&scanner);
        return code;
}

void object_code_free(ObjectCode *code)
{
        g_array_unref(code->functions);
        g_array_unref(code->programs);
        g_array_unref(code->refs);
        g_array_unref(code->calls);
        g_free(code);
}

/* A function on the way through the calls, and the next of its calls. */
typedef struct Frame {
        uint32_t function;
        guint next;
} Frame;

GArray *object_code_linked(ObjectCode *code, uint32_t index)
{
        GArray *linked = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(Frame));
        Frame frame = { .function = index };
        uint64_t n_insns = object_code_function(code, index)->n_insns;

        code->mark++;
        object_code_function(code, index)->mark = code->mark;
        g_array_append_val(linked, index);
        g_array_append_val(stack, frame);
        while (stack->len > 0) {
                Frame *top = &g_array_index(stack, Frame, stack->len - 1);
                const ObjectFunction *caller = object_code_function(code, top->function);
                ObjectFunction *callee;

                if (top->next == caller->n_calls) {
                        g_array_set_size(stack, stack->len - 1);
                        continue;
                }
                frame.function =
                        g_array_index(code->calls, uint32_t, caller->first_call + top->next++);
                callee = object_code_function(code, frame.function);
                if (callee->mark == code->mark || n_insns + callee->n_insns > OBJECT_MAX_INSNS)
                        continue;
                callee->mark = code->mark;
                n_insns += callee->n_insns;
                g_array_append_val(linked, frame.function);
                g_array_append_val(stack, frame);
        }
        return linked;
}
