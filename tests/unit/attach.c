/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Attaching by bpf(2). */

#include "attach.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int attach_load(uint32_t type, uint32_t expected_attach_type, int32_t value, uint32_t attach_btf_id)
{
        const struct bpf_insn insns[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value },
                { .code = BPF_JMP | BPF_EXIT },
        };
        LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = expected_attach_type,
                    .attach_btf_id = attach_btf_id);

        return bpf_prog_load(type, "attached", "GPL", insns, G_N_ELEMENTS(insns), &opts);
}

uint32_t attach_prog_id(int prog)
{
        struct bpf_prog_info info = { 0 };
        uint32_t len = sizeof(info);

        g_assert_cmpint(bpf_obj_get_info_by_fd(prog, &info, &len), ==, 0);
        return info.id;
}

uint32_t attach_link_id(int link)
{
        struct bpf_link_info info = { 0 };
        uint32_t len = sizeof(info);

        g_assert_cmpint(bpf_obj_get_info_by_fd(link, &info, &len), ==, 0);
        return info.id;
}

int attach_link(int prog, uint32_t target, uint32_t attach_type, const AttachOptions *options)
{
        uint8_t attr[128] = { 0 };
        const uint32_t head[] = { (uint32_t)prog, target, attach_type };

        memcpy(attr, head, sizeof(head));
        if (options)
                memcpy(attr + sizeof(head), options, sizeof(*options));
        return syscall(SYS_bpf, BPF_LINK_CREATE, attr, 64);
}

int attach_update(int link, int prog)
{
        return bpf_link_update(link, prog, NULL);
}

int attach_raw_tracepoint(int prog, const char *name)
{
        return bpf_raw_tracepoint_open(name, prog);
}

static int open_event(struct perf_event_attr *attr)
{
        attr->size = sizeof(*attr);
        attr->sample_period = 1000000;
        return syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int attach_software_event(void)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_CONTEXT_SWITCHES,
        };

        return open_event(&attr);
}

int attach_uprobe_event(const char *path, uint64_t offset)
{
        g_autofree char *type = NULL;
        struct perf_event_attr attr = {
                .config1 = (uintptr_t)path,
                .config2 = offset,
        };

        if (!g_file_get_contents("/sys/bus/event_source/devices/uprobe/type", &type, NULL, NULL)) {
                errno = ENOENT;
                return -1;
        }
        attr.type = atoi(type);
        return open_event(&attr);
}

int attach_map(uint32_t type)
{
        return bpf_map_create(type, "attached", 4, 4, 1, NULL);
}

gboolean attach_run(const char *command, char **out)
{
        const char *argv[] = { "/bin/sh", "-c", command, NULL };
        int status = -1;

        return g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, out, NULL,
                            &status, NULL) &&
               status == 0;
}

void attach_enter_netns(void)
{
        g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
        g_assert_true(attach_run("ip link add veth-a type veth peer name veth-b && "
                                 "ip link set veth-a up && ip link set veth-b up",
                                 NULL));
}

void attach_enter_mount_namespace(void)
{
        g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
        g_assert_cmpint(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
}

char *attach_make_cgroup(const char *mount, const char *name)
{
        g_autofree char *path = mount ? g_strconcat(mount, name, NULL) : NULL;

        if (!path)
                return NULL;
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
                return NULL;
        return g_steal_pointer(&path);
}
