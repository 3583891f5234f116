/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SOURCE_H
#define BPFMETAFS_SOURCE_H

/*
 * What the tree is made from: programs, maps, their bytes and BTF, as plain snapshots.
 *
 * A source is the running kernel or an object file. All calls are read-only, hold no descriptor of
 * a BPF object after they return, and may be made from any thread, but not from two at once. They
 * return 0 or -errno; -ENOENT means that the object is not there (any more), which is no failure.
 */

#include "info.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* What does not change in the life of a program and is needed to show its directory. */
typedef struct SourceProg {
        char *name;            /* owned; "" if it has none */
        struct timespec mtime; /* CLOCK_REALTIME: when it was loaded; an object file's own mtime */
        uid_t uid;             /* who loaded it; an object file's owner */
        uint32_t n_maps;       /* bound maps at the time of asking; may grow */
} SourceProg;

/* What is needed to show a map's directory. Only frozen may change, once, from false to true. */
typedef struct SourceMap {
        char *name;          /* owned; "" if it has none */
        uint32_t value_size; /* bytes of one value */
        uint32_t btf_id;     /* 0 if none; the source's own number for an object file */
        uint32_t datasec;    /* BTF type id of the value; 0 if none */
        bool global_data;    /* an ARRAY of one entry with BTF: datasec may be a DATASEC */
        bool rdonly_prog;    /* BPF_F_RDONLY_PROG: programs cannot write it */
        bool frozen;         /* user space cannot write it */
        bool gets_owner;     /* a program array: info has more keys after the first use */
        bool struct_ops;     /* programs stand in it as operations of the kernel's */
} SourceMap;

/* The bytes of a global-data map and the BTF that types them. */
typedef struct SourceValue {
        uint8_t *bytes; /* owned */
        size_t size;
        struct btf *btf; /* owned, or the source's until its next map_value() if btf_borrowed */
        bool btf_borrowed;
        bool big_endian; /* the byte order of bytes */
} SourceValue;

typedef struct Source Source;

typedef struct SourceOps {
        void (*free)(Source *source);

        /* The smallest program id above @after. -ENOENT: there is none. */
        int (*next_prog)(Source *source, uint32_t after, uint32_t *id);
        int (*prog)(Source *source, uint32_t id, SourceProg *out);
        /* The ids of the maps bound to the program, in the order in which they were bound, are
         * appended to @ids (elements: uint32_t). */
        int (*prog_maps)(Source *source, uint32_t id, GArray *ids);
        /* The keys whose values never change, or, if @changing, all others. */
        int (*prog_info)(Source *source, uint32_t id, bool changing, Info **out);

        int (*next_map)(Source *source, uint32_t after, uint32_t *id);
        int (*map)(Source *source, uint32_t id, SourceMap *out);
        /* A key may be in both: in the first once it can't change any more. */
        int (*map_info)(Source *source, uint32_t id, bool changing, Info **out);
        /* Only for maps with global_data. -E2BIG: more than SOURCE_MAX_VALUE bytes, or
         * its BTF more than SOURCE_MAX_BTF. -ENODATA: no BTF describes it. */
        int (*map_value)(Source *source, uint32_t id, SourceValue *out);
} SourceOps;

/* The largest value of a map and the largest BTF that are read: a request may cost 16 MiB in all.
 */
#define SOURCE_MAX_VALUE (8u << 20)
#define SOURCE_MAX_BTF (2u << 20)

/* In a DATASEC, the offset of a variable of an object file that may be anywhere in it. */
#define SOURCE_UNKNOWN_OFFSET UINT32_MAX

struct Source {
        const SourceOps *ops;
        bool named;           /* an object file: directories are called by name, not by id, and all
                                 global data can't change */
        struct timespec time; /* mtime of what belongs to no program */
        uid_t uid;            /* owner of what belongs to no program */
        /* What a loader would refuse an object file for: a sentence each, char *, without a full
         * stop, fit for a terminal. NULL: it is the kernel. */
        const GPtrArray *problems;
};

/* SourceOps.next_prog and next_map as functions, so that two users can be seen to mean the same. */
int source_next_prog(Source *source, uint32_t after, uint32_t *id);
int source_next_map(Source *source, uint32_t after, uint32_t *id);

/* True if @next, which is next_prog or next_map, lists @id. Opens nothing, so that it can't be what
 * keeps an object alive. */
bool source_has(Source *source, int (*next)(Source *source, uint32_t after, uint32_t *id),
                uint32_t id);

void source_prog_clear(SourceProg *prog);
void source_map_clear(SourceMap *map);
void source_value_clear(SourceValue *value);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceProg, source_prog_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceMap, source_map_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceValue, source_value_clear)

#endif
