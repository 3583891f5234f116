/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ELF structure of a BPF object file. libelf is asked for everything once, at the start. */

#include "object-elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct File {
        ObjectElf elf;
        uint8_t *image;
        Elf *handle; /* names and bytes are in the image or in its memory */
} File;

/* State that is needed only while the file is read. */
typedef struct Reader {
        File *file;
        const char *name;
        GError **error;
        size_t unfolded; /* bytes of compressed sections so far */
        uint32_t symtab; /* section index */
} Reader;

/* Puts a sentence about the file into the reader's error, and returns -@number. */
static int fail(Reader *reader, int number, const char *format, ...) G_GNUC_PRINTF(3, 4);

static int fail(Reader *reader, int number, const char *format, ...)
{
        g_autofree char *what = NULL;
        va_list args;

        va_start(args, format);
        what = g_strdup_vprintf(format, args);
        va_end(args);
        g_set_error(reader->error, G_FILE_ERROR, g_file_error_from_errno(number), "'%s' %s",
                    reader->name, what);
        return -number;
}

const char *object_usable_name(const char *name)
{
        return name && strnlen(name, OBJECT_MAX_NAME + 1) <= OBJECT_MAX_NAME ? name : "";
}

int object_place_compare(const void *a, const void *b)
{
        const ObjectPlace *x = a, *y = b;

        if (x->section != y->section)
                return x->section < y->section ? -1 : 1;
        if (x->insn != y->insn)
                return x->insn < y->insn ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

guint object_place_find(const GArray *array, uint32_t section, uint32_t insn)
{
        guint size = g_array_get_element_size((GArray *)array);
        ObjectPlace place = { .section = section, .insn = insn };
        guint low = 0, high = array->len;

        while (low < high) {
                guint middle = low + (high - low) / 2;

                if (object_place_compare(array->data + (size_t)middle * size, &place) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const ObjectRelocation *object_relocation_find(const GArray *relocations, uint32_t section,
                                               uint64_t at)
{
        guint index = object_place_find(relocations, section, MIN(at, UINT32_MAX));
        const ObjectRelocation *found;

        if (index == relocations->len)
                return NULL;
        found = &g_array_index(relocations, ObjectRelocation, index);
        return found->at.section == section && found->at.insn == at ? found : NULL;
}

bool object_elf_is_code(const ObjectSection *section)
{
        return section->type == SHT_PROGBITS && section->flags & SHF_EXECINSTR && section->bytes;
}

uint32_t object_elf_section_named(const ObjectElf *elf, const char *name)
{
        return GPOINTER_TO_SIZE(g_hash_table_lookup(elf->section_by_name, name));
}

uint32_t object_elf_only_section_named(const ObjectElf *elf, const char *name)
{
        uint32_t index = object_elf_section_named(elf, name);

        return object_elf_section(elf, index)->shared ? 0 : index;
}

static int read_image(Reader *reader, int fd)
{
        File *file = reader->file;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return fail(reader, errno, "cannot be read: %s", g_strerror(errno));
        if (!S_ISREG(st.st_mode))
                return fail(reader, EINVAL, "is not a regular file");
        if (st.st_size == 0)
                return fail(reader, EINVAL, "is empty");
        if (st.st_size > OBJECT_MAX_FILE)
                return fail(reader, EFBIG, "is larger than %u MiB", OBJECT_MAX_FILE >> 20);
        file->elf.mtime = st.st_mtim;
        file->elf.uid = st.st_uid;
        file->image = g_try_malloc(st.st_size);
        if (!file->image)
                return fail(reader, ENOMEM, "cannot be read: %s", g_strerror(ENOMEM));
        while (file->elf.size < (size_t)st.st_size) {
                ssize_t n = pread(fd, file->image + file->elf.size, st.st_size - file->elf.size,
                                  file->elf.size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return fail(reader, errno, "cannot be read: %s", g_strerror(errno));
                if (n == 0)
                        break;
                file->elf.size += n;
        }
        return 0;
}

/* Younger than some C libraries' elf.h. */
#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const char *machine_name(uint32_t machine)
{
        static const struct {
                uint32_t machine;
                const char *name;
        } machines[] = {
                { EM_X86_64, "x86-64" },   { EM_386, "i386" },
                { EM_AARCH64, "arm64" },   { EM_ARM, "arm" },
                { EM_RISCV, "RISC-V" },    { EM_PPC64, "ppc64" },
                { EM_S390, "s390" },       { EM_MIPS, "MIPS" },
                { EM_SPARCV9, "sparc64" }, { EM_LOONGARCH, "loongarch" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(machines); i++)
                if (machines[i].machine == machine)
                        return machines[i].name;
        return NULL;
}

static int open_elf(Reader *reader)
{
        static const char magic[] = ELFMAG;
        File *file = reader->file;
        const char *machine;
        GElf_Ehdr header;

        if (file->elf.size < SELFMAG || memcmp(file->image, magic, SELFMAG) != 0)
                return fail(reader, ENOEXEC, "is not an ELF file");
        elf_version(EV_CURRENT);
        file->handle = elf_memory((char *)file->image, file->elf.size);
        if (!file->handle || elf_kind(file->handle) != ELF_K_ELF ||
            !gelf_getehdr(file->handle, &header))
                return fail(reader, ENOEXEC, "is a truncated or damaged ELF file");
        if (header.e_machine != EM_BPF && header.e_machine != EM_NONE) {
                machine = machine_name(header.e_machine);
                if (machine)
                        return fail(reader, ENOEXEC, "is an ELF file for %s, not for BPF", machine);
                return fail(reader, ENOEXEC, "is an ELF file for machine %u, not for BPF",
                            header.e_machine);
        }
        if (gelf_getclass(file->handle) != ELFCLASS64)
                return fail(reader, ENOEXEC, "is a 32-bit ELF file, and BPF objects are 64-bit");
        if (header.e_type != ET_REL)
                return fail(reader, ENOEXEC, "is an ELF file, but not a relocatable object");
        if (header.e_shoff == 0)
                return fail(reader, ENOEXEC, "has no sections");
        if (header.e_shoff > file->elf.size ||
            (file->elf.size - header.e_shoff) / sizeof(Elf64_Shdr) < MAX(header.e_shnum, 1))
                return fail(reader, ENOEXEC, "is truncated: its section headers are missing");
        file->elf.big_endian = header.e_ident[EI_DATA] == ELFDATA2MSB;
        return 0;
}

/* Unfolds a compressed section, within the limit. A section that a loader allocates must not be
 * compressed. */
static bool decompress(Reader *reader, Elf_Scn *scn, const GElf_Shdr *header)
{
        GElf_Chdr compressed;

        if (!(header->sh_flags & SHF_COMPRESSED))
                return true;
        if (header->sh_flags & SHF_ALLOC || !gelf_getchdr(scn, &compressed) ||
            compressed.ch_size > OBJECT_MAX_FILE - reader->unfolded)
                return false;
        if (elf_compress(scn, 0, 0) < 0)
                return false;
        reader->unfolded += compressed.ch_size;
        return true;
}

/* libelf would unfold string tables by itself, whatever their size, and would look for the end of a
 * string in all of the table each time. */
static int check_strings(Reader *reader)
{
        Elf *handle = reader->file->handle;
        GElf_Shdr header;

        for (Elf_Scn *scn = elf_nextscn(handle, NULL); scn; scn = elf_nextscn(handle, scn)) {
                const char *bytes;
                Elf_Data *data;

                if (!gelf_getshdr(scn, &header) || header.sh_type != SHT_STRTAB)
                        continue;
                if (!decompress(reader, scn, &header))
                        return fail(reader, ENOEXEC, "has a damaged string table");
                data = elf_rawdata(scn, NULL);
                bytes = data ? data->d_buf : NULL;
                if (bytes && data->d_size > 0 && bytes[data->d_size - 1] != '\0')
                        return fail(reader, ENOEXEC, "has a damaged string table");
        }
        return 0;
}

/* True if the section's bytes are needed. The other sections, mostly DWARF, need not be
 * unfolded. */
static bool is_wanted(const GElf_Shdr *header, const char *name)
{
        return header->sh_type == SHT_SYMTAB || header->sh_type == SHT_REL ||
               strcmp(name, ".BTF") == 0 || strcmp(name, ".BTF.ext") == 0;
}

static void read_section(Reader *reader, Elf_Scn *scn, size_t names, ObjectSection *section)
{
        Elf_Data *data;
        GElf_Shdr header;

        if (!gelf_getshdr(scn, &header))
                return;
        section->name = object_usable_name(elf_strptr(reader->file->handle, names, header.sh_name));
        section->type = header.sh_type;
        section->flags = header.sh_flags;
        section->size = header.sh_size;
        section->target = header.sh_info;
        if (section->type == SHT_NOBITS)
                return;
        if (is_wanted(&header, section->name) && !decompress(reader, scn, &header))
                return;
        data = elf_rawdata(scn, NULL);
        if (data && data->d_buf) {
                section->bytes = data->d_buf;
                section->size = data->d_size;
        }
}

static int read_sections(Reader *reader)
{
        ObjectElf *elf = &reader->file->elf;
        Elf *handle = reader->file->handle;
        size_t n, names;

        if (elf_getshdrnum(handle, &n) < 0 || elf_getshdrstrndx(handle, &names) < 0)
                return fail(reader, ENOEXEC, "is a truncated or damaged ELF file");
        if (n > OBJECT_MAX_SECTIONS)
                return fail(reader, E2BIG, "has more than %u sections", OBJECT_MAX_SECTIONS);
        if (check_strings(reader) < 0)
                return -ENOEXEC;
        g_array_set_size(elf->sections, n);
        for (size_t i = 0; i < n; i++) {
                ObjectSection *section = &g_array_index(elf->sections, ObjectSection, i);
                Elf_Scn *scn = i > 0 ? elf_getscn(handle, i) : NULL;

                section->name = "";
                if (!scn)
                        continue;
                read_section(reader, scn, names, section);
                if (section->type == SHT_SYMTAB && reader->symtab == 0)
                        reader->symtab = i;
                section->first = object_elf_section_named(elf, section->name);
                if (section->first == 0) {
                        g_hash_table_insert(elf->section_by_name, (char *)section->name,
                                            GSIZE_TO_POINTER(i));
                        section->first = i;
                } else {
                        section->shared = true;
                        g_array_index(elf->sections, ObjectSection, section->first).shared = true;
                }
        }
        return 0;
}

/* True if there is code, but in another file: this one has the debug information only. */
static bool lacks_code(const ObjectElf *elf)
{
        bool lacks = false;

        for (guint i = 1; i < elf->sections->len; i++) {
                const ObjectSection *section = object_elf_section(elf, i);

                if (!(section->flags & SHF_EXECINSTR) || section->size == 0)
                        continue;
                if (section->type != SHT_NOBITS)
                        return false;
                lacks = true;
        }
        return lacks;
}

static void read_symbol(Reader *reader, const GElf_Sym *sym, uint32_t names, ObjectSymbol *symbol)
{
        File *file = reader->file;
        uint32_t section = sym->st_shndx;

        if (section >= SHN_LORESERVE || section >= file->elf.sections->len)
                section = SHN_UNDEF;
        *symbol = (ObjectSymbol){
                .name = object_usable_name(elf_strptr(file->handle, names, sym->st_name)),
                .value = sym->st_value,
                .size = sym->st_size,
                .section = section,
                .type = GELF_ST_TYPE(sym->st_info),
                .bind = GELF_ST_BIND(sym->st_info),
                .visibility = GELF_ST_VISIBILITY(sym->st_other),
        };
        symbol->external = sym->st_shndx == SHN_UNDEF && symbol->type == STT_NOTYPE &&
                           (symbol->bind == STB_GLOBAL || symbol->bind == STB_WEAK);
}

static int read_symbols(Reader *reader)
{
        File *file = reader->file;
        Elf_Scn *scn = reader->symtab ? elf_getscn(file->handle, reader->symtab) : NULL;
        Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;
        GElf_Shdr header;
        size_t n;

        if (!data || !gelf_getshdr(scn, &header))
                return fail(reader, ENOEXEC,
                            "has no symbol table, so its programs cannot be told: it is stripped "
                            "or truncated");
        n = data->d_size / sizeof(Elf64_Sym);
        if (n > OBJECT_MAX_SYMBOLS)
                return fail(reader, E2BIG, "has more than %u symbols", OBJECT_MAX_SYMBOLS);
        g_array_set_size(file->elf.symbols, n);
        for (size_t i = 0; i < n; i++) {
                ObjectSymbol *symbol = &g_array_index(file->elf.symbols, ObjectSymbol, i);
                GElf_Sym sym;

                symbol->name = "";
                if (gelf_getsym(data, i, &sym))
                        read_symbol(reader, &sym, header.sh_link, symbol);
        }
        return 0;
}

/* Appends the relocations in the section @index. Their places count units of @unit bytes. */
static void read_relocations(const ObjectElf *elf, uint32_t index, uint32_t unit,
                             GArray *relocations)
{
        const File *file = (const File *)elf;
        uint32_t target = object_elf_section(elf, index)->target;
        Elf_Data *data = elf_getdata(elf_getscn(file->handle, index), NULL);
        GElf_Rel rel;

        /* There are more than the file has room for: its sections share their bytes, so they are no
         * real sections. */
        for (int i = 0;
             data && gelf_getrel(data, i, &rel) && relocations->len < elf->size / sizeof(Elf64_Rel);
             i++) {
                ObjectRelocation relocation = {
                        .at = { .section = target,
                                .insn = MIN(rel.r_offset / unit, UINT32_MAX),
                                .order = relocations->len },
                        .symbol = GELF_R_SYM(rel.r_info),
                };

                if (relocation.symbol < elf->symbols->len)
                        g_array_append_val(relocations, relocation);
        }
}

GArray *object_elf_relocations(const ObjectElf *elf)
{
        GArray *relocations = g_array_new(FALSE, FALSE, sizeof(ObjectRelocation));

        for (guint i = 1; i < elf->sections->len; i++) {
                const ObjectSection *section = object_elf_section(elf, i);

                if (section->type == SHT_REL && section->target < elf->sections->len &&
                    object_elf_is_code(object_elf_section(elf, section->target)))
                        read_relocations(elf, i, OBJECT_INSN_SIZE, relocations);
        }
        g_array_sort(relocations, object_place_compare);
        return relocations;
}

GArray *object_elf_relocations_of(const ObjectElf *elf, uint32_t index)
{
        GArray *relocations = g_array_new(FALSE, FALSE, sizeof(ObjectRelocation));

        for (guint i = 1; i < elf->sections->len; i++) {
                const ObjectSection *section = object_elf_section(elf, i);

                if (section->type == SHT_REL && section->target == index)
                        read_relocations(elf, i, 1, relocations);
        }
        g_array_sort(relocations, object_place_compare);
        return relocations;
}

void object_elf_free(ObjectElf *elf)
{
        File *file = (File *)elf;

        g_array_unref(elf->sections);
        g_array_unref(elf->symbols);
        g_hash_table_unref(elf->section_by_name);
        elf_end(file->handle);
        g_free(file->image);
        g_free(file);
}

int object_elf_new(int fd, const char *name, ObjectElf **out, GError **error)
{
        File *file = g_new0(File, 1);
        g_autoptr(ObjectElf) elf = &file->elf;
        Reader reader = { .file = file, .name = name, .error = error };
        int r;

        elf->sections = g_array_new(FALSE, TRUE, sizeof(ObjectSection));
        elf->symbols = g_array_new(FALSE, TRUE, sizeof(ObjectSymbol));
        elf->section_by_name = g_hash_table_new(g_str_hash, g_str_equal);
        r = read_image(&reader, fd);
        if (r >= 0)
                r = open_elf(&reader);
        if (r >= 0)
                r = read_sections(&reader);
        if (r >= 0 && lacks_code(elf))
                r = fail(&reader, ENOEXEC,
                         "has no code, only what debuggers want of it: its code is in the object "
                         "that it was made from (as by objcopy --only-keep-debug)");
        if (r >= 0)
                r = read_symbols(&reader);
        if (r >= 0)
                *out = g_steal_pointer(&elf);
        return r;
}
