/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "kernel-info.h"

#include "type-names.h"

#include <stddef.h>
#include <string.h>

/* True if the kernel filled in @member: an older one knows a shorter structure. */
#define HAS(len, type, member) ((len) >= offsetof(type, member) + sizeof(((type *)NULL)->member))

/* The kernel cuts names to 15 characters; the program's BTF has the whole name. @lines may be
 * NULL. */
static char *prog_name(const KernelLines *lines, const struct bpf_prog_info *info)
{
        g_autofree char *name = g_strndup(info->name, sizeof(info->name));
        const char *full = NULL;

        if (lines && strlen(name) == sizeof(info->name) - 1)
                full = kernel_lines_name(lines, name);
        return full ? g_strdup(full) : g_steal_pointer(&name);
}

static void add_dev(InfoBuilder *builder, uint32_t ifindex, uint64_t netns_dev, uint64_t netns_ino)
{
        if (ifindex == 0)
                return;
        info_builder_add(builder, "dev/ifindex", "%u", ifindex);
        info_builder_add(builder, "dev/ns_dev", "%" G_GUINT64_FORMAT, netns_dev);
        info_builder_add(builder, "dev/ns_inode", "%" G_GUINT64_FORMAT, netns_ino);
}

static void add_prog_type(InfoBuilder *builder, const char *key, uint32_t type)
{
        const char *name = prog_type_name(type);

        if (name)
                info_builder_add(builder, key, "%s", name);
        else
                info_builder_add(builder, key, "%u", type);
}

void kernel_info_add_fixed_prog(InfoBuilder *builder, const ProgFacts *facts)
{
        const struct bpf_prog_info *info = facts->info;
        g_autofree char *name = prog_name(facts->lines, info);
        uint64_t memlock;

        info_builder_add(builder, "id", "%u", info->id);
        add_prog_type(builder, "type", info->type);
        if (*name)
                info_builder_add(builder, "name", "%s", name);
        info_builder_add(builder, "tag", "%02x%02x%02x%02x%02x%02x%02x%02x", info->tag[0],
                         info->tag[1], info->tag[2], info->tag[3], info->tag[4], info->tag[5],
                         info->tag[6], info->tag[7]);
        info_builder_add(builder, "gpl_compatible", "%s", info->gpl_compatible ? "true" : "false");
        add_dev(builder, info->ifindex, info->netns_dev, info->netns_ino);
        info_builder_add(builder, "loaded_at", "%" G_GINT64_FORMAT,
                         (gint64)facts->loaded_at.tv_sec);
        info_builder_add(builder, "uid", "%u", info->created_by_uid);
        info_builder_add(builder, "bytes_xlated", "%u", info->xlated_prog_len);
        info_builder_add(builder, "jited", "%s", info->jited_prog_len ? "true" : "false");
        if (info->jited_prog_len)
                info_builder_add(builder, "bytes_jited", "%u", info->jited_prog_len);
        if (fdinfo_get(facts->fdinfo, "memlock", &memlock))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, memlock);
        if (info->btf_id)
                info_builder_add(builder, "btf_id", "%u", info->btf_id);
        if (HAS(facts->size, struct bpf_prog_info, verified_insns))
                info_builder_add(builder, "verified_insns", "%u", info->verified_insns);
        if (HAS(facts->size, struct bpf_prog_info, attach_btf_id) && info->attach_btf_id) {
                info_builder_add(builder, "attach_btf_obj_id", "%u", info->attach_btf_obj_id);
                info_builder_add(builder, "attach_btf_id", "%u", info->attach_btf_id);
        }
        if (facts->lines)
                kernel_lines_add_keys(facts->lines, builder);
}

void kernel_info_add_changing_prog(InfoBuilder *builder, const struct bpf_prog_info *info,
                                   uint32_t size, const GArray *map_ids)
{
        g_autoptr(GString) text = g_string_new(NULL);

        if (HAS(size, struct bpf_prog_info, run_cnt)) {
                info_builder_add(builder, "run_time_ns", "%" G_GUINT64_FORMAT,
                                 (guint64)info->run_time_ns);
                info_builder_add(builder, "run_cnt", "%" G_GUINT64_FORMAT, (guint64)info->run_cnt);
        }
        if (HAS(size, struct bpf_prog_info, recursion_misses))
                info_builder_add(builder, "recursion_misses", "%" G_GUINT64_FORMAT,
                                 (guint64)info->recursion_misses);
        for (guint i = 0; i < map_ids->len; i++)
                g_string_append_printf(text, i ? " %u" : "%u", g_array_index(map_ids, uint32_t, i));
        info_builder_add(builder, "map_ids", "%s", text->str);
}

static void add_map(InfoBuilder *builder, const struct bpf_map_info *info)
{
        const char *type = map_type_name(info->type);

        info_builder_add(builder, "id", "%u", info->id);
        if (type)
                info_builder_add(builder, "type", "%s", type);
        else
                info_builder_add(builder, "type", "%u", info->type);
        if (info->name[0])
                info_builder_add(builder, "name", "%.*s", (int)sizeof(info->name), info->name);
        info_builder_add(builder, "flags", "%u", info->map_flags);
        add_dev(builder, info->ifindex, info->netns_dev, info->netns_ino);
        info_builder_add(builder, "bytes_key", "%u", info->key_size);
        info_builder_add(builder, "bytes_value", "%u", info->value_size);
        info_builder_add(builder, "max_entries", "%u", info->max_entries);
        if (info->btf_id)
                info_builder_add(builder, "btf_id", "%u", info->btf_id);
}

void kernel_info_add_fixed_map(InfoBuilder *builder, const struct bpf_map_info *info,
                               const FdInfo *fdinfo)
{
        uint64_t value;

        add_map(builder, info);
        /* An array's memory is allocated with it, and a frozen map stays frozen. So these values do
         * not change any more, and hide those of kernel_info_add_changing_map(). */
        if (info->type == BPF_MAP_TYPE_ARRAY && fdinfo_get(fdinfo, "memlock", &value))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, value);
        if (fdinfo_get(fdinfo, "frozen", &value) && value != 0)
                info_builder_add(builder, "frozen", "%" G_GUINT64_FORMAT, value);
}

void kernel_info_add_changing_map(InfoBuilder *builder, const struct bpf_map_info *info,
                                  const FdInfo *fdinfo)
{
        uint64_t value;

        if (fdinfo_get(fdinfo, "memlock", &value))
                info_builder_add(builder, "bytes_memlock", "%" G_GUINT64_FORMAT, value);
        if (fdinfo_get(fdinfo, "frozen", &value))
                info_builder_add(builder, "frozen", "%" G_GUINT64_FORMAT, value);
        /* A program array belongs to the first program that uses it. */
        if (info->type != BPF_MAP_TYPE_PROG_ARRAY)
                return;
        if (fdinfo_get(fdinfo, "owner_prog_type", &value))
                add_prog_type(builder, "owner_prog_type", value);
        if (fdinfo_get(fdinfo, "owner_jited", &value))
                info_builder_add(builder, "owner_jited", "%s", value ? "true" : "false");
}

void kernel_info_add_map(InfoBuilder *builder, const struct bpf_map_info *info,
                         const FdInfo *fdinfo)
{
        add_map(builder, info);
        kernel_info_add_changing_map(builder, info, fdinfo);
}
