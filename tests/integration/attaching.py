# SPDX-License-Identifier: GPL-2.0-or-later
"""Attaches programs in every way that a kernel has, by bpf(2) alone."""

import contextlib
import ctypes
import errno
import functools
import os
import pathlib
import platform
import struct
import subprocess
import sys

import bpf

PROG_ATTACH, PROG_DETACH, LINK_CREATE = 8, 9, 28
# Types of programs.
KPROBE, SCHED_CLS, TRACEPOINT, XDP, PERF_EVENT, CGROUP_SKB, SK_SKB = 2, 3, 5, 6, 7, 8, 14
RAW_TRACEPOINT, TRACING, SK_LOOKUP, NETFILTER = 17, 26, 30, 32
# Attach types.
CGROUP_INET_INGRESS, CGROUP_INET_EGRESS, TRACE_ITER, SK_LOOKUP_HOOK, ATTACH_XDP = 0, 1, 28, 36, 37
SK_SKB_VERDICT, BPF_PERF_EVENT, NETFILTER_HOOK, TCX_INGRESS, TCX_EGRESS, UPROBE_MULTI = \
    38, 41, 45, 46, 47, 48
MAP_TYPE_SOCKMAP = 15
# "return value;"
EXIT = struct.pack("<BBhi", 0x95, 0, 0, 0)
# What a kernel says to a type of program, attachment or link that it does not know, and to a machine
# that lacks what is attached to. The last is the kernel's own ENOTSUPP.
UNKNOWN = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT, errno.ENODEV, errno.E2BIG, 524}

SYS_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}[platform.machine()]
_libc = ctypes.CDLL(None, use_errno=True)


# Asks what is attached to its own network namespace, as the daemon does.
ASK = """
import errno, os, struct, sys
import bpf
try:
    bpf.call(16, struct.pack("<IIIIQI", os.open("/proc/self/ns/net", os.O_RDONLY), 17, 0, 0, 0, 0))
except OSError as error:
    sys.exit(3 if error.errno in (errno.EPERM, errno.EACCES) else 0)
"""


@functools.cache
def is_refused():
    """Whether this kernel lets only CAP_NET_ADMIN ask. The daemon has no such right, nor has this probe."""
    words = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-B", "-c", ASK]
    status = subprocess.run(words, check=False, cwd=pathlib.Path(__file__).parent).returncode
    assert status in (0, 3)
    return status == 3


def notes():
    """The lines with which info/attached ends if programs for cgroups, and flow dissectors, are loaded."""
    return ["(not all cgroups can be looked at: Operation not permitted)",
            "(flow dissectors without a link cannot be looked at: Operation not permitted)"] \
        if is_refused() else []


def told(attached):
    """What info/attached says, without those lines, since programs of others are loaded, too."""
    lines = attached.read_text().splitlines()
    return "".join(f"{line}\n" for line in lines if line not in notes())


def returning(value):
    return struct.pack("<BBhi", 0xB7, 0, 0, value) + EXIT


def link_id(fd):
    """bpf_link_info: type, id, prog_id."""
    return struct.unpack_from("<I", bpf.info(fd), 4)[0]


def perf_event(kind, config=0, config1=0, config2=0):
    """An event of this process to which a program can be attached."""
    attr = struct.pack("<IIQQQQQIIQQ", kind, 112, config, 1000000, 0, 0, 0, 0, 0, config1, config2)
    attr = ctypes.create_string_buffer(attr.ljust(112, b"\0"), 112)
    fd = _libc.syscall(SYS_PERF_EVENT_OPEN, attr, 0, -1, -1, 8)
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"perf_event_open: {os.strerror(error)}")
    return fd


class Attacher:
    """Makes links. Closes what it has opened at the end. With reuse, links of a kind have one program."""

    def __init__(self, reuse=False):
        self.fds = []
        self.kept = []
        self.loaded = {} if reuse else None
        # The kernel takes one program of a priority.
        self.priority = -1000 - os.getpid() * 100

    def close(self):
        # Programs last: a link that is closed has its program until then.
        for fd in reversed(self.fds):
            with contextlib.suppress(OSError):
                os.close(fd)

    def let_go(self, fd):
        """Closes a link before the end."""
        self.fds.remove(fd)
        os.close(fd)

    def keep(self, fd):
        self.fds.append(fd)
        return fd

    def load(self, kind, value=0, attach_type=0, btf_id=0, name=b"attached"):
        key = kind, value, attach_type, btf_id, name
        if self.loaded is not None and key in self.loaded:
            return self.loaded[key]
        fd = self.keep(bpf.prog_load(returning(value), name, kind, attach_type=attach_type,
                                     attach_btf_id=btf_id))
        if self.loaded is not None:
            self.loaded[key] = fd
        return fd

    def pointer(self, data):
        address, copy = bpf.pointer(data)
        self.kept.append(copy)
        return address

    def link(self, prog, target, attach_type, more=b"", flags=0):
        """The descriptor of a link, which is the caller's to close: or it is closed at the end."""
        return self.keep(bpf.call(LINK_CREATE, struct.pack("<IIII", prog, target, attach_type, flags)
                                  + more)[0])

    # Each of these makes a link of its kind, and returns its descriptor.

    def cgroup(self, cgroup):
        return self.link(self.load(CGROUP_SKB, 1), cgroup, CGROUP_INET_EGRESS)

    def xdp(self, index):
        return self.link(self.load(XDP, 2), index, ATTACH_XDP)

    def tcx(self, index, attach_type=TCX_INGRESS):
        return self.link(self.load(SCHED_CLS), index, attach_type)

    def netfilter(self):
        """It lets all IPv6 pass that comes in. Its priority is self.priority."""
        self.priority -= 1
        return self.link(self.load(NETFILTER, 1, NETFILTER_HOOK), 0, NETFILTER_HOOK,
                         struct.pack("<IIiI", 10, 1, self.priority, 0))

    def sk_lookup(self):
        netns = self.keep(os.open("/proc/self/ns/net", os.O_RDONLY))
        return self.link(self.load(SK_LOOKUP, 1, SK_LOOKUP_HOOK), netns, SK_LOOKUP_HOOK)

    def sockmap(self):
        sockets = self.keep(bpf.map_create(kind=MAP_TYPE_SOCKMAP))
        return self.link(self.load(SK_SKB, 1, SK_SKB_VERDICT), sockets, SK_SKB_VERDICT)

    def raw_tracepoint(self, name=b"sys_enter"):
        address = self.pointer(name + b"\0")
        return self.keep(bpf.call(bpf.RAW_TRACEPOINT_OPEN, struct.pack(
            "<QI", address, self.load(RAW_TRACEPOINT)))[0])

    def uprobe(self, path, offset):
        kind = pathlib.Path("/sys/bus/event_source/devices/uprobe/type")
        if not kind.exists():
            raise OSError(errno.ENOENT, "no uprobes")
        event = self.keep(perf_event(int(kind.read_text()), 0, self.pointer(os.fsencode(path) + b"\0"),
                                     offset))
        return self.link(self.load(KPROBE), event, BPF_PERF_EVENT, struct.pack("<Q", 4711))

    def software_event(self):
        """PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES."""
        return self.link(self.load(PERF_EVENT), self.keep(perf_event(1, 3)), BPF_PERF_EVENT)

    def uprobe_multi(self, path, offsets):
        cookies = struct.pack(f"<{len(offsets)}Q", *range(1, len(offsets) + 1))
        return self.link(self.load(KPROBE, 0, UPROBE_MULTI), 0, UPROBE_MULTI, struct.pack(
            "<QQQQIII", self.pointer(os.fsencode(path) + b"\0"),
            self.pointer(struct.pack(f"<{len(offsets)}Q", *offsets)), 0, self.pointer(cookies),
            len(offsets), 0, 0))

    def iterator(self):
        types = bpf.KernelTypes()
        try:
            number = types.find(bpf.BTF_FUNC, b"bpf_iter_task")
        finally:
            types.free()
        if not number:
            raise OSError(errno.ENOENT, "no iterators over tasks")
        return self.link(self.load(TRACING, 0, TRACE_ITER, number), 0, TRACE_ITER)
