# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel accepts though no compiler makes it: every entry is listed and readable, its
neighbours are what they should be, nothing leads out of the tree, and the daemon stays small."""

import errno
import os
import pathlib
import resource
import signal
import struct

import pytest

import bpf
from conftest import SLOWNESS, is_mounted, need_btf, ok, run

MIB = 1 << 20
# What a look at any one thing may add to the daemon's memory.
GROWTH = 64 * MIB
# How many entries of one directory, and in all, are looked at.
SOME, IN_ALL = 200, 1000
# BPF_F_WRONLY: the descriptor may only write.
F_WRONLY = 1 << 4


@pytest.fixture(autouse=True)
def returns():
    """Every request has to return. A reader that waits can be interrupted."""

    def late(*_):
        raise AssertionError("a request did not return")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 240 * SLOWNESS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class Watched:
    """A mounted daemon whose memory is watched."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.path = daemon.path
        self.proc = pathlib.Path(f"/proc/{daemon.pid}")
        # A sanitizer keeps what was freed.
        self.exact = "libasan" not in (self.proc / "maps").read_text()
        self.start()

    def status(self, key):
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
        return 0

    def start(self):
        (self.proc / "clear_refs").write_text("5")
        self.before = self.status("VmRSS")

    def check(self):
        assert self.daemon.process.poll() is None
        growth = self.status("VmHWM") - self.before
        assert growth < GROWTH or not self.exact, f"the daemon grew by {growth / MIB:.0f} MiB"
        return growth


@pytest.fixture(params=["events", "noevents", "contents"])
def watched(request, daemon):
    """Whatever it is given, it serves on."""
    one = Watched(daemon(options="" if request.param == "events" else request.param))
    yield one
    assert one.daemon.process.poll() is None
    assert is_mounted(one.path)


def read(path):
    """Reads the start and the end of a file, whose size has to be right."""
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        first = os.pread(fd, 65536, 0)
        assert len(first) == min(size, 65536), path
        assert os.pread(fd, 100, size) == b""
        if size:
            last = os.pread(fd, 100, max(size - 100, 0))
            assert len(last) == min(size, 100) and last.endswith(b"\n"), path
        return first
    finally:
        os.close(fd)


class Visit:
    """Looks at what is below a directory, or at so much of it as there is time for."""

    def __init__(self, mount):
        self.mount = str(mount)
        self.left = IN_ALL

    def visit(self, directory, depth=0):
        assert depth < 80
        names = []
        with os.scandir(directory) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) == SOME:
                    break
        assert len(set(names)) == len(names)
        for name in names:
            self.left -= 1
            path = os.path.join(directory, name)
            if self.left < 0:
                return
            if os.path.islink(path):
                assert os.path.realpath(path).startswith(self.mount + "/")
            elif os.path.isdir(path):
                self.visit(path, depth + 1)
            else:
                read(path)


# Types. Each function adds a type to btf, and returns its id and its size.

def deep(btf, levels):
    inner = btf.int("int", 4, bpf.Btf.SIGNED)
    name = btf.string("m")
    member = struct.Struct("<IIIIII")
    # As btf.struct() would, but for so many.
    for _ in range(levels):
        btf.types.append(member.pack(0, bpf.Btf.STRUCT << 24 | 1, 4, name, inner, 0))
        inner = len(btf.types)
    return inner, 4


def wide(btf):
    char = btf.int("char", 1, bpf.Btf.SIGNED)
    name = btf.string("m")
    extra = b"".join(struct.pack("<III", name, char, 8 * i) for i in range(65535))
    return btf.add("wide", bpf.Btf.STRUCT, 65535, 65535, extra), 65535


def empty_struct(btf):
    return btf.struct("nothing", 0, [])


def in_struct(btf, kind):
    """Types without bytes are no variable's: an int comes with them."""
    number = btf.int("int", 4, bpf.Btf.SIGNED)
    return btf.struct("holder", 4, [("hostile", kind, 0), ("number", number, 0)]), 4


def huge_array(btf, *dims):
    index = btf.int("index", 4)
    kind = empty_struct(btf)
    for n in reversed(dims):
        kind = btf.array(kind, n, index)
    return in_struct(btf, kind)


def huge_array_of_nothing(btf, element_count, *dims):
    """Arrays of arrays of no ints or chars."""
    index = btf.int("index", 4)
    kind = btf.array(btf.int("char", 1, bpf.Btf.SIGNED), element_count, index)
    for n in reversed(dims):
        kind = btf.array(kind, n, index)
    return in_struct(btf, kind)


def fan_out(btf):
    """Nameless structs in nameless structs: a million members. The kernel walks them all, and can't be
    stopped, when the map is made: with more it hangs."""
    number = btf.int("int", 4, bpf.Btf.SIGNED)
    kind = btf.struct("", 4, [("m", number, 0)] * 16)
    for _ in range(4):
        kind = btf.struct("", 4, [("", kind, 0)] * 16)
    return btf.struct("fan", 4, [("", kind, 0)]), 4


def empty_fan_out(btf):
    """The same without a member in the end."""
    kind = empty_struct(btf)
    for _ in range(5):
        kind = btf.struct("", 0, [("", kind, 0)] * 16)
    return in_struct(btf, kind)


def array_fan_out(btf):
    """Arrays of structs of arrays of structs: without end for who walks, not for who looks."""
    index = btf.int("index", 4)
    kind = empty_struct(btf)
    for _ in range(20):
        kind = btf.struct("level", 0, [("down", btf.array(kind, 1000, index), 0)])
    return in_struct(btf, kind)


def typedefs(btf, count):
    kind = btf.int("int", 4, bpf.Btf.SIGNED)
    for i in range(count):
        kind = btf.add("name" if i % 2 else "", bpf.Btf.TYPEDEF if i % 2 else bpf.Btf.CONST, size=kind)
    return kind, 4


def dimensions(btf, count):
    index = btf.int("index", 4)
    kind = btf.int("int", 4, bpf.Btf.SIGNED)
    for _ in range(count):
        kind = btf.array(kind, 1, index)
    return kind, 4


def overlapping(btf):
    kinds = [btf.int("int", 4, bpf.Btf.SIGNED), btf.int("long", 8), btf.int("char", 1)]
    text = btf.array(kinds[2], 8, kinds[0])
    return btf.struct("overlap", 8, [("a", kinds[1], 0), ("b", text, 0), ("c", kinds[0], 2),
                                     ("d", kinds[0], 4), ("e", kinds[2], 7)]), 8


def enumerators(btf):
    """As many as there can be, each of them called the same, of the same value."""
    name = btf.string("same")
    extra = struct.pack("<Ii", name, 1) * 65535
    index = btf.int("index", 4)
    return btf.array(btf.add("many", bpf.Btf.ENUM, 65535, 4, extra), 4096, index), 16384


def distinct_enumerators(btf):
    extra = b"".join(struct.pack("<Ii", btf.string("e"), i) for i in range(20000))
    index = btf.int("index", 4)
    return btf.array(btf.add("many", bpf.Btf.ENUM, 20000, 4, extra), 65536, index), 262144


def bit_fields(btf):
    kinds = [btf.int("wide", 16), btf.int("char", 1), btf.int("bool", 1, bpf.Btf.BOOL)]
    members = [(0, 0, 0), (0, 128, 0), (1, 1, 0), (0, 127, 1), (1, 8, 3), (2, 1, 64), (0, 1, 127)]
    extra = b"".join(struct.pack("<III", btf.string(f"m{i}"), kinds[kind], width << 24 | offset)
                     for i, (kind, width, offset) in enumerate(members))
    return btf.add("bits", bpf.Btf.STRUCT, len(members), 16, extra, kflag=1), 16


def floats(btf):
    kinds = [btf.add("f", bpf.Btf.FLOAT, size=size) for size in (2, 4, 8, 12, 16)]
    return btf.struct("floats", 64, [(f"f{i}", kind, 16 * i if i < 3 else 48)
                                     for i, kind in enumerate(kinds)]), 64


def long_names(btf):
    number = btf.int("i" * 500, 4)
    return btf.struct("s" * 500, 4, [("m" * 511, number, 0), ("m" * 511, number, 0),
                                     ("m.m", number, 0)]), 4


def same_names(btf):
    number = btf.int("int", 4)
    return btf.struct("same", 4, [("", number, 0), ("", number, 0), (".", number, 0),
                                  ("..", number, 0), ("..", number, 0)] * 50), 4


def large_text(btf):
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    return btf.array(char, 7 * MIB, index), 7 * MIB


def large_lines(btf):
    """The longest of texts: four letters to a byte."""
    byte, index = btf.int("char", 1), btf.int("int", 4, bpf.Btf.SIGNED)
    return btf.array(btf.array(byte, 1, index), MIB, index), MIB


TYPES = {
    "60 levels": lambda btf: deep(btf, 60),
    "65 levels": lambda btf: deep(btf, 65),
    "50000 levels": lambda btf: deep(btf, 50_000),
    "500000 levels": lambda btf: deep(btf, 500_000),
    "65535 members": wide,
    "2**31 empty structs": lambda btf: huge_array(btf, 1 << 31),
    "2**20 empty structs": lambda btf: huge_array(btf, 1 << 20),
    "empty structs in four dimensions": lambda btf: huge_array(btf, 65535, 65535, 65535, 65535),
    "empty structs in two dimensions": lambda btf: huge_array(btf, 1024, 1024),
    "no rows of 2**31": lambda btf: huge_array(btf, 0, 1 << 31),
    "2**31 arrays of no char": lambda btf: huge_array_of_nothing(btf, 0, 1 << 31),
    "2**20 arrays of no char": lambda btf: huge_array_of_nothing(btf, 0, 1 << 20),
    "2**62 arrays of no char": lambda btf: huge_array_of_nothing(btf, 0, 1 << 31, 1 << 31),
    "2**20 nameless members": fan_out,
    "2**20 nameless structs": empty_fan_out,
    "arrays in structs without end": array_fan_out,
    "40 typedefs": lambda btf: typedefs(btf, 40),
    "5000 typedefs": lambda btf: typedefs(btf, 5000),
    "64 dimensions": lambda btf: dimensions(btf, 64),
    "1000 dimensions": lambda btf: dimensions(btf, 1000),
    "members that overlap": overlapping,
    "65535 equal enumerators": enumerators,
    "20000 enumerators": distinct_enumerators,
    "bit-fields": bit_fields,
    "floats": floats,
    "long names": long_names,
    "equal names": same_names,
    "a text of 7 MiB": large_text,
    "a million lines": large_lines,
}
# How an old kernel says that it does not know a type, or that a map is too large for it.
REFUSALS = {errno.EINVAL, errno.E2BIG}
# Not looked into: the daemon says so in the tree by what is not there.
TOO_LARGE = {"500000 levels"}


def load_section(fds, btf, variables, size, data=None, section=".rodata", freeze=True):
    """A program by hand, and bound to it the map of a section; returns both ids."""
    datasec = btf.datasec(section, size, variables)
    data_fd = bpf.typed_map(btf, datasec, (data or b"").ljust(size, b"\xf1"), freeze=freeze)
    fds.append(data_fd)
    fds.append(bpf.prog_load(name=b"hostile"))
    bpf.bind(fds[-1], data_fd)
    return bpf.object_id(fds[-1]), bpf.object_id(data_fd)


@pytest.mark.parametrize("name", TYPES)
def test_types(watched, fds, program, name):
    btf = bpf.Btf()
    kind, size = TYPES[name](btf)
    char, index = btf.int("char", 1, bpf.Btf.SIGNED), btf.int("int", 4, bpf.Btf.SIGNED)
    # After the hostile one, where its mistakes would show.
    text = btf.array(char, 8, index)
    start = (size + 7) // 8 * 8
    variables = [(btf.var("bpf_metadata_hostile", kind), 0, size),
                 (btf.var("bpf_metadata_next", text), start, 8)]
    try:
        number, map_id = load_section(fds, btf, variables, start + 8,
                                      bytes([0xF1]) * start + b"healthy\0")
    except OSError as refused:
        assert refused.errno in REFUSALS
        pytest.skip("this kernel refuses it")
    directory = watched.path / str(number)
    watched.start()
    if name in TOO_LARGE:
        assert sorted(os.listdir(directory)) == ["info", "maps"]
    else:
        assert sorted(os.listdir(directory)) == ["hostile", "info", "maps", "next"]
        assert (directory / "next").read_text() == "healthy\n"
        assert os.path.lexists(directory / "hostile")
    for top in (directory, watched.path / "maps" / str(map_id)):
        Visit(watched.path).visit(top)
    watched.check()
    assert (watched.path / str(program.id) / "oncall").read_text() == "net-team\n"


def test_what_the_deepest_entry_says(watched, fds):
    btf = bpf.Btf()
    kind, size = deep(btf, 50_000)
    number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_deep", kind), 0, size)], size)
    path = watched.path / str(number) / "deep"
    for _ in range(100):
        if not path.is_dir():
            break
        path = path / "m"
    text = path.read_text()
    assert text.startswith("(cannot be shown: ") and text.endswith(")\n")


def test_arrays_that_are_too_large_say_so(watched, fds):
    btf = bpf.Btf()
    kind, size = huge_array(btf, 1 << 31)
    number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_h", kind), 0, size)], size,
                             struct.pack("<i", 7))
    directory = watched.path / str(number) / "h"
    assert (directory / "hostile").read_text().startswith("(cannot be shown: ")
    assert (directory / "number").read_text() == "7\n"


def test_an_array_directory_can_be_entered_anywhere(watched, fds):
    btf = bpf.Btf()
    kind, size = huge_array(btf, 1 << 20)
    number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_h", kind), 0, size)], size)
    array = watched.path / str(number) / "h" / "hostile"
    watched.start()
    for i in (0, 1, 1000, (1 << 20) - 1):
        assert os.listdir(array / str(i)) == []
    for name in (str(1 << 20), str(1 << 31), str(1 << 64), "-1", "00"):
        assert not os.path.lexists(array / name)
    watched.check()


def test_a_directory_of_65535_variables(watched, fds):
    """All of them are called the same."""
    btf = bpf.Btf()
    char = btf.int("char", 1)
    name = btf.string("bpf_metadata_v")
    variables = []
    for i in range(65535):
        btf.types.append(struct.pack("<IIII", name, bpf.Btf.VAR << 24, char, 1))
        variables.append((len(btf.types), i, 1))
    data = bytes(i & 0xFF for i in range(65535))
    number, map_id = load_section(fds, btf, variables, 65535, data)
    directory = watched.path / str(number)
    watched.start()
    names = [entry.name for entry in os.scandir(directory)]
    assert len(names) == 65535 + 2 == len(set(names))
    assert (directory / "v").read_text() == "0\n"
    assert (directory / "v~2").read_text() == "1\n"
    assert (directory / "v~65535").read_text() == f"{65534 & 0xFF}\n"
    assert not os.path.lexists(directory / "v~65536")
    variables = watched.path / "maps" / str(map_id) / "vars"
    assert len(os.listdir(variables)) == 65535
    assert (variables / "bpf_metadata_v~300").read_text() == f"{299 & 0xFF}\n"
    watched.check()


def test_a_listing_of_65535_members(watched, fds):
    btf = bpf.Btf()
    kind, size = wide(btf)
    number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_wide", kind), 0, size)], size,
                             bytes(i & 0x7F for i in range(size)))
    watched.start()
    path = watched.path / str(number) / "wide"
    names = os.listdir(path)
    assert len(names) == len(set(names)) == 65535
    assert (path / "m").read_text() == "0\n"
    assert (path / "m~65535").read_text() == f"{65534 & 0x7F}\n"
    watched.check()


# Sections.

def test_sections_with_holes_and_repetitions(watched, fds):
    """Gaps, a variable that is larger in the section than its type, one that is there twice, two
    sections of one name."""
    btf = bpf.Btf()
    number = btf.int("int", 4, bpf.Btf.SIGNED)
    first, second = btf.var("bpf_metadata_a", number), btf.var("bpf_metadata_b", number)
    btf.datasec(".rodata", 8, [(second, 4, 4)])
    program, _ = load_section(fds, btf, [(first, 8, 4), (second, 16, 100), (first, 200, 4)], 256,
                              b"".join(struct.pack("<i", i) for i in range(64)))
    directory = watched.path / str(program)
    assert {name: (directory / name).read_text() for name in os.listdir(directory)
            if name not in ("info", "maps")} == {"a": "2\n", "b": "4\n", "a~2": "50\n"}
    watched.check()


@pytest.mark.parametrize("section", [".rodata", "/", "../..", "/etc/passwd", ".metadata", "a b", "é",
                                     "%s%n", "x" * 511])
def test_names_of_sections(watched, fds, section):
    btf = bpf.Btf()
    char, index = btf.int("char", 1), btf.int("int", 4)
    var = btf.var("bpf_metadata_oncall", btf.array(char, 4, index))
    try:
        number, map_id = load_section(fds, btf, [(var, 0, 4)], 4, b"net\0", section)
    except OSError as refused:
        assert refused.errno == errno.EINVAL
        return
    assert (watched.path / str(number) / "oncall").read_text() == "net\n"
    Visit(watched.path).visit(watched.path / str(number))
    Visit(watched.path).visit(watched.path / "maps" / str(map_id))


def test_a_section_without_variables(watched, fds):
    need_btf("such sections", lambda btf: btf.datasec(".rodata", 4, []))
    btf = bpf.Btf()
    number, map_id = load_section(fds, btf, [], 4)
    assert sorted(os.listdir(watched.path / str(number))) == ["info", "maps"]
    assert os.listdir(watched.path / "maps" / str(map_id) / "vars") == []


# Maps.

def test_a_map_that_its_maker_cannot_read(watched, fds):
    """Access flags are those of a descriptor, not of the map."""
    btf = bpf.Btf()
    number = btf.int("int", 4)
    section = btf.datasec(".rodata", 4, [(btf.var("bpf_metadata_a", number), 0, 4)])
    btf_fd = bpf.btf_load(btf.blob())
    fds.append(btf_fd)
    data = bpf.map_create(flags=F_WRONLY | bpf.F_RDONLY_PROG, btf_fd=btf_fd, btf_value=section)
    fds.append(data)
    bpf.map_freeze(data)
    fds.append(bpf.prog_load())
    bpf.bind(fds[-1], data)
    directory = watched.path / str(bpf.object_id(fds[-1]))
    assert (directory / "a").read_text() == "0\n"
    assert (watched.path / "maps" / str(bpf.object_id(data)) / "info" / "flags").read_text() == \
        f"{bpf.F_RDONLY_PROG}\n"


@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "changing"])
@pytest.mark.parametrize("size", [9 * MIB, 64 * MIB])
def test_large_maps(watched, fds, program, size, freeze):
    if not bpf.takes_value(size):
        pytest.skip("this kernel has no maps as large as that")
    btf = bpf.Btf()
    char, index = btf.int("char", 1), btf.int("int", 4)
    number, map_id = load_section(
        fds, btf, [(btf.var("bpf_metadata_small", btf.array(char, 4, index)), 0, 4)], size,
        b"abc\0", freeze=freeze)
    watched.start()
    Visit(watched.path).visit(watched.path / str(number))
    Visit(watched.path).visit(watched.path / "maps" / str(map_id))
    assert (watched.path / "maps" / str(map_id) / "info" / "bytes_value").read_text() == f"{size}\n"
    watched.check()
    assert (watched.path / str(program.id) / "oncall").read_text() == "net-team\n"


def available():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


@pytest.mark.skipif(available() < 6 << 30, reason="the largest map needs 2 GiB of memory")
def test_the_largest_map(daemon, fds, program):
    watched = Watched(daemon())
    size = (1 << 31) - 8
    btf = bpf.Btf()
    char, index = btf.int("char", 1), btf.int("int", 4)
    section = btf.datasec(".rodata", size, [(btf.var("bpf_metadata_all", btf.array(char, size, index)),
                                             0, size)])
    btf_fd = bpf.btf_load(btf.blob())
    fds.append(btf_fd)
    data = bpf.map_create(value=size, flags=bpf.F_RDONLY_PROG, btf_fd=btf_fd, btf_value=section,
                          name=b"huge.rodata")
    fds.append(data)
    bpf.map_freeze(data)
    fds.append(bpf.prog_load())
    bpf.bind(fds[-1], data)
    number = bpf.object_id(fds[-1])
    watched.start()
    Visit(watched.path).visit(watched.path / str(number))
    Visit(watched.path).visit(watched.path / "maps" / str(bpf.object_id(data)))
    info = watched.path / str(number) / "maps" / "huge.rodata" / "info"
    assert (info / "bytes_value").read_text() == f"{size}\n"
    watched.check()
    assert (watched.path / str(program.id) / "oncall").read_text() == "net-team\n"


def test_2000_maps_of_one_program(watched, fds):
    fd = bpf.prog_load()
    fds.append(fd)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    number = bpf.object_id(fd)
    # The program keeps them.
    for i in range(2000):
        data = bpf.metadata_map([("bpf_metadata_a", str(i))], name=b"same")
        bpf.bind(fd, data)
        os.close(data)
    directory = watched.path / str(number)
    watched.start()
    names = os.listdir(directory)
    assert len(names) == len(set(names)) == 2000 + 2
    assert (directory / "a").read_text() == "0\n"
    assert (directory / "a~2000").read_text() == "1999\n"
    maps = os.listdir(directory / "maps")
    assert len(maps) == len(set(maps)) == 4000
    assert (directory / "maps" / "same~2000" / "vars" / "bpf_metadata_a").read_text() == "1999\n"
    assert len((directory / "info" / "map_ids").read_text().split()) == 2000
    watched.check()


# All of it at once.

def test_tools_on_a_hostile_tree(watched, fds):
    """Tools that read everything end, and find nothing odd."""
    variable = "bpf_metadata_" + "x" * 300
    if not bpf.takes_name(variable):
        variable = variable[:100]
    numbers = []
    for name in ("60 levels", "members that overlap", "bit-fields", "floats", "long names", "equal names",
                 "40 typedefs", "64 dimensions", "2**31 empty structs", "no rows of 2**31"):
        btf = bpf.Btf()
        kind, size = TYPES[name](btf)
        try:
            number, _ = load_section(fds, btf, [(btf.var(variable, kind), 0, size)], size)
        except OSError as refused:
            assert refused.errno in REFUSALS
            continue
        numbers.append(number)
    assert len(numbers) >= 8
    for number in numbers:
        directory = watched.path / str(number)
        ok("ls", "-lR", directory)
        ok("du", "-a", directory)
        assert run("grep", "-r", "no such text", directory).stderr == ""
        assert ok("find", "-L", directory, "-type", "f", "-size", "-2", "-print") != ""
    watched.check()


def test_a_memory_limit_holds(daemon, fds):
    """With hardly any memory for texts, everything is still there."""
    watched = Watched(daemon(options="memory=1M"))
    for i in range(40):
        btf = bpf.Btf()
        char, index = btf.int("char", 1), btf.int("int", 4)
        kind = btf.array(char, 65536, index)
        number, _ = load_section(fds, btf, [(btf.var("bpf_metadata_a", kind), 0, 65536)], 65536,
                                 bytes([65 + i % 26]) * 65535 + b"\0")
        assert (watched.path / str(number) / "a").read_text() == chr(65 + i % 26) * 65535 + "\n"
    watched.check()
