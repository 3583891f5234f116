# SPDX-License-Identifier: GPL-2.0-or-later
"""The crowd of a kernel in use: programs of every type that this kernel has, attached or not; some whose
metadata makes bpftool print broken JSON; one with many maps that were bound late; and some that come and
go. Run as a program, it loads them, says in JSON which they are, and lets them go when its input ends.

Nothing of it touches what others do: it is attached to a network namespace, a cgroup and sockets of its
own, and to functions of the kernel that only tests call."""

import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import socket
import struct
import sys
import threading

import bpf
from bpf import BTF_FUNC, BTF_STRUCT, BTF_TYPEDEF

LATE_MAPS = 2000
# Programs that come and go: so many are there at a time, and so many are loaded in a second.
PASSING, A_SECOND = 5, 20

F_SLEEPABLE = 1 << 4
LOOPBACK = 1

# (type, the attach type for which it is loaded, what of the kernel it is loaded for)
TYPES = [
    (1, 0, None),  # socket_filter
    (2, 0, None),  # kprobe
    (3, 0, None),  # sched_cls
    (4, 0, None),  # sched_act
    (5, 0, None),  # tracepoint
    (6, 0, None),  # xdp
    (7, 0, None),  # perf_event
    (8, 0, None),  # cgroup_skb
    (9, 2, None),  # cgroup_sock, BPF_CGROUP_INET_SOCK_CREATE
    (10, 0, None),  # lwt_in
    (11, 0, None),  # lwt_out
    (12, 0, None),  # lwt_xmit
    (13, 0, None),  # sock_ops
    (14, 0, None),  # sk_skb
    (15, 0, None),  # cgroup_device
    (16, 0, None),  # sk_msg
    (17, 0, None),  # raw_tracepoint
    (18, 8, None),  # cgroup_sock_addr, BPF_CGROUP_INET4_BIND
    (19, 0, None),  # lwt_seg6local
    (20, 0, None),  # lirc_mode2
    (21, 0, None),  # sk_reuseport
    (22, 0, None),  # flow_dissector
    (23, 0, None),  # cgroup_sysctl
    (24, 0, None),  # raw_tracepoint_writable
    (25, 21, None),  # cgroup_sockopt, BPF_CGROUP_GETSOCKOPT
    (26, 23, (BTF_TYPEDEF, b"btf_trace_sched_switch")),  # tracing: tp_btf
    (26, 24, (BTF_FUNC, b"bpf_fentry_test1")),  # fentry
    (26, 25, (BTF_FUNC, b"bpf_fentry_test1")),  # fexit
    (26, 28, (BTF_FUNC, b"bpf_iter_task")),  # iter
    (27, 0, (BTF_STRUCT, b"tcp_congestion_ops")),  # struct_ops
    (29, 27, (BTF_FUNC, b"bpf_lsm_file_open")),  # lsm
    (30, 36, None),  # sk_lookup
    (31, 0, None),  # syscall
    (32, 45, None),  # netfilter
]


def link_create(prog, target, attach_type, more=b""):
    return bpf.call(bpf.LINK_CREATE, struct.pack("<IIII", prog, target, attach_type, 0) + more)[0]


class Crowd:
    def __init__(self):
        self.kept = []  # whatever has to stay open: the programs, their links, what they are attached to
        self.stack = contextlib.ExitStack()
        self.by_type = {}
        self.said = {"types": [], "attached": 0, "broken": [], "late": None}

    def keep(self, fd):
        self.kept.append(fd)
        return fd

    def load_types(self):
        types = bpf.KernelTypes()
        for kind, attach_type, target in TYPES:
            number = types.find(*target) if target else 0
            if number is None:
                continue
            with contextlib.suppress(OSError):
                prog = self.keep(bpf.prog_load(
                    name=b"crowd", kind=kind, attach_type=attach_type, attach_btf_id=number,
                    flags=F_SLEEPABLE if kind == 31 else 0))
                self.by_type[kind, attach_type] = prog
                self.said["types"].append([bpf.object_id(prog), kind])
                self.describe(prog, [("bpf_metadata_app", "crowd"), ("bpf_metadata_number", str(kind))])
        types.free()

    def describe(self, prog, variables):
        """As a loader does it, but on kernels that can't bind."""
        data = bpf.metadata_map(variables, name=b"crowd.rodata")
        try:
            bpf.bind(prog, data)
        finally:
            os.close(data)

    def attach(self):
        """Each in the way of its type, if this kernel and machine have it."""
        for prog, how in ((self.by_type.get(key), how) for key, how in {
                (1, 0): self.to_socket, (6, 0): self.to_interface, (3, 0): self.to_interface_tcx,
                (7, 0): self.to_clock, (8, 0): self.to_cgroup, (15, 0): self.to_cgroup_by_call,
                (14, 0): self.to_sockmap, (17, 0): self.to_raw_tracepoint,
                (22, 0): lambda prog: self.to_namespace(prog, 17),
                (30, 36): lambda prog: self.to_namespace(prog, 36),
                (26, 24): lambda prog: link_create(prog, 0, 24),
                (26, 25): lambda prog: link_create(prog, 0, 25),
                (26, 28): lambda prog: link_create(prog, 0, 28),
                # NFPROTO_IPV4, NF_INET_LOCAL_IN, priority
                (32, 45): lambda prog: link_create(prog, 0, 45, struct.pack("<IIiI", 2, 1, 100, 0)),
        }.items()):
            if prog is not None:
                with contextlib.suppress(OSError, StopIteration):
                    link = how(prog)
                    self.said["attached"] += 1
                    if link:
                        self.keep(link)

    def to_socket(self, prog):
        one = self.stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        one.setsockopt(socket.SOL_SOCKET, 50, prog)  # SO_ATTACH_BPF

    def to_interface(self, prog):
        return link_create(prog, LOOPBACK, 37)  # BPF_XDP

    def to_interface_tcx(self, prog):
        return link_create(prog, LOOPBACK, 46, bytes(16))  # BPF_TCX_INGRESS

    def to_namespace(self, prog, attach_type):
        own = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            return link_create(prog, own, attach_type)
        finally:
            os.close(own)

    def to_clock(self, prog):
        # PERF_TYPE_SOFTWARE, size, PERF_COUNT_SW_CPU_CLOCK, once a second, of this process
        attr = ctypes.create_string_buffer(struct.pack("<IIQQ", 1, 112, 0, 10**9), 112)
        number = {"x86_64": 298, "aarch64": 241}[os.uname().machine]
        event = ctypes.CDLL(None).syscall(number, attr, 0, -1, -1, 8)
        if event < 0:
            raise OSError("no such event")
        return link_create(prog, self.keep(event), 41)  # BPF_PERF_EVENT

    def cgroup(self):
        mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
        top = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
        own = pathlib.Path(top, f"bpfmetafs-crowd-{os.getpid()}-{len(self.kept)}")
        own.mkdir()
        self.stack.callback(own.rmdir)
        return self.keep(os.open(own, os.O_RDONLY | os.O_DIRECTORY))

    def to_cgroup(self, prog):
        return link_create(prog, self.cgroup(), 1)  # BPF_CGROUP_INET_EGRESS

    def to_cgroup_by_call(self, prog):
        # BPF_CGROUP_DEVICE
        bpf.call(bpf.PROG_ATTACH, struct.pack("<IIII", self.cgroup(), prog, 6, 0))

    def to_sockmap(self, prog):
        sockets = self.keep(bpf.map_create(kind=15, entries=1, name=b"crowd"))
        # BPF_SK_SKB_STREAM_VERDICT
        bpf.call(bpf.PROG_ATTACH, struct.pack("<IIII", sockets, prog, 5, 0))

    def to_raw_tracepoint(self, prog):
        address, keep_name = bpf.pointer(b"module_free\0")
        return bpf.call(bpf.RAW_TRACEPOINT_OPEN, struct.pack("<QI", address, prog))[0]

    def load_broken(self):
        """bpftool 7.1 prints a character as it is, and stops at a float."""
        for name, add, data in (
                ("char", lambda btf: btf.int("char", 1, bpf.Btf.CHAR), b'"'),
                ("char", lambda btf: btf.int("char", 1, bpf.Btf.CHAR), b"\\"),
                ("double", lambda btf: btf.add("double", bpf.Btf.FLOAT, size=8), struct.pack("<d", 2.5)),
                ("x" * 100, lambda btf: btf.int("c", 1, bpf.Btf.CHAR), b"\x1b")):
            btf = bpf.Btf()
            with contextlib.suppress(OSError):
                variable = btf.var(f"bpf_metadata_{name}", add(btf))
                section = btf.datasec(".rodata", len(data), [(variable, 0, len(data))])
                made = bpf.typed_map(btf, section, data, name=b"crowd.rodata")
                prog = self.keep(bpf.prog_load(name=b"crowd"))
                bpf.bind(prog, made)
                os.close(made)
                self.said["broken"].append(bpf.object_id(prog))

    def load_late(self):
        """The program keeps them. They are told apart by their values."""
        prog = self.keep(bpf.prog_load(name=b"crowd"))
        for i in range(LATE_MAPS):
            self.describe(prog, [("bpf_metadata_late", str(i))])
        self.said["late"] = bpf.object_id(prog)

    def come_and_go(self, ending):
        passing = []
        for i in itertools.count():
            if ending.wait(1 / A_SECOND):
                return
            passing.append(self.keep(bpf.prog_load(name=b"passing")))
            self.describe(passing[-1], [("bpf_metadata_passing", str(i))])
            if len(passing) > PASSING:
                self.kept.remove(passing[0])
                os.close(passing.pop(0))


def main():
    crowd, ending = Crowd(), threading.Event()
    with crowd.stack:
        crowd.load_types()
        crowd.attach()
        crowd.load_broken()
        crowd.load_late()
        passing = threading.Thread(target=crowd.come_and_go, args=[ending])
        passing.start()
        print(json.dumps(crowd.said), flush=True)
        sys.stdin.read()
        ending.set()
        passing.join()
        for fd in reversed(crowd.kept):
            os.close(fd)


if __name__ == "__main__":
    main()
