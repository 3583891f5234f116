# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the kinds that not every kernel has: kprobes, fentry, LSM hooks, iterators and so on.
Whether this one has a kind is found out by loading the smallest program of it."""

import fcntl
import json
import os
import struct

import pytest

import bpf
from bpf import BTF_FUNC, BTF_STRUCT, BTF_TYPEDEF
from conftest import ok, run

KPROBE, TRACEPOINT, RAW_TRACEPOINT, TRACING, STRUCT_OPS, LSM, SYSCALL = 2, 5, 17, 26, 27, 29, 31
TRACE_RAW_TP, TRACE_FENTRY, TRACE_FEXIT, LSM_MAC, TRACE_ITER = 23, 24, 25, 27, 28
F_SLEEPABLE = 1 << 4

# name: (program type, attach type, what it is attached to as kind and name of a type of the kernel,
# the type's name as bpftool shows it)
FEATURES = {
    "kprobe": (KPROBE, 0, None, "kprobe"),
    "tracepoint": (TRACEPOINT, 0, None, "tracepoint"),
    "raw_tp": (RAW_TRACEPOINT, 0, None, "raw_tracepoint"),
    "tp_btf": (TRACING, TRACE_RAW_TP, (BTF_TYPEDEF, b"btf_trace_sched_switch"), "tracing"),
    "fentry": (TRACING, TRACE_FENTRY, (BTF_FUNC, b"vfs_unlink"), "tracing"),
    "fexit": (TRACING, TRACE_FEXIT, (BTF_FUNC, b"vfs_unlink"), "tracing"),
    "lsm": (LSM, LSM_MAC, (BTF_FUNC, b"bpf_lsm_file_open"), "lsm"),
    "iter": (TRACING, TRACE_ITER, (BTF_FUNC, b"bpf_iter_task"), "tracing"),
    "syscall": (SYSCALL, 0, None, "syscall"),
    "struct_ops": (STRUCT_OPS, None, (BTF_STRUCT, b"tcp_congestion_ops"), "struct_ops"),
}

# Offsets in struct bpf_prog_info (linux/bpf.h). A kernel that does not know these fields leaves 0.
ATTACH_BTF_OBJ_ID, ATTACH_BTF_ID = 220, 224


@pytest.fixture(scope="module")
def kernel_type():
    """Looks up a type of the kernel's BTF by kind and name; returns its id, or None."""
    types = bpf.KernelTypes()
    yield types.find
    types.free()


def load_smallest(kind, attach_type, attach_id):
    """Loads a program of two instructions, and lets it go. Raises OSError if the kernel refuses it."""
    os.close(bpf.prog_load(kind=kind, attach_type=attach_type, attach_btf_id=attach_id or 0,
                           flags=F_SLEEPABLE if kind == SYSCALL else 0))


def probe(name, kernel_type):
    """Skips the test if this kernel does not have the feature."""
    kind, attach_type, target, _ = FEATURES[name]
    attach_id = kernel_type(*target) if target else None
    if target and attach_id is None:
        pytest.skip(f"{name}: this kernel's BTF has no {target[1].decode()}")
    # Of a struct_ops type, the attach type is a member's index; which of them are functions that a
    # program may be depends on the kernel.
    tries = range(64) if attach_type is None else [attach_type]
    for number in tries:
        try:
            load_smallest(kind, number, attach_id)
            return attach_id
        except OSError as error:
            refused = error
    return pytest.skip(f"{name}: this kernel refuses such programs ({os.strerror(refused.errno)})")


@pytest.mark.parametrize("name", FEATURES)
def test_program(tree, load, kernel_type, name):
    attach_id = probe(name, kernel_type)
    loaded = load(f"features-{name}")
    for shown in loaded.programs:
        directory = tree / str(shown["id"])
        info = {path.name: path.read_text() for path in (directory / "info").iterdir()
                if path.is_file()}
        assert info["type"] == FEATURES[name][3] + "\n"
        assert info["name"] == shown["name"] + "\n"
        assert info["tag"] == shown["tag"] + "\n"
        assert info["map_ids"] == " ".join(map(str, shown["map_ids"])) + "\n"
        assert shown["name"].startswith("at_")
        assert (directory / "oncall").read_text() == "feature-team\n"

        raw = prog_info(loaded.pins / shown["name"])
        known = struct.unpack_from("<I", raw, ATTACH_BTF_ID)[0]
        if attach_id is None or known == 0:
            assert "attach_btf_id" not in info
            assert "attach_btf_obj_id" not in info
            continue
        assert info["attach_btf_id"] == f"{attach_id}\n"
        owner = struct.unpack_from("<I", raw, ATTACH_BTF_OBJ_ID)[0]
        assert info["attach_btf_obj_id"] == f"{owner}\n"
        described = json.loads(ok("bpftool", "-j", "btf", "show", "id", owner))
        assert described["name"] == "vmlinux"


def prog_info(pin):
    fd = bpf.obj_get(pin)
    try:
        return bpf.info(fd)
    finally:
        os.close(fd)


@pytest.fixture
def registered(compiled, kernel_type):
    """The map of a congestion control that the kernel has taken, and that nobody uses."""
    probe("struct_ops", kernel_type)
    # Of a name there is one in the kernel, and other tests may run beside these.
    with open("/sys/kernel/btf/vmlinux", "rb") as of_the_kernel:
        fcntl.flock(of_the_kernel, fcntl.LOCK_EX)
        # bpftool tells of its success on stderr.
        registering = run("bpftool", "struct_ops", "register", compiled("features-struct_ops"))
        assert registering.returncode == 0, registering.stderr
        try:
            (shown,) = json.loads(ok("bpftool", "-j", "struct_ops", "show", "name", "at_struct_ops"))
            yield shown["id"]
        finally:
            assert run("bpftool", "struct_ops", "unregister", "name",
                       "at_struct_ops").returncode == 0


def test_struct_ops_map(tree, registered):
    info = tree / "maps" / str(registered) / "info"
    assert (info / "type").read_text() == "struct_ops\n"
    assert (info / "name").read_text() == "at_struct_ops\n"
    shown = json.loads(ok("bpftool", "-j", "map", "show", "id", registered))
    assert (info / "bytes_value").read_text() == f"{shown['bytes_value']}\n"
