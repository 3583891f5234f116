# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents say what is: the manual pages against the mounted tree and the command line, and the
rules that every file of the project keeps."""

import ast
import os
import pathlib
import re

import pytest

from conftest import ok, run
from test_links import raw_tp_link  # noqa: F401: a fixture

PROJECT = pathlib.Path(__file__).resolve().parents[2]
MAN = PROJECT / "man"
PAGES = sorted(MAN.glob("*.[0-9]"))
DUAL = {"include/bpfmeta.h", "include/bpfmeta-cflags", "include/bpfmeta-check"}


# The tree and bpfmetafs(5).

def sections(page):
    """The lines of a page by its headings, .Sh and .Ss alike."""
    found, heading = {}, ""
    for line in (MAN / page).read_text().splitlines():
        match = re.match(r"\.S[hs] (.*)", line)
        if match:
            heading = match[1]
        found.setdefault(heading, []).append(line)
    return found


def items(lines, macro):
    """What the items of lists are named by that macro."""
    return {line.split()[2] for line in lines if line.startswith(f".It {macro} ")}


TREE = sections("bpfmetafs.5")
PROG_INFO = items(TREE["The info of a program"], "Pa")
MAP_INFO = items(TREE["The info of a map"], "Pa")
# There, an item names several keys.
LINK_INFO = {word for line in TREE["The info of a link"] if line.startswith(".It Pa ")
             for word in line.split()[2:] if word != ","}
# The two lists of object files: the second begins after the program's last key.
_objects = "\n".join(TREE["Object files"]).split(".Pa info\nof a map")
OBJECT_PROG_INFO = items(_objects[0].splitlines(), "Pa")
OBJECT_MAP_INFO = items(_objects[1].splitlines(), "Pa")
SHAPES = items(TREE["DESCRIPTION"], "Pa")


def files_below(directory):
    """But those of processes, which have a section of their own."""
    found = {str((pathlib.Path(where) / name).relative_to(directory))
             for where, _, names in os.walk(directory) for name in names}
    held = {path for path in found if path.startswith("pids/")}
    # What can't be looked at is a file beside them.
    assert {path.split("/")[2] for path in held if path.count("/") == 2} <= items(TREE["Processes"], "Pa")
    return found - held


# What is there with the option contents alone.
CONTENTS = {"maps/30/entries/", "maps/30/entries.json"}


def shape_of(parts, linked):
    """The path as the page writes it. What has a name of its author's is its directory there, with
    the name behind Ns Ar."""
    if parts[0] == "by":
        return "by/"
    if parts[0] == "links":
        if linked:
            return "links/7/prog"
        return "/".join(["links", *["7"][:len(parts) - 1], *parts[2:3]]) + "/"
    if parts[1:3] == ("info", "pids") and parts[0].isdigit():
        return "131/info/pids/4711/"
    if linked and parts[1:3] == ("info", "links"):
        return "131/info/links/7"
    if parts[2:3] == ("entries.json",):
        return "maps/30/entries.json"
    if parts[0] == "maps":
        if linked and parts[2] != "entries":
            return "maps/30/progs/131"
        return "/".join(["maps", *["30"][:len(parts) - 1], *parts[2:3]]) + "/"
    if len(parts) == 1 or parts[1] not in ("info", "maps"):
        return "131/"
    if parts[1] == "info" or len(parts) == 2 or linked:
        return f"131/{parts[1]}/"
    return "/".join(["131/maps/30", *parts[3:4]]) + "/"


def check_shapes(root, programs, maps):
    """Every kind of path below these programs and maps is in the page. Returns which."""
    seen = {shape_of(path.relative_to(root).parts, False) for path in (root / "maps", *programs) if path.exists()}
    seen |= {path.name for path in root.iterdir() if path.is_file()}
    for top in [*programs, *maps]:
        for where, directories, names in os.walk(top):
            for name in [".", *directories, *names]:
                path = pathlib.Path(where, name)
                parts = path.relative_to(root).parts
                seen.add(shape_of(parts, path.is_symlink()))
    assert seen <= SHAPES
    return seen


def test_the_page_names_what_a_mounted_tree_has(tree, program, load, raw_tp_link):
    plain = load("plain")
    _, link, linked = raw_tp_link
    programs = [tree / str(number) for number in (program.id, plain.id, linked)]
    for directory in programs:
        assert files_below(directory / "info") <= PROG_INFO
    for number in program.map_ids:
        assert files_below(tree / "maps" / str(number) / "info") <= MAP_INFO
        assert files_below(programs[0] / "maps" / str(number) / "info") <= MAP_INFO
    assert files_below(tree / "links" / str(link) / "info") <= LINK_INFO
    tops = [tree / "maps" / str(number) for number in program.map_ids]
    tops += [tree / "links" / str(link), tree / "by"]
    assert check_shapes(tree, programs, tops) | {"links/"} == SHAPES - CONTENTS
    # What every program has is there, and the page is not about another tree.
    assert {"id", "type", "name", "tag", "loaded_at", "uid", "run_cnt", "map_ids"} <= \
        files_below(programs[0] / "info")
    assert {"id", "type", "flags", "frozen", "btf_id"} <= \
        files_below(tree / "maps" / str(program.map_ids[-1]) / "info")


def test_the_page_names_what_the_option_contents_shows(daemon, mountpoint, program):
    daemon(options="contents")
    programs = [mountpoint / str(program.id)]
    tops = [mountpoint / "maps" / str(number) for number in program.map_ids]
    assert CONTENTS < check_shapes(mountpoint, programs, tops)
    for top in tops:
        assert {"entries", "entries_shown"} < files_below(top / "info") <= MAP_INFO


@pytest.mark.parametrize("name", ["hello", "object-full", "object-legacy", "object-refused"])
def test_the_page_names_what_an_object_tree_has(mountpoint, compiled, name):
    # What it says of an object that loaders refuse is no matter here.
    assert run("bpfmetafs", compiled(name), mountpoint).returncode == 0
    programs = [path for path in mountpoint.iterdir() if path.name != "maps"]
    assert programs
    for directory in programs:
        assert files_below(directory / "info") <= OBJECT_PROG_INFO
    for directory in (mountpoint / "maps").iterdir():
        assert files_below(directory / "info") <= OBJECT_MAP_INFO
    assert check_shapes(mountpoint, programs, (mountpoint / "maps").iterdir()) <= SHAPES


def keys(*names):
    """The keys of info that a source makes, in these files."""
    text = "\n".join((PROJECT / "fs" / name).read_text() for name in names)
    return set(re.findall(r'\b(?:info_builder_add|add_\w+)\(builder,\s*"([\w/]+)"', text))


def observed(name):
    """The keys that an observer knows of a kind of object."""
    text = (PROJECT / "fs" / name).read_text()
    table = re.search(r"ObservedKey \w+\[\] = \{(.*?)\n\};", text, re.S)[1]
    return set(re.findall(r'\{ "([\w/]+)"', table))


@pytest.mark.files
def test_the_page_names_every_key_and_no_other():
    assert observed("prog.c") and observed("prog.c") <= PROG_INFO
    assert observed("map.c") and observed("map.c") <= MAP_INFO
    loader = {f"loader/{key}" for key in keys("process.c")}
    assert loader and loader <= PROG_INFO
    assert keys("kernel-info.c", "kernel-lines.c", "lines.c") | observed("prog.c") | observed("map.c") | \
        loader == PROG_INFO | MAP_INFO
    assert observed("link.c") and keys("link-info.c") | observed("link.c") == LINK_INFO
    assert keys("object.c", "lines.c") == OBJECT_PROG_INFO | OBJECT_MAP_INFO


@pytest.mark.files
@pytest.mark.parametrize("page", ["bpfmetafs.5", "bpfmetafs.rules.5"])
def test_the_page_has_the_limits(page):
    """Each named constant that the page tells is what the code says."""
    text = (MAN / page).read_text()
    code = "\n".join(path.read_text() for path in sorted((PROJECT / "fs").glob("*.[ch]")))

    def value(name):
        expression = re.search(rf"#define {name} (.+)", code)[1].split("/*")[0]
        expression = re.sub(r"(\d)u\b", r"\1", expression.strip())
        tree = ast.parse(expression, mode="eval").body
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.LShift):
            return tree.left.value << tree.right.value
        return tree.value

    for name, number in re.findall(r"^\.It Dv (\w+) No = (\d+)", text, re.M):
        assert value(name) == int(number), name
    units = {"": 0, " KiB": 10, " MiB": 20}
    for number, unit, name in re.findall(r"(\d+)( [KM]iB)?[^\n]*\n\.Pq Dv ([A-Z]+_[A-Z_]+)", text):
        if name.startswith("BPF_"):
            continue
        assert value(name) == int(number) << units[unit], name


# The command line and bpfmetafs(8).

OPTIONS = sections("bpfmetafs.8")


@pytest.mark.files
def test_every_option_is_in_the_page():
    told = ok("bpfmetafs", "-h").split("Mount options")[1]
    told = re.findall(r"^  -o (\w+)(=\w+)? ", told, re.M)
    assert len(told) >= 6
    page = [line.split() for line in OPTIONS["Mount options"] if line.startswith(".It Cm ")]
    assert [(words[2], "=" in words) for words in page] == \
        [(name, bool(value)) for name, value in told]


@pytest.mark.files
def test_every_flag_is_in_the_page():
    told = set(re.findall(r"^  -([a-zA-Z]), ", ok("bpfmetafs", "-h"), re.M))
    assert told == {word[0] for word in items(OPTIONS["DESCRIPTION"], "Fl")}
    synopsis = " ".join(OPTIONS["SYNOPSIS"])
    assert told == set("".join(re.findall(r"Fl ([a-zA-Z]+)", synopsis))) | \
        set(re.findall(r"\| ([A-Z])\b", synopsis))


@pytest.mark.parametrize("arguments, status", [
    (["-h"], 0), (["-V"], 0), ([], 1), (["bpf", "DIR", "-o", "nosuch"], 1),
    (["bpf", "DIR/missing"], 32), (["DIR/missing", "DIR"], 32),
])
def test_exit_statuses_are_those_of_the_page(mountpoint, arguments, status):
    done = run("bpfmetafs", *[word.replace("DIR", str(mountpoint)) for word in arguments])
    assert done.returncode == status
    assert f".It {status}" in OPTIONS["EXIT STATUS"]


# All pages.

@pytest.mark.files
def test_there_are_pages():
    assert [page.name for page in PAGES] == [
        "bpfmeta-annotate.8", "bpfmeta-cflags.1", "bpfmeta-check.1", "bpfmeta.h.3", "bpfmetafs.5",
        "bpfmetafs.8", "bpfmetafs.rules.5", "mount.bpfmetafs.8"]


@pytest.mark.files
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_well_formed(page):
    # Whether other manuals are installed here is not the page's fault.
    complaints = [line for line in run("mandoc", "-Tlint", "-Wstyle", page).stdout.splitlines()
                  if "referenced manual not found" not in line]
    assert complaints == []


@pytest.mark.files
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_refers_to_pages_that_there_are(page):
    ours = {tuple(other.name.rsplit(".", 1)) for other in PAGES}
    for name, section in re.findall(r"\bXr (\S+) (\d)", page.read_text()):
        if "bpfmeta" in name:
            assert (name, section) in ours


@pytest.mark.files
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_installed(page):
    installed = pathlib.Path(f"/usr/share/man/man{page.suffix[1:]}", page.name)
    assert installed.read_bytes() == page.read_bytes()


# All files.

def is_source(path):
    if path.suffix in {".c", ".h", ".py", ".md", ".mount", ".example", ".1", ".3", ".5", ".8", ".sh"}:
        return True
    if path.name in {"meson.build", "meson_options.txt", "CMakeLists.txt", "Makefile", "LICENSE",
                     "packages"}:
        return True
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def sources():
    """All that people have written; not what a build or an editor has left, and no test data."""
    found = []
    for where, directories, names in os.walk(PROJECT):
        directories[:] = [name for name in directories
                          if not name.startswith((".git", "build", "corpus", "__"))
                          and name != "LICENSES"]
        found += [pathlib.Path(where, name) for name in names]
    return sorted(path for path in found if path.is_file() and is_source(path))


def relative(path):
    return str(path.relative_to(PROJECT))


@pytest.mark.files
@pytest.mark.parametrize("path", sources(), ids=relative)
def test_source_file(path):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    name = relative(path)
    dual = name in DUAL or name.startswith("examples/")
    licence = "GPL-2.0-or-later OR BSD-2-Clause" if dual else "GPL-2.0-or-later"
    # In the first line, or behind "#!" in the second.
    tags = re.findall(r"SPDX-License-Identifier: (.+?)(?: \*/| -->)?$", "\n".join(lines[:2]), re.M)
    assert tags == [licence]
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.files
def test_the_licence_names_what_has_another():
    text = (PROJECT / "LICENSE").read_text()
    for name in (*DUAL, "examples/"):
        assert name in text
    for name in ("GPL-2.0-or-later", "BSD-2-Clause"):
        assert f"LICENSES/{name}.txt" in text
        assert (PROJECT / "LICENSES" / f"{name}.txt").stat().st_size > 1000


def scripts():
    return [path for path in sources() if path.read_bytes().startswith(b"#!/bin/sh")]


@pytest.mark.files
@pytest.mark.parametrize("path", scripts(), ids=relative)
def test_script_is_clean(path):
    done = run("shellcheck", "--severity=warning", path)
    assert done.stdout == ""
    assert os.access(path, os.X_OK)


@pytest.mark.files
@pytest.mark.parametrize("document", [*sorted(PROJECT.glob("*.md")), *sorted((PROJECT / "docs").glob("*.md"))],
                         ids=lambda path: str(path.relative_to(PROJECT)))
def test_document_names_files_that_there_are(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (document.parent / target).exists(), target
    for name in re.findall(r"`((?:fs|man|docs|tests|include|examples|mount-helper)/[\w./-]*)`", text):
        assert (PROJECT / name).exists() or "NAME" in name, name


def includes():
    """{module: those of whose headers it includes}"""
    found = {}
    for path in (PROJECT / "fs").glob("*.[ch]"):
        names = set(re.findall(r'^#include "([^"]+)\.h"', path.read_text(), re.M))
        found.setdefault(path.stem, set()).update(names - {path.stem})
    return found


@pytest.mark.files
def test_includes_go_downwards():
    """What is below includes nothing from above: there is no circle."""
    left = includes()
    while left:
        lowest = {name for name, below in left.items() if not below & left.keys()}
        assert lowest, f"a circle among {sorted(left)}"
        left = {name: below for name, below in left.items() if name not in lowest}


def architecture():
    """The modules of each row of the first table, from above."""
    rows = re.search(r"(?:^\|.*\n)+", (PROJECT / "ARCHITECTURE.md").read_text(), re.M)[0]
    return [re.findall(r"`([\w-]+)`", row.rstrip("| \n").rpartition("|")[2])
            for row in rows.splitlines()[2:]]


@pytest.mark.files
def test_architecture_has_a_place_for_every_module():
    modules = {path.stem for path in (PROJECT / "fs").glob("*.c")}
    assert sorted(name for row in architecture() for name in row) == sorted(modules)


@pytest.mark.files
def test_architecture_goes_downwards():
    place = {name: number for number, row in enumerate(architecture()) for name in row}
    assert [(name, other) for name, below in includes().items() for other in below
            if place.get(other, 1000) < place.get(name, 0)] == []
