# SPDX-License-Identifier: GPL-2.0-or-later
"""Maps of every type with something in them, by bpf(2) alone."""

import errno
import json
import os
import struct
import subprocess

import bpf
from bpf import Btf
from conftest import SLOWNESS

MAP_DELETE, MAP_NEXT_KEY = 3, 4
NO_PREALLOC = 1
MAP_UPDATE_BATCH = 26

(UNSPEC, HASH, ARRAY, PROG_ARRAY, PERF_EVENT_ARRAY, PERCPU_HASH, PERCPU_ARRAY, STACK_TRACE, CGROUP_ARRAY,
 LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE, ARRAY_OF_MAPS, HASH_OF_MAPS, DEVMAP, SOCKMAP, CPUMAP, XSKMAP,
 SOCKHASH, CGROUP_STORAGE, REUSEPORT_SOCKARRAY, PERCPU_CGROUP_STORAGE, QUEUE, STACK, SK_STORAGE,
 DEVMAP_HASH, STRUCT_OPS, RINGBUF, INODE_STORAGE, TASK_STORAGE, BLOOM_FILTER, USER_RINGBUF,
 CGRP_STORAGE, ARENA) = range(34)

CPUS = int(open("/sys/devices/system/cpu/possible", encoding="ascii").read().split("-")[-1]) + 1


def _with_memory(command, fd, key, value=None, flags=0):
    key_address, keep_key = bpf.pointer(key) if key is not None else (0, None)
    value_address, keep_value = bpf.pointer(value) if value is not None else (0, None)
    bpf.call(command, struct.pack("<IIQQQ", fd, 0, key_address, value_address, flags))
    return keep_value.raw if value is not None else None


def put(fd, key, value):
    """key: None for a queue."""
    _with_memory(bpf.MAP_UPDATE, fd, key, value)


def put_all(fd, keys, values):
    """By one call, if the kernel can: after each it waits until no program uses an old inner map."""
    keys_address, keep_keys = bpf.pointer(b"".join(keys))
    values_address, keep_values = bpf.pointer(b"".join(values))
    attr = struct.pack("<QQQQIIQQ", 0, 0, keys_address, values_address, len(keys), fd, 0, 0)
    try:
        bpf.call(MAP_UPDATE_BATCH, attr)
    except OSError:
        for key, value in zip(keys, values):
            put(fd, key, value)


def get(fd, key, size):
    """The value of an entry; None if there is none."""
    try:
        return _with_memory(bpf.MAP_LOOKUP, fd, key, bytes(size))
    except FileNotFoundError:
        return None


def delete(fd, key):
    _with_memory(MAP_DELETE, fd, key)


def word(number):
    return struct.pack("=I", number)


def create(kind, key=4, value=4, entries=8, flags=0, inner=0, btf=None, types=(0, 0), name=b""):
    """A map whose key and value have the types of btf."""
    if btf is None:
        attr = struct.pack("<IIIIII", kind, key, value, entries, flags, inner)
        return bpf.call(bpf.MAP_CREATE, attr + bytes(4) + name.ljust(16, b"\0"))[0]
    btf_fd = bpf.btf_load(btf.blob())
    try:
        return bpf.map_create(kind, key, value, entries, flags, name, btf_fd, *types)
    finally:
        os.close(btf_fd)


def with_btf(make, kind=HASH, **more):
    """A map whose types make(btf) adds: it returns those of key and value, and their sizes."""
    btf = Btf()
    key_type, key_size, value_type, value_size = make(btf)
    return create(kind, key_size, value_size, btf=btf, types=(key_type, value_type), **more)


def numbers(btf):
    """Keys and values of 32 bits."""
    u32 = btf.int("unsigned int", 4)
    return u32, 4, u32, 4


def bpftool_dump(number, **options):
    """What bpftool makes of the map."""
    text = subprocess.run(["bpftool", "-j", "map", "dump", "id", str(number)], capture_output=True,
                          timeout=20 * SLOWNESS, check=True).stdout
    return json.loads(text, **options)


def can_create(*args, **more):
    """The descriptor of such a map, None if this kernel has no such maps."""
    try:
        return create(*args, **more)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTSUP, errno.EPERM, 524):
            return None
        raise
