/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_OBJECT_ELF_H
#define BPFMETAFS_OBJECT_ELF_H

/*
 * The ELF structure of a BPF object file as plain arrays: sections, symbols, relocations of code.
 *
 * Only this file knows libelf. Its results have been checked: each index is that of a section or
 * symbol that exists, all bytes are in memory, and all names end.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The largest file that is read, and the most bytes that its compressed sections may unfold to. */
#define OBJECT_MAX_FILE (64u << 20)
/* The most sections and symbols of a file. */
#define OBJECT_MAX_SECTIONS 65536u
#define OBJECT_MAX_SYMBOLS (1u << 20)
/* A longer name counts as none. Compilers' paths and mangled names are shorter. */
#define OBJECT_MAX_NAME 4095u

/* The bytes of one instruction. */
#define OBJECT_INSN_SIZE 8u

typedef struct ObjectSection {
        const char *name;
        uint32_t type;        /* SHT_PROGBITS ... */
        uint64_t flags;       /* SHF_ALLOC ... */
        const uint8_t *bytes; /* NULL: it has none, or they are not in the file */
        uint64_t size;
        uint32_t target; /* of a section of relocations: the section that they change */
        uint32_t first;  /* the first section of the same name: its own index if it is that */
        bool shared;     /* another section has the same name */
} ObjectSection;

typedef struct ObjectSymbol {
        const char *name;
        uint64_t value;
        uint64_t size;
        uint32_t section;   /* its index; 0 if it is in no section of the file */
        uint8_t type;       /* STT_FUNC ... */
        uint8_t bind;       /* STB_GLOBAL ... */
        uint8_t visibility; /* STV_HIDDEN ... */
        bool external;      /* it stands for something in the kernel */
} ObjectSymbol;

/* A place in the file: an instruction, or a byte of a section without code. Structures that are
 * found by their place begin with one. */
typedef struct ObjectPlace {
        uint32_t section;
        uint32_t insn;  /* its number, or that of the byte */
        uint32_t order; /* the order in the file of those at the same instruction */
} ObjectPlace;

typedef struct ObjectRelocation {
        ObjectPlace at;
        uint32_t symbol; /* its index */
} ObjectRelocation;

typedef struct ObjectElf {
        size_t size; /* of the file */
        struct timespec mtime;
        uid_t uid;
        bool big_endian;
        GArray *sections;            /* ObjectSection, by index; that of index 0 is empty */
        GHashTable *section_by_name; /* const char * to index; the first of a name */
        GArray *symbols;             /* ObjectSymbol, by index */
} ObjectElf;

/*
 * Reads the file that @fd is open on; see object_source_new() in object.h. Freed by
 * object_elf_free(), until then names and bytes stay where they are.
 */
int object_elf_new(int fd, const char *name, ObjectElf **out, GError **error);
void object_elf_free(ObjectElf *elf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ObjectElf, object_elf_free)

static inline const ObjectSection *object_elf_section(const ObjectElf *elf, uint32_t index)
{
        return &g_array_index(elf->sections, ObjectSection, index);
}

static inline const ObjectSymbol *object_elf_symbol(const ObjectElf *elf, uint32_t index)
{
        return &g_array_index(elf->symbols, ObjectSymbol, index);
}

/* The index of the first section of that name; 0 if there is none. */
uint32_t object_elf_section_named(const ObjectElf *elf, const char *name);
/* The same, but 0 if there are more than one. */
uint32_t object_elf_only_section_named(const ObjectElf *elf, const char *name);

/* True if the section holds instructions, and they are in the file. */
bool object_elf_is_code(const ObjectSection *section);

/* The relocations of all code, by place: an array of ObjectRelocation, owned by the caller. */
GArray *object_elf_relocations(const ObjectElf *elf);
/* The relocations of the section @index. Their places are bytes. */
GArray *object_elf_relocations_of(const ObjectElf *elf, uint32_t index);

/* @name, or "" if it is NULL or longer than OBJECT_MAX_NAME. */
const char *object_usable_name(const char *name);

/* A GCompareFunc for structures that begin with an ObjectPlace. */
int object_place_compare(const void *a, const void *b);

/* The index of the first element at or behind the instruction, in an array that is sorted by place.
 */
guint object_place_find(const GArray *array, uint32_t section, uint32_t insn);

/* The first relocation at the place, in an array of object_elf_relocations_of(); NULL if there is
 * none. */
const ObjectRelocation *object_relocation_find(const GArray *relocations, uint32_t section,
                                               uint64_t at);

#endif
