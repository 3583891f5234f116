/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_FILTER_H
#define BPFMETAFS_FILTER_H

/*
 * seccomp: which system calls a thread may make, by its role.
 */

#include "sandbox.h"

/* The runtimes of the sanitizers read /proc/self, and the one that looks for leaks stops all
 * threads with ptrace(2) from a process that it clones. Builds with them are for tests: they get
 * what follows under SANITIZED in addition. */
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

/* From now on the calling thread makes no other system calls. 0 or -errno. */
int filter_enter(SandboxRole role);

#endif
