# SPDX-License-Identifier: GPL-2.0-or-later
"""The option contents: global data that changes, and what the tree is without the option."""

import os
import struct

import pytest

import bpf
import mapping
from bpf import Btf
from conftest import is_mounted, ok, remembered


@pytest.fixture(params=["contents", "contents,noevents"])
def opened(request, daemon, mountpoint):
    """The tree with the option, as a path."""
    daemon(options=request.param)
    return mountpoint


def global_data(section, data, variables, btf=None, **more):
    """A map of the DATASEC; variables: name, type and offset, made by variables(btf)."""
    btf = btf or Btf()
    entries = [(btf.var(name, kind), offset, size) for name, kind, offset, size in variables(btf)]
    datasec = btf.datasec(section, len(data), entries)
    return bpf.typed_map(btf, datasec, data, **{"flags": 0, "freeze": False, **more})


def counter_and_struct(btf):
    u64 = btf.int("unsigned long long", 8)
    pair = btf.struct("pair", 16, [("a", u64, 0), ("b", u64, 8)])
    return [("counter", u64, 0, 8), ("pair", pair, 8, 16), ("bpf_metadata_live", u64, 24, 8)]


def words(*numbers):
    return struct.pack(f"={len(numbers)}Q", *numbers)


@pytest.fixture
def data(fds):
    fd = global_data(".data", words(1, 2, 3, 4), counter_and_struct, name=b"by_hand.data")
    fds.append(fd)
    return fd, bpf.object_id(fd)


def test_variables_are_live(opened, data):
    fd, number = data
    variables = opened / "maps" / str(number) / "vars"
    assert sorted(os.listdir(variables)) == ["bpf_metadata_live", "counter", "pair"]
    assert (variables / "counter").read_text() == "1\n"
    assert (variables / "pair" / "b").read_text() == "3\n"
    before = os.stat(variables / "counter")
    with open(variables / "counter", encoding="utf-8") as old, remembered(variables / "pair" / "a"):
        unchanged = os.stat(variables / "pair" / "a")
        bpf.map_update(fd, 0, words(10, 2, 30, 4))
        assert (variables / "counter").read_text() == "10\n"
        assert (variables / "pair" / "b").read_text() == "30\n"
        assert old.read() == "1\n"
        assert os.stat(variables / "pair" / "a").st_ino == unchanged.st_ino
    after = os.stat(variables / "counter")
    assert after.st_ino != before.st_ino and after.st_size == 3
    assert after.st_mtime_ns > before.st_mtime_ns


def test_programs_show_them_as_well(opened, data, hand):
    prog_fd, prog = hand()
    bpf.bind(prog_fd, data[0])
    directory = opened / str(prog) / "maps" / str(data[1])
    assert (directory / "vars" / "counter").read_text() == "1\n"
    # That it can be seen makes it no metadata: programs write it.
    assert sorted(os.listdir(opened / str(prog))) == ["info", "maps"]


def test_metadata_is_as_without(opened, program):
    assert (opened / str(program.id) / "oncall").read_text() == "net-team\n"


def test_nothing_of_it_without_the_option(tree, data, hand):
    prog_fd, prog = hand()
    bpf.bind(prog_fd, data[0])
    for directory in tree / "maps" / str(data[1]), tree / str(prog) / "maps" / str(data[1]):
        assert "vars" not in os.listdir(directory)
        assert not (directory / "vars").exists()


def test_a_map_that_is_no_global_data_has_no_variables(opened, fds):
    btf = Btf()
    u32 = btf.int("unsigned int", 4)
    btf_fd = bpf.btf_load(btf.blob())
    fds += [btf_fd, bpf.map_create(btf_fd=btf_fd, btf_key=u32, btf_value=u32)]
    directory = opened / "maps" / str(bpf.object_id(fds[-1]))
    assert "vars" not in os.listdir(directory)


def test_only_the_mounter_sees_it(opened, data):
    assert is_mounted(opened)
    path = opened / "maps" / str(data[1]) / "vars" / "counter"
    pid = os.fork()
    if pid == 0:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        try:
            os.stat(path)
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_build_of_a_compiler(opened, load):
    loaded = load("contents")
    for number in loaded.map_ids:
        directory = opened / "maps" / str(number)
        name = (directory / "info" / "name").read_text().strip()
        if name.endswith(".data"):
            assert (directory / "vars" / "level").read_text() == "3\n"
        if name.endswith(".bss"):
            assert (directory / "vars" / "count").read_text() == "0\n"
    fd = bpf.obj_get(next(loaded.pins.iterdir()))
    try:
        bpf.run_once(fd)
    finally:
        os.close(fd)
    counts = [opened / "maps" / str(number) / "vars" / "count" for number in loaded.map_ids]
    assert [path.read_text() for path in counts if path.exists()] == ["1\n"]
    assert ok("cat", *[path for path in counts if path.exists()]) == "1\n"


def test_types_of_one_map_are_not_taken_for_those_of_another(opened, fds):
    """Values that are too long to be kept are read again, while entries of other maps are looked at."""
    long = "long " * 4000
    fds.append(bpf.metadata_map([("bpf_metadata_a", "a" + long), ("bpf_metadata_b", "b" + long),
                                 ("bpf_metadata_c", "c" + long)]))
    variables = opened / "maps" / str(bpf.object_id(fds[-1])) / "vars"
    others = []
    for _ in range(2):
        fds.append(mapping.with_btf(mapping.numbers))
        mapping.put(fds[-1], mapping.word(1), mapping.word(2))
        others.append(opened / "maps" / str(bpf.object_id(fds[-1])))
    for name in "abc":
        assert (variables / f"bpf_metadata_{name}").read_text() == f"{name}{long}\n"
        for other in others:
            assert (other / "entries" / "1").read_text() == "2\n"
            assert os.listdir(other / "entries") == ["1"]
            assert '"formatted"' in (other / "entries.json").read_text()
