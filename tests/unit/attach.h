/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BPFMETAFS_TEST_ATTACH_H
#define BPFMETAFS_TEST_ATTACH_H

/*
 * Real programs, attached in every way that this kernel has.
 *
 * What a kernel does not have (-1 with errno) is the caller's to skip. Descriptors are the caller's
 * to close. All is done by bpf(2) itself, for libbpf 1.0 does not know all types of links.
 */

#include <glib.h>
#include <linux/types.h>
#include <stdint.h>

/* A program that returns @value. @attach_btf_id: for tracing programs, else 0. */
int attach_load(uint32_t type, uint32_t expected_attach_type, int32_t value,
                uint32_t attach_btf_id);

uint32_t attach_prog_id(int prog);
uint32_t attach_link_id(int link);

/* What BPF_LINK_CREATE takes beyond a program, a target and an attach type: struct link_create of
 * union bpf_attr, from its byte 12 on. */
typedef union AttachOptions {
        struct {
                __u32 flags;
                union {
                        struct {
                                __u64 bpf_cookie;
                        } perf_event;
                        struct {
                                __u32 pf;
                                __u32 hooknum;
                                __s32 priority;
                                __u32 flags;
                        } netfilter;
                        struct {
                                __u64 path;
                                __u64 offsets;
                                __u64 ref_ctr_offsets;
                                __u64 cookies;
                                __u32 cnt;
                                __u32 flags;
                                __u32 pid;
                        } uprobe_multi;
                } __attribute__((packed));
        };
} __attribute__((packed)) AttachOptions;

int attach_link(int prog, uint32_t target, uint32_t attach_type, const AttachOptions *options);

/* BPF_LINK_UPDATE: the link runs @prog from now on. */
int attach_update(int link, int prog);

int attach_raw_tracepoint(int prog, const char *name);

/* An event of this process to which a program can be attached: a software event, or a probe of the
 * function at @offset of the file @path. */
int attach_software_event(void);
int attach_uprobe_event(const char *path, uint64_t offset);

/* An empty array, hash or sock map. */
int attach_map(uint32_t type);

/* Puts the process into a network namespace of its own with the veth devices veth-a and veth-b. */
void attach_enter_netns(void);

/* Puts the process into a mount namespace of its own: what it mounts ends with it. */
void attach_enter_mount_namespace(void);

/* Runs @command by the shell: true if it has succeeded. Its output is in *@out, to be freed, unless
 * that is NULL. */
gboolean attach_run(const char *command, char **out);

/* A cgroup of our own, "/NAME" below the mount of cgroup2. NULL: there is no cgroup2. */
char *attach_make_cgroup(const char *mount, const char *name);

#endif
