# SPDX-License-Identifier: GPL-2.0-or-later
"""What a request costs is bounded, whatever a map holds: it may add 16 MiB to the daemon's memory,
and what is kept of all that was read is no more than -o memory= says."""

import os
import pathlib
import re
import struct

import pytest

import bpf
from conftest import eventually, need_floats, run

MIB = 1 << 20
REQUEST = 16 * MIB
# The largest BTF and value that the daemon reads; old kernels have no such values.
BTF = 2 * MIB
VALUE = 8 * MIB if bpf.takes_value(8 * MIB) else 4 * MIB
# The longest name that the kernel takes, and the oldest kernels.
NAME = "n" * 127


class Memory:
    """How far the daemon's memory went above what it was. Pages that are only mapped from files are
    not counted: that code which is used comes from a disk is no cost of a request."""

    def __init__(self, daemon):
        self.process = pathlib.Path(f"/proc/{daemon.pid}")
        # A sanitizer keeps what was freed, and its own notes.
        if re.search(r"lib(clang_rt\.)?[atm]san", (self.process / "maps").read_text()):
            pytest.skip("a sanitizer's memory says nothing of the daemon's")

    def read(self, key):
        status = (self.process / "status").read_text()
        return 1024 * int(re.search(rf"{key}:\s+(\d+)", status)[1])

    def growth(self, request):
        """Of the peak, while request() was made."""
        (self.process / "clear_refs").write_text("5")
        before = self.read("VmRSS")
        request()
        return self.read("VmHWM") - before


@pytest.fixture
def loaded(hand, fds):
    """Loads a program with a global-data map: loaded(make) with make(btf) giving the type and the
    bytes of the variable it, or, without a type, the variables themselves. Returns the program's
    id."""

    def load(make, freeze=True, flags=bpf.F_RDONLY_PROG):
        btf = bpf.Btf()
        kind, data = make(btf)
        variables = kind
        if isinstance(kind, int):
            variables = [(btf.var("bpf_metadata_it", kind), 0, len(data))]
        section = btf.datasec(".rodata", len(data), variables)
        program, number = hand()
        fds.append(bpf.typed_map(btf, section, data, flags, freeze=freeze))
        bpf.bind(program, fds[-1])
        return number

    return load


def array(btf, element, size):
    """As many elements as fit into the largest value."""
    n = VALUE // size
    return btf.array(element, n, btf.int("int", 4, bpf.Btf.SIGNED))


def characters(btf):
    """Each is four characters of text."""
    return array(btf, btf.int("char", 1, bpf.Btf.SIGNED), 1), b"\xff" * VALUE


def digits(btf):
    return array(btf, btf.int("long", 8), 8), b"\xff" * VALUE


def wide_digits(btf):
    return array(btf, btf.int("wide", 16), 16), b"\xff" * VALUE


def floats(btf):
    need_floats()
    return (array(btf, btf.add("double", bpf.Btf.FLOAT, size=8), 8),
            struct.pack("<d", -1.2345678901234567e-300) * (VALUE // 8))


def enumerators(btf):
    """Each byte is a name of 127 characters."""
    enum = btf.add("e", bpf.Btf.ENUM, 1, 1, struct.pack("<Ii", btf.string(NAME), 0))
    return array(btf, enum, 1), bytes(VALUE)


def strings(btf):
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    return btf.array(btf.array(char, 2, index), VALUE // 2, index), b"\xff" * VALUE


def many_types(btf):
    """The largest BTF."""
    kind, data = characters(btf)
    pointer = struct.pack("<III", 0, bpf.Btf.PTR << 24, 0)
    btf.types += [pointer] * ((BTF - 4096) // len(pointer))
    return kind, data


def structs(btf):
    """An array directory of as many structs as there may be."""
    member = btf.struct("s", 1, [("m", btf.int("char", 1, bpf.Btf.SIGNED), 0)])
    n = MIB
    return btf.array(member, n, btf.int("int", 4, bpf.Btf.SIGNED)), bytes(n)


def wide_struct(btf):
    """Every member has a name as long as there may be."""
    char = btf.int("char", 1, bpf.Btf.SIGNED)
    start = len(btf.strings)
    n = (BTF - 65536) // (len(NAME) + 1 + 12)
    names = [f"{i:05}{NAME}"[:len(NAME)] for i in range(n)]
    btf.strings += b"".join(b"m" + name.encode()[:-1] + b"\0" for name in names)
    extra = b"".join(struct.pack("<III", start + i * (len(NAME) + 1), char, 8 * i)
                     for i in range(n))
    return btf.add("wide", bpf.Btf.STRUCT, n, n, extra), bytes(n)


def variables(btf, length):
    """As many as the largest BTF has room for, with names that are length characters long."""
    char = btf.int("char", 1, bpf.Btf.SIGNED)
    start = len(btf.strings)
    n = min((BTF - 65536) // (16 + 12 + length + 1), 65535)
    btf.strings += b"".join(f"bpf_metadata_{i:05}".ljust(length, "_").encode() + b"\0"
                            for i in range(n))
    first = len(btf.types) + 1
    btf.types += [struct.pack("<IIII", start + i * (length + 1), bpf.Btf.VAR << 24, char, 1)
                  for i in range(n)]
    return [(first + i, i, 1) for i in range(n)], bytes(n)


def many_variables(btf):
    return variables(btf, len("bpf_metadata_00000"))


def long_variables(btf):
    return variables(btf, len(NAME))


CASES = [characters, digits, wide_digits, floats, enumerators, strings, many_types, structs,
         wide_struct, many_variables, long_variables]


def first_entries(path):
    """As much of a directory as one request has."""
    with os.scandir(path) as entries:
        next(entries, None)


@pytest.mark.parametrize("state", ["fixed", "changing"])
@pytest.mark.parametrize("make", CASES, ids=[case.__name__ for case in CASES])
def test_a_request_costs_no_more_than_16_mib(daemon, mountpoint, loaded, make, state):
    memory = Memory(daemon())
    program = loaded(make, freeze=state == "fixed")
    directory = mountpoint / str(program)
    os.stat(directory)

    growths = {}
    growths["lookup"] = memory.growth(lambda: os.path.exists(directory / "it"))
    growths["list"] = memory.growth(lambda: first_entries(directory))
    if (directory / "it").is_dir():
        growths["list inside"] = memory.growth(lambda: first_entries(directory / "it"))
    elif (directory / "it").exists():
        with open(directory / "it", "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            for offset in 0, size // 2, max(0, size - 4096):
                growths[f"read at {offset}"] = memory.growth(
                    lambda at=offset: os.pread(file.fileno(), 4096, at))
    assert max(growths.values()) <= REQUEST, growths


@pytest.mark.parametrize("memory", [1, 4])
def test_what_is_kept_is_capped(daemon, mountpoint, hand, fds, memory):
    """64 MiB of texts, each short enough to be kept, are read, and are right each time."""
    maps, variables, length = 64, 64, 16000
    used = Memory(daemon(options=f"memory={memory}M"))
    program, number = hand(b"large")
    for i in range(maps):
        texts = [(f"bpf_metadata_v{i}_{k}", f"{i} {k} ".ljust(length, "."))
                 for k in range(variables)]
        fds.append(bpf.metadata_map(texts, name=b"texts"))
        bpf.bind(program, fds[-1])
    directory = mountpoint / str(number)
    before = used.read("VmRSS")
    for _ in range(2):
        for i in range(maps):
            for k in range(variables):
                text = (directory / f"v{i}_{k}").read_text()
                assert text.rstrip(".\n") == f"{i} {k} " and len(text) == length + 1
    assert used.read("VmRSS") - before <= memory * MIB + REQUEST


def test_memory_is_returned_when_the_kernel_forgets(daemon, mountpoint, loaded):
    """What the kernel knows of a tree costs memory, until the system needs it."""

    def structs(btf):
        integer = btf.int("int", 4, bpf.Btf.SIGNED)
        return btf.array(btf.struct("one", 4, [("member", integer, 0)]), 30000, integer), bytes(120000)

    used = Memory(daemon())
    directory = mountpoint / str(loaded(structs)) / "it"
    before = used.read("RssAnon")
    assert len([entry.stat() for entry in os.scandir(directory)]) == 30000
    grown = used.read("RssAnon") - before
    assert grown > 3 * MIB
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("2")
    eventually(lambda: used.read("RssAnon") - before < grown / 2)


def test_without_memory_everything_is_there(daemon, mountpoint, program, take_memory):
    daemon(options="memory=1M")
    take_memory(mountpoint)
    directory = mountpoint / str(program.id)
    assert (directory / "oncall").read_text() == f"{program.oncall}\n"
    assert (directory / "build/host/port").read_text() == "8080\n"
    assert (directory / "info/name").read_text() == "hello\n"
    assert (directory / "info/run_cnt").read_text() == "0\n"
    assert set((directory / "info/map_ids").read_text().split()) == set(map(str, program.map_ids))
    rodata = directory / "maps/hello.rodata"
    assert os.readlink(rodata) in map(str, program.map_ids)
    assert (rodata / "vars/bpf_metadata_revision").read_text() == "42\n"
    assert os.listdir(mountpoint / "maps" / os.readlink(rodata) / "progs") == [str(program.id)]
    result = run("tar", "cf", "/dev/null", "--exclude=lost", "-C", directory, ".")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_changing_value_that_does_not_fit_hides_nothing_else(daemon, mountpoint, loaded):
    """A text that may change is kept whole for whoever has it open; there may be no room for it."""
    daemon(options="memory=1M")
    number = loaded(characters, freeze=False)
    directory = mountpoint / str(number)
    assert set(os.listdir(directory)) == {"it", "info", "maps"}
    assert (directory / "info/id").read_text() == f"{number}\n"
