# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/authors.md: what it shows is compiled, loaded and read in the tree. Where Debian has no compiler for
BPF, the variable is made as that language's compilers make it, in raw BTF."""

import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

import bpf
from conftest import BPFFS, ok, run

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "authors.md").read_text(encoding="utf-8")
GO_PACKAGES = pathlib.Path("/usr/share/gocode")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def block(language, words):
    """The one block that has these words."""
    (found,) = [code for code in blocks(language) if words in code]
    return found


def compile_bpf(directory, name, code):
    (directory / f"{name}.bpf.c").write_text(code)
    include = "/usr/include/" + ok("gcc", "-print-multiarch").strip()
    ok("clang", "-g", "-O2", "-Wall", "-target", "bpf", f"-I{include}", "-I/usr/include", "-c",
       directory / f"{name}.bpf.c", "-o", directory / f"{name}.bpf.o")
    return directory / f"{name}.bpf.o"


@pytest.fixture
def pins():
    """A directory in bpffs for the pins of a test."""
    directory = BPFFS / f"bpfmetafs-test-authors-{os.getpid()}"
    directory.mkdir()
    yield directory
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()


def pinned_id(path):
    fd = bpf.obj_get(path)
    number = bpf.object_id(fd)
    os.close(fd)
    return number


@pytest.mark.parametrize("name", ["with_header", "without_header"])
def test_c(daemon, mountpoint, pins, tmp_path, name):
    code = block("c", f"int {name}(")
    target = compile_bpf(tmp_path, name, code)
    ok("llvm-strip", "-g", target)
    ok("bpfmeta-check", target, "oncall", "severity" if "severity" in code else "oncall")
    assert run("bpftool", "prog", "load", target, pins / name).returncode == 0
    daemon()
    directory = mountpoint / str(pinned_id(pins / name))
    assert (directory / "oncall").read_text() == "net-team\n"
    assert (directory / "severity").read_text() == "2\n"


def test_bytes_without_an_end_as_in_rust_and_zig(daemon, mountpoint, hand, fds):
    for language in "rust", "zig":
        assert any("net-team" in code for code in blocks(language))
    program, number = hand(b"bytes")
    btf = bpf.Btf()
    text = btf.array(btf.int("u8", 1), 8, btf.int("__ARRAY_SIZE_TYPE__", 4))
    section = btf.datasec(".rodata", 8, [(btf.var("bpf_metadata_oncall", text), 0, 8)])
    fds.append(bpf.typed_map(btf, section, b"net-team"))
    bpf.bind(program, fds[-1])
    daemon()
    assert (mountpoint / str(number) / "oncall").read_text() == "net-team\n"


def test_go(daemon, mountpoint, pins, tmp_path):
    target = compile_bpf(tmp_path, "with_header", block("c", "int with_header("))
    ok("go", "build", "-o", tmp_path / "load", PROJECT / "examples" / "go" / "main.go",
       env={**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOCACHE": str(tmp_path / "cache"),
            "HOME": str(tmp_path)}, timeout=300)
    ok(tmp_path / "load", target, pins)
    daemon()
    assert (mountpoint / str(pinned_id(pins / "with_header")) / "oncall").read_text() == "net-team\n"
    failed = run(tmp_path / "load", tmp_path / "nosuch", pins)
    assert failed.returncode == 1 and failed.stderr.startswith("load: ")


LIGHT = """
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "light.lskel.h"

%s
%s
int main(int argc, char **argv)
{
        struct light_bpf *skeleton = light_bpf__open();

        if (!skeleton || light_bpf__load(skeleton) != 0)
                return 1;
        if (argc > 1 && (bind_light(skeleton) != 0 ||
                         bind_metadata(skeleton->progs.light.prog_fd, skeleton->maps.rodata.map_fd) != 0))
                return 2;
        printf("%%d\\n", skeleton->progs.light.prog_fd);
        fflush(stdout);
        return getchar() == EOF ? 0 : 3;
}
"""


@pytest.mark.parametrize("words", [[], ["bind"]])
def test_a_light_skeleton_binds_nothing_by_itself(daemon, mountpoint, tmp_path, words):
    target = compile_bpf(tmp_path, "light", block("c", "int with_header(").replace("with_header", "light"))
    (tmp_path / "light.lskel.h").write_text(run("bpftool", "gen", "skeleton", "-L", target, "name", "light_bpf").stdout)
    (tmp_path / "main.c").write_text(LIGHT % (block("c", "bind_light"), block("c", "int bind_metadata")))
    ok("gcc", "-O2", tmp_path / "main.c", "-o", tmp_path / "main", "-lbpf")
    daemon()
    with subprocess.Popen([tmp_path / "main", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        fd = process.stdout.readline().strip()
        number = re.search(r"prog_id:\s+(\d+)",
                           pathlib.Path(f"/proc/{process.pid}/fdinfo/{fd}").read_text())[1]
        assert (mountpoint / number / "info" / "name").read_text() == "light\n"
        assert (mountpoint / number / "oncall").exists() == bool(words)
        process.stdin.close()
    assert process.returncode == 0


def test_maps_bound_at_the_load(daemon, mountpoint, fds):
    """fd_array with fd_array_cnt: see struct bpf_attr."""
    fds.append(bpf.metadata_map([("bpf_metadata_oncall", "net-team")]))
    array, keep_array = bpf.pointer(struct.pack("<I", fds[-1]))
    insns, keep_insns = bpf.pointer(bpf.RETURN_0)
    licence, keep_licence = bpf.pointer(b"GPL\0")
    attr = struct.pack("<IIQQ", bpf.SOCKET_FILTER, len(bpf.RETURN_0) // 8, insns, licence)
    attr += bytes(120 - len(attr)) + struct.pack("<Q", array)
    attr += bytes(148 - len(attr)) + struct.pack("<I", 1)
    try:
        fds.append(bpf.call(bpf.PROG_LOAD, attr)[0])
    except OSError as error:
        pytest.skip(f"this kernel has no fd_array_cnt: {error}")
    daemon()
    assert (mountpoint / str(bpf.object_id(fds[-1])) / "oncall").read_text() == "net-team\n"


def test_commands_and_links():
    (check,) = [code for code in blocks("sh") if "bpfmeta-check" in code]
    assert shutil.which(check.split()[0])
    anchors = {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-")
               for title in re.findall("^#+ (.*)", PAGE, re.MULTILINE)}
    for anchor in re.findall(r"\]\(#(.*?)\)", PAGE):
        assert anchor in anchors
    for path in re.findall("`(examples/[^`]+)`", PAGE):
        assert (PROJECT / path).exists()
