# SPDX-License-Identifier: GPL-2.0-or-later
"""The bpf(2) calls that a loader makes, without a library in between: what is loaded here has no
libbpf's habits. Descriptors are plain ints; whoever got one closes it."""

import ctypes
import errno
import os
import platform
import struct
import sys
import time

# A factor for time limits: an emulated machine is many times slower than a real one.
SLOWNESS = float(os.environ.get("BPFMETAFS_TEST_SLOWNESS", "1"))

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE = 0, 1, 2
PROG_LOAD = 5
PROG_GET_NEXT_ID, MAP_GET_NEXT_ID = 11, 12
PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID = 13, 14
OBJ_GET_INFO_BY_FD = 15
BTF_LOAD = 18
OBJ_PIN, OBJ_GET = 6, 7
PROG_TEST_RUN = 10
RAW_TRACEPOINT_OPEN = 17
MAP_FREEZE = 22
LINK_GET_FD_BY_ID, LINK_GET_NEXT_ID = 30, 31
ENABLE_STATS = 32
PROG_BIND_MAP = 35
PROG_ATTACH = 8
RAW_TRACEPOINT_OPEN = 17
LINK_CREATE = 28

MAP_TYPE_HASH, MAP_TYPE_ARRAY, MAP_TYPE_PROG_ARRAY = 1, 2, 3
F_RDONLY_PROG = 1 << 7
SOCKET_FILTER = 1

RETURN_0 = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)

_libc = ctypes.CDLL(None, use_errno=True)


def call(command, attr):
    size = max(128, len(attr))
    attr = ctypes.create_string_buffer(attr.ljust(size, b"\0"), size)
    result = _libc.syscall(SYS_BPF, command, attr, size)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf command {command}: {os.strerror(error)}")
    return result, attr.raw


def pointer(data):
    """The address of a copy of data, and the copy, which has to be kept until after the call."""
    copy = ctypes.create_string_buffer(data, len(data))
    return ctypes.addressof(copy), copy


def btf_load(blob):
    address, keep = pointer(blob)
    return call(BTF_LOAD, struct.pack("<QQII", address, 0, len(blob), 0))[0]


def map_create(kind=MAP_TYPE_ARRAY, key=4, value=4, entries=1, flags=0, name=b"", btf_fd=0,
               btf_key=0, btf_value=0):
    return call(MAP_CREATE, struct.pack("<IIIIIII16sIIII", kind, key, value, entries, flags, 0, 0,
                                        name, 0, btf_fd, btf_key, btf_value))[0]


def map_update(fd, key, value):
    key_address, keep_key = pointer(struct.pack("<I", key))
    value_address, keep_value = pointer(value)
    call(MAP_UPDATE, struct.pack("<IIQQQ", fd, 0, key_address, value_address, 0))


def map_by_id(number):
    return call(MAP_GET_FD_BY_ID, struct.pack("<III", number, 0, 0))[0]


def link_by_id(number):
    """A new descriptor of the link with this id."""
    return call(LINK_GET_FD_BY_ID, struct.pack("<III", number, 0, 0))[0]


def map_name(number):
    fd = map_by_id(number)
    try:
        return info(fd)[24:40].rstrip(b"\0")
    finally:
        os.close(fd)


def map_freeze(fd):
    call(MAP_FREEZE, struct.pack("<I", fd))


def prog_load(insns=RETURN_0, name=b"", kind=SOCKET_FILTER, licence=b"GPL\0", flags=0, attach_type=0,
              attach_btf_id=0):
    insns_address, keep_insns = pointer(insns)
    licence_address, keep_licence = pointer(licence)
    # The shortest that says what the program needs: old kernels know no more.
    attr = struct.pack("<IIQQIIQII16s", kind, len(insns) // 8, insns_address, licence_address, 0, 0, 0,
                       0, flags, name)
    if attach_type or attach_btf_id:
        # prog_ifindex, expected_attach_type, five of BTF and line info, attach_btf_id
        attr += struct.pack("<IIIIQIIQII", 0, attach_type, 0, 0, 0, 0, 0, 0, 0, attach_btf_id)
    return call(PROG_LOAD, attr)[0]


BTF_STRUCT, BTF_TYPEDEF, BTF_FUNC = 4, 8, 12


class KernelTypes:
    """The kernel's own BTF."""

    def __init__(self):
        self.library = ctypes.CDLL("libbpf.so.1", use_errno=True)
        self.library.btf__load_vmlinux_btf.restype = ctypes.c_void_p
        self.library.btf__find_by_name_kind.argtypes = [ctypes.c_void_p, ctypes.c_char_p,
                                                        ctypes.c_uint32]
        self.library.btf__free.argtypes = [ctypes.c_void_p]
        self.btf = self.library.btf__load_vmlinux_btf()

    def find(self, kind, name):
        """The id of a type by its kind and name; None if there is none."""
        found = self.library.btf__find_by_name_kind(self.btf, name, kind) if self.btf else -1
        return found if found > 0 else None

    def free(self):
        self.library.btf__free(self.btf)


def prog_load_with_btf(btf_fd, functions, lines, insns=RETURN_0, name=b"", kind=SOCKET_FILTER):
    """functions: pairs of an instruction's number and the type id of a FUNC; lines: an instruction's
    number, the offsets of the names of a file and of a line, and the numbers of line and column."""
    insns_address, keep_insns = pointer(insns)
    licence_address, keep_licence = pointer(b"GPL\0")
    functions_address, keep_functions = pointer(b"".join(struct.pack("<II", *one)
                                                         for one in functions))
    lines_address, keep_lines = pointer(b"".join(
        struct.pack("<IIII", insn, file, text, line << 10 | column)
        for insn, file, text, line, column in lines))
    return call(PROG_LOAD, struct.pack(
        "<IIQQIIQII16sIIIIQIIQI", kind, len(insns) // 8, insns_address, licence_address, 0, 0, 0, 0, 0,
        name, 0, 0, btf_fd, 8, functions_address, len(functions), 16, lines_address, len(lines)))[0]


def bind(prog_fd, map_fd):
    call(PROG_BIND_MAP, struct.pack("<III", prog_fd, map_fd, 0))


def _next(command, after):
    try:
        raw = call(command, struct.pack("<III", after, 0, 0))[1]
    except FileNotFoundError:
        return None
    return struct.unpack_from("<I", raw, 4)[0]


def _ids(command):
    ids, last = [], _next(command, 0)
    while last is not None:
        ids.append(last)
        last = _next(command, last)
    return ids


def prog_ids():
    return _ids(PROG_GET_NEXT_ID)


def link_ids():
    return _ids(LINK_GET_NEXT_ID)


def map_ids():
    return _ids(MAP_GET_NEXT_ID)


# How many programs the kernel may have that are unloaded and not yet freed. It frees them one by one
# in work of its own, which falls behind whoever loads and unloads without a pause. When 1024 wait for
# that on one CPU, they and a load can wait for each other for ever (bpf_prog_pack_alloc() and
# __purge_vmap_area_lazy(), Linux 6.18): from then on nobody loads a program before the next boot.
UNFREED = 300

# Whoever runs several at a time says what there was before the first of them.
_fewest_unfreed = [int(os.environ.get("BPFMETAFS_TEST_UNFREED", sys.maxsize))]


def unfreed():
    """How many programs without an id the kernel has. To those come parts of loaded programs and
    the filters of sockets and seccomp."""
    try:
        with open("/proc/vmallocinfo", encoding="ascii") as areas:
            return sum("bpf_prog_alloc" in line for line in areas) - len(prog_ids())
    except FileNotFoundError:
        return 0


def let_free(seconds=120):
    """Waits until the kernel has freed most of what was unloaded since the first call. Who loads and
    unloads without end has to call it every hundred times, or more often if others do so, too."""
    end = time.monotonic() + seconds * SLOWNESS
    while (found := unfreed()) > _fewest_unfreed[0] + UNFREED:
        if time.monotonic() > end:
            raise TimeoutError(f"the kernel does not free {found} programs")
        time.sleep(0.01)
    _fewest_unfreed[0] = min(found, _fewest_unfreed[0])


def info(fd, size=256):
    address, keep = pointer(bytes(size))
    call(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, size, address))
    return keep.raw


def info_length(fd):
    """How much this kernel tells of the object."""
    address, keep = pointer(bytes(256))
    attr = call(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, len(keep), address))[1]
    return struct.unpack_from("<I", attr, 4)[0]


def object_id(fd):
    """bpf_prog_info and bpf_map_info both begin with type and id."""
    return struct.unpack_from("<I", info(fd), 4)[0]


def obj_pin(fd, path):
    address, keep = pointer(os.fsencode(path) + b"\0")
    call(OBJ_PIN, struct.pack("<QII", address, fd, 0))


def obj_get(path):
    """The object that is pinned at path."""
    address, keep = pointer(os.fsencode(path) + b"\0")
    return call(OBJ_GET, struct.pack("<QII", address, 0, 0))[0]


def bound_map_ids(prog_fd):
    """The ids of the maps that are bound to the program, in the kernel's order."""
    n = struct.unpack_from("<I", info(prog_fd), 52)[0]
    address, ids = pointer(bytes(4 * n + 4))
    info_address, keep = pointer(bytes(52) + struct.pack("<IQ", n, address) + bytes(192))
    call(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", prog_fd, 256, info_address))
    return list(struct.unpack_from(f"<{n}I", ids.raw))


def enable_run_stats():
    """Run times and counts are kept for as long as the descriptor is open."""
    return call(ENABLE_STATS, struct.pack("<I", 0))[0]


def run_once(prog_fd, data=bytes(64)):
    address, keep = pointer(data)
    call(PROG_TEST_RUN, struct.pack("<IIIIQQII", prog_fd, 0, len(data), 0, address, 0, 1, 0))


class Btf:
    """Builds BTF by hand, also such as no compiler makes. Type ids count from 1."""

    INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST = range(1, 11)
    FUNC, FUNC_PROTO = 12, 13
    VAR, DATASEC, FLOAT = 14, 15, 16
    SIGNED, CHAR, BOOL = 1, 2, 4

    def __init__(self):
        self.types = []
        self.strings = b"\0"

    def string(self, text):
        if not text:
            return 0
        offset = len(self.strings)
        self.strings += (text.encode() if isinstance(text, str) else text) + b"\0"
        return offset

    def add(self, name, kind, vlen=0, size=0, extra=b"", kflag=0):
        self.types.append(struct.pack("<III", self.string(name), kflag << 31 | kind << 24 | vlen,
                                      size) + extra)
        return len(self.types)

    def int(self, name, size, encoding=0):
        return self.add(name, self.INT, size=size,
                        extra=struct.pack("<I", encoding << 24 | size * 8))

    def array(self, element, n, index):
        return self.add("", self.ARRAY, extra=struct.pack("<III", element, index, n))

    def struct(self, name, size, members, kind=STRUCT):
        extra = b"".join(struct.pack("<III", self.string(member), kind_of, offset * 8)
                         for member, kind_of, offset in members)
        return self.add(name, kind, len(members), size, extra)

    def func(self, name, linkage=0):
        """A function without parameters that returns an int."""
        return self.add(name, self.FUNC, linkage,
                        self.add("", self.FUNC_PROTO, size=self.int("int", 4, self.SIGNED)))

    def var(self, name, kind, linkage=1):
        return self.add(name, self.VAR, size=kind, extra=struct.pack("<I", linkage))

    def datasec(self, name, size, variables):
        extra = b"".join(struct.pack("<III", var, offset, length)
                         for var, offset, length in variables)
        return self.add(name, self.DATASEC, len(variables), size, extra)

    def blob(self):
        types = b"".join(self.types)
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types),
                           len(self.strings)) + types + self.strings


def metadata_map(variables, section=".rodata", flags=F_RDONLY_PROG, name=b"by_hand.rodata",
                 freeze=True):
    """A global-data map of char arrays, as a loader makes it. variables: (name, text) pairs in the
    order of the section; "\\udcff" in a text is the byte 0xff. Returns the descriptor."""
    btf, offset, entries, data = Btf(), 0, [], b""
    char, index = btf.int("char", 1, Btf.SIGNED), btf.int("int", 4, Btf.SIGNED)
    for variable, text in variables:
        text = text.encode(errors="surrogateescape") + b"\0"
        var = btf.var(variable, btf.array(char, len(text), index))
        entries.append((var, offset, len(text)))
        offset += len(text)
        data += text
    section = btf.datasec(section, offset, entries)
    return typed_map(btf, section, data, flags, name, freeze)


def typed_map(btf, section, data, flags=F_RDONLY_PROG, name=b"by_hand.rodata", freeze=True):
    """The map of one DATASEC of btf with data as its bytes."""
    btf_fd = btf_load(btf.blob())
    try:
        fd = map_create(value=len(data), flags=flags, name=name, btf_fd=btf_fd, btf_value=section)
    finally:
        os.close(btf_fd)
    map_update(fd, 0, data)
    if freeze:
        map_freeze(fd)
    return fd


# What this kernel takes.

def takes_btf(add):
    """False if it refuses the BTF to which add(btf) adds the smallest example of something."""
    btf = Btf()
    add(btf)
    try:
        os.close(btf_load(btf.blob()))
    except OSError as error:
        return error.errno != errno.EINVAL
    return True


def takes_floats():
    return takes_btf(lambda btf: btf.add("double", Btf.FLOAT, size=8))


def takes_name(name):
    return takes_btf(lambda btf: btf.struct(name, 0, []))


def takes_value(size):
    """False if the values of arrays have to be smaller."""
    try:
        os.close(map_create(value=size))
    except OSError as error:
        return error.errno != errno.E2BIG
    return True


# Types that are younger than Debian's bpftool, by what they are of and their numbers (enum bpf_prog_type, enum
# bpf_map_type).
NEWER_TYPES = {("prog", "32"): "netfilter", ("map", "31"): "user_ringbuf", ("map", "32"): "cgrp_storage",
               ("map", "33"): "arena", ("map", "34"): "insn_array", ("map", "35"): "rhash"}


def type_name(kind, shown):
    """What bpftool shows of a type: the name, or the number of one that is newer than this bpftool."""
    return NEWER_TYPES.get((kind, str(shown)), str(shown))
