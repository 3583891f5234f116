/* SPDX-License-Identifier: GPL-2.0-or-later */

/* BTF of the kernel and its modules. The ids of BTF objects are given out once (idr_alloc_cyclic()
 * in kernel/bpf/btf.c), so a name that was found stays right. */

#include "kernel-btf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

/* How many names are kept before all are forgotten. */
#define MAX_NAMES 4096

struct KernelBtf {
        struct btf *vmlinux;
        struct btf *module;
        uint32_t vmlinux_id; /* 0: not known yet */
        uint32_t module_id;  /* of module */
        GHashTable *names;   /* guint64: object and type -> name or NULL */
};

KernelBtf *kernel_btf_new(void)
{
        KernelBtf *kernel = g_new0(KernelBtf, 1);

        kernel->names = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
        return kernel;
}

void kernel_btf_drop(KernelBtf *kernel)
{
        /* A module's BTF refers to the kernel's. */
        g_clear_pointer(&kernel->module, btf__free);
        g_clear_pointer(&kernel->vmlinux, btf__free);
}

void kernel_btf_free(KernelBtf *kernel)
{
        if (!kernel)
                return;
        kernel_btf_drop(kernel);
        g_hash_table_unref(kernel->names);
        g_free(kernel);
}

/* True if the kernel has made the object itself; *@vmlinux says if it is its own and no module's.
 */
static bool is_of_kernel(uint32_t id, bool *vmlinux)
{
        char name[16] = "";
        struct bpf_btf_info info = {
                .name = (uintptr_t)name,
                .name_len = sizeof(name),
        };
        uint32_t len = sizeof(info);
        int fd = bpf_btf_get_fd_by_id(id);
        int r;

        if (fd < 0)
                return false;
        /* A longer name is cut, and that is an error. */
        r = bpf_obj_get_info_by_fd(fd, &info, &len) < 0 && errno != ENOSPC ? -errno : 0;
        close(fd);
        name[sizeof(name) - 1] = '\0';
        *vmlinux = strcmp(name, "vmlinux") == 0;
        return r == 0 && info.kernel_btf;
}

static uint32_t find_vmlinux(void)
{
        uint32_t id = 0;
        bool vmlinux;

        while (bpf_btf_get_next_id(id, &id) == 0)
                if (is_of_kernel(id, &vmlinux) && vmlinux)
                        return id;
        return 0;
}

static const struct btf *load_vmlinux(KernelBtf *kernel)
{
        if (kernel->vmlinux_id == 0)
                kernel->vmlinux_id = find_vmlinux();
        if (!kernel->vmlinux && kernel->vmlinux_id != 0)
                kernel->vmlinux = btf__load_from_kernel_by_id(kernel->vmlinux_id);
        return kernel->vmlinux;
}

const struct btf *kernel_btf_get(KernelBtf *kernel, uint32_t object)
{
        bool vmlinux;

        if (kernel->module && object == kernel->module_id)
                return kernel->module;
        if (object != 0 && !is_of_kernel(object, &vmlinux))
                return NULL;
        if (!load_vmlinux(kernel))
                return NULL;
        if (object == 0 || object == kernel->vmlinux_id)
                return kernel->vmlinux;
        g_clear_pointer(&kernel->module, btf__free);
        kernel->module = btf__load_from_kernel_by_id_split(object, kernel->vmlinux);
        kernel->module_id = object;
        return kernel->module;
}

const char *kernel_btf_name(KernelBtf *kernel, uint32_t object, uint32_t type)
{
        gint64 key = (gint64)((uint64_t)object << 32 | type), *kept;
        const struct btf_type *found;
        const struct btf *btf;
        gpointer name;

        if (g_hash_table_lookup_extended(kernel->names, &key, NULL, &name))
                return name;
        btf = kernel_btf_get(kernel, object);
        found = btf ? btf__type_by_id(btf, type) : NULL;
        name = found ? g_strdup(btf__name_by_offset(btf, found->name_off)) : NULL;
        if (name && !*(char *)name)
                g_clear_pointer(&name, g_free);
        if (g_hash_table_size(kernel->names) >= MAX_NAMES)
                g_hash_table_remove_all(kernel->names);
        kept = g_new(gint64, 1);
        *kept = key;
        g_hash_table_insert(kernel->names, kept, name);
        return name;
}
