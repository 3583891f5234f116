/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_SOURCE_H
#define BPFMETAFS_SOURCE_H

/*
 * Sources: the tree is made from their programs, maps, bytes and BTF, which come as plain
 * snapshots.
 *
 * A source is the running kernel or an object file. All calls are read-only, and hold no descriptor
 * of a BPF object after they return. They may be made from any thread, but not from two at once if
 * nothing else is said. They return 0 or -errno; -ENOENT means that the object is not there (any
 * more), which is no failure.
 */

#include "info.h"
#include "map-shape.h"

#include <bpf/btf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Facts of a program that never change and are needed to show its directory. */
typedef struct SourceProg {
        char *name;            /* owned; "" if it has none */
        struct timespec mtime; /* CLOCK_REALTIME of its load; or the object file's own mtime */
        uid_t uid;             /* the user who loaded it; or the object file's owner */
        uint32_t n_maps;       /* number of maps bound at the time of the call; may grow */
} SourceProg;

/* The numbers of a program that change, from one look at it. */
typedef struct SourceCounts {
        /* The time of its load, in the kernel's nanoseconds. Ids begin again some day: id and load
         * time together mean one program. */
        uint64_t load_time;
        uint64_t run_time_ns; /* these two count while statistics are switched on */
        uint64_t run_cnt;
        uint64_t recursion_misses;
} SourceCounts;

/* Of more maps only the number is told. */
#define SOURCE_COUNTED_MAPS 16

/* The counts and the maps of a program, both of one moment. */
typedef struct SourceCounted {
        SourceCounts counts;
        uint32_t n_maps;
        uint32_t maps[SOURCE_COUNTED_MAPS]; /* their ids, in the order in which they were bound */
} SourceCounted;

/* All that one look at a program tells. Zero-initialized; cleared by source_look_clear(). */
typedef struct SourceLook {
        SourceProg facts; /* without the name */
        SourceCounted counted;
        uint32_t type;   /* enum bpf_prog_type */
        Info *info;      /* owned: the keys whose values never change */
        struct btf *btf; /* owned: the program's BTF, if it was parsed for this look; else NULL */
        uint32_t btf_id; /* of btf */
        GArray *maps;    /* owned: what the source has seen of its maps by the way; or NULL */
} SourceLook;

/* How to look at a program. */
typedef struct SourceLooking {
        guint thread; /* 0 or 1: which of the threads that may look at the same time */
        bool maps;    /* its maps will be asked for: looks at some of them by the way */
        /* Earlier looks of the same thread, borrowed; each may be NULL. */
        const SourceLook *last;
        const SourceLook *with_btf; /* the last one that has a BTF */
} SourceLooking;

/* So many threads may look at programs at the same time. */
#define SOURCE_THREADS 2

/* Facts of a map that are needed to show its directory. Only frozen may change, once, from false to
 * true. */
typedef struct SourceMap {
        char *name;          /* owned; "" if it has none */
        uint32_t value_size; /* bytes of one value */
        uint32_t btf_id;     /* 0 if none; the source's own number for an object file */
        uint32_t datasec;    /* BTF type id of the value; 0 if none */
        bool global_data;    /* an ARRAY of one entry with BTF: datasec may be a DATASEC */
        bool keyless;        /* its BTF has no type for a key: global data, as loaders make it */
        bool rdonly_prog;    /* BPF_F_RDONLY_PROG: programs cannot write it */
        bool frozen;         /* user space cannot write it */
        bool gets_owner;     /* a program array: info has more keys after the first use */
        bool struct_ops;     /* its value names programs as operations of the kernel */
        MapShape shape;      /* of its entries; set only by a source whose contents are shown */
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

/* A way through the entries of a map. */
typedef struct SourceWalk {
        /* Called for each entry, with its key and the values of map_shape_entry_size() bytes, both
         * borrowed. Returns false to stop. @key is NULL if the map has no keys. */
        bool (*func)(const uint8_t *key, const uint8_t *values, void *data);
        void *data;
        int64_t end; /* cpu_time_end(): the way ends there with -ETIME; or earlier, if it would
                        take too much memory */
} SourceWalk;

typedef struct SourceOps {
        void (*free)(Source *source);

        /* The smallest program id above @after. -ENOENT: there is none. */
        int (*next_prog)(Source *source, uint32_t after, uint32_t *id);
        int (*prog)(Source *source, uint32_t id, SourceProg *out);
        /* Appends the ids of the maps bound to the program to @ids (elements: uint32_t), in the
         * order in which they were bound. */
        int (*prog_maps)(Source *source, uint32_t id, GArray *ids);
        /* Its counts. May be called while another thread is in any call. NULL: nothing of the
         * source counts. */
        int (*prog_counts)(Source *source, uint32_t id, SourceCounted *out);
        /*
         * Its counts and maps, and all that does not change. May be called while another thread is
         * in any call. The BTF of an earlier look, if it is that of this program as well, is not
         * parsed again, and maps of the last one are not looked at again.
         */
        int (*prog_look)(Source *source, uint32_t id, const SourceLooking *how, SourceLook *out);
        /* If its maps are asked for, they are next: the source may take the look's BTF and what it
         * has seen of maps. NULL: it needs none. */
        void (*prog_looked)(Source *source, SourceLook *look);
        /* No look is under way, and none follows soon: what serves only looks is given up, and what
         * they have seen of maps is forgotten. NULL: there is nothing. */
        void (*prog_looks_end)(Source *source);
        /* The keys whose values never change, or, if @changing, all others. */
        int (*prog_info)(Source *source, uint32_t id, bool changing, Info **out);

        int (*next_map)(Source *source, uint32_t after, uint32_t *id);
        int (*map)(Source *source, uint32_t id, SourceMap *out);
        /* A key may be in both: in the first once it can't change any more. */
        int (*map_info)(Source *source, uint32_t id, bool changing, Info **out);
        /* All of them, each once, from one look. Only of a source that counts. */
        int (*map_all_info)(Source *source, uint32_t id, Info **out);
        /* Only for maps with global_data. -E2BIG: more than SOURCE_MAX_VALUE bytes, or
         * its BTF more than SOURCE_MAX_BTF. -ENODATA: no BTF describes it. */
        int (*map_value)(Source *source, uint32_t id, SourceValue *out);

        /* The entries of a map that is not closed, @shape being its own. NULL: the source shows
         * none. An entry that is there all the time is given once, as far as the kernel's own order
         * allows that: always if it is read by batches or has numbers for keys. */
        int (*walk)(Source *source, uint32_t id, const MapShape *shape, const SourceWalk *walk);
        /* One entry of it: the values of map_shape_entry_size() bytes. -ENOENT: there is none, or
         * the map has gone. */
        int (*entry)(Source *source, uint32_t id, const MapShape *shape, const uint8_t *key,
                     uint8_t *values);
        /* The BTF of a map that is there, the source's until its next map_btf().
         * -E2BIG: it has more than SOURCE_MAX_BTF bytes. */
        int (*map_btf)(Source *source, uint32_t btf_id, const struct btf **out);
} SourceOps;

/* The largest value of a map, and the largest BTF, that are read. Together a request may cost 16
 * MiB. */
#define SOURCE_MAX_VALUE (8u << 20)
#define SOURCE_MAX_BTF (2u << 20)

/* In a DATASEC, the offset of a variable of an object file that may be anywhere in it. */
#define SOURCE_UNKNOWN_OFFSET UINT32_MAX

struct Source {
        const SourceOps *ops;
        bool named;           /* an object file: directories are called by name, not by id, and all
                                 global data can't change */
        bool contents;        /* contents of maps are shown, also those that may change */
        struct timespec time; /* mtime of entries that belong to no program */
        uid_t uid;            /* owner of entries that belong to no program */
        /* Called with the counts of a program whenever a look at it has told them. NULL: nobody
         * wants to know. */
        void (*counted)(uint32_t id, const SourceCounts *counts, void *data);
        void *counted_data;
        /* The reasons for which a loader would refuse an object file: a sentence each (char *),
         * without a full stop, fit for a terminal. NULL: the source is the kernel. */
        const GPtrArray *problems;
};

/* SourceOps.next_prog and next_map as functions: so two users can compare which of them they
 * mean. */
int source_next_prog(Source *source, uint32_t after, uint32_t *id);
int source_next_map(Source *source, uint32_t after, uint32_t *id);

/* True if @next, which is next_prog or next_map, lists @id. It opens nothing, so it keeps no object
 * alive. */
bool source_has(Source *source, int (*next)(Source *source, uint32_t after, uint32_t *id),
                uint32_t id);

/* Calls Source.counted, if anybody wants to know. To be called by whoever has got the counts of a
 * program from prog_counts(); other calls but prog_look() do it themselves. */
void source_tell_counts(Source *source, uint32_t id, const SourceCounts *counts);
/* To be called by whoever uses a look at a program, by one thread at a time: tells its counts, and
 * calls prog_looked(). */
void source_looked(Source *source, uint32_t id, SourceLook *look);
/* To be called behind looks, by one thread when no other one looks: calls prog_looks_end(). */
void source_looks_end(Source *source);

void source_prog_clear(SourceProg *prog);
void source_look_clear(SourceLook *look);
void source_map_clear(SourceMap *map);
void source_value_clear(SourceValue *value);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceProg, source_prog_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceLook, source_look_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceMap, source_map_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SourceValue, source_value_clear)

#endif
