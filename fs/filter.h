/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FILTER_H
#define BPFMETAFS_FILTER_H

/*
 * seccomp: which system calls a thread may make, by its role.
 */

/* The runtimes of the sanitizers read /proc/self, and the one that looks for leaks stops all
 * threads with ptrace(2) from a process that it clones. Builds with sanitizers are for tests: they
 * may also make the calls that stand under SANITIZED. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
        __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef enum SandboxRole {
        SANDBOX_KERNEL,        /* serves the running kernel: CAP_SYS_ADMIN and the reading bpf(2) */
        SANDBOX_CONTENTS,      /* the same, and goes through the entries of maps */
        SANDBOX_OBJECT,        /* serves a file that has been read: no capability and no bpf(2) */
        SANDBOX_RECEIVER,      /* maps the event rings that it is given: no capability */
        SANDBOX_BROKER,        /* unmounts */
        SANDBOX_PINS_BROKER,   /* the same, and looks at what is pinned */
        SANDBOX_EVENTS_BROKER, /* the same, and opens event rings */
        SANDBOX_NETNS_BROKER,  /* the same, and enters network namespaces */
        SANDBOX_LOGGER,        /* writes lines to the system's log: no capability */
} SandboxRole;

/* From now on the calling thread makes no other system calls. 0 or -errno. */
int filter_enter(SandboxRole role);

#endif
