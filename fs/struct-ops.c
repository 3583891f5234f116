/* SPDX-License-Identifier: GPL-2.0-or-later */

/* struct_ops by bpf(2): bpf_struct_ops_map_sys_lookup_elem() in kernel/bpf/bpf_struct_ops.c. */

#include "struct-ops.h"

#include "text.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How many maps are remembered before all are forgotten. */
#define MAX_MAPS 1024

/* struct bpf_struct_ops_common_value: each value begins with it. */
typedef struct Common {
        int32_t refcount;
        uint32_t state;
} Common;

/* enum bpf_struct_ops_state */
enum {
        STATE_INIT = 0,
        STATE_INUSE = 1, /* attached without a link */
        STATE_TOBEFREE = 2,
        STATE_READY = 3, /* for a link */
};

struct StructOps {
        KernelBtf *btf;
        GHashTable *maps; /* id -> GArray of StructOpsProg. Maps in use can't change. */
};

static void clear_prog(gpointer data)
{
        g_free(((StructOpsProg *)data)->operation);
}

StructOps *struct_ops_new(KernelBtf *btf)
{
        StructOps *ops = g_new0(StructOps, 1);

        ops->btf = btf;
        ops->maps = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
        return ops;
}

void struct_ops_free(StructOps *ops)
{
        if (!ops)
                return;
        g_hash_table_unref(ops->maps);
        g_free(ops);
}

/* The map's value, of info->value_size bytes, to be freed. */
static int read_value(uint32_t id, struct bpf_map_info *info, uint8_t **value)
{
        uint32_t len = sizeof(*info), key = 0;
        union bpf_attr attr;
        int fd, r = 0;

        memset(info, 0, sizeof(*info));
        memset(&attr, 0, sizeof(attr));
        attr.map_id = id;
        attr.open_flags = BPF_F_RDONLY;
        fd = syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof(attr));
        if (fd < 0)
                return -errno;
        if (bpf_obj_get_info_by_fd(fd, info, &len) < 0)
                r = -errno;
        else if (info->type != BPF_MAP_TYPE_STRUCT_OPS || info->value_size < sizeof(Common))
                r = -EINVAL;
        else if (info->value_size > STRUCT_OPS_MAX_VALUE)
                r = -E2BIG;
        if (r == 0) {
                *value = g_malloc0(info->value_size);
                if (bpf_map_lookup_elem(fd, &key, *value) < 0)
                        r = -errno;
        }
        close(fd);
        return r;
}

/* The BTF object that describes the value; 0 is the kernel's own. Linux 6.9 puts its id where older
 * headers have padding. */
static uint32_t btf_of(const struct bpf_map_info *info)
{
        uint32_t id;

        memcpy(&id, (const char *)info + offsetof(struct bpf_map_info, map_extra) - sizeof(id),
               sizeof(id));
        return id;
}

/* The member "data" of the value's type, which is the structure with the operations. */
static const struct btf_type *find_data(const struct btf *btf, uint32_t value_type,
                                        uint32_t *offset)
{
        const struct btf_type *type = btf__type_by_id(btf, value_type);

        if (!type || !btf_is_struct(type))
                return NULL;
        for (guint i = 0; i < btf_vlen(type); i++) {
                const struct btf_member *member = btf_members(type) + i;
                const char *name = btf__name_by_offset(btf, member->name_off);

                if (name && strcmp(name, "data") == 0) {
                        const struct btf_type *data = btf__type_by_id(btf, member->type);

                        *offset = btf_member_bit_offset(type, i) / 8;
                        return data && btf_is_struct(data) ? data : NULL;
                }
        }
        return NULL;
}

static bool is_operation(const struct btf *btf, uint32_t type_id)
{
        const struct btf_type *type = btf__type_by_id(btf, type_id);

        type = type && btf_is_ptr(type) ? btf__type_by_id(btf, type->type) : NULL;
        return type && btf_is_func_proto(type);
}

static GArray *find_progs(const struct btf *btf, const struct bpf_map_info *info,
                          const uint8_t *value)
{
        GArray *progs = g_array_new(FALSE, FALSE, sizeof(StructOpsProg));
        uint32_t data_offset = 0;
        const struct btf_type *data = find_data(btf, info->btf_vmlinux_value_type_id, &data_offset);

        g_array_set_clear_func(progs, clear_prog);
        for (guint i = 0; data && i < btf_vlen(data); i++) {
                uint64_t offset = data_offset + (uint64_t)btf_member_bit_offset(data, i) / 8;
                const struct btf_member *member = btf_members(data) + i;
                unsigned long id = 0;
                StructOpsProg prog;
                g_autofree char *name = NULL;

                if (!is_operation(btf, member->type) || offset + sizeof(id) > info->value_size)
                        continue;
                memcpy(&id, value + offset, sizeof(id));
                if (id == 0 || id > UINT32_MAX)
                        continue;
                name = g_strconcat(btf__name_by_offset(btf, data->name_off), ".",
                                   btf__name_by_offset(btf, member->name_off), NULL);
                prog = (StructOpsProg){ .prog_id = id, .operation = text_escape(name) };
                g_array_append_val(progs, prog);
        }
        return progs;
}

int struct_ops_look(StructOps *ops, uint32_t map_id, const GArray **progs, bool *alone)
{
        GArray *known = g_hash_table_lookup(ops->maps, GUINT_TO_POINTER(map_id));
        g_autofree uint8_t *value = NULL;
        struct bpf_map_info info;
        const struct btf *btf;
        Common common;
        int r = read_value(map_id, &info, &value);

        *progs = NULL;
        *alone = false;
        if (r < 0) {
                g_hash_table_remove(ops->maps, GUINT_TO_POINTER(map_id));
                return r;
        }
        memcpy(&common, value, sizeof(common));
        if (common.state == STATE_INIT)
                return 0;
        *alone = common.state == STATE_INUSE;
        if (!known) {
                btf = kernel_btf_get(ops->btf, btf_of(&info));
                known = btf ? find_progs(btf, &info, value) : NULL;
                kernel_btf_drop(ops->btf);
                if (!known)
                        return 0;
                if (g_hash_table_size(ops->maps) >= MAX_MAPS)
                        g_hash_table_remove_all(ops->maps);
                g_hash_table_insert(ops->maps, GUINT_TO_POINTER(map_id), known);
        }
        *progs = known;
        return 0;
}
