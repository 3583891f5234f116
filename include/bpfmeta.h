/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
#ifndef BPFMETA_H
#define BPFMETA_H

/*
 * Metadata for BPF programs: who is on call, which commit built the object. See bpfmeta.h(3).
 *
 *      #include <bpfmeta.h>
 *
 *      BPF_METADATA_ONCALL("net-team");
 *      BPF_METADATA(runbook, "https://wiki.example.org/net/drops");
 *      BPF_METADATA_VALUE(int, severity, 2);
 *      BPF_METADATA_BUILD();
 *
 * Each macro is a declaration at file scope and needs its semicolon. It makes one variable named
 * bpf_metadata_NAME, the prefix that bpftool, perf and bpfmetafs look for. Compile with debug
 * information (clang -g, gcc -gbtf): the variable's name and type reach the kernel as BTF.
 *
 * The header includes nothing and needs nothing, so it can stand before or after vmlinux.h,
 * <linux/bpf.h> and <bpf/bpf_helpers.h>. It works in C and, with clang, in C++11 and later.
 *
 * The variables are in .rodata and in no section of their own: bpftool reads one .rodata map of a
 * program only, and every loader that has read-only data at all loads this section.
 */

/*
 * The words before the type. Static, so that several files of one object can have variables of one
 * name: `bpftool gen object` keeps them all. Volatile, so that a program that reads its own
 * metadata sees values that the loader has put there before the load.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
/*
 * Older releases of gcc give a static variable the offset 0 in its BTF, and the kernel then refuses
 * the whole BTF; and they hold a volatile variable to be writable, which .rodata must not be.
 */
#define BPFMETA_STORAGE_ const
#else
#define BPFMETA_STORAGE_ static const volatile
#endif

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13 && !defined(__CHAR_UNSIGNED__)
#error "The BTF of this gcc describes a signed char in a way that the kernel refuses, and the metadata would be lost: compile with -funsigned-char."
#endif

/* The words after the name: the section, and that no optimiser may drop the variable. */
#define BPFMETA_PLACE_ __attribute__((__section__(".rodata"), __used__))

/*
 * C++ mangles the name of a static variable, and of any in a namespace, and nobody would find it:
 * the label is the name that stands in the object. It can't have the dimensions in it that C allows
 * behind the name.
 */
#ifdef __cplusplus
#if __cplusplus < 201103L
#error "bpfmeta.h needs C++11 or later: compile with -std=c++11."
#endif
#define BPFMETA_LABEL_(label) __asm__(label)
#define BPFMETA_CHECK_(label)                                                                      \
        static_assert(__builtin_strchr(label, '[') == 0,                                           \
                      "In C++, write the dimensions in the type of BPF_METADATA_VALUE(), as in "   \
                      "int[2], and not behind the name.");
#define BPFMETA_NOTHING_ static_assert(1, "")
#else
#define BPFMETA_LABEL_(label)
#define BPFMETA_CHECK_(label)
#define BPFMETA_NOTHING_ _Static_assert(1, "")
#endif

/* A text. Only a string literal will do: a pointer would be shown as a pointer. */
#define BPF_METADATA(name, text)                                                                   \
        BPFMETA_STORAGE_ char bpf_metadata_##name[] BPFMETA_LABEL_("bpf_metadata_" #name)          \
                BPFMETA_PLACE_ = text

/*
 * A value of any type that has a name or can be written in typeof(): int, struct release, __u8[20],
 * enum state, char[2][8], int[]. The last argument is the initialiser, which may have commas in it.
 * typeof() puts the qualifiers on the variable, and not on what a pointer type points to.
 */
#define BPF_METADATA_VALUE(type, name, ...)                                                        \
        BPFMETA_CHECK_(#name)                                                                      \
        BPFMETA_STORAGE_ __typeof__(type) bpf_metadata_##name BPFMETA_LABEL_(                      \
                "bpf_metadata_" #name) BPFMETA_PLACE_ = __VA_ARGS__

/* The names that mean the same in every program. */
#define BPF_METADATA_OWNER(text) BPF_METADATA(owner, text)
#define BPF_METADATA_APP(text) BPF_METADATA(app, text)
#define BPF_METADATA_DESCRIPTION(text) BPF_METADATA(description, text)
#define BPF_METADATA_ONCALL(text) BPF_METADATA(oncall, text)
#define BPF_METADATA_VERSION(text) BPF_METADATA(version, text)
#define BPF_METADATA_REPOSITORY(text) BPF_METADATA(repository, text)
#define BPF_METADATA_BUILD_COMMIT(text) BPF_METADATA(build_commit, text)
#define BPF_METADATA_COMMIT_TIME(text) BPF_METADATA(commit_time, text)
#define BPF_METADATA_BUILD_TIME(text) BPF_METADATA(build_time, text)
#define BPF_METADATA_BUILD_HOST(text) BPF_METADATA(build_host, text)

/*
 * Facts that the build system passes as -DBPFMETA_REPOSITORY='"https://..."' and so on. The command
 * bpfmeta-cflags prints these for a git checkout. Names that are not defined are left out. A value
 * is an initialiser of an array of char: a string literal or a list of bytes in braces, which is
 * how bpfmeta-cflags writes a text that would need quoting on its way through a build system.
 */
#define BPF_METADATA_BUILD()                                                                       \
        BPFMETA_REPOSITORY_                                                                        \
        BPFMETA_BUILD_COMMIT_                                                                      \
        BPFMETA_COMMIT_TIME_                                                                       \
        BPFMETA_BUILD_TIME_                                                                        \
        BPFMETA_BUILD_HOST_                                                                        \
        /* Takes the semicolon, since there may be no variable to take it. */                      \
        BPFMETA_NOTHING_

#define BPFMETA_TEXT_(name, ...)                                                                   \
        BPFMETA_STORAGE_ char bpf_metadata_##name[] BPFMETA_LABEL_("bpf_metadata_" #name)          \
                BPFMETA_PLACE_ = __VA_ARGS__;

#ifdef BPFMETA_REPOSITORY
#define BPFMETA_REPOSITORY_ BPFMETA_TEXT_(repository, BPFMETA_REPOSITORY)
#else
#define BPFMETA_REPOSITORY_
#endif

#ifdef BPFMETA_BUILD_COMMIT
#define BPFMETA_BUILD_COMMIT_ BPFMETA_TEXT_(build_commit, BPFMETA_BUILD_COMMIT)
#else
#define BPFMETA_BUILD_COMMIT_
#endif

#ifdef BPFMETA_COMMIT_TIME
#define BPFMETA_COMMIT_TIME_ BPFMETA_TEXT_(commit_time, BPFMETA_COMMIT_TIME)
#else
#define BPFMETA_COMMIT_TIME_
#endif

#ifdef BPFMETA_BUILD_TIME
#define BPFMETA_BUILD_TIME_ BPFMETA_TEXT_(build_time, BPFMETA_BUILD_TIME)
#else
#define BPFMETA_BUILD_TIME_
#endif

#ifdef BPFMETA_BUILD_HOST
#define BPFMETA_BUILD_HOST_ BPFMETA_TEXT_(build_host, BPFMETA_BUILD_HOST)
#else
#define BPFMETA_BUILD_HOST_
#endif

#endif
