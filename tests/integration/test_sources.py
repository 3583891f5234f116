# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a program's code comes from: sources and functions of its info, of loaded programs and of
object files."""

import json
import os
import re
import struct

import pytest

import bpf
from bpf import Btf
from conftest import SOURCES, need_name, ok, remembered


def read(program, key):
    return (program / "info" / key).read_text()


def lines(program, key):
    return read(program, key).splitlines()


def as_bpftool_says(program_id):
    """The files of a program, and its functions with the line of their first instruction, in the
    order of the code."""
    files, functions = [], []
    for insn in json.loads(ok("bpftool", "-j", "prog", "dump", "xlated", "id", program_id, "linum")):
        if "proto" in insn:
            name = re.search(r"(\w+)\(", insn["proto"])[1]
            functions.append(f"{name} {insn['file']}:{insn['line_num']}")
        if "file" in insn and insn["file"] not in files:
            files.append(insn["file"])
    return files, functions


@pytest.mark.parametrize("name, source", [("hello", "hello.bpf.c"), ("object-full", "object-full.bpf.c")])
def test_as_bpftool(name, source, load, tree):
    compared = 0
    for program in load(name).programs:
        files, functions = as_bpftool_says(program["id"])
        shown = tree / str(program["id"])
        assert lines(shown, "sources") == files == [str(SOURCES / source)]
        assert lines(shown, "functions") == functions
        # The main function is the program, and comes first.
        assert functions[0].split(" ")[0] == read(shown, "name").rstrip()
        compared += len(functions)
    assert compared == {"hello": 1, "object-full": 7}[name]


def test_object_file_says_the_same(compiled, load, daemon, tmp_path):
    in_file, in_kernel = tmp_path / "file", tmp_path / "kernel"
    in_file.mkdir()
    in_kernel.mkdir()
    daemon(compiled("object-full"), path=in_file)
    loaded = load("object-full")
    daemon("bpf", path=in_kernel)
    several = 0
    for pin in loaded.pins.iterdir():
        program = json.loads(ok("bpftool", "-j", "prog", "show", "pinned", pin))
        live = in_kernel / str(program["id"])
        for key in "sources", "functions":
            assert read(in_file / pin.name, key) == read(live, key)
        several += len(lines(live, "functions")) > 1
    assert several > 0


def test_not_there_without_records(hand, tree):
    program = tree / str(hand()[1])
    assert "id" in os.listdir(program / "info")
    assert not {"sources", "functions"} & set(os.listdir(program / "info"))
    assert not (program / "info" / "sources").exists()


@pytest.fixture
def made(fds, tree):
    """Loads a program with BTF and records made by hand: made(btf, function, lines). Returns its
    directory."""

    def make(btf, function, records, insns=bpf.RETURN_0, functions=None):
        btf_fd = bpf.btf_load(btf.blob())
        try:
            fds.append(bpf.prog_load_with_btf(btf_fd, functions or [(0, function)], records,
                                              insns=insns))
        finally:
            os.close(btf_fd)
        return tree / str(bpf.object_id(fds[-1]))

    return make


def test_hostile_names(made):
    btf = Btf()
    function = btf.func("f")
    path = btf.string("/tmp/a\n131 \x1b[2J\\")
    other = btf.string(b"\xff\xfe.c")
    program = made(btf, function, [(0, path, path, 7, 0), (1, other, other, (1 << 22) - 1, 0)])
    assert lines(program, "sources") == [r"/tmp/a\x0a131 \x1b[2J\\", r"\xff\xfe.c"]
    assert lines(program, "functions") == [r"f /tmp/a\x0a131 \x1b[2J\\:7"]
    assert read(program, "id") == program.name + "\n"


def test_long_and_many_names(made):
    need_name("f" * 100)
    btf = Btf()
    function = btf.func("f" * 100)
    n = 1000
    files = [btf.string(f"{i}.c") for i in range(n)]
    too_long = btf.string("y" * 4096)
    insns = struct.pack("<BBhi", 0xB7, 0, 0, 0) * n + bpf.RETURN_0
    program = made(btf, function, [(0, too_long, too_long, 1, 0)] + [
        (i + 1, file, file, 1, 0) for i, file in enumerate(files)], insns)
    assert lines(program, "functions") == ["f" * 100]
    assert lines(program, "sources") == [f"{i}.c" for i in range(256)] + ["..."]


def test_no_file(made):
    """Records whose file has no name, and a line 0, as compilers make them."""
    btf = Btf()
    function, nothing = btf.func("f"), 0
    text = btf.string("return 0;")
    program = made(btf, function, [(0, text + 9, text, 0, 0)])
    assert "sources" not in os.listdir(program / "info")
    assert lines(program, "functions") == ["f"]
    assert nothing == 0


def test_too_large(made):
    """One file says so, and its neighbours are there."""
    btf = Btf()
    function = btf.func("f")
    path = btf.string("f.c")
    btf.string("x" * (3 << 20))
    program = made(btf, function, [(0, path, path, 1, 0)])
    assert read(program, "sources") == "(cannot be shown: the BTF is too large)\n"
    assert read(program, "functions") == read(program, "sources")
    assert read(program, "type") == "socket_filter\n"


def test_is_cached_for_ever(load, tree):
    """A file that can't change keeps its inode."""
    info = tree / str(load("hello").id) / "info"
    files = [info / key for key in ("sources", "functions")]
    with remembered(*files):
        first = [file.stat().st_ino for file in files]
        assert first == [file.stat().st_ino for file in files]
